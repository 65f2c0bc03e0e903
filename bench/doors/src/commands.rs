//! Running other programs: their output, or why they failed in one line.

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a program with a time limit is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What the command wrote to its standard output, if it succeeded.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{program}: {}", reason(&output)))
}

/// Whether the command, which writes little, succeeds within the time; it is ended otherwise.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() >= deadline {
            // It may have ended by itself just now, which is too late as well.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("took longer than {} s", limit.as_secs()));
        }
        thread::sleep(LOOK_EVERY);
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(reason(&output)) }
}

/// The first line that speaks of an error, or the last line of all, or the status.
fn reason(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.clone().find(|line| line.contains("error")).or_else(|| lines.next_back()) {
        Some(line) => line.to_owned(),
        None => output.status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{run, run_within};

    fn shell(script: &str) -> Result<String, String> {
        run(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn output_is_trimmed_and_failures_are_one_line() {
        assert_eq!(shell("echo 2.36"), Ok("2.36".to_owned()));
        let many = shell("echo warning >&2; echo 'a.c:1: error: no' >&2; echo later >&2; exit 1");
        assert_eq!(many, Err("sh: a.c:1: error: no".to_owned()));
        assert_eq!(shell("echo one >&2; echo last >&2; exit 1"), Err("sh: last".to_owned()));
        assert_eq!(shell("exit 3"), Err("sh: exit status: 3".to_owned()));
        let missing = run(&mut Command::new("no-such-program-anywhere"));
        assert!(missing.expect_err("it is missing").starts_with("no-such-program-anywhere: "));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let within = |script: &str, limit| run_within(Command::new("sh").args(["-c", script]), limit);
        let minute = Duration::from_secs(60);
        assert_eq!(within("exit 0", minute), Ok(()));
        assert_eq!(within("echo why >&2; exit 1", minute), Err("why".to_owned()));
        assert!(within("kill -KILL $$", minute).expect_err("a signal is no success").contains("SIGKILL"));
        assert_eq!(
            within("exec sleep 60", Duration::from_millis(50)),
            Err("took longer than 0 s".to_owned())
        );
    }
}

//! One process that runs one row: started, watched, ended if it takes too long, and its report read.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rows::Report;
use serde::Serialize;

/// What came of one process.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trial {
    pub(crate) round: u32,
    pub(crate) contender: String,
    pub(crate) row: String,
    /// Seconds from the start of the process to its end.
    pub(crate) wall_s: f64,
    pub(crate) outcome: Outcome,
}

/// Its report, or why there is none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Report(Report),
    Failure(String),
}

impl Trial {
    /// The report, if there is one.
    pub(crate) fn report(&self) -> Option<&Report> {
        match &self.outcome {
            Outcome::Report(report) => Some(report),
            Outcome::Failure(_) => None,
        }
    }

    /// Why there is no report.
    pub(crate) fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Report(_) => None,
            Outcome::Failure(reason) => Some(reason),
        }
    }
}

/// Runs `binary ROW` and reads its report, for `time_limit` at most.
pub(crate) fn run(binary: &Path, row: &str, quick: bool, time_limit: Duration) -> Outcome {
    let mut command = Command::new(binary);
    command.arg(row);
    if quick {
        command.arg("--quick");
    }
    match output_within(&mut command, time_limit).and_then(|line| Report::from_line(line.trim_end())) {
        Ok(report) => Outcome::Report(report),
        Err(reason) => Outcome::Failure(reason),
    }
}

/// What the command printed, if it succeeded in time.
///
/// Two threads read what it writes and so learn of its end: nothing polls while the clock of a row is
/// running.
fn output_within(command: &mut Command, time_limit: Duration) -> Result<String, String> {
    let deadline = Instant::now() + time_limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("does not start: {error}"))?;
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let printed = stdout.recv_timeout(time_limit);
    let complaint = stderr.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    let (Ok(printed), Ok(complaint)) = (printed, complaint) else {
        end(&mut child);
        return Err(format!("took longer than {} s", time_limit.as_secs()));
    };
    let status = child.wait().map_err(|error| format!("cannot be waited for: {error}"))?;
    if status.success() { Ok(printed) } else { Err(failure_text(status, &complaint)) }
}

fn read_aside(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let mut pipe = pipe.expect("the pipe was asked for");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is all that is known; the status tells the rest.
        let _ = pipe.read_to_end(&mut bytes);
        // Nobody listens once the time is up.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn end(child: &mut Child) {
    // It may have ended by itself just now, which is as good.
    let _ = child.kill();
    let _ = child.wait();
}

/// The status and the last line of what the process wrote to stderr.
fn failure_text(status: ExitStatus, complaint: &str) -> String {
    match complaint.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{status}: {line}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::output_within;
    use std::process::Command;
    use std::time::{Duration, Instant};

    fn shell(script: &str, time_limit: Duration) -> Result<String, String> {
        output_within(Command::new("sh").args(["-c", script]), time_limit)
    }

    #[test]
    fn output_is_returned_and_failures_tell_their_status_and_last_words() {
        let minute = Duration::from_secs(60);
        assert_eq!(shell("echo yes", minute), Ok("yes\n".to_owned()));
        assert_eq!(shell("echo why >&2; exit 3", minute), Err("exit status: 3: why".to_owned()));
        let killed = shell("kill -SEGV $$", minute).expect_err("a signal is no success");
        assert!(killed.contains("signal: 11"), "{killed}");
    }

    #[test]
    fn a_process_that_hangs_is_ended() {
        let clock = Instant::now();
        let outcome = shell("exec sleep 60", Duration::from_millis(200));
        assert_eq!(outcome, Err("took longer than 0 s".to_owned()));
        assert!(clock.elapsed() < Duration::from_secs(30));
    }
}

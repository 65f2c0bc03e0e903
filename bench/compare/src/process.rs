//! A measured process: started, watched, and ended with all that it started if it takes too long or the user
//! has had enough.
//!
//! Each runs in a process group of its own, so that a script cannot leave its programs behind.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The process group that is running, 0 for none. Written by the thread that runs it, read by the one that
/// waits for signals; nothing else hangs on it.
static RUNNING: AtomicI32 = AtomicI32::new(0);

/// From now on an interrupt ends the running process group with this program.
pub(crate) fn end_together() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            end_group(RUNNING.load(Ordering::Relaxed));
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// What the command printed, if it succeeded in time.
///
/// Two threads read what it writes and so learn of its end: nothing polls while the clock of a row is
/// running.
pub(crate) fn output_within(command: &mut Command, time_limit: Duration) -> Result<String, String> {
    let deadline = Instant::now() + time_limit;
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("does not start: {error}"))?;
    let group = i32::try_from(child.id()).expect("the kernel's numbers are small");
    RUNNING.store(group, Ordering::Relaxed);
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let printed = stdout.recv_timeout(time_limit);
    let complaint = stderr.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    let in_time = printed.is_ok() && complaint.is_ok();
    if !in_time {
        // The process is not waited for yet, so that its number cannot mean another one.
        end_group(group);
    }
    let status = child.wait().map_err(|error| format!("cannot be waited for: {error}"))?;
    RUNNING.store(0, Ordering::Relaxed);
    match (printed, complaint) {
        (Ok(printed), Ok(_)) if status.success() => Ok(printed),
        (Ok(_), Ok(complaint)) => Err(failure_text(status, &complaint)),
        _ => Err(format!("took longer than {} s", time_limit.as_secs())),
    }
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

fn end_group(group: i32) {
    // Number 0 is no process; and a group that has ended by itself just now is as good as one that is ended.
    let _ = Pid::from_raw(group).map(|group| kill_process_group(group, Signal::KILL));
}

/// The status and the last line of what the process wrote to stderr.
pub(crate) fn failure_text(status: ExitStatus, complaint: &str) -> String {
    match complaint.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{status}: {}", line.trim()),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::output_within;
    use std::path::Path;
    use std::process::Command;
    use std::thread;
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
    fn a_process_that_hangs_is_ended_and_so_is_what_it_started() {
        let clock = Instant::now();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let note = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", note.display());
        assert_eq!(shell(&script, Duration::from_millis(500)), Err("took longer than 0 s".to_owned()));
        assert!(clock.elapsed() < Duration::from_secs(30));
        let sleeper = std::fs::read_to_string(&note).expect("the script wrote it");
        let status = Path::new("/proc").join(sleeper.trim()).join("status");
        let is_gone = || match std::fs::read_to_string(&status) {
            Ok(text) => text.contains("State:\tZ") || text.contains("State:\tX"),
            Err(_) => true,
        };
        let gone = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(20));
            is_gone()
        });
        assert!(gone, "the script is ended and its program is not");
    }
}

//! One run of a command: what it wrote, how it ended, how long it took and the most memory it had.
//!
//! The command is the leader of a process group of its own; the group is killed when the time is up, and
//! when the leader has ended, so that nothing it started stays behind.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use wait4::Wait4;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` when it was killed because its time was up.
    pub(super) status: Option<ExitStatus>,
    pub(crate) elapsed: Duration,
    /// Of the largest of its processes.
    pub(super) peak_resident_bytes: u64,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Run {
    /// How it ended, for people.
    pub(super) fn ending(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("killed after {} s", self.elapsed.as_secs()),
        }
    }
}

/// Runs `command` for at most `limit`; its output goes to `OUTPUT.stdout` and `OUTPUT.stderr`.
pub(super) fn run(mut command: Command, limit: Duration, output: &Path) -> Run {
    let [stdout, stderr] = ["stdout", "stderr"].map(|ending| output.with_extension(ending));
    let create = |path: &Path| File::create(path).expect("the output can be written");
    command.stdin(Stdio::null()).stdout(create(&stdout)).stderr(create(&stderr)).process_group(0);
    let start = Instant::now();
    let child = command.spawn().expect("the command starts");
    let pid = Pid::from_child(&child);
    let is_late = !ends_within(pid, limit);
    // The leader has ended but is not yet waited for, or is still running: its id names no other group.
    let _ = kill_process_group(pid, Signal::KILL);
    let used = child.wait4().expect("the child is ours");
    let elapsed = start.elapsed();
    let read = |path: &Path| std::fs::read(path).expect("the output was written");
    Run {
        status: (!is_late).then_some(used.status),
        elapsed,
        peak_resident_bytes: used.rusage.maxrss,
        stdout: read(&stdout),
        stderr: read(&stderr),
    }
}

/// Whether the process ends before the time is up; it stays to be waited for.
fn ends_within(pid: Pid, limit: Duration) -> bool {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = sender.send(ended);
    });
    match receiver.recv_timeout(limit) {
        Ok(ended) => ended.is_ok(),
        Err(_) => false,
    }
}

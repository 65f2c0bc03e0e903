//! Starts the program, stays out of its way, and passes signals on until it ends.
//!
//! Program and command share a process group, so what the terminal sends (Ctrl-C, Ctrl-\, a new size,
//! a hang-up) reaches both, and passing it on would deliver it twice. Such signals come from the kernel;
//! those that somebody sent to this process alone come from a process, and these are passed on.
//! Either way this process survives to write the report.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithRawSiginfo;

use crate::failure::Failure;
use crate::self_status;

/// Signals that are passed on.
const PASSED_ON: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];
/// The `si_code` of a signal that the kernel itself sent, for a terminal for example.
const SI_KERNEL: i32 = 0x80;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its exit code, or 128 + `signal`.
    pub(crate) exit_code: u8,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// From start to end.
    pub(crate) elapsed: Duration,
}

/// A signal that arrived here.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    signal: i32,
    is_from_kernel: bool,
}

/// Runs `command` to its end, and `tick` every `interval` with the time since its start.
///
/// # Errors
/// The command cannot be started.
pub(crate) fn supervise(
    command: &mut Command,
    interval: Option<Duration>,
    mut tick: impl FnMut(Duration),
) -> Result<Outcome, Failure> {
    let arrivals =
        listen().map_err(|error| Failure::new(format_args!("cannot listen for signals: {error}")))?;
    let name = command.get_program().to_os_string();
    let start = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| Failure::new(format_args!("cannot start `{}`: {error}", name.display())))?;
    let mut next_tick = interval.map(|interval| start + interval);
    loop {
        match receive(&arrivals, next_tick) {
            Ok(arrival) if arrival.signal == SIGCHLD => {}
            Ok(arrival) => pass_on(arrival, &child),
            Err(_) => {
                tick(start.elapsed());
                // A tick that took longer than the interval does not make the next ones crowd.
                next_tick = interval.map(|interval| Instant::now() + interval);
            }
        }
        let status = child
            .try_wait()
            .map_err(|error| Failure::new(format_args!("cannot wait for `{}`: {error}", name.display())))?;
        if let Some(status) = status {
            return Ok(outcome(status, start.elapsed()));
        }
    }
}

/// Turns signals into messages. Ignored ones stay ignored, here and in the child (`nohup`).
fn listen() -> std::io::Result<Receiver<Arrival>> {
    let ignored = self_status::field("SigIgn").and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    let ignored = ignored.unwrap_or(0);
    let passed_on = PASSED_ON.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = SignalsInfo::<WithRawSiginfo>::new(passed_on.chain([SIGCHLD]))?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for info in &mut signals {
            let arrival = Arrival { signal: info.si_signo, is_from_kernel: info.si_code == SI_KERNEL };
            if sender.send(arrival).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}

fn receive(arrivals: &Receiver<Arrival>, deadline: Option<Instant>) -> Result<Arrival, RecvTimeoutError> {
    match deadline {
        Some(deadline) => arrivals.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        None => arrivals.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// Passes a signal on, unless the child has it already. The child is not waited for yet, so that its
/// number cannot mean another process.
fn pass_on(arrival: Arrival, child: &Child) {
    let pid = Pid::from_child(child);
    let is_in_our_group = getpgid(Some(pid)).is_ok_and(|group| group == getpgrp());
    if arrival.is_from_kernel && is_in_our_group {
        return;
    }
    if let Some(signal) = Signal::from_named_raw(arrival.signal) {
        // The child may have ended meanwhile; there is nothing to do then.
        let _ended = kill_process(pid, signal);
    }
}

fn outcome(status: ExitStatus, elapsed: Duration) -> Outcome {
    let signal = status.signal();
    let code = status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(0);
    Outcome { exit_code: u8::try_from(code).unwrap_or(u8::MAX), signal, elapsed }
}

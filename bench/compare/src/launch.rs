//! What a whole script uses: a small process of this program's stands between it and this program.
//!
//! A process inherits the peak of resident memory from the one that started it, as the kernel counts: at
//! `exec` the peak of the memory that is replaced becomes the new program's least. After an hour of measuring
//! this program has more than many a small program ever uses. A fresh copy of it has 3 MiB at most, and the
//! shell that runs the script less, so peaks below that are all that is lost.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use wait4::Wait4;

/// The argument that makes this program such a process; a program and its arguments follow.
pub(crate) const LAUNCH: &str = "--launch";

/// What a script used, with all that it started and waited for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usage {
    pub(crate) wall_s: f64,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    /// The peak of the largest process.
    pub(crate) peak_rss_kib: u64,
}

/// Runs the program, prints its [`Usage`] as the last line, and passes its exit code on.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let program = arguments.next().unwrap_or_default();
    let clock = Instant::now();
    let ended = Command::new(&program).args(arguments).spawn().and_then(Wait4::wait4);
    let wall_s = clock.elapsed().as_secs_f64();
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            return ExitCode::from(2);
        }
    };
    let usage = Usage {
        wall_s,
        user_s: ended.rusage.utime.as_secs_f64(),
        system_s: ended.rusage.stime.as_secs_f64(),
        peak_rss_kib: ended.rusage.maxrss / 1024,
    };
    println!("{}", serde_json::to_string(&usage).expect("numbers are JSON"));
    let code = ended.status.code().or(ended.status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

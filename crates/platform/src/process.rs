//! The process: its environment, its files, its memory as the kernel counts it, and its end.
//!
//! Files are opened, read and written by bare system calls, since the background thread does so, too: libc's
//! functions of these names are cancellation points, which look for libc's own record of the thread.

use core::ffi::{CStr, c_char};

use crate::thread::keeping_errno;

/// The value of an environment variable; `None` in a process with raised rights (setuid), which must not
/// take orders from its environment. The text is valid until the environment changes.
#[must_use]
pub fn environment(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: `name` ends in NUL.
    let value = unsafe { secure_getenv(name.as_ptr()) };
    // SAFETY: not null, so a NUL-terminated string of the environment block.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}

unsafe extern "C" {
    fn secure_getenv(name: *const c_char) -> *mut c_char;
}

/// Writes to standard error, all of it or as much as it takes; errors go unheard.
pub fn write_stderr(mut text: &[u8]) {
    keeping_errno(|| {
        while !text.is_empty() {
            // SAFETY: pointer and length are a slice's.
            let written =
                unsafe { libc::syscall(libc::SYS_write, libc::STDERR_FILENO, text.as_ptr(), text.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => text = &text[written.min(text.len())..],
                _ => return,
            }
        }
    });
}

/// Ends the process with `SIGABRT`, without running anything else.
pub fn abort() -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { libc::abort() }
}

/// The process and its parent.
#[must_use]
pub fn pids() -> (u64, u64) {
    // SAFETY: neither call can fail.
    let (pid, parent) = unsafe { (libc::getpid(), libc::getppid()) };
    (u64::from(pid.cast_unsigned()), u64::from(parent.cast_unsigned()))
}

/// Reads the start of a file into `buffer` and returns what was read; nothing if it can't be.
pub fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> &'a [u8] {
    let mut length = 0;
    with_file(path, |file| {
        while length < buffer.len() {
            let read = read(file, &mut buffer[length..]);
            if read == 0 {
                break;
            }
            length += read;
        }
    });
    &buffer[..length]
}

/// Reads a file to its end and calls `take` for each piece; `false` if it can't be opened.
pub(crate) fn read_pieces(path: &CStr, mut take: impl FnMut(&[u8])) -> bool {
    /// As much as the kernel writes of `/proc` at once.
    const PIECE_BYTES: usize = 4096;
    let mut piece = [0; PIECE_BYTES];
    with_file(path, |file| {
        loop {
            let length = read(file, &mut piece);
            if length == 0 {
                return;
            }
            take(&piece[..length]);
        }
    })
}

/// Calls `action` with an open file; `false` if it can't be opened.
fn with_file(path: &CStr, action: impl FnOnce(libc::c_long)) -> bool {
    keeping_errno(|| {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: the path ends in NUL.
        let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
        if file < 0 {
            return false;
        }
        action(file);
        // SAFETY: `file` is open and ours.
        unsafe { libc::syscall(libc::SYS_close, file) };
        true
    })
}

/// Reads a part of a file; 0 at its end, and if it can't be read.
fn read(file: libc::c_long, part: &mut [u8]) -> usize {
    // SAFETY: pointer and length are a slice's.
    let read = unsafe { libc::syscall(libc::SYS_read, file, part.as_mut_ptr(), part.len()) };
    usize::try_from(read).unwrap_or(0)
}

/// What the kernel says is and was resident, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resident {
    /// Now (`VmRSS`).
    pub now_bytes: u64,
    /// At most (`VmHWM`).
    pub peak_bytes: u64,
}

/// Reads `/proc/self/status`; without /proc, the peak comes from `getrusage` and stands for both.
#[must_use]
pub fn resident() -> Resident {
    let mut buffer = [0; 4096];
    let status = read_file(c"/proc/self/status", &mut buffer);
    match (field_kib(status, b"VmRSS:"), field_kib(status, b"VmHWM:")) {
        (Some(now), Some(peak)) => Resident { now_bytes: now << 10, peak_bytes: peak << 10 },
        _ => {
            let peak_bytes = usage().ru_maxrss.cast_unsigned() << 10;
            Resident { now_bytes: peak_bytes, peak_bytes }
        }
    }
}

/// Page faults of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageFaults {
    /// Those that found the page in memory, or needed an empty one.
    pub minor: u64,
    /// Those that had to wait for a disk.
    pub major: u64,
}

/// How often the process has touched a page that was not there.
#[must_use]
pub fn page_faults() -> PageFaults {
    let usage = usage();
    PageFaults { minor: usage.ru_minflt.cast_unsigned(), major: usage.ru_majflt.cast_unsigned() }
}

fn usage() -> libc::rusage {
    // SAFETY: plain integers, filled in by the call.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    // SAFETY: the pointer is to a live local.
    keeping_errno(|| unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) });
    usage
}

/// The number after `name` at the start of a line.
fn field_kib(status: &[u8], name: &[u8]) -> Option<u64> {
    let line = status.split(|&byte| byte == b'\n').find(|line| line.starts_with(name))?;
    let mut digits = line[name.len()..].iter().filter(|byte| byte.is_ascii_digit()).peekable();
    digits.peek()?;
    Some(digits.fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    extern crate std;

    #[test]
    fn status_fields() {
        let status = b"Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t  567 kB\n";
        assert_eq!(super::field_kib(status, b"VmRSS:"), Some(567));
        assert_eq!(super::field_kib(status, b"VmHWM:"), Some(1234));
        assert_eq!(super::field_kib(status, b"VmSwap:"), None);
    }

    #[test]
    fn resident_is_plausible() {
        let resident = super::resident();
        assert!(resident.now_bytes > 100 << 10 && resident.peak_bytes >= resident.now_bytes);
    }

    #[test]
    fn environment_is_read() {
        assert!(super::environment(c"PATH").is_some());
        assert!(super::environment(c"NOT_SET_ANYWHERE").is_none());
    }
}

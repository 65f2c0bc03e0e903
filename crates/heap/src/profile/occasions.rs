//! When profiles are written without being asked for: at the end, every so many seconds, and once when there
//! is no memory left.
//!
//! The clock is looked at when a sample is taken, so a program that does not allocate writes no profile; it
//! would be the last one again.

use spandrel_platform::process::pids;
use spandrel_platform::sync::{AtomicBool, AtomicU64, Ordering, RacyU8, RacyU32};
use spandrel_platform::thread::now_ns;

use crate::config::PROFILE_PATH_BYTES;
use crate::line::{DIGITS_MAX, Line, decimal};
use crate::profile::{Kind, write_to_path};

/// The path, with `%p` where the process's number belongs; written once, by the first thread.
static PATH: [RacyU8; PROFILE_PATH_BYTES] = [const { RacyU8::new(0) }; PROFILE_PATH_BYTES];
static PATH_LEN: RacyU32 = RacyU32::new(0);
/// When the next profile is due, on the monotonic clock; `u64::MAX`: never.
static DUE_NS: AtomicU64 = AtomicU64::new(u64::MAX);
/// From one to the next.
static INTERVAL_NS: AtomicU64 = AtomicU64::new(0);
/// Whether the heap has been without memory.
static WAS_OUT_OF_MEMORY: AtomicBool = AtomicBool::new(false);

/// Sets the path, and the seconds from one profile to the next, 0 for none before the end. Called once.
pub(crate) fn begin(path: &[u8], interval_s: u64) {
    for (place, &byte) in PATH.iter().zip(path) {
        place.set(byte);
    }
    PATH_LEN.set(path.len().min(PROFILE_PATH_BYTES) as u32);
    if interval_s > 0 {
        INTERVAL_NS.store(interval_s * 1_000_000_000, Ordering::Relaxed);
        DUE_NS.store(now_ns() + interval_s * 1_000_000_000, Ordering::Relaxed);
    }
}

/// A sample was taken. The caller holds no lock.
pub(crate) fn notice() {
    let due_ns = DUE_NS.load(Ordering::Relaxed);
    if due_ns == u64::MAX {
        return;
    }
    let now_ns = now_ns();
    if now_ns < due_ns {
        return;
    }
    let next_ns = now_ns + INTERVAL_NS.load(Ordering::Relaxed);
    if DUE_NS.compare_exchange(due_ns, next_ns, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        write_now();
    }
}

/// In the child of a `fork`: without `%p` in it, the path is that of its parent's profile.
pub(crate) fn begin_child() {
    let length = PATH_LEN.get() as usize;
    let is_own = PATH[..length].windows(2).any(|pair| pair[0].get() == b'%' && pair[1].get() == b'p');
    if !is_own {
        PATH_LEN.set(0);
    }
}

/// The process comes to its end.
pub(crate) fn at_end() {
    write_now();
}

/// An allocation failed. The caller holds no lock.
#[cold]
pub(crate) fn out_of_memory() {
    if PATH_LEN.get() > 0 && !WAS_OUT_OF_MEMORY.swap(true, Ordering::Relaxed) {
        write_now();
    }
}

/// Writes to the path, if there is one, and says so when that fails.
fn write_now() {
    let length = PATH_LEN.get() as usize;
    if length == 0 {
        return;
    }
    let mut template = [0; PROFILE_PATH_BYTES];
    for (byte, place) in template.iter_mut().zip(&PATH[..length]) {
        *byte = place.get();
    }
    let mut path = [0; PROFILE_PATH_BYTES];
    let length = expand_path(&template[..length], &mut path);
    if let Err(error) = write_to_path(&path[..length], Kind::Heap) {
        let reason = match error {
            super::ProfileError::Off => "sampling is off",
            super::ProfileError::Busy => "a sample is being taken",
            super::ProfileError::NoMemory => "there is no memory",
            super::ProfileError::File => "the file cannot be written",
        };
        Line::new()
            .text(b"spandrel: no profile `")
            .text(&path[..length])
            .text(b"`: ")
            .text(reason.as_bytes())
            .print();
    }
}

/// Puts the number of this process where `%p` is in a path; the length.
pub(crate) fn expand_path(template: &[u8], path: &mut [u8; PROFILE_PATH_BYTES]) -> usize {
    expand(template, pids().0, path)
}

/// Puts the process's number where `%p` is; the length.
fn expand(template: &[u8], pid: u64, path: &mut [u8; PROFILE_PATH_BYTES]) -> usize {
    let mut length = 0;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            if length < path.len() {
                path[length] = byte;
                length += 1;
            }
        }
    };
    let mut rest = template;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"%p") {
            add(decimal(pid, &mut [0; DIGITS_MAX]));
            rest = after;
        } else {
            add(&[first]);
            rest = after;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::{PROFILE_PATH_BYTES, expand};

    #[test]
    fn the_number_of_the_process() {
        let mut path = [0; PROFILE_PATH_BYTES];
        let length = expand(b"/x/%p.%q.%p", 42, &mut path);
        assert_eq!(&path[..length], b"/x/42.%q.42");
        let length = expand(&[b'a'; 600], 42, &mut path);
        assert_eq!(length, PROFILE_PATH_BYTES);
    }
}

//! What the kernel says about this process: resident memory and CPU time. Allocates nothing.

use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::time::Duration;

const OS_PAGE_BYTES: usize = 4096;

/// CPU time of all threads since the process began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTime {
    /// Time in the program.
    pub(crate) user: Duration,
    /// Time in the kernel on the program's behalf.
    pub(crate) system: Duration,
}

/// CPU time of the process so far.
pub(crate) fn cpu_time() -> CpuTime {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `usage` is writable and as large as the kernel expects.
    let code = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    assert_eq!(code, 0, "getrusage of the calling process cannot fail");
    // SAFETY: the call succeeded, so it wrote every field.
    let usage = unsafe { usage.assume_init() };
    CpuTime { user: duration_of(usage.ru_utime), system: duration_of(usage.ru_stime) }
}

fn duration_of(time: libc::timeval) -> Duration {
    Duration::from_micros(time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64)
}

/// The most memory that was ever resident, in KiB.
pub(crate) fn peak_rss_kib() -> u64 {
    kib_field("/proc/self/status", "VmHWM:")
}

/// Memory that is resident now, in bytes.
///
/// From `smaps_rollup`, which walks the page tables: the counters in `status` lag behind by some pages a
/// thread.
pub(crate) fn rss_bytes() -> usize {
    let kib = kib_field("/proc/self/smaps_rollup", "Rss:");
    usize::try_from(kib).expect("memory fits the address space") * 1024
}

/// Memory that is resident now, in bytes, by the kernel's counters: quick to read, and a few pages a thread
/// behind.
pub(crate) fn rss_bytes_counted() -> usize {
    let mut buffer = [0; 256];
    let pages = kernel_text("/proc/self/statm", &mut buffer).split_ascii_whitespace().nth(1);
    let pages = pages.and_then(|number| number.parse::<usize>().ok());
    pages.expect("the second number of statm is the resident pages") * OS_PAGE_BYTES
}

/// The number after `field` in a file of the kernel's.
fn kib_field(path: &str, field: &str) -> u64 {
    let mut buffer = [0; 8192];
    kernel_text(path, &mut buffer)
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{path} has no number after {field}"))
}

/// A file of the kernel's, as much of it as there is room for.
fn kernel_text<'buffer>(path: &str, buffer: &'buffer mut [u8]) -> &'buffer str {
    let mut length = 0;
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    loop {
        match file.read(&mut buffer[length..]).unwrap_or_else(|error| panic!("{path}: {error}")) {
            0 => break,
            count => length += count,
        }
    }
    std::str::from_utf8(&buffer[..length]).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{peak_rss_kib, rss_bytes, rss_bytes_counted};
    use crate::mapped::Mapped;

    /// Other tests use memory at the same time, but not half as much.
    #[test]
    fn touched_memory_is_resident_and_returned_memory_is_not_but_the_peak_stays() {
        const SIZE: usize = 256 << 20;
        let before = rss_bytes();
        let pages = Mapped::filled(SIZE / 4096, |_| [1u8; 4096]);
        let with = rss_bytes();
        let counted = rss_bytes_counted();
        assert!(with.abs_diff(counted) <= SIZE / 2, "{with} {counted}");
        drop(pages);
        let after = rss_bytes();
        assert!(with >= before + SIZE / 2, "{before} {with}");
        assert!(after + SIZE / 2 <= with, "{with} {after}");
        let peak = peak_rss_kib() as usize * 1024;
        assert!(peak >= SIZE && peak >= after + SIZE / 2, "{peak} {after}");
    }
}

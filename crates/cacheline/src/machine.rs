//! What the machine has: the size of its cache lines, asked once.
//!
//! The kernel tells it below `/sys` for every level of cache; the C library knows it from the processor.
//! Where neither does (some virtual machines hide it), the target's usual size stands in.

use core::mem::align_of;

#[cfg(not(loom))]
use spandrel_platform::sync::Ordering;

use crate::padded::{CachePadded, TargetLine};

#[cfg(not(loom))]
static LINE_BYTES: spandrel_platform::sync::AtomicUsize = spandrel_platform::sync::AtomicUsize::new(0);

/// Bytes of a cache line of this machine: the largest that any level of cache has, a power of two.
///
/// [`CachePadded`] has to know its size when the program is compiled; this is what the machine that runs it
/// really has. The first call opens a few files (with the feature `std`), the others read one word.
///
/// ```
/// let bytes = spandrel_cacheline::line_bytes();
/// assert!(bytes.is_power_of_two() && (16..=4096).contains(&bytes));
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn line_bytes() -> usize {
    match LINE_BYTES.load(Ordering::Relaxed) {
        0 => ask(),
        known => known,
    }
}

/// In models there is no machine to ask.
#[cfg(loom)]
#[must_use]
pub fn line_bytes() -> usize {
    TARGET_BYTES
}

const TARGET_BYTES: usize = align_of::<CachePadded<(), TargetLine>>();

/// Every thread finds the same, so it does not matter who stores it.
#[cfg(not(loom))]
#[cold]
fn ask() -> usize {
    let bytes = from_kernel().or_else(from_c_library).unwrap_or(TARGET_BYTES);
    LINE_BYTES.store(bytes, Ordering::Relaxed);
    bytes
}

/// A size that a cache line can have.
#[cfg(not(loom))]
fn plausible(bytes: usize) -> Option<usize> {
    (bytes.is_power_of_two() && (16..=4096).contains(&bytes)).then_some(bytes)
}

#[cfg(all(feature = "std", not(loom)))]
fn from_kernel() -> Option<usize> {
    let level = |index: usize| {
        let path = std::format!("/sys/devices/system/cpu/cpu0/cache/index{index}/coherency_line_size");
        std::fs::read_to_string(path).ok()?.trim().parse().ok().and_then(plausible)
    };
    (0..8).filter_map(level).max()
}

#[cfg(all(not(feature = "std"), not(loom)))]
fn from_kernel() -> Option<usize> {
    None
}

#[cfg(all(target_env = "gnu", not(loom)))]
fn from_c_library() -> Option<usize> {
    // SAFETY: a query that takes no pointer.
    let bytes = unsafe { libc::sysconf(libc::_SC_LEVEL1_DCACHE_LINESIZE) };
    usize::try_from(bytes).ok().and_then(plausible)
}

#[cfg(all(not(target_env = "gnu"), not(loom)))]
fn from_c_library() -> Option<usize> {
    None
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{from_c_library, from_kernel, line_bytes, plausible};

    #[test]
    fn the_sources_agree() {
        let found = [from_kernel(), from_c_library()].into_iter().flatten().max();
        assert_eq!(line_bytes(), found.unwrap_or(super::TARGET_BYTES));
        assert_eq!(line_bytes(), line_bytes(), "the second answer is the remembered one");
    }

    #[test]
    fn nonsense_is_not_believed() {
        assert_eq!(plausible(0), None);
        assert_eq!(plausible(96), None);
        assert_eq!(plausible(1 << 20), None);
        assert_eq!(plausible(128), Some(128));
    }
}

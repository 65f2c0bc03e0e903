//! A value alone on its cache lines.
//!
//! Alignment is the whole trick: a struct is as long as a multiple of its alignment, so a value that begins a
//! line and whose alignment is a line also ends one. How long a line is has to be known when the program is
//! compiled; [`TargetLine`] is the target's, and [`crate::line_bytes`] tells what the machine has.
//!
//! 64 bytes on x86-64, though many pad to 128 there because the second-level prefetcher of Intel's processors
//! fetches lines in pairs: measured (docs/cache-lines.md), two writers 64 bytes apart are as fast as any two,
//! and twice the padding is twice the cache. For a processor where that differs there is [`Line128`]. On
//! aarch64 128, since Apple's processors have such lines.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// How long a cache line is taken to be; one of the types here.
pub trait Line: sealed::Sealed {
    /// A type of no size and the line's alignment.
    #[doc(hidden)]
    type Unit: Copy + Send + Sync + Unpin + 'static;
    /// Bytes of the line.
    const BYTES: usize;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! line {
    ($(#[$doc:meta])* $name:ident, $unit:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;

        #[doc(hidden)]
        #[derive(Clone, Copy, Debug)]
        #[repr(align($bytes))]
        pub struct $unit;

        impl sealed::Sealed for $name {}
        impl Line for $name {
            type Unit = $unit;
            const BYTES: usize = $bytes;
        }
    };
}

line!(
    /// 64 bytes.
    Line64, Unit64, 64
);
line!(
    /// 128 bytes: lines of Apple's processors; two lines of Intel's, which are prefetched in pairs.
    Line128, Unit128, 128
);

/// What the target's processors have: 64 bytes on x86-64, 128 on aarch64.
#[cfg(not(target_arch = "aarch64"))]
pub type TargetLine = Line64;
/// What the target's processors have: 64 bytes on x86-64, 128 on aarch64.
#[cfg(target_arch = "aarch64")]
pub type TargetLine = Line128;

/// A value alone on its cache lines: nothing else lies on a line that it lies on.
///
/// **It pays** for a word that one thread writes often while others write or read what would be its
/// neighbours: the two ends of a queue, a counter a thread in an array, a lock beside data that is only read.
/// **It does not** for what is rarely written, for what one thread uses alone, and for many small objects: it
/// costs the rest of the line, and so a part of the cache.
///
/// ```
/// use spandrel_cacheline::{CachePadded, Line128};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// struct Queue {
///     head: CachePadded<AtomicU64>,
///     tail: CachePadded<AtomicU64>,
/// }
/// let queue = Queue { head: CachePadded::default(), tail: CachePadded::default() };
/// queue.head.fetch_add(1, Ordering::Relaxed);
/// let apart = (&raw const *queue.head).addr().abs_diff((&raw const *queue.tail).addr());
/// assert!(apart >= spandrel_cacheline::line_bytes());
/// assert_eq!(size_of::<CachePadded<[u8; 129], Line128>>(), 256);
/// ```
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CachePadded<T, L: Line = TargetLine> {
    line: [L::Unit; 0],
    value: T,
    length: PhantomData<L>,
}

impl<T> CachePadded<T> {
    /// The value with the target's padding.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self::with_line(value)
    }
}

impl<T, L: Line> CachePadded<T, L> {
    /// The value with the padding of `L`.
    ///
    /// ```
    /// use spandrel_cacheline::{CachePadded, Line128};
    /// const WIDE: CachePadded<u8, Line128> = CachePadded::with_line(7);
    /// assert_eq!((*WIDE, align_of_val(&WIDE)), (7, 128));
    /// ```
    #[must_use]
    pub const fn with_line(value: T) -> Self {
        Self { line: [], value, length: PhantomData }
    }

    /// The value without its padding.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T, L: Line> Deref for CachePadded<T, L> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T, L: Line> DerefMut for CachePadded<T, L> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Default, L: Line> Default for CachePadded<T, L> {
    fn default() -> Self {
        Self::with_line(T::default())
    }
}

impl<T, L: Line> From<T> for CachePadded<T, L> {
    fn from(value: T) -> Self {
        Self::with_line(value)
    }
}

impl<T: PartialEq, L: Line> PartialEq for CachePadded<T, L> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq, L: Line> Eq for CachePadded<T, L> {}

impl<T: fmt::Debug, L: Line> fmt::Debug for CachePadded<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachePadded").field(&self.value).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{CachePadded, Line, Line64, Line128, TargetLine};

    #[test]
    fn sizes_are_whole_lines() {
        assert_eq!(size_of::<CachePadded<u8, Line64>>(), 64);
        assert_eq!(size_of::<CachePadded<[u8; 64], Line64>>(), 64);
        assert_eq!(size_of::<CachePadded<[u8; 65], Line64>>(), 128);
        assert_eq!(size_of::<CachePadded<u8, Line128>>(), 128);
        assert_eq!(align_of::<CachePadded<u8>>(), TargetLine::BYTES);
    }

    #[test]
    fn neighbours_in_an_array_share_no_line() {
        let array = [const { CachePadded::<u64>::new(1) }; 3];
        let places: std::vec::Vec<usize> = array.iter().map(|cell| (&raw const **cell).addr()).collect();
        assert!(places.iter().all(|place| place % TargetLine::BYTES == 0));
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] == TargetLine::BYTES));
    }

    #[test]
    fn it_is_the_value_otherwise() {
        let mut padded = CachePadded::<_>::new(std::string::String::from("a"));
        padded.push('b');
        assert_eq!(padded, CachePadded::from(std::string::String::from("ab")));
        assert_eq!(std::format!("{padded:?}"), "CachePadded(\"ab\")");
        assert_eq!(padded.into_inner(), "ab");
    }
}

//! Bytes and other plain values that grow in number, in a mapping of their own: what a thread that may not
//! allocate writes text and tables into.
//!
//! The mapping is not counted among the heap's calls, since it holds nothing of the heap. Whatever does not
//! fit, or for what the kernel has no memory, is left out and remembered ([`Growing::is_cut`]): the writer
//! writes on, and looks once at the end.

use core::ptr::null_mut;

use crate::memory::{map_outside, release_outside, resize_outside};

/// The first mapping is this long.
const FIRST_BYTES: usize = 16 << 10;

/// A vector of plain values with a largest length.
#[derive(Debug)]
pub struct Growing<T: Copy> {
    start: *mut T,
    len: usize,
    /// Bytes that are mapped.
    mapped_bytes: usize,
    len_max: usize,
    is_cut: bool,
}

/// Bytes that grow.
pub type Bytes = Growing<u8>;

// SAFETY: the mapping belongs to the value alone.
unsafe impl<T: Copy + Send> Send for Growing<T> {}
// SAFETY: through a shared reference values are only read.
unsafe impl<T: Copy + Sync> Sync for Growing<T> {}

impl<T: Copy> Growing<T> {
    /// None yet, and never more than `len_max`; takes no memory.
    #[must_use]
    pub const fn new(len_max: usize) -> Self {
        const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 0) };
        Self { start: null_mut(), len: 0, mapped_bytes: 0, len_max, is_cut: false }
    }

    /// What was written.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        if self.start.is_null() {
            return &[];
        }
        // SAFETY: the mapping is ours alone, and `len` values were written there.
        unsafe { core::slice::from_raw_parts(self.start, self.len) }
    }

    /// What was written, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        if self.start.is_null() {
            return &mut [];
        }
        // SAFETY: as in `as_slice`.
        unsafe { core::slice::from_raw_parts_mut(self.start, self.len) }
    }

    /// Whether something was left out.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Adds all of `values`, or nothing.
    pub fn extend(&mut self, values: &[T]) {
        if self.make_room(values.len()) {
            // SAFETY: there is room for as many values behind those that were written, and a slice elsewhere
            // does not overlap a mapping that is ours alone.
            unsafe { values.as_ptr().copy_to_nonoverlapping(self.start.add(self.len), values.len()) };
            self.len += values.len();
        }
    }

    /// Puts all of `values`, or nothing, in front of those from `at` on.
    ///
    /// # Panics
    /// If there are fewer than `at`.
    pub fn insert(&mut self, at: usize, values: &[T]) {
        let before = self.len;
        self.extend(values);
        if self.len > before {
            self.as_mut_slice()[at..].rotate_right(values.len());
        }
    }

    /// Adds one value.
    pub fn push(&mut self, value: T) {
        self.extend(&[value]);
    }

    /// Forgets what was written, and keeps the memory.
    pub const fn clear(&mut self) {
        self.len = 0;
        self.is_cut = false;
    }

    /// Makes room for so many more.
    fn make_room(&mut self, more: usize) -> bool {
        let wanted = self.len.checked_add(more).filter(|wanted| *wanted <= self.len_max);
        let bytes = wanted.and_then(|wanted| wanted.checked_mul(size_of::<T>()));
        let is_there = bytes.is_some_and(|bytes| bytes <= self.mapped_bytes || self.grow(bytes));
        self.is_cut |= !is_there;
        is_there && !self.start.is_null()
    }

    #[cold]
    fn grow(&mut self, wanted: usize) -> bool {
        let bytes = wanted.max(FIRST_BYTES).checked_next_power_of_two();
        let Some(bytes) = bytes.filter(|bytes| isize::try_from(*bytes).is_ok()) else {
            return false;
        };
        let start = if self.start.is_null() {
            map_outside(bytes)
        } else {
            // SAFETY: the mapping is ours and that long, and no reference into it lives.
            unsafe { resize_outside(self.start.cast(), self.mapped_bytes, bytes) }
        };
        if start.is_null() {
            return false;
        }
        self.start = start.cast();
        self.mapped_bytes = bytes;
        true
    }
}

impl Bytes {
    /// Lets `fill` write up to `bytes` more, and adds as many as it says it has written.
    pub fn extend_with<T>(&mut self, bytes: usize, fill: impl FnOnce(&mut [u8]) -> (usize, T)) -> Option<T> {
        if !self.make_room(bytes) {
            return None;
        }
        // SAFETY: there is room for as many bytes, which the kernel made of zeros; they are ours alone.
        let room = unsafe { core::slice::from_raw_parts_mut(self.start.add(self.len), bytes) };
        let (written, result) = fill(room);
        self.len += written.min(bytes);
        Some(result)
    }
}

impl<T: Copy> Drop for Growing<T> {
    fn drop(&mut self) {
        if !self.start.is_null() {
            // SAFETY: the mapping is ours, and this is the end of it.
            unsafe { release_outside(self.start.cast(), self.mapped_bytes) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Growing};

    #[test]
    fn what_is_inserted_stands_before_the_rest() {
        let mut bytes = Bytes::new(6);
        bytes.extend(b"adef");
        bytes.insert(1, b"bc");
        bytes.insert(0, b"x");
        assert_eq!((bytes.as_slice(), bytes.is_cut()), (&b"abcdef"[..], true));
    }

    #[test]
    fn values_of_any_size() {
        let mut pairs = Growing::<(u64, u8)>::new(10_000);
        (0..10_000).for_each(|number| pairs.push((number, 1)));
        pairs.as_mut_slice().reverse();
        assert!(!pairs.is_cut() && pairs.as_slice()[9_999] == (0, 1) && pairs.as_slice().len() == 10_000);
        pairs.push((0, 0));
        assert!(pairs.is_cut());
    }

    #[test]
    fn grows_and_keeps_what_it_has() {
        let mut bytes = Bytes::new(1 << 20);
        assert_eq!(bytes.as_slice(), b"");
        for number in 0..100_000u32 {
            bytes.extend(&number.to_le_bytes());
        }
        assert!(!bytes.is_cut());
        let numbers = bytes.as_slice().chunks_exact(4);
        assert!(numbers.zip(0u32..).all(|(four, number)| four == number.to_le_bytes()));
        assert_eq!(bytes.as_slice().len(), 400_000);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut bytes = Bytes::new(10);
        bytes.extend(b"12345678");
        bytes.extend(b"abc");
        assert!(bytes.is_cut());
        bytes.extend(b"90");
        assert_eq!(bytes.as_slice(), b"1234567890");
        bytes.clear();
        assert!(!bytes.is_cut() && bytes.as_slice().is_empty());
        assert_eq!(bytes.extend_with(4, |room| (room.len(), 7)), Some(7));
        assert_eq!(bytes.as_slice().len(), 4);
        assert_eq!(bytes.extend_with(7, |_| (7, ())), None);
        assert!(bytes.is_cut());
    }
}

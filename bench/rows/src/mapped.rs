//! A slice in pages of its own: room for a row's bookkeeping that the measured allocator never sees.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::slice;

/// A slice of fixed length, mapped from the kernel and given back when dropped.
pub(crate) struct Mapped<T> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: a slice of its own, as a `Box<[T]>` is.
unsafe impl<T: Sync> Sync for Mapped<T> {}

impl<T> Mapped<T> {
    /// `len` items made by `make`, which is given the index of each.
    ///
    /// # Panics
    /// When `len` is 0 or the kernel refuses the memory.
    pub(crate) fn filled(len: usize, mut make: impl FnMut(usize) -> T) -> Mapped<T> {
        let bytes = len * size_of::<T>();
        assert!(bytes > 0, "nothing to map");
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh anonymous mapping touches no memory that anybody has.
        let address = unsafe { libc::mmap(ptr::null_mut(), bytes, access, kind, -1, 0) };
        assert_ne!(address, libc::MAP_FAILED, "the kernel refuses {bytes} bytes");
        let start = NonNull::new(address.cast::<T>()).expect("a mapping is never at address 0");
        for index in 0..len {
            // SAFETY: the mapping is writable, has room for `len` items and is aligned to a page, more than
            // any `T` here.
            unsafe { start.add(index).write(make(index)) };
        }
        Mapped { start, len }
    }

    /// Bytes that the slice occupies: all are resident.
    pub(crate) fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }
}

impl<T> Deref for Mapped<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `filled` wrote `len` items from `start` on, and they are this value's own.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Mapped<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the borrow of `self` makes the slice the only way to the items.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: the items are valid and nobody can reach them after this.
        unsafe { ptr::drop_in_place::<[T]>(&mut **self) };
        // SAFETY: this is the mapping that `filled` made, whole, and no reference into it outlives `self`.
        let code = unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes()) };
        debug_assert_eq!(code, 0, "unmapping a whole mapping cannot fail");
    }
}

impl<T> fmt::Debug for Mapped<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Mapped of {} items", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::Mapped;
    use std::rc::Rc;

    #[test]
    fn items_are_made_in_order_and_dropped_with_the_slice() {
        let shared = Rc::new(());
        let mut mapped = Mapped::filled(5000, |index| (index, Rc::clone(&shared)));
        assert!(mapped.iter().map(|item| item.0).eq(0..5000));
        mapped[17].0 = 1;
        assert_eq!(mapped[17].0, 1);
        assert_eq!(Rc::strong_count(&shared), 5001);
        drop(mapped);
        assert_eq!(Rc::strong_count(&shared), 1);
    }
}

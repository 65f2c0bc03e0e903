//! An object alone on its cache lines, on the heap.
//!
//! An allocator packs objects of a size class side by side, whoever asked for them: two threads' objects of
//! 16 bytes share a line with two others. This asks for whole lines, of the size that the machine really has.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use alloc::alloc::{alloc, dealloc, handle_alloc_error};
use alloc::vec::Vec;

use crate::machine::line_bytes;

/// Owns a value that is alone on its cache lines: like a box, but no other allocation shares its lines.
///
/// **It pays** for an object that one thread writes often, allocated beside others' (a worker's state, made
/// in a loop by the thread that starts the workers), and for a table that should begin at a line. **It does
/// not** for many small objects: each costs a line, 64 bytes for a counter of 8.
///
/// ```
/// use spandrel_cacheline::{alloc_isolated, line_bytes};
///
/// let mut workers: Vec<_> = (0..4).map(|_| alloc_isolated(0u64)).collect();
/// *workers[2] += 1;
/// assert!(workers.iter().all(|state| (&raw const **state).addr() % line_bytes() == 0));
/// ```
pub struct Isolated<T: ?Sized> {
    value: NonNull<T>,
    owns: PhantomData<T>,
}

// SAFETY: it owns the value, as a box does.
unsafe impl<T: ?Sized + Send> Send for Isolated<T> {}
// SAFETY: it gives out `&T` alone to those who have `&Self`.
unsafe impl<T: ?Sized + Sync> Sync for Isolated<T> {}

/// Puts `value` on cache lines of its own.
///
/// Aborts, as a box does, when there is no memory.
#[must_use]
pub fn alloc_isolated<T>(value: T) -> Isolated<T> {
    let place = lines_for(Layout::new::<T>()).cast::<T>();
    // SAFETY: the block is new, and long and aligned enough for a `T`.
    unsafe { place.write(value) };
    Isolated { value: place, owns: PhantomData }
}

impl<T> Isolated<[T]> {
    /// Moves the elements to lines of their own: the first begins one, and the last shares none.
    ///
    /// ```
    /// use spandrel_cacheline::{Isolated, line_bytes};
    /// let table = Isolated::from_vec(vec![1u32, 2, 3]);
    /// assert_eq!((table.as_ptr().addr() % line_bytes(), &table[..]), (0, &[1, 2, 3][..]));
    /// ```
    #[must_use]
    pub fn from_vec(mut elements: Vec<T>) -> Self {
        let len = elements.len();
        let place = lines_for(Layout::for_value(&*elements)).cast::<T>();
        // SAFETY: the block is new and has room for as many; the vector forgets the elements that are moved.
        unsafe {
            elements.set_len(0);
            ptr::copy_nonoverlapping(elements.as_ptr(), place.as_ptr(), len);
        }
        Self { value: NonNull::slice_from_raw_parts(place, len), owns: PhantomData }
    }
}

/// The layout of whole lines that hold `inner`.
fn whole_lines(inner: Layout) -> Layout {
    let line = inner.align_to(line_bytes()).expect("a line is a power of two, far below the address space");
    let padded = line.pad_to_align();
    // A block of no bytes is not alone anywhere, and the allocator must not be asked for it.
    if padded.size() == 0 {
        Layout::from_size_align(line.align(), line.align()).expect("a line")
    } else {
        padded
    }
}

fn lines_for(inner: Layout) -> NonNull<u8> {
    let layout = whole_lines(inner);
    // SAFETY: the layout has at least one line.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

impl<T: ?Sized> Drop for Isolated<T> {
    fn drop(&mut self) {
        // SAFETY: the value is alive until here.
        let layout = whole_lines(Layout::for_value(unsafe { self.value.as_ref() }));
        let block = Block { block: self.value.cast(), layout };
        // SAFETY: nobody can reach the value after.
        unsafe { ptr::drop_in_place(self.value.as_ptr()) };
        drop(block);
    }
}

/// Memory that is given back also when the value's destructor panics.
struct Block {
    block: NonNull<u8>,
    layout: Layout,
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with this layout, since a machine's lines don't change.
        unsafe { dealloc(self.block.as_ptr(), self.layout) };
    }
}

impl<T: ?Sized> Deref for Isolated<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the value lives as long as this.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for Isolated<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `self` is borrowed by one alone.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Isolated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Clone> Clone for Isolated<T> {
    fn clone(&self) -> Self {
        alloc_isolated((**self).clone())
    }
}

impl<T: Clone> Clone for Isolated<[T]> {
    fn clone(&self) -> Self {
        Self::from_vec(self.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::{Isolated, alloc_isolated};
    use crate::line_bytes;
    use std::rc::Rc;
    use std::vec::Vec;

    #[test]
    fn no_two_share_a_line() {
        let line = line_bytes();
        let small: Vec<_> = (0..100u8).map(alloc_isolated).collect();
        let tables: Vec<_> = (0..40).map(|len| Isolated::from_vec(std::vec![7u8; len])).collect();
        let lines = small.iter().map(|value| ((&raw const **value).addr(), 1));
        let tables = tables.iter().map(|table| (table.as_ptr().addr(), table.len()));
        let mut lines: Vec<_> = lines.chain(tables).collect();
        lines.sort_unstable();
        assert!(lines.iter().all(|(begin, _)| begin % line == 0));
        assert!(lines.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
        assert!(small.iter().enumerate().all(|(index, value)| **value as usize == index));
    }

    #[test]
    fn values_are_dropped_once() {
        let counted = Rc::new(());
        let one = alloc_isolated(Rc::clone(&counted));
        let many = Isolated::from_vec(std::vec![Rc::clone(&counted); 9]);
        let copies = (one.clone(), many.clone());
        assert_eq!(Rc::strong_count(&counted), 21);
        drop((one, many, copies));
        assert_eq!(Rc::strong_count(&counted), 1);
    }

    #[test]
    fn nothing_has_a_place_too() {
        let (unit, empty) = (alloc_isolated(()), Isolated::<[u64]>::from_vec(Vec::new()));
        assert_ne!((&raw const *unit).addr(), empty.as_ptr().addr());
    }
}

//! An arena of one type, whose destructors run when it ends.
//!
//! Values lie in vectors that never grow: a full one is put aside, and the next is twice as long, a whole
//! size class of the allocator. Since plain vectors own the values, they may refer to each other, in cycles
//! too.

use std::cell::UnsafeCell;
use std::iter::Chain;
use std::{slice, vec};

use crate::arena::{FIRST_CHUNK_BYTES, whole};

/// Values of one type that are dropped all at once.
///
/// Don't use it for values that come and go: none goes before all do; take a [`Slab`](crate::Slab). Nor for
/// what needs no destructor beside values of other types: an [`Arena`](crate::Arena) holds them all.
///
/// ```
/// use std::cell::Cell;
/// use spandrel_pool::TypedArena;
/// struct Node<'a> {
///     other: Cell<Option<&'a Node<'a>>>,
/// }
/// let arena = TypedArena::new();
/// let a = arena.alloc(Node { other: Cell::new(None) });
/// let b = arena.alloc(Node { other: Cell::new(Some(a)) });
/// a.other.set(Some(b));
/// assert!(std::ptr::eq(a.other.get().unwrap().other.get().unwrap(), a));
/// ```
pub struct TypedArena<T> {
    /// Values are moved in behind shared references, and lent to the end of the arena: their vector is never
    /// read as a slice, nor does it grow beyond its capacity.
    current: UnsafeCell<Vec<T>>,
    full: UnsafeCell<Vec<Vec<T>>>,
}

impl<T> Default for TypedArena<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// So many values that at least `items` of them fill a whole size class, or whole pages.
fn whole_items<T>(items: usize) -> usize {
    let item_bytes = size_of::<T>().max(1);
    (whole(items.saturating_mul(item_bytes), align_of::<T>()) / item_bytes).max(items)
}

impl<T> TypedArena<T> {
    /// An empty arena. Allocates nothing.
    ///
    /// ```
    /// assert!(spandrel_pool::TypedArena::<u8>::new().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { current: UnsafeCell::new(Vec::new()), full: UnsafeCell::new(Vec::new()) }
    }

    /// An arena with room for so many values.
    ///
    /// ```
    /// let arena = spandrel_pool::TypedArena::with_capacity(100);
    /// assert_eq!(*arena.alloc(1), 1);
    /// ```
    #[must_use]
    pub fn with_capacity(items: usize) -> Self {
        let current = Vec::with_capacity(if items == 0 { 0 } else { whole_items::<T>(items) });
        Self { current: UnsafeCell::new(current), full: UnsafeCell::new(Vec::new()) }
    }

    /// Moves a value in.
    ///
    /// ```
    /// let arena = spandrel_pool::TypedArena::new();
    /// let (a, b) = (arena.alloc(1), arena.alloc(2));
    /// std::mem::swap(a, b);
    /// assert_eq!((*a, *b), (2, 1));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives another place")]
    pub fn alloc(&self, value: T) -> &mut T {
        if self.left() == 0 {
            self.add_chunk(1);
        }
        // SAFETY: nobody else has the vector: the arena is not `Sync`, and no code of others runs meanwhile.
        let current = unsafe { &mut *self.current.get() };
        // SAFETY: there is room for one. The place is lent once, and the vector keeps it while it is
        // borrowed.
        unsafe {
            let place = current.as_mut_ptr().add(current.len());
            place.write(value);
            current.set_len(current.len() + 1);
            &mut *place
        }
    }

    /// Moves all values of an iterator in, side by side.
    ///
    /// ```
    /// let arena = spandrel_pool::TypedArena::new();
    /// assert_eq!(arena.alloc_extend(["a", "b"].map(String::from)), ["a", "b"]);
    /// ```
    #[allow(clippy::mut_from_ref, reason = "each call gives other places")]
    pub fn alloc_extend(&self, values: impl IntoIterator<Item = T>) -> &mut [T] {
        // Beside the arena, for the iterator may allocate in it.
        let mut values: Vec<T> = values.into_iter().collect();
        if self.left() < values.len() {
            self.add_chunk(values.len());
        }
        // SAFETY: as in `alloc`.
        let current = unsafe { &mut *self.current.get() };
        // SAFETY: there is room for all; they move, and the vector that they leave forgets them.
        unsafe {
            let place = current.as_mut_ptr().add(current.len());
            place.copy_from_nonoverlapping(values.as_ptr(), values.len());
            current.set_len(current.len() + values.len());
            let len = values.len();
            values.set_len(0);
            slice::from_raw_parts_mut(place, len)
        }
    }

    /// Values for which there is room.
    #[inline(always)]
    fn left(&self) -> usize {
        // SAFETY: as in `alloc`.
        let current = unsafe { &*self.current.get() };
        current.capacity() - current.len()
    }

    #[cold]
    #[inline(never)]
    fn add_chunk(&self, least: usize) {
        // SAFETY: as in `alloc`; two cells.
        let (current, full) = unsafe { (&mut *self.current.get(), &mut *self.full.get()) };
        let first = FIRST_CHUNK_BYTES / size_of::<T>().max(1);
        let wanted = current.capacity().saturating_mul(2).max(first).max(least);
        let before = std::mem::replace(current, Vec::with_capacity(whole_items::<T>(wanted)));
        if before.capacity() > 0 {
            full.push(before);
        }
    }

    /// Values inside.
    ///
    /// ```
    /// let arena = spandrel_pool::TypedArena::new();
    /// arena.alloc_extend([1, 2]);
    /// assert_eq!((arena.len(), arena.is_empty()), (2, false));
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        // SAFETY: as in `alloc`; only lengths are read.
        let (current, full) = unsafe { (&*self.current.get(), &*self.full.get()) };
        current.len() + full.iter().map(Vec::len).sum::<usize>()
    }

    /// Whether there is none.
    ///
    /// ```
    /// let arena = spandrel_pool::TypedArena::new();
    /// arena.alloc(1);
    /// assert!(!arena.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values, in the order in which they came in.
    ///
    /// ```
    /// let mut arena = spandrel_pool::TypedArena::new();
    /// arena.alloc_extend(0..1000);
    /// arena.iter_mut().for_each(|value| *value *= 2);
    /// assert_eq!(arena.into_vec()[999], 1998);
    /// ```
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let (full, current) = (self.full.get_mut(), self.current.get_mut());
        full.iter_mut().flatten().chain(current)
    }

    /// All values, in the order in which they came in.
    ///
    /// ```
    /// let arena = spandrel_pool::TypedArena::new();
    /// arena.alloc(1);
    /// assert_eq!(arena.into_vec(), [1]);
    /// ```
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.into_iter().collect()
    }

    /// Drops all values. Keeps the longest vector for the next ones.
    ///
    /// ```
    /// let mut arena = spandrel_pool::TypedArena::new();
    /// arena.alloc(1);
    /// arena.clear();
    /// assert!(arena.is_empty());
    /// ```
    pub fn clear(&mut self) {
        self.full.get_mut().clear();
        self.current.get_mut().clear();
    }
}

impl<T> IntoIterator for TypedArena<T> {
    type Item = T;
    type IntoIter = Chain<std::iter::Flatten<vec::IntoIter<Vec<T>>>, vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.full.into_inner().into_iter().flatten().chain(self.current.into_inner())
    }
}

impl<T> std::fmt::Debug for TypedArena<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedArena").field("len", &self.len()).finish_non_exhaustive()
    }
}

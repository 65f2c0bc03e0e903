//! Entries of one kind, found by number: they are made a few at a time from metadata memory and used again.

use core::ptr::null_mut;

use crate::meta;

/// What a slab may hold: all zero is a value, and it has room for a link while it is unused.
///
/// # Safety
/// All bytes zero are a value of the type.
pub(crate) unsafe trait Entry {
    /// The number of the next unused entry.
    fn link(&mut self) -> &mut u32;
}

/// An array of zeros that is made when it is first used, so that a program that samples nothing has none.
pub(crate) struct Table<T, const LEN: usize>(*mut T);

impl<T, const LEN: usize> Table<T, LEN> {
    pub(crate) const fn new() -> Self {
        Self(null_mut())
    }

    /// Whether it is there; makes it if it is not.
    pub(crate) fn make(&mut self) -> bool {
        if self.0.is_null() {
            self.0 = meta::alloc(LEN * size_of::<T>(), align_of::<T>().max(align_of::<usize>())).cast();
        }
        !self.0.is_null()
    }
}

/// # Safety
/// All bytes zero are a value of the type.
pub(crate) unsafe trait Zeros {}

// SAFETY: plain numbers and pointers.
unsafe impl Zeros for u32 {}
// SAFETY: as above.
unsafe impl<T> Zeros for *mut T {}

impl<T: Zeros, const LEN: usize> core::ops::Deref for Table<T, LEN> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if self.0.is_null() {
            return &[];
        }
        // SAFETY: so many were made, from zeros, which are a value; `&self` lends out shared references only.
        unsafe { core::slice::from_raw_parts(self.0, LEN) }
    }
}

impl<T: Zeros, const LEN: usize> core::ops::DerefMut for Table<T, LEN> {
    fn deref_mut(&mut self) -> &mut [T] {
        if self.0.is_null() {
            return &mut [];
        }
        // SAFETY: as above, and `&mut self` makes this the only reference.
        unsafe { core::slice::from_raw_parts_mut(self.0, LEN) }
    }
}

/// Up to `STEPS` times `step` entries, numbered from 1 on; 0 is none.
pub(crate) struct Slab<T, const STEPS: usize> {
    steps: Table<*mut T, STEPS>,
    /// Entries that were made.
    made: usize,
    first_unused: u32,
    /// Entries in use.
    used: usize,
    step: usize,
}

impl<T: Entry, const STEPS: usize> Slab<T, STEPS> {
    pub(crate) const fn new(step: usize) -> Self {
        Self { steps: Table::new(), made: 0, first_unused: 0, used: 0, step }
    }

    /// Entries in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Numbers of entries that were ever made are below this.
    pub(crate) fn end(&self) -> u32 {
        self.made as u32 + 1
    }

    /// A fresh entry, all zero; 0 if there is no room.
    pub(crate) fn take(&mut self) -> u32 {
        if self.first_unused == 0 && !self.make() {
            return 0;
        }
        let number = self.first_unused;
        let entry = self.get_mut(number);
        let next = *entry.link();
        // SAFETY: all zero is a value of the type.
        *entry = unsafe { core::mem::zeroed() };
        self.first_unused = next;
        self.used += 1;
        number
    }

    /// Takes an entry back.
    pub(crate) fn give(&mut self, number: u32) {
        *self.get_mut(number).link() = self.first_unused;
        self.first_unused = number;
        self.used -= 1;
    }

    #[cold]
    fn make(&mut self) -> bool {
        let index = self.made / self.step;
        if index == STEPS || !self.steps.make() {
            return false;
        }
        let memory = meta::alloc(self.step * size_of::<T>(), align_of::<T>()).cast::<T>();
        if memory.is_null() {
            return false;
        }
        self.steps[index] = memory;
        let first = self.made as u32 + 1;
        self.made += self.step;
        for number in (first..first + self.step as u32).rev() {
            let next = self.first_unused;
            *self.get_mut(number).link() = next;
            self.first_unused = number;
        }
        true
    }

    fn pointer(&self, number: u32) -> *mut T {
        let index = number as usize - 1;
        assert!(index < self.made);
        self.steps[index / self.step].wrapping_add(index % self.step)
    }

    pub(crate) fn get(&self, number: u32) -> &T {
        // SAFETY: the entry was made, from zeros, which are a value; `&self` lends out shared references
        // only.
        unsafe { &*self.pointer(number) }
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference.
        unsafe { &mut *self.pointer(number) }
    }
}

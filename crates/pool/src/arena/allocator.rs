//! An arena as the allocator of containers. The youngest block grows and shrinks where it is, and goes back;
//! others that end leave a hole until the arena is reset.

use std::alloc::Layout;
use std::ptr::{self, NonNull};

use allocator_api2::alloc::{AllocError, Allocator};

use super::Arena;

impl<A: Allocator> Arena<A> {
    /// Whether it is the block that `next` stands at the end of. One without size is not: it may lie nowhere.
    pub(super) fn is_youngest(&self, place: NonNull<u8>, layout: Layout) -> bool {
        layout.size() > 0 && place.as_ptr().wrapping_add(layout.size()) == self.next.get()
    }

    /// Gives the block back if it is the youngest.
    pub(super) fn give_back(&self, place: NonNull<u8>, layout: Layout) {
        if self.is_youngest(place, layout) {
            self.next.set(place.as_ptr());
        }
    }

    /// Changes the size of the youngest block in place, if the chunk has room.
    #[inline(always)]
    fn resize(&self, place: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<[u8]>> {
        // The end of the block is `next`, so what lies before the chunk's end is free.
        let more = self.end.get().addr() - self.next.get().addr();
        if !self.is_youngest(place, old)
            || new.size().saturating_sub(old.size()) > more
            || !place.addr().get().is_multiple_of(new.align())
        {
            return None;
        }
        self.next.set(place.as_ptr().wrapping_add(new.size()));
        Some(NonNull::slice_from_raw_parts(place, new.size()))
    }

    /// A block elsewhere with the same beginning.
    ///
    /// # Safety
    /// The old block is one of this arena's, of at least `bytes`.
    unsafe fn copy(
        &self,
        place: NonNull<u8>,
        bytes: usize,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let fresh = self.try_alloc_layout(new)?;
        // SAFETY: the old block has so many bytes by the caller's promise, the new one is not shorter, and no
        // byte was given out twice.
        unsafe { ptr::copy_nonoverlapping(place.as_ptr(), fresh.as_ptr(), bytes) };
        Ok(NonNull::slice_from_raw_parts(fresh, new.size()))
    }
}

// SAFETY: blocks stay where they are until the arena is reset, rewound or dropped, which the borrow excludes;
// copies of the reference are the same arena.
unsafe impl<A: Allocator> Allocator for &Arena<A> {
    #[inline(always)]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Ok(NonNull::slice_from_raw_parts(self.try_alloc_layout(layout)?, layout.size()))
    }

    #[inline(always)]
    unsafe fn deallocate(&self, place: NonNull<u8>, layout: Layout) {
        self.give_back(place, layout);
    }

    #[inline(always)]
    unsafe fn grow(&self, place: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        match self.resize(place, old, new) {
            Some(block) => Ok(block),
            // SAFETY: by the contract of `grow` it is a block of the old layout, shorter than the new.
            None => unsafe { self.copy(place, old.size(), new) },
        }
    }

    unsafe fn grow_zeroed(
        &self,
        place: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the contract is the caller's.
        let block = unsafe { self.grow(place, old, new) }?;
        let more = new.size() - old.size();
        // SAFETY: a block of the new layout, whose end after the old size is nobody's yet.
        unsafe { block.cast::<u8>().as_ptr().wrapping_add(old.size()).write_bytes(0, more) };
        Ok(block)
    }

    #[inline(always)]
    unsafe fn shrink(
        &self,
        place: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if let Some(block) = self.resize(place, old, new) {
            return Ok(block);
        }
        if place.addr().get().is_multiple_of(new.align()) {
            return Ok(NonNull::slice_from_raw_parts(place, new.size()));
        }
        // SAFETY: by the contract of `shrink` it is a block of the old layout, longer than the new.
        unsafe { self.copy(place, new.size(), new) }
    }
}

//! One block of the measured allocator, as a Rust program gets it: by a `Layout`, and given back with it.

use std::alloc::{self, Layout};
use std::hint::black_box;
use std::ptr::NonNull;

/// What most Rust layouts ask for. Of the contenders some give no 24-byte class to a greater alignment.
const ALIGN: usize = 8;
const OS_PAGE: usize = 4096;

/// A block that is freed when dropped.
#[derive(Debug)]
pub(crate) struct Block {
    start: NonNull<u8>,
    size: u32,
}

// SAFETY: a block is a plain piece of memory with one owner; any thread may use and free it.
unsafe impl Send for Block {}

impl Block {
    /// A block of `size` bytes, at least one.
    #[inline(always)]
    pub(crate) fn allocate(size: u32) -> Block {
        let layout = layout(size);
        // SAFETY: `layout` has checked that the size is not 0.
        Block::at(unsafe { alloc::alloc(layout) }, size)
    }

    /// A block of `size` bytes, at least one, all of them 0.
    #[inline(always)]
    pub(crate) fn allocate_zeroed(size: u32) -> Block {
        let layout = layout(size);
        // SAFETY: `layout` has checked that the size is not 0.
        Block::at(unsafe { alloc::alloc_zeroed(layout) }, size)
    }

    /// Shows the address to the optimiser as something that escapes, but keeps using its own copy: the value
    /// that `black_box` returns would be read back from the stack, a nanosecond on the way from each block to
    /// its free.
    #[inline(always)]
    fn at(start: *mut u8, size: u32) -> Block {
        black_box(start);
        match NonNull::new(start) {
            Some(start) => Block { start, size },
            None => alloc::handle_alloc_error(layout(size)),
        }
    }

    /// Makes the block `size` bytes long, keeping what is in it.
    #[inline(always)]
    pub(crate) fn resize(&mut self, size: u32) {
        let new = layout(size);
        // SAFETY: the block is live, was allocated with this layout, and the new size is not 0.
        let start = unsafe { alloc::realloc(self.start.as_ptr(), layout(self.size), new.size()) };
        black_box(start);
        self.start = NonNull::new(start).unwrap_or_else(|| alloc::handle_alloc_error(new));
        self.size = size;
    }

    /// Writes the first byte.
    #[inline(always)]
    pub(crate) fn touch_first(&mut self) {
        // SAFETY: the block is live and at least one byte long.
        unsafe { self.start.write(1) };
    }

    /// Writes the last byte.
    #[inline(always)]
    pub(crate) fn touch_last(&mut self) {
        // SAFETY: the block is live and `size` bytes long, at least one.
        unsafe { self.start.add(self.size as usize - 1).write(1) };
    }

    /// Writes one byte in every OS page that the block reaches.
    pub(crate) fn touch_pages(&mut self) {
        for offset in (0..self.size as usize).step_by(OS_PAGE) {
            // SAFETY: the offset is less than the size of the live block.
            unsafe { self.start.add(offset).write(1) };
        }
        self.touch_last();
    }

    /// Writes every byte.
    #[inline(always)]
    pub(crate) fn fill(&mut self) {
        // SAFETY: the block is live and `size` bytes long.
        unsafe { self.start.write_bytes(1, self.size as usize) };
    }
}

impl Drop for Block {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the block is live, was allocated with this layout, and nobody can reach it after this.
        unsafe { alloc::dealloc(self.start.as_ptr(), layout(self.size)) };
    }
}

/// The layout of a block. A size that the compiler knows costs nothing here.
#[inline(always)]
fn layout(size: u32) -> Layout {
    assert!(size > 0, "a block has at least one byte");
    // SAFETY: 2^32 - 1 rounded up to the alignment is far below `isize::MAX`, and the alignment is a power of
    // two.
    unsafe { Layout::from_size_align_unchecked(size as usize, ALIGN) }
}

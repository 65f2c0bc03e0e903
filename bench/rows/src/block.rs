//! One block of the measured allocator, as a Rust program gets it: by a `Layout`, and given back with it.

use std::alloc::{self, Layout};
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

/// What most Rust layouts ask for. Of the contenders some give no 24-byte class to a greater alignment.
const ALIGN: usize = 8;
const OS_PAGE: usize = 4096;
/// What an address of a process has at most: on x86-64 and aarch64 the kernel gives no more unless asked.
const ADDRESS_BITS: u32 = 48;

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

    /// Bytes that the block was asked to have.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
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

    /// Writes `mark` into the first byte.
    #[inline(always)]
    pub(crate) fn mark(&mut self, mark: u8) {
        // SAFETY: the block is live and at least one byte long.
        unsafe { self.start.write(mark) };
    }

    /// The first byte, which has been written before.
    #[inline(always)]
    pub(crate) fn first(&self) -> u8 {
        // SAFETY: the block is live and at least one byte long.
        unsafe { self.start.read() }
    }

    /// The block as one word, for an atomic slot: its address, and its size above that.
    ///
    /// # Panics
    /// When the block has 64 KiB or more.
    #[inline(always)]
    pub(crate) fn into_word(self) -> u64 {
        assert!(self.size < 1 << (u64::BITS - ADDRESS_BITS), "the size has its place above the address");
        let block = ManuallyDrop::new(self);
        u64::from(block.size) << ADDRESS_BITS | block.start.as_ptr().expose_provenance() as u64
    }

    /// The block of a word.
    ///
    /// # Safety
    /// [`Block::into_word`] made the word, which becomes a block only this once.
    #[inline(always)]
    pub(crate) unsafe fn from_word(word: u64) -> Block {
        let address = word & ((1 << ADDRESS_BITS) - 1);
        let start = NonNull::new(ptr::with_exposed_provenance_mut(address as usize));
        Block { start: start.expect("a block is not at address 0"), size: (word >> ADDRESS_BITS) as u32 }
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

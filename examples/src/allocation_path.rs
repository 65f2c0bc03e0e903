//! Spandrel as the global allocator, behind functions that simulators can tell from the rest of the program.
//!
//! Spandrel's own fast path is inlined into its callers when the program is optimised as a whole; here each
//! request is a call, so that callgrind counts what the program spends on allocating.

use std::alloc::{GlobalAlloc, Layout};

use spandrel::Spandrel;

/// What callgrind knows the four functions by.
pub(crate) const PATTERN: &str = "*allocation_path*";

static SPANDREL: Spandrel = Spandrel::new();

/// Spandrel, not inlined.
#[derive(Debug)]
pub(crate) struct Counted;

// SAFETY: Spandrel does it all.
unsafe impl GlobalAlloc for Counted {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is passed on.
        unsafe { SPANDREL.alloc(layout) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is passed on.
        unsafe { SPANDREL.dealloc(block, layout) }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is passed on.
        unsafe { SPANDREL.alloc_zeroed(layout) }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's contract is passed on.
        unsafe { SPANDREL.realloc(block, layout, new_size) }
    }
}

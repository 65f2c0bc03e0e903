//! Spandrel as Rust's global allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{copy_nonoverlapping, null_mut};

use spandrel_classes::class_of;

use crate::{entry, guarded, large};

/// The allocator, as a type for `#[global_allocator]`. All values are the same heap.
///
/// With link-time optimisation (`lto = "thin"` or `"fat"`) an allocation of a constant size is a few
/// instructions in the caller.
///
/// ```
/// #[global_allocator]
/// static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
///
/// let text = String::from("from the thread's own cache");
/// assert!(spandrel::stats().allocs() > 0);
/// # drop(text);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Spandrel {
    _private: (),
}

impl Spandrel {
    /// The allocator.
    #[must_use]
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

// SAFETY: blocks come from spans that overlap with nothing else, with the size and alignment of their
// class or of whole pages; the class of a layout is a pure function of size and alignment, so a block goes
// back to the class that it came from; no function unwinds.
unsafe impl GlobalAlloc for Spandrel {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        entry::alloc(class_of(layout.size(), layout.align()), layout.size(), layout.align())
    }

    #[inline(always)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise: a block of this layout, and so of this class.
        unsafe { entry::free(class_of(layout.size(), layout.align()), pointer) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match class_of(layout.size(), layout.align()) {
            0 => entry::alloc_large_zeroed(layout.size(), layout.align()),
            class => entry::alloc_small_zeroed(class, layout.size()),
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        let class = class_of(layout.size(), layout.align());
        let new_class = class_of(new_bytes, layout.align());
        if class == new_class {
            let resized = match class {
                0 => large::resize(pointer, new_bytes, layout.align()),
                _ if guarded::ends_exactly(pointer) => null_mut(),
                _ => pointer,
            };
            if !resized.is_null() {
                return resized;
            }
        }
        // SAFETY: the caller's promise: a block of `layout`, and a new size that makes a valid layout.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(new_bytes, layout.align()));
            if !new.is_null() {
                copy_nonoverlapping(pointer, new, layout.size().min(new_bytes));
                self.dealloc(pointer, layout);
            }
            new
        }
    }
}

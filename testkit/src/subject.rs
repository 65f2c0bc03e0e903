//! What is tested: anything that allocates, seen through one small interface.

use core::hint::black_box;
use std::alloc::{self, GlobalAlloc, Layout};

/// An allocator under test.
///
/// # Safety
/// Unless it is a planted bug meant to be caught, what `alloc`, `alloc_zeroed` and `realloc` return must be
/// null or memory that may be read and written over the requested size.
pub unsafe trait Subject: Sync {
    /// Allocates `bytes` bytes aligned to `align`, or returns null.
    ///
    /// # Safety
    /// `bytes` and `align` must make a valid [`Layout`]; `bytes` is not zero unless
    /// [`allows_zero_size`](Self::allows_zero_size).
    unsafe fn alloc(&self, bytes: usize, align: usize) -> *mut u8;

    /// The same, with all `bytes` bytes zero.
    ///
    /// # Safety
    /// As for [`alloc`](Self::alloc).
    unsafe fn alloc_zeroed(&self, bytes: usize, align: usize) -> *mut u8;

    /// Frees a block.
    ///
    /// # Safety
    /// `ptr` must be a live block of this subject with exactly this size and alignment.
    unsafe fn dealloc(&self, ptr: *mut u8, bytes: usize, align: usize);

    /// Resizes a block, keeping what both sizes have room for; null leaves the block as it was. The block's
    /// alignment is [`realloc_align`](Self::realloc_align) afterwards.
    ///
    /// # Safety
    /// As for [`dealloc`](Self::dealloc), and `new_bytes` as for [`alloc`](Self::alloc).
    unsafe fn realloc(&self, ptr: *mut u8, bytes: usize, align: usize, new_bytes: usize) -> *mut u8;

    /// How many bytes of a block may be used, where the subject can tell (`malloc_usable_size`).
    ///
    /// # Safety
    /// `ptr` must be a live block of this subject.
    unsafe fn usable(&self, _ptr: *mut u8) -> Option<usize> {
        None
    }

    /// Whether zero bytes may be asked for.
    fn allows_zero_size(&self) -> bool {
        false
    }

    /// The alignment that a block of alignment `align` still has when it was resized to `new_bytes`.
    fn realloc_align(&self, align: usize, _new_bytes: usize) -> usize {
        align
    }
}

/// Any [`GlobalAlloc`] as a subject, called directly.
///
/// ```
/// use spandrel_testkit::{RustSubject, Scale, conformance};
/// conformance::zeroed_memory_is_zero(&RustSubject(std::alloc::System), Scale::Quick);
/// ```
#[derive(Debug)]
pub struct RustSubject<A>(pub A);

/// The layout of a request.
///
/// # Safety
/// `bytes` and `align` must make a valid layout.
unsafe fn layout(bytes: usize, align: usize) -> Layout {
    debug_assert!(Layout::from_size_align(bytes, align).is_ok(), "no layout: {bytes} bytes, align {align}");
    // SAFETY: what the caller promises.
    unsafe { Layout::from_size_align_unchecked(bytes, align) }
}

// SAFETY: a `GlobalAlloc` promises the same. `black_box` keeps the optimiser, which knows what the allocation
// functions of C do, from removing pairs of calls.
unsafe impl<A: GlobalAlloc + Sync> Subject for RustSubject<A> {
    unsafe fn alloc(&self, bytes: usize, align: usize) -> *mut u8 {
        // SAFETY: the caller's promise is that of `GlobalAlloc`.
        black_box(unsafe { self.0.alloc(layout(bytes, align)) })
    }

    unsafe fn alloc_zeroed(&self, bytes: usize, align: usize) -> *mut u8 {
        // SAFETY: as above.
        black_box(unsafe { self.0.alloc_zeroed(layout(bytes, align)) })
    }

    unsafe fn dealloc(&self, ptr: *mut u8, bytes: usize, align: usize) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(black_box(ptr), layout(bytes, align)) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, bytes: usize, align: usize, new_bytes: usize) -> *mut u8 {
        // SAFETY: as above.
        black_box(unsafe { self.0.realloc(black_box(ptr), layout(bytes, align), new_bytes) })
    }
}

/// The `#[global_allocator]` of the running program as a subject, called the way that `Box` and `Vec` call
/// it.
#[derive(Debug)]
pub struct GlobalSubject;

// SAFETY: the global allocator promises the same; `black_box` as above.
unsafe impl Subject for GlobalSubject {
    unsafe fn alloc(&self, bytes: usize, align: usize) -> *mut u8 {
        // SAFETY: the caller's promise is that of `alloc::alloc`.
        black_box(unsafe { alloc::alloc(layout(bytes, align)) })
    }

    unsafe fn alloc_zeroed(&self, bytes: usize, align: usize) -> *mut u8 {
        // SAFETY: as above.
        black_box(unsafe { alloc::alloc_zeroed(layout(bytes, align)) })
    }

    unsafe fn dealloc(&self, ptr: *mut u8, bytes: usize, align: usize) {
        // SAFETY: as above.
        unsafe { alloc::dealloc(black_box(ptr), layout(bytes, align)) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, bytes: usize, align: usize, new_bytes: usize) -> *mut u8 {
        // SAFETY: as above.
        black_box(unsafe { alloc::realloc(black_box(ptr), layout(bytes, align), new_bytes) })
    }
}

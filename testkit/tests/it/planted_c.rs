//! Functions of C with one planted bug each. They call those of the C library and pass on all of its promises
//! but one.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

pub(crate) unsafe extern "C" fn realloc_of_null_is_null(block: *mut c_void, bytes: usize) -> *mut c_void {
    if block.is_null() {
        block
    } else {
        // SAFETY: the caller's promise is the same.
        unsafe { libc::realloc(block, bytes) }
    }
}

pub(crate) unsafe extern "C" fn malloc_of_zero_is_null(bytes: usize) -> *mut c_void {
    if bytes == 0 {
        ptr::null_mut()
    } else {
        // SAFETY: `malloc` takes any size.
        unsafe { libc::malloc(bytes) }
    }
}

pub(crate) unsafe extern "C" fn malloc_of_zero_is_shared(bytes: usize) -> *mut c_void {
    static NOTHING: u64 = 0;
    if bytes == 0 {
        (&raw const NOTHING).cast_mut().cast()
    } else {
        // SAFETY: `malloc` takes any size.
        unsafe { libc::malloc(bytes) }
    }
}

pub(crate) unsafe extern "C" fn calloc_aligned_to_8(count: usize, each_bytes: usize) -> *mut c_void {
    // SAFETY: the block is 8 bytes longer than what is used of it.
    let block = unsafe { libc::calloc(1, count * each_bytes + 8) };
    // Smaller blocks need no more than 8.
    if count * each_bytes < 16 {
        return block;
    }
    // SAFETY: as above.
    unsafe { block.byte_add(8) }
}

pub(crate) unsafe extern "C" fn free_sets_errno(block: *mut c_void) {
    // SAFETY: the caller's promise is the same; a thread's `errno` is always there.
    unsafe {
        libc::free(block);
        *libc::__errno_location() = libc::EINVAL;
    }
}

pub(crate) unsafe extern "C" fn calloc_wraps_around(count: usize, each_bytes: usize) -> *mut c_void {
    // SAFETY: `calloc` takes any sizes.
    unsafe { libc::calloc(1, count.wrapping_mul(each_bytes)) }
}

pub(crate) unsafe extern "C" fn malloc_without_errno(bytes: usize) -> *mut c_void {
    if bytes > usize::MAX / 2 {
        ptr::null_mut()
    } else {
        // SAFETY: `malloc` takes any size.
        unsafe { libc::malloc(bytes) }
    }
}

pub(crate) unsafe extern "C" fn realloc_spoils_the_block(block: *mut c_void, bytes: usize) -> *mut c_void {
    // SAFETY: the caller's promise is the same; a block that was not resized is still there.
    unsafe {
        let resized = libc::realloc(block, bytes);
        if resized.is_null() && !block.is_null() {
            block.cast::<u8>().write(0);
        }
        resized
    }
}

pub(crate) unsafe extern "C" fn posix_memalign_takes_any_alignment(
    block: *mut *mut c_void,
    align: usize,
    bytes: usize,
) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { libc::posix_memalign(block, align.max(8).checked_next_power_of_two().unwrap_or(8), bytes) }
}

pub(crate) unsafe extern "C" fn posix_memalign_clears_on_error(
    block: *mut *mut c_void,
    align: usize,
    bytes: usize,
) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe {
        let error = libc::posix_memalign(block, align, bytes);
        if error != 0 {
            block.write(ptr::null_mut());
        }
        error
    }
}

pub(crate) unsafe extern "C" fn memalign_without_alignment(_align: usize, bytes: usize) -> *mut c_void {
    // SAFETY: `malloc` takes any size.
    unsafe { libc::malloc(bytes) }
}

pub(crate) unsafe extern "C" fn usable_size_of_seven(block: *mut c_void) -> usize {
    if block.is_null() { 0 } else { 7 }
}

/// The first block that `free_sized` got, and that `malloc` gives to everybody.
static SIZED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

pub(crate) unsafe extern "C" fn malloc_of_the_sized(bytes: usize) -> *mut c_void {
    let sized = SIZED.load(Ordering::Relaxed);
    if bytes == 8 && !sized.is_null() {
        sized
    } else {
        // SAFETY: `malloc` takes any size.
        unsafe { libc::malloc(bytes) }
    }
}

pub(crate) unsafe extern "C" fn free_sized_and_forget(block: *mut c_void, bytes: usize) {
    if bytes == 8 && SIZED.load(Ordering::Relaxed).is_null() {
        SIZED.store(block, Ordering::Relaxed);
    }
}

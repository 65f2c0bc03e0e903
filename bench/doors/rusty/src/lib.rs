//! The C functions of allocation, and C++'s plain operators, over rusty_alloc.
//!
//! rusty_alloc's authors measure it by such a library too, which they do not publish; what they write about
//! it is followed: the exported `free` carries the fast path inline, what is to be done without memory goes
//! into the slow path, and the profile is one with link-time optimisation that does not unwind. The thread's
//! heap is found by initial-exec TLS, in assembly of the crate's own.
//!
//! C++'s other operators are libstdc++'s, which calls those here, or `aligned_alloc` and `free`.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use rusty_alloc::alloc;

fn set_errno(error: c_int) {
    // SAFETY: libc gives a valid address for the calling thread.
    unsafe { *libc::__errno_location() = error };
}

/// The block, or null with `errno` set.
#[inline(always)]
fn or_enomem(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        set_errno(libc::ENOMEM);
    }
    block.cast()
}

/// `malloc` without memory: null and `errno`.
struct Enomem;

impl alloc::OnOom for Enomem {
    fn on_oom(_: usize) -> *mut u8 {
        set_errno(libc::ENOMEM);
        null_mut()
    }
}

#[unsafe(no_mangle)]
extern "C" fn malloc(bytes: usize) -> *mut c_void {
    alloc::malloc_or_with::<Enomem>(bytes).cast()
}

#[unsafe(no_mangle)]
extern "C" fn calloc(objs: usize, bytes: usize) -> *mut c_void {
    or_enomem(alloc::calloc(objs, bytes))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { alloc::free_inline(block.cast()) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { alloc::free(block.cast()) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, bytes: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    or_enomem(unsafe { alloc::realloc(block.cast(), bytes) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(block: *mut c_void, objs: usize, bytes: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    or_enomem(unsafe { alloc::reallocn(block.cast(), objs, bytes) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(result: *mut *mut c_void, align: usize, bytes: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    // SAFETY: the alignment is a power of two.
    let block = unsafe { alloc::malloc_aligned_pow2(bytes, align) };
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's pointer is to a place for the result.
    unsafe { result.write(block.cast()) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, bytes: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        set_errno(libc::EINVAL);
        return null_mut();
    }
    // SAFETY: the alignment is a power of two.
    or_enomem(unsafe { alloc::malloc_aligned_pow2(bytes, align) })
}

#[unsafe(no_mangle)]
extern "C" fn memalign(align: usize, bytes: usize) -> *mut c_void {
    aligned_alloc(align, bytes)
}

/// What `valloc` and `pvalloc` call a page.
const OS_PAGE_BYTES: usize = 4096;

#[unsafe(no_mangle)]
extern "C" fn valloc(bytes: usize) -> *mut c_void {
    aligned_alloc(OS_PAGE_BYTES, bytes)
}

#[unsafe(no_mangle)]
extern "C" fn pvalloc(bytes: usize) -> *mut c_void {
    match bytes.max(1).checked_next_multiple_of(OS_PAGE_BYTES) {
        Some(bytes) => aligned_alloc(OS_PAGE_BYTES, bytes),
        None => or_enomem(null_mut()),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { alloc::usable_size(block.cast()) }
}

/// `operator new` ends the program when there is no memory: nothing that is measured runs out of it, and
/// throwing would need the C++ library.
struct End;

impl alloc::OnOom for End {
    fn on_oom(_: usize) -> *mut u8 {
        std::process::abort()
    }
}

/// `operator new(size_t)`.
#[unsafe(no_mangle)]
extern "C" fn _Znwm(bytes: usize) -> *mut c_void {
    alloc::malloc_or_with::<End>(bytes).cast()
}

/// `operator new[](size_t)`.
#[unsafe(no_mangle)]
extern "C" fn _Znam(bytes: usize) -> *mut c_void {
    alloc::malloc_or_with::<End>(bytes).cast()
}

/// `operator delete(void*)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn _ZdlPv(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { alloc::free_inline(block.cast()) };
}

/// `operator delete[](void*)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn _ZdaPv(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { alloc::free_inline(block.cast()) };
}

/// `operator delete(void*, size_t)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn _ZdlPvm(block: *mut c_void, _: usize) {
    // SAFETY: the caller's promise.
    unsafe { alloc::free_inline(block.cast()) };
}

/// `operator delete[](void*, size_t)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn _ZdaPvm(block: *mut c_void, _: usize) {
    // SAFETY: the caller's promise.
    unsafe { alloc::free_inline(block.cast()) };
}

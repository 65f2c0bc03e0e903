//! `malloc` and its relatives. Those that allocate lie in the section by which a heap profile knows the
//! allocator's own frames.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use spandrel::c_abi;

/// What `pvalloc` and `valloc` call a page.
const OS_PAGE_BYTES: usize = 4096;

/// The block, or null with `errno` set.
#[inline(always)]
fn or_enomem(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        set_enomem();
    }
    block.cast()
}

#[cold]
fn set_enomem() {
    set_errno(libc::ENOMEM);
}

fn set_errno(error: c_int) {
    // SAFETY: libc gives a valid address for the calling thread.
    unsafe { *libc::__errno_location() = error };
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn malloc(bytes: usize) -> *mut c_void {
    c_abi::alloc(bytes).cast()
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn calloc(objs: usize, bytes: usize) -> *mut c_void {
    match objs.checked_mul(bytes) {
        Some(bytes) => c_abi::alloc_zeroed(bytes).cast(),
        None => or_enomem(null_mut()),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { c_abi::free(block.cast()) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(block) };
}

/// C23.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_sized(block: *mut c_void, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { c_abi::free_sized(block.cast(), bytes) };
}

/// C23.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_aligned_sized(block: *mut c_void, align: usize, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { c_abi::free_aligned_sized(block.cast(), bytes, align) };
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
unsafe extern "C" fn realloc(block: *mut c_void, bytes: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(bytes);
    }
    if bytes == 0 {
        // SAFETY: the caller's promise.
        unsafe { free(block) };
        return null_mut();
    }
    // SAFETY: the caller's promise, and the block is not null.
    or_enomem(unsafe { c_abi::realloc(block.cast(), bytes) })
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
unsafe extern "C" fn reallocarray(block: *mut c_void, objs: usize, bytes: usize) -> *mut c_void {
    match objs.checked_mul(bytes) {
        // SAFETY: the caller's promise.
        Some(bytes) => unsafe { realloc(block, bytes) },
        None => or_enomem(null_mut()),
    }
}

/// As glibc's, it takes the next power of two for an alignment that is none.
#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn memalign(align: usize, bytes: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => or_enomem(c_abi::alloc_aligned(bytes, align)),
        None => {
            set_errno(libc::EINVAL);
            null_mut()
        }
    }
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn aligned_alloc(align: usize, bytes: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        set_errno(libc::EINVAL);
        return null_mut();
    }
    or_enomem(c_abi::alloc_aligned(bytes, align))
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
unsafe extern "C" fn posix_memalign(result: *mut *mut c_void, align: usize, bytes: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    let block = c_abi::alloc_aligned(bytes, align);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's pointer is to a place for the result.
    unsafe { result.write(block.cast()) };
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn valloc(bytes: usize) -> *mut c_void {
    or_enomem(c_abi::alloc_aligned(bytes, OS_PAGE_BYTES))
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn pvalloc(bytes: usize) -> *mut c_void {
    match bytes.max(1).checked_next_multiple_of(OS_PAGE_BYTES) {
        Some(bytes) => or_enomem(c_abi::alloc_aligned(bytes, OS_PAGE_BYTES)),
        None => or_enomem(null_mut()),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { c_abi::usable_bytes(block.cast()) }
}

/// glibc's names for itself, which some programs call to get past an interposed `malloc`; a block from
/// there could come back here.
mod glibc_names {
    use core::ffi::c_void;

    #[unsafe(no_mangle)]
    #[unsafe(link_section = "spandrel_entry")]
    extern "C" fn __libc_malloc(bytes: usize) -> *mut c_void {
        super::malloc(bytes)
    }

    #[unsafe(no_mangle)]
    #[unsafe(link_section = "spandrel_entry")]
    extern "C" fn __libc_calloc(objs: usize, bytes: usize) -> *mut c_void {
        super::calloc(objs, bytes)
    }

    #[unsafe(no_mangle)]
    #[unsafe(link_section = "spandrel_entry")]
    unsafe extern "C" fn __libc_realloc(block: *mut c_void, bytes: usize) -> *mut c_void {
        // SAFETY: the caller's promise.
        unsafe { super::realloc(block, bytes) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __libc_free(block: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { super::free(block) };
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __libc_cfree(block: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { super::free(block) };
    }

    #[unsafe(no_mangle)]
    #[unsafe(link_section = "spandrel_entry")]
    extern "C" fn __libc_memalign(align: usize, bytes: usize) -> *mut c_void {
        super::memalign(align, bytes)
    }

    #[unsafe(no_mangle)]
    #[unsafe(link_section = "spandrel_entry")]
    extern "C" fn __libc_valloc(bytes: usize) -> *mut c_void {
        super::valloc(bytes)
    }

    #[unsafe(no_mangle)]
    #[unsafe(link_section = "spandrel_entry")]
    extern "C" fn __libc_pvalloc(bytes: usize) -> *mut c_void {
        super::pvalloc(bytes)
    }

    #[unsafe(no_mangle)]
    #[unsafe(link_section = "spandrel_entry")]
    unsafe extern "C" fn __posix_memalign(result: *mut *mut c_void, align: usize, bytes: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { super::posix_memalign(result, align, bytes) }
    }
}

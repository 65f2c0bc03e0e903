//! C++'s `operator new` and `operator delete`: plain, array, nothrow, sized, aligned, and their products.
//!
//! When there is no memory the throwing forms call the program's new-handler, again and again as long as
//! it has one, and then throw `std::bad_alloc`. Both live in the C++ library, which a C program does not
//! have: they are looked up at that moment, by name.

use core::ffi::{CStr, c_void};
use core::mem::transmute;
use core::ptr::null_mut;

use spandrel::c_abi;

/// `std::align_val_t` and `std::size_t` are both of this type in the ABI.
type Size = usize;
/// `std::nothrow_t const&`.
type Nothrow = *const c_void;

/// `std::new_handler`.
type NewHandler = Option<extern "C-unwind" fn()>;

/// Tries until there is memory or no new-handler, then throws.
#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C-unwind" fn out_of_memory(bytes: Size, align: Size) -> *mut c_void {
    while call_new_handler() {
        let block = c_abi::alloc_aligned(bytes, align);
        if !block.is_null() {
            return block.cast();
        }
    }
    let throw = symbol(c"_ZSt17__throw_bad_allocv");
    if !throw.is_null() {
        // SAFETY: `void std::__throw_bad_alloc()` of libstdc++, which does not return; the unwinding may
        // pass through here, where nothing needs to be dropped.
        unsafe { transmute::<*mut c_void, extern "C-unwind" fn()>(throw)() };
    }
    spandrel_abort()
}

/// Calls the program's new-handler; `false` if it has none.
extern "C-unwind" fn call_new_handler() -> bool {
    let get = symbol(c"_ZSt15get_new_handlerv");
    if get.is_null() {
        return false;
    }
    // SAFETY: `std::new_handler std::get_new_handler()` of the C++ library.
    let handler = unsafe { transmute::<*mut c_void, extern "C" fn() -> NewHandler>(get)() };
    match handler {
        Some(handler) => {
            handler();
            true
        }
        None => false,
    }
}

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: the name ends in NUL.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

fn spandrel_abort() -> ! {
    let line = b"spandrel: operator new has no memory, and no C++ library to throw std::bad_alloc\n";
    // SAFETY: pointer and length are a slice's; `abort` has no preconditions.
    unsafe {
        libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len());
        libc::abort()
    }
}

#[inline(always)]
fn new_or_throw(bytes: Size) -> *mut c_void {
    let block = c_abi::alloc(bytes);
    if block.is_null() { out_of_memory(bytes, 1) } else { block.cast() }
}

#[inline(always)]
fn new_aligned_or_throw(bytes: Size, align: Size) -> *mut c_void {
    let block = c_abi::alloc_aligned(bytes, align);
    if block.is_null() { out_of_memory(bytes, align) } else { block.cast() }
}

/// The nothrow forms: the new-handler is called, and may throw; the C++ library's forms catch that, which
/// this language can't, so a handler is not called here.
#[inline(always)]
fn new_or_null(bytes: Size) -> *mut c_void {
    let block = c_abi::alloc(bytes);
    if block.is_null() { null_mut() } else { block.cast() }
}

/// Defines the two forms, single and array, of an operator.
macro_rules! both {
    ($($single:literal, $array:literal:
        fn($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {
        $(
            const _: () = {
                #[unsafe(export_name = $single)]
                #[unsafe(link_section = "spandrel_entry")]
                unsafe extern "C-unwind" fn single($($argument: $type),*) $(-> $result)? $body

                #[unsafe(export_name = $array)]
                #[unsafe(link_section = "spandrel_entry")]
                unsafe extern "C-unwind" fn array($($argument: $type),*) $(-> $result)? $body
            };
        )*
    };
}

both! {
    "_Znwm", "_Znam": fn(bytes: Size) -> *mut c_void { new_or_throw(bytes) }
    "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t": fn(bytes: Size, _nothrow: Nothrow) -> *mut c_void {
        new_or_null(bytes)
    }
    "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t": fn(bytes: Size, align: Size) -> *mut c_void {
        new_aligned_or_throw(bytes, align)
    }
    "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t":
        fn(bytes: Size, align: Size, _nothrow: Nothrow) -> *mut c_void {
        c_abi::alloc_aligned(bytes, align).cast()
    }
    "_ZdlPv", "_ZdaPv": fn(block: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { c_abi::free(block.cast()) }
    }
    "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t": fn(block: *mut c_void, _nothrow: Nothrow) {
        // SAFETY: the caller's promise.
        unsafe { c_abi::free(block.cast()) }
    }
    "_ZdlPvm", "_ZdaPvm": fn(block: *mut c_void, bytes: Size) {
        // SAFETY: the caller's promise.
        unsafe { c_abi::free_sized(block.cast(), bytes) }
    }
    "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t": fn(block: *mut c_void, _align: Size) {
        // SAFETY: the caller's promise.
        unsafe { c_abi::free(block.cast()) }
    }
    "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t":
        fn(block: *mut c_void, bytes: Size, align: Size) {
        // SAFETY: the caller's promise.
        unsafe { c_abi::free_aligned_sized(block.cast(), bytes, align) }
    }
    "_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t":
        fn(block: *mut c_void, _align: Size, _nothrow: Nothrow) {
        // SAFETY: the caller's promise.
        unsafe { c_abi::free(block.cast()) }
    }
}

//! The allocation functions under the names that clang calls with `-fsanitize=alloc-token`: each with one
//! more argument, a number that stands for the type of the object. Heap profiles show it as the label
//! `alloc_token`.
//!
//! The names are those of clang's default ABI, `__alloc_token_` before the function's own.

use core::ffi::{c_int, c_void};

use spandrel::c_abi::with_token;

/// Defines a function that passes its call on.
macro_rules! tokens {
    ($($name:literal: fn($($argument:ident: $type:ty),*) -> $result:ty = $target:path;)*) => {
        $(
            const _: () = {
                #[unsafe(export_name = $name)]
                #[unsafe(link_section = "spandrel_entry")]
                unsafe extern "C-unwind" fn with($($argument: $type,)* token: u64) -> $result {
                    // SAFETY: the caller's promise is that of the function without the token.
                    with_token(token, || unsafe { $target($($argument),*) })
                }
            };
        )*
    };
}

unsafe extern "C-unwind" {
    fn malloc(bytes: usize) -> *mut c_void;
    fn calloc(objs: usize, bytes: usize) -> *mut c_void;
    fn realloc(block: *mut c_void, bytes: usize) -> *mut c_void;
    fn reallocarray(block: *mut c_void, objs: usize, bytes: usize) -> *mut c_void;
    fn memalign(align: usize, bytes: usize) -> *mut c_void;
    fn aligned_alloc(align: usize, bytes: usize) -> *mut c_void;
    fn posix_memalign(result: *mut *mut c_void, align: usize, bytes: usize) -> c_int;
    fn valloc(bytes: usize) -> *mut c_void;
    fn pvalloc(bytes: usize) -> *mut c_void;
    #[link_name = "_Znwm"]
    fn new(bytes: usize) -> *mut c_void;
    #[link_name = "_Znam"]
    fn new_array(bytes: usize) -> *mut c_void;
    #[link_name = "_ZnwmRKSt9nothrow_t"]
    fn new_nothrow(bytes: usize, nothrow: *const c_void) -> *mut c_void;
    #[link_name = "_ZnamRKSt9nothrow_t"]
    fn new_array_nothrow(bytes: usize, nothrow: *const c_void) -> *mut c_void;
    #[link_name = "_ZnwmSt11align_val_t"]
    fn new_aligned(bytes: usize, align: usize) -> *mut c_void;
    #[link_name = "_ZnamSt11align_val_t"]
    fn new_array_aligned(bytes: usize, align: usize) -> *mut c_void;
    #[link_name = "_ZnwmSt11align_val_tRKSt9nothrow_t"]
    fn new_aligned_nothrow(bytes: usize, align: usize, nothrow: *const c_void) -> *mut c_void;
    #[link_name = "_ZnamSt11align_val_tRKSt9nothrow_t"]
    fn new_array_aligned_nothrow(bytes: usize, align: usize, nothrow: *const c_void) -> *mut c_void;
}

tokens! {
    "__alloc_token_malloc": fn(bytes: usize) -> *mut c_void = malloc;
    "__alloc_token_calloc": fn(objs: usize, bytes: usize) -> *mut c_void = calloc;
    "__alloc_token_realloc": fn(block: *mut c_void, bytes: usize) -> *mut c_void = realloc;
    "__alloc_token_reallocarray": fn(block: *mut c_void, objs: usize, bytes: usize) -> *mut c_void
        = reallocarray;
    "__alloc_token_memalign": fn(align: usize, bytes: usize) -> *mut c_void = memalign;
    "__alloc_token_aligned_alloc": fn(align: usize, bytes: usize) -> *mut c_void = aligned_alloc;
    "__alloc_token_posix_memalign": fn(result: *mut *mut c_void, align: usize, bytes: usize) -> c_int
        = posix_memalign;
    "__alloc_token_valloc": fn(bytes: usize) -> *mut c_void = valloc;
    "__alloc_token_pvalloc": fn(bytes: usize) -> *mut c_void = pvalloc;
    "__alloc_token__Znwm": fn(bytes: usize) -> *mut c_void = new;
    "__alloc_token__Znam": fn(bytes: usize) -> *mut c_void = new_array;
    "__alloc_token__ZnwmRKSt9nothrow_t": fn(bytes: usize, nothrow: *const c_void) -> *mut c_void
        = new_nothrow;
    "__alloc_token__ZnamRKSt9nothrow_t": fn(bytes: usize, nothrow: *const c_void) -> *mut c_void
        = new_array_nothrow;
    "__alloc_token__ZnwmSt11align_val_t": fn(bytes: usize, align: usize) -> *mut c_void = new_aligned;
    "__alloc_token__ZnamSt11align_val_t": fn(bytes: usize, align: usize) -> *mut c_void
        = new_array_aligned;
    "__alloc_token__ZnwmSt11align_val_tRKSt9nothrow_t":
        fn(bytes: usize, align: usize, nothrow: *const c_void) -> *mut c_void = new_aligned_nothrow;
    "__alloc_token__ZnamSt11align_val_tRKSt9nothrow_t":
        fn(bytes: usize, align: usize, nothrow: *const c_void) -> *mut c_void = new_array_aligned_nothrow;
}

//! The allocation functions of C as a subject: from a shared library, or from whatever this process resolves
//! `malloc` to, which is a preloaded allocator where there is one.

use core::ffi::{CStr, c_int, c_void};
use core::mem::transmute_copy;
use core::ptr;

use crate::subject::Subject;

/// The allocation functions of one implementation; those that not every C library has are optional.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is the function of C that it is named after")]
pub struct CFunctions {
    pub malloc: unsafe extern "C" fn(usize) -> *mut c_void,
    pub calloc: unsafe extern "C" fn(usize, usize) -> *mut c_void,
    pub realloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    pub free: unsafe extern "C" fn(*mut c_void),
    pub posix_memalign: unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int,
    pub aligned_alloc: unsafe extern "C" fn(usize, usize) -> *mut c_void,
    pub memalign: Option<unsafe extern "C" fn(usize, usize) -> *mut c_void>,
    pub valloc: Option<unsafe extern "C" fn(usize) -> *mut c_void>,
    pub pvalloc: Option<unsafe extern "C" fn(usize) -> *mut c_void>,
    pub malloc_usable_size: Option<unsafe extern "C" fn(*mut c_void) -> usize>,
    pub reallocarray: Option<unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void>,
    pub free_sized: Option<unsafe extern "C" fn(*mut c_void, usize)>,
    pub free_aligned_sized: Option<unsafe extern "C" fn(*mut c_void, usize, usize)>,
}

/// The allocation functions of C under test.
///
/// ```
/// use spandrel_testkit::{CSubject, walk};
/// walk::random_walk(&CSubject::process(), 42, 1_000);
/// ```
#[derive(Debug)]
pub struct CSubject {
    /// The functions. Tests of what only C promises call them directly.
    pub functions: CFunctions,
}

impl CSubject {
    /// The functions that this process uses.
    ///
    /// # Panics
    /// If the process has no `malloc`, which cannot be.
    pub fn process() -> Self {
        Self::from_handle(libc::RTLD_DEFAULT).expect("every process has the functions of its C library")
    }

    /// The functions that the shared library at `path` exports. The library stays loaded.
    ///
    /// # Errors
    /// What the loader says, or the name of a function that is missing.
    pub fn open(path: &CStr) -> Result<Self, String> {
        // SAFETY: loading runs the library's constructors, which the caller who names it asks for.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            // SAFETY: after a failure `dlerror` returns null or a string that lives until the next call.
            let message = unsafe { libc::dlerror() };
            assert!(!message.is_null(), "a failed dlopen has a message");
            // SAFETY: as above.
            return Err(unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned());
        }
        Self::from_handle(handle)
    }

    fn from_handle(handle: *mut c_void) -> Result<Self, String> {
        let required = |name: &CStr| lookup(handle, name).ok_or(format!("{name:?} is missing"));
        let optional = |name: &CStr| lookup(handle, name);
        // SAFETY: each name is looked up as the type that the C standard, POSIX or glibc give it.
        let functions = unsafe {
            CFunctions {
                malloc: function(required(c"malloc")?),
                calloc: function(required(c"calloc")?),
                realloc: function(required(c"realloc")?),
                free: function(required(c"free")?),
                posix_memalign: function(required(c"posix_memalign")?),
                aligned_alloc: function(required(c"aligned_alloc")?),
                memalign: optional(c"memalign").map(|symbol| function(symbol)),
                valloc: optional(c"valloc").map(|symbol| function(symbol)),
                pvalloc: optional(c"pvalloc").map(|symbol| function(symbol)),
                malloc_usable_size: optional(c"malloc_usable_size").map(|symbol| function(symbol)),
                reallocarray: optional(c"reallocarray").map(|symbol| function(symbol)),
                free_sized: optional(c"free_sized").map(|symbol| function(symbol)),
                free_aligned_sized: optional(c"free_aligned_sized").map(|symbol| function(symbol)),
            }
        };
        Ok(Self { functions })
    }
}

/// The alignment that `malloc(bytes)` has without being asked: 16, or for blocks below 16 bytes that no type
/// of alignment 16 fits into, 8.
pub(crate) const fn natural_align(bytes: usize) -> usize {
    if bytes < 16 { 8 } else { 16 }
}

/// The address of a symbol, if the library has it itself.
fn lookup(handle: *mut c_void, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the handle is one of `dlopen` or the default one; the name ends with a zero.
    let symbol = unsafe { libc::dlsym(handle, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

/// A symbol as the function that it is.
///
/// # Safety
/// `F` must be the type of a pointer to that function.
unsafe fn function<F>(symbol: *mut c_void) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>(), "a pointer to a function is one word") };
    // SAFETY: the sizes agree, and the rest is what the caller promises.
    unsafe { transmute_copy(&symbol) }
}

// SAFETY: C promises the same of these functions.
unsafe impl Subject for CSubject {
    unsafe fn alloc(&self, bytes: usize, align: usize) -> *mut u8 {
        if align <= natural_align(bytes) {
            // SAFETY: `malloc` takes any size.
            return unsafe { (self.functions.malloc)(bytes) }.cast();
        }
        let mut block = ptr::null_mut();
        // SAFETY: the alignment is a power of two and a multiple of the size of a pointer.
        let error = unsafe { (self.functions.posix_memalign)(&raw mut block, align, bytes) };
        if error == 0 { block.cast() } else { ptr::null_mut() }
    }

    unsafe fn alloc_zeroed(&self, bytes: usize, align: usize) -> *mut u8 {
        if align <= natural_align(bytes) {
            let (count, each_bytes) = if bytes.is_multiple_of(8) { (bytes / 8, 8) } else { (1, bytes) };
            // SAFETY: `calloc` takes any sizes.
            return unsafe { (self.functions.calloc)(count, each_bytes) }.cast();
        }
        // SAFETY: the caller's promise is the same.
        let block = unsafe { self.alloc(bytes, align) };
        if !block.is_null() {
            // SAFETY: the block is new and has this size.
            unsafe { block.write_bytes(0, bytes) };
        }
        block
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _bytes: usize, _align: usize) {
        // SAFETY: the caller owns this block.
        unsafe { (self.functions.free)(ptr.cast()) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, _bytes: usize, _align: usize, new_bytes: usize) -> *mut u8 {
        // SAFETY: the caller owns this block.
        unsafe { (self.functions.realloc)(ptr.cast(), new_bytes) }.cast()
    }

    unsafe fn usable(&self, ptr: *mut u8) -> Option<usize> {
        // SAFETY: the caller owns this block.
        self.functions.malloc_usable_size.map(|usable_size| unsafe { usable_size(ptr.cast()) })
    }

    fn allows_zero_size(&self) -> bool {
        true
    }

    /// `realloc` has no alignment to keep but the natural one.
    fn realloc_align(&self, align: usize, new_bytes: usize) -> usize {
        align.min(natural_align(new_bytes))
    }
}

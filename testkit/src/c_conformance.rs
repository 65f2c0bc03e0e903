//! What C and POSIX promise beyond the properties of every allocator: null pointers, zero sizes, `errno`,
//! products that overflow, and the functions that align.
//!
//! Where implementations may differ (`realloc(p, 0)`, `memalign` of an alignment that is no power of two),
//! each behaviour that programs meet in the wild is accepted.

use core::ffi::{c_int, c_void};
use core::ptr;

use crate::c_abi::{CSubject, natural_align};
use crate::conformance::{Scale, conformance, zeroed_memory_is_zero};
use crate::sizes::{CLASS_BYTES, KIB, MIB, OS_PAGE_BYTES, around};

/// The first size that no object may have: `PTRDIFF_MAX + 1`.
const TOO_MANY_BYTES: usize = isize::MAX as usize + 1;

/// An `errno` that no function sets.
const UNTOUCHED: c_int = 12_345;

/// A property of the functions of C: a name, and the function that checks it.
pub type CProperty = (&'static str, fn(&CSubject));

/// All properties that only C has.
pub const C_PROPERTIES: [CProperty; 9] = [
    ("null pointers", null_pointers),
    ("zero sizes of C", zero_sizes_of_c),
    ("natural alignment", natural_alignment),
    ("free keeps errno", free_keeps_errno),
    ("overflow is ENOMEM", overflow_is_enomem),
    ("posix_memalign", posix_memalign),
    ("aligned_alloc and memalign", aligned_alloc_and_memalign),
    ("usable size", usable_size),
    ("sized frees", sized_frees),
];

/// Runs [`conformance`] and then every property of C.
///
/// # Panics
/// On the first fault of the subject.
pub fn c_conformance(subject: &CSubject, scale: Scale) {
    conformance(subject, scale);
    for (_, check) in C_PROPERTIES {
        check(subject);
    }
}

fn errno() -> c_int {
    // SAFETY: the thread's own `errno` is always there.
    unsafe { *libc::__errno_location() }
}

fn set_errno(value: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = value }
}

/// Checks that a call returns null and sets `errno` to `ENOMEM`.
fn expect_enomem(what: &str, call: impl FnOnce() -> *mut c_void) {
    set_errno(UNTOUCHED);
    let (block, error) = (call(), errno());
    assert!(block.is_null(), "overflow is ENOMEM: {what} returned {block:p}");
    assert_eq!(error, libc::ENOMEM, "overflow is ENOMEM: errno after {what}");
}

/// Writes to each end of a block and frees it.
fn use_and_free(c: &CSubject, block: *mut c_void, bytes: usize) {
    if bytes > 0 {
        let block = block.cast::<u8>();
        // SAFETY: the caller has just got this block of `bytes` bytes and does not use it again.
        unsafe {
            block.write(1);
            block.add(bytes - 1).write(1);
        }
    }
    // SAFETY: as above.
    unsafe { (c.functions.free)(block) };
}

/// `free(NULL)` does nothing; `realloc(NULL, n)` and `reallocarray(NULL, n, m)` allocate; `realloc(p, 0)`
/// frees `p` and returns null or another block to free.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn null_pointers(c: &CSubject) {
    let f = &c.functions;
    for bytes in [1, 100, 5_000, 100_000, 5 * MIB] {
        // SAFETY: null is allowed everywhere here, and each block is resized or freed once.
        let (block, released) = unsafe {
            (f.free)(ptr::null_mut());
            ((f.realloc)(ptr::null_mut(), bytes), (f.realloc)((f.malloc)(bytes), 0))
        };
        assert!(!block.is_null(), "null pointers: realloc(NULL, {bytes}) returned NULL");
        use_and_free(c, block, bytes);
        use_and_free(c, released, 0);
        if let Some(reallocarray) = f.reallocarray {
            // SAFETY: as above.
            let block = unsafe { reallocarray(ptr::null_mut(), bytes, 3) };
            assert!(!block.is_null(), "null pointers: reallocarray(NULL, {bytes}, 3) returned NULL");
            use_and_free(c, block, 3 * bytes);
        }
    }
    // SAFETY: null is allowed here.
    let block = unsafe { (f.realloc)(ptr::null_mut(), 0) };
    assert!(!block.is_null(), "null pointers: realloc(NULL, 0) returned NULL");
    use_and_free(c, block, 0);
}

/// `malloc(0)` and `calloc` of nothing return blocks that are distinct and can be freed.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn zero_sizes_of_c(c: &CSubject) {
    let f = &c.functions;
    let mut blocks: Vec<*mut c_void> = Vec::new();
    for _ in 0..1_000 {
        // SAFETY: these functions take any sizes.
        blocks
            .extend(unsafe { [(f.malloc)(0), (f.calloc)(0, 8), (f.calloc)(8, 0), (f.aligned_alloc)(64, 0)] });
    }
    assert!(blocks.iter().all(|block| !block.is_null()), "zero sizes of C: a block of no bytes is NULL");
    let mut sorted = blocks.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), blocks.len(), "zero sizes of C: two blocks of no bytes have one address");
    blocks.into_iter().for_each(|block| use_and_free(c, block, 0));
}

/// Every block is aligned to 8 bytes and from 16 bytes upward to 16, whichever function returned it.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn natural_alignment(c: &CSubject) {
    let f = &c.functions;
    for bytes in (1..2 * KIB).chain(around(&CLASS_BYTES)).chain([40_000, MIB, 5 * MIB]) {
        // SAFETY: these functions take any sizes.
        let blocks = unsafe { [(f.malloc)(bytes), (f.calloc)(1, bytes), (f.realloc)((f.malloc)(1), bytes)] };
        for block in blocks {
            let aligned = !block.is_null() && block.addr().is_multiple_of(natural_align(bytes));
            assert!(aligned, "natural alignment: {block:p} for {bytes} bytes");
            use_and_free(c, block, bytes);
        }
    }
}

/// `free` leaves `errno` alone, also where it returns memory to the OS.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn free_keeps_errno(c: &CSubject) {
    for bytes in [0, 1, 100, 10_000, 100_000, MIB, 5 * MIB, 65 * MIB] {
        // SAFETY: `malloc` takes any size.
        let blocks: Vec<*mut c_void> = (0..4).map(|_| unsafe { (c.functions.malloc)(bytes) }).collect();
        for block in blocks.into_iter().chain([ptr::null_mut()]) {
            set_errno(UNTOUCHED);
            use_and_free(c, block, if block.is_null() { 0 } else { bytes });
            assert_eq!(errno(), UNTOUCHED, "free keeps errno: after a block of {bytes} bytes");
        }
    }
}

/// Sizes above `PTRDIFF_MAX` and products that overflow are refused with `ENOMEM`; a block that was to be
/// resized stays as it was; the heap still works.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn overflow_is_enomem(c: &CSubject) {
    let f = &c.functions;
    // SAFETY: `malloc` takes any size.
    let block = unsafe { (f.malloc)(100) };
    // SAFETY: the block has 100 bytes.
    unsafe { block.cast::<u8>().write_bytes(0xa5, 100) };
    for bytes in [TOO_MANY_BYTES, TOO_MANY_BYTES + 1, usize::MAX - OS_PAGE_BYTES, usize::MAX - 15, usize::MAX]
    {
        // SAFETY: these functions take any sizes; a refused `realloc` leaves the block.
        expect_enomem("malloc", || unsafe { (f.malloc)(bytes) });
        // SAFETY: as above.
        expect_enomem("calloc", || unsafe { (f.calloc)(1, bytes) });
        // SAFETY: as above.
        expect_enomem("realloc", || unsafe { (f.realloc)(block, bytes) });
        // SAFETY: as above.
        expect_enomem("aligned_alloc", || unsafe { (f.aligned_alloc)(64, bytes & !63) });
    }
    // The first two products wrap around to something small.
    let products = [(1 << 32, 1 << 32), (1 << 63, 2), (usize::MAX / 2, 3), (3, usize::MAX / 2), (1 << 62, 2)];
    for (count, each_bytes) in products {
        // SAFETY: as above.
        expect_enomem("calloc", || unsafe { (f.calloc)(count, each_bytes) });
        if let Some(reallocarray) = f.reallocarray {
            // SAFETY: as above.
            expect_enomem("reallocarray", || unsafe { reallocarray(block, count, each_bytes) });
        }
    }
    for offset in 0..100 {
        // SAFETY: the block has 100 bytes and was not freed.
        let byte = unsafe { block.cast::<u8>().add(offset).read() };
        assert_eq!(byte, 0xa5, "overflow is ENOMEM: a refused realloc changed byte {offset}");
    }
    use_and_free(c, block, 100);
    // SAFETY: `malloc` takes any size.
    let after = unsafe { (f.malloc)(100) };
    assert!(!after.is_null(), "overflow is ENOMEM: the heap is dead afterwards");
    use_and_free(c, after, 100);
}

/// `posix_memalign` returns its errors and then leaves the pointer alone.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn posix_memalign(c: &CSubject) {
    let sentinel = ptr::without_provenance_mut::<c_void>(0x5eed);
    let call = |align, bytes| {
        let mut block = sentinel;
        // SAFETY: the function takes any alignment and size.
        let error = unsafe { (c.functions.posix_memalign)(&raw mut block, align, bytes) };
        (error, block)
    };
    for align in [0, 1, 2, 3, 4, 7, 12, 24, 100, 4097, usize::MAX] {
        assert_eq!(call(align, 100), (libc::EINVAL, sentinel), "posix_memalign: alignment {align}");
    }
    for bytes in [TOO_MANY_BYTES, usize::MAX - 15, usize::MAX] {
        for align in [8, 16, 4096, MIB] {
            let answer = call(align, bytes);
            assert_eq!(answer, (libc::ENOMEM, sentinel), "posix_memalign: {bytes} bytes aligned to {align}");
        }
    }
    for align in (3..=21).map(|bits| 1 << bits) {
        for bytes in [0, 1, 100, 5_000, 100_000] {
            let (error, block) = call(align, bytes);
            assert_eq!(error, 0, "posix_memalign: {bytes} bytes aligned to {align}");
            // A block of no bytes may be null.
            assert!(bytes == 0 || !block.is_null(), "posix_memalign: success, and NULL for {bytes} bytes");
            assert!(
                block.addr().is_multiple_of(align),
                "posix_memalign: {block:p} is not aligned to {align}"
            );
            use_and_free(c, block, bytes);
        }
    }
}

/// `aligned_alloc` and `memalign` align; for an alignment that is no power of two, `memalign` takes the next
/// one or fails with `EINVAL`; `valloc` and `pvalloc` align to pages, and the latter gives whole ones.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn aligned_alloc_and_memalign(c: &CSubject) {
    let f = &c.functions;
    let check = |what: &str, align: usize, block: *mut c_void, bytes: usize| {
        let aligned = !block.is_null() && block.addr().is_multiple_of(align);
        assert!(aligned, "{what}: {block:p} for {bytes} bytes aligned to {align}");
        use_and_free(c, block, bytes);
    };
    for align in (3..=21).map(|bits| 1 << bits) {
        for units in [1, 2, 5] {
            // SAFETY: the alignment is a power of two, the size a multiple of it.
            check("aligned_alloc", align, unsafe { (f.aligned_alloc)(align, align * units) }, align * units);
        }
    }
    for bytes in [1, 24, 100, 5_000, 40_000] {
        if let Some(memalign) = f.memalign {
            for align in [1, 2, 4, 8, 16, 24, 48, 100, 4096, 5_000] {
                set_errno(UNTOUCHED);
                // SAFETY: the function takes any alignment and size.
                let block = unsafe { memalign(align, bytes) };
                let refused = block.is_null() && errno() == libc::EINVAL && !align.is_power_of_two();
                if !refused {
                    check("memalign", align.next_power_of_two(), block, bytes);
                }
            }
        }
        if let Some(valloc) = f.valloc {
            // SAFETY: the function takes any size.
            check("valloc", OS_PAGE_BYTES, unsafe { valloc(bytes) }, bytes);
        }
        if let Some(pvalloc) = f.pvalloc {
            // SAFETY: the function takes any size.
            let block = unsafe { pvalloc(bytes) };
            check("pvalloc", OS_PAGE_BYTES, block, bytes.next_multiple_of(OS_PAGE_BYTES));
        }
    }
}

/// The usable size is that of null at zero, covers the request, does not change, and may be written in full.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn usable_size(c: &CSubject) {
    let f = &c.functions;
    let Some(usable_size) = f.malloc_usable_size else {
        return;
    };
    // SAFETY: null is allowed.
    let null_bytes = unsafe { usable_size(ptr::null_mut()) };
    assert_eq!(null_bytes, 0, "usable size: of NULL");
    for bytes in around(&CLASS_BYTES).chain([0, 40_000, MIB, 5 * MIB]) {
        // SAFETY: `malloc` takes any size.
        let block = unsafe { (f.malloc)(bytes) };
        // SAFETY: the block is live; what is usable may be written.
        let (before, after) = unsafe {
            let before = usable_size(block);
            block.cast::<u8>().write_bytes(0xff, before);
            (before, usable_size(block))
        };
        assert!(before >= bytes, "usable size: {before} of a block of {bytes} bytes");
        assert_eq!(before, after, "usable size: writing to a block of {bytes} bytes changed it");
        use_and_free(c, block, before);
    }
}

/// `free_sized` takes back what `malloc`, `calloc` and `realloc` gave, `free_aligned_sized` what
/// `aligned_alloc` did.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn sized_frees(c: &CSubject) {
    let f = &c.functions;
    for bytes in around(&CLASS_BYTES).chain([0, 40_000, MIB, 5 * MIB]) {
        if let Some(free_sized) = f.free_sized {
            // SAFETY: each block is freed once, with the size it was asked for; null has any size.
            unsafe {
                free_sized((f.malloc)(bytes), bytes);
                free_sized((f.calloc)(1, bytes), bytes);
                free_sized((f.realloc)((f.malloc)(1), bytes.max(1)), bytes.max(1));
                free_sized(ptr::null_mut(), bytes);
            }
        }
        let Some(free_aligned_sized) = f.free_aligned_sized else {
            continue;
        };
        for align in [8, 16, 64, 4096] {
            let bytes = bytes.next_multiple_of(align);
            // SAFETY: the block is freed once, with the size and alignment it was asked for.
            unsafe { free_aligned_sized((f.aligned_alloc)(align, bytes), align, bytes) };
        }
    }
    // A heap whose blocks were filed under wrong sizes shows it when they are used again.
    zeroed_memory_is_zero(c, Scale::Quick);
}

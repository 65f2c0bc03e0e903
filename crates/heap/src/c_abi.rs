//! What the C interface needs: blocks without a layout, found again by their address.
//!
//! Functions for the preload library, not for Rust programs. Every block of 16 bytes or more is aligned to
//! 16. Null means that there is no memory; the functions for the common cases then set `errno`, so that
//! their fast paths end in jumps and need no stack.

use core::ptr::copy_nonoverlapping;

use spandrel_classes::{SMALL_BYTES_MAX, c_class_of, c_class_of_frequent, class_of};
use spandrel_platform::thread::{ENOMEM, set_errno};

use crate::config::C_ALIGN;
use crate::page_map::{self, region};
use crate::{entry, large, sampled_pages};

/// Allocates `bytes`; 0 bytes are a block of their own. Sets `errno` on failure.
#[inline(always)]
#[must_use]
pub fn alloc(bytes: usize) -> *mut u8 {
    match c_class_of_frequent(bytes) {
        Some(class) => alloc_small(bytes, class),
        None => alloc_middle(bytes),
    }
}

/// A less frequent size: in a function of its own, so that the path of the frequent ones has no jump.
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn alloc_middle(bytes: usize) -> *mut u8 {
    if bytes <= SMALL_BYTES_MAX { alloc_small(bytes, c_class_of(bytes)) } else { alloc_large(bytes) }
}

#[inline(always)]
fn alloc_small(bytes: usize, class: u8) -> *mut u8 {
    let object = entry::pop_hot(class);
    if object.is_null() { alloc_slow(bytes, class) } else { object }
}

#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn alloc_slow(bytes: usize, class: u8) -> *mut u8 {
    or_enomem(entry::alloc_slow(class, bytes).object)
}

#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn alloc_large(bytes: usize) -> *mut u8 {
    or_enomem(entry::alloc_large(bytes, C_ALIGN))
}

/// The block, or null with `errno` set.
#[inline(always)]
fn or_enomem(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        set_errno(ENOMEM);
    }
    block
}

/// Allocates `bytes` that are zero. Sets `errno` on failure.
#[inline(always)]
#[must_use]
pub fn alloc_zeroed(bytes: usize) -> *mut u8 {
    or_enomem(match c_class_of(bytes) {
        0 => entry::alloc_large_zeroed(bytes, C_ALIGN),
        class => entry::alloc_small_zeroed(class, bytes),
    })
}

/// Allocates `bytes` at a multiple of `align`, a power of two.
#[inline]
#[must_use]
pub fn alloc_aligned(bytes: usize, align: usize) -> *mut u8 {
    if align <= C_ALIGN {
        return alloc(bytes.max(align));
    }
    match class_of(bytes, align) {
        0 => entry::alloc_large(bytes, align),
        class => entry::alloc_small(class, bytes),
    }
}

/// Frees a block; null is none.
///
/// # Safety
/// The block came from this module and is in use.
#[inline(always)]
pub unsafe fn free(pointer: *mut u8) {
    if page_map::region_of(pointer.addr()) != region::ARENA {
        return free_large(pointer);
    }
    // SAFETY: the region is an arena, and the page map says the class, which may be 0; the rest is the
    // caller's promise.
    unsafe { entry::free_small(page_map::class_in_arena(pointer), pointer) }
}

#[cold]
#[inline(never)]
extern "C" fn free_large(pointer: *mut u8) {
    if !pointer.is_null() {
        large::free(pointer);
    }
}

/// Frees a block that was allocated by [`alloc`] or [`alloc_zeroed`] with these `bytes`.
///
/// # Safety
/// As [`free`], and the size is right.
#[inline(always)]
pub unsafe fn free_sized(pointer: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { free_of_class(pointer, c_class_of(bytes)) };
}

/// Frees a block that was allocated by [`alloc_aligned`] with these `bytes` and `align`.
///
/// # Safety
/// As [`free`], and size and alignment are right.
#[inline(always)]
pub unsafe fn free_aligned_sized(pointer: *mut u8, bytes: usize, align: usize) {
    if align <= C_ALIGN {
        // SAFETY: the caller's promise; see `alloc_aligned`.
        return unsafe { free_sized(pointer, bytes.max(align)) };
    }
    // SAFETY: the caller's promise.
    unsafe { free_of_class(pointer, class_of(bytes, align)) };
}

/// Frees a block whose class is known, without a look at the page map.
///
/// # Safety
/// As [`free`], and the class is the block's, 0 for a large one.
#[inline(always)]
unsafe fn free_of_class(pointer: *mut u8, class: u8) {
    if class == 0 {
        free_large(pointer);
    } else if !pointer.is_null() {
        // SAFETY: the caller's promise.
        unsafe { entry::free(class, pointer) };
    }
}

/// The bytes of a block that may be used; 0 for null.
///
/// # Safety
/// As [`free`].
#[inline]
#[must_use]
pub unsafe fn usable_bytes(pointer: *mut u8) -> usize {
    if pointer.is_null() { 0 } else { entry::usable_bytes(page_map::class_of(pointer), pointer) }
}

/// Makes a block `bytes` long, where it is or elsewhere, with its contents. Null leaves it as it was.
///
/// # Safety
/// As [`free`], and the block is not null.
#[inline]
#[must_use]
pub unsafe fn realloc(pointer: *mut u8, bytes: usize) -> *mut u8 {
    let class = page_map::class_of(pointer);
    if class != 0 && class == c_class_of(bytes) {
        return pointer;
    }
    let sampled_class = if class == 0 { sampled_pages::class_of(pointer) } else { 0 };
    if sampled_class != 0 {
        if sampled_class == c_class_of(bytes) {
            return pointer;
        }
    } else if class == 0 {
        let resized = large::resize(pointer, bytes, C_ALIGN);
        if !resized.is_null() {
            return resized;
        }
    }
    let new = alloc(bytes);
    if !new.is_null() {
        // SAFETY: both blocks have as many bytes; the old one is the caller's, as promised.
        unsafe {
            copy_nonoverlapping(pointer, new, usable_bytes(pointer).min(bytes));
            free(pointer);
        }
    }
    new
}

/// Runs `alloc`, one of the functions above; a sample that it takes carries `token` in the label
/// `alloc_token`.
#[inline]
pub fn with_token<R>(token: u64, alloc: impl FnOnce() -> R) -> R {
    crate::labels::with_token(token, alloc)
}

/// Gives all free memory back to the operating system; whether there was some.
pub fn trim() -> bool {
    crate::scavenge::release_all() > 0
}

/// The process comes to its end by a way that runs no destructors (`_exit`).
pub fn process_ends() {
    crate::init::end();
}

/// Prints the statistics to standard error, a line for each size class in use.
pub fn print_summary() {
    crate::init::print_summary();
}

/// A bug of this library has shown itself at a line of its sources. Ends the process with one line.
pub fn die_of_panic(file: &str, line: u32) -> ! {
    crate::die::panicked(file.as_bytes(), line)
}

//! Blocks from 4 MiB up: each a mapping of its own, aligned to a region, grown and moved by `mremap`.
//!
//! ```text
//!   base (a multiple of 64 MiB)                                             base + mapped_bytes
//!   | unused, when the alignment is large | header: one OS page | the caller's bytes |
//! ```
//!
//! The header lies in the OS page before the object, so that it moves along when the pages are moved.

use core::ptr::null_mut;

use spandrel_platform::memory::{
    Access, OS_PAGE_BYTES, release, remap, reserve_aligned, resize as resize_mapping,
};

use crate::config::ARENA_BYTES;
use crate::page_heap;
use crate::page_map::{self, region};

/// Says that a page is a header.
const MAGIC: u64 = u64::from_le_bytes(*b"spandrel");

#[repr(C)]
struct Header {
    magic: u64,
    /// From the base of the mapping to the object.
    offset_bytes: usize,
    /// Length of the mapping.
    mapped_bytes: usize,
}

/// Allocates zeroed memory; null if the operating system or the limit refuses.
pub(crate) fn alloc(bytes: usize, align: usize) -> *mut u8 {
    let offset_bytes = align.max(OS_PAGE_BYTES);
    let Some(mapped_bytes) = mapped_bytes(offset_bytes, bytes) else {
        return null_mut();
    };
    if !page_heap::begin_own_mapping(mapped_bytes, mapped_bytes) {
        return null_mut();
    }
    let base = reserve_aligned(mapped_bytes, ARENA_BYTES.max(align), Access::ReadWrite);
    if base.is_null() {
        page_heap::end_own_mapping(mapped_bytes, mapped_bytes);
        return base;
    }
    let object = base.wrapping_add(offset_bytes);
    // SAFETY: the page before the object is in the fresh mapping.
    unsafe {
        header_of(object).write(Header {
            magic: MAGIC,
            offset_bytes,
            mapped_bytes,
        })
    };
    page_map::set_region(object, region::OWN);
    object
}

/// Unmaps the object and returns the bytes it had; `None` if there is none at this address.
pub(crate) fn free(object: *mut u8) -> Option<usize> {
    let usable = checked_usable_bytes(object)?;
    // SAFETY: the header was checked.
    let Header {
        offset_bytes,
        mapped_bytes,
        ..
    } = unsafe { header_of(object).read() };
    page_map::set_region(object, region::FOREIGN);
    release(object.wrapping_sub(offset_bytes), mapped_bytes);
    page_heap::end_own_mapping(mapped_bytes, mapped_bytes);
    Some(usable)
}

/// The bytes that the caller may use.
pub(crate) fn usable_bytes(object: *mut u8) -> usize {
    checked_usable_bytes(object).unwrap_or_else(|| crate::die::foreign_pointer(object.addr()))
}

fn checked_usable_bytes(object: *mut u8) -> Option<usize> {
    if !object.addr().is_multiple_of(OS_PAGE_BYTES)
        || object.addr().is_multiple_of(ARENA_BYTES) && object.is_null()
    {
        return None;
    }
    // SAFETY: the region holds a block of its own mapping. Its object is the only address on an OS page
    // boundary in that region that is preceded by a header; other addresses may be unmapped, which is
    // misuse that ends the process either way.
    let Header {
        magic,
        offset_bytes,
        mapped_bytes,
    } = unsafe { header_of(object).read() };
    (magic == MAGIC).then(|| mapped_bytes - offset_bytes)
}

/// Grows or shrinks the object, in place or by moving its pages; null if neither works.
pub(crate) fn resize(object: *mut u8, bytes: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller owns the object.
    let Header {
        offset_bytes,
        mapped_bytes: old_bytes,
        ..
    } = unsafe { header_of(object).read() };
    let Some(new_bytes) = mapped_bytes(offset_bytes, bytes) else {
        return null_mut();
    };
    if new_bytes == old_bytes {
        return object;
    }
    let more_bytes = new_bytes.saturating_sub(old_bytes);
    if !page_heap::begin_own_mapping(more_bytes, more_bytes) {
        return null_mut();
    }
    let base = object.wrapping_sub(offset_bytes);
    let new_base = if resize_mapping(base, old_bytes, new_bytes) {
        base
    } else {
        move_mapping(base, old_bytes, new_bytes, align)
    };
    if new_base.is_null() {
        page_heap::end_own_mapping(more_bytes, more_bytes);
        return new_base;
    }
    let less_bytes = old_bytes.saturating_sub(new_bytes);
    page_heap::end_own_mapping(less_bytes, less_bytes);
    let new_object = new_base.wrapping_add(offset_bytes);
    if new_object != object {
        page_map::set_region(object, region::FOREIGN);
        page_map::set_region(new_object, region::OWN);
    }
    // SAFETY: the header moved along with the object.
    unsafe { (*header_of(new_object)).mapped_bytes = new_bytes };
    new_object
}

/// Moves a mapping to a new place with room for `new_bytes`; null if that fails, and nothing has moved.
fn move_mapping(base: *mut u8, old_bytes: usize, new_bytes: usize, align: usize) -> *mut u8 {
    let target = reserve_aligned(new_bytes, ARENA_BYTES.max(align), Access::None);
    if !target.is_null() && !remap(base, old_bytes, target, new_bytes) {
        release(target, new_bytes);
        return null_mut();
    }
    target
}

fn mapped_bytes(offset_bytes: usize, bytes: usize) -> Option<usize> {
    offset_bytes
        .checked_add(bytes)?
        .checked_next_multiple_of(OS_PAGE_BYTES)
}

fn header_of(object: *mut u8) -> *mut Header {
    object.wrapping_sub(OS_PAGE_BYTES).cast()
}

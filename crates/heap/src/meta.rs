//! Memory for the allocator's own structures: taken from the operating system, never given back.
//!
//! What is never unmapped and always serves the same type can be followed by a stale pointer without
//! harm: the one argument on which [`crate::span::SpanRef`] and the list of thread caches rest. There is no
//! `free` here; spans and thread caches keep their own lists of unused ones.

use core::ptr::null_mut;

use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::memory::{Access, OS_PAGE_BYTES, map};

use crate::config::META_BYTES;

pub(crate) struct Meta {
    next: *mut u8,
    left_bytes: usize,
    used_bytes: usize,
}

// SAFETY: the pointer is to memory that belongs to the process, not to a thread.
unsafe impl Send for Meta {}

pub(crate) static META: Mutex<Meta> =
    Mutex::new(Rank::Meta, Meta { next: null_mut(), left_bytes: 0, used_bytes: 0 });

/// Zeroed memory, for good; null if the operating system has none. `align` is at most an OS page.
pub(crate) fn alloc(bytes: usize, align: usize) -> *mut u8 {
    debug_assert!(align <= OS_PAGE_BYTES);
    let mut meta = META.lock();
    let padding = meta.next.align_offset(align).min(OS_PAGE_BYTES);
    if meta.left_bytes < padding + bytes {
        let fresh_bytes = META_BYTES.max(bytes.next_multiple_of(OS_PAGE_BYTES));
        let fresh = map(0, fresh_bytes, Access::ReadWrite);
        if fresh.is_null() {
            return fresh;
        }
        (meta.next, meta.left_bytes) = (fresh, fresh_bytes);
    } else {
        meta.next = meta.next.wrapping_add(padding);
        meta.left_bytes -= padding;
    }
    let block = meta.next;
    meta.next = block.wrapping_add(bytes);
    meta.left_bytes -= bytes;
    meta.used_bytes += bytes;
    block
}

/// Bytes handed out.
pub(crate) fn used_bytes() -> usize {
    META.lock().used_bytes
}

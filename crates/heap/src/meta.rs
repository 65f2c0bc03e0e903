//! Memory for the allocator's own structures: taken from the operating system, never given back.
//!
//! What is never unmapped and always serves the same type can be followed by a stale pointer without
//! harm: the one argument on which [`crate::span::SpanRef`] and the list of thread caches rest. There is no
//! `free` here; spans and thread caches keep their own lists of unused ones.

use core::ptr::null_mut;

use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::memory::{Access, OS_PAGE_BYTES, map};

use crate::config::META_BYTES;

/// What a block from the operating system begins with.
#[repr(C)]
struct Head {
    /// The block before it.
    before: *mut Head,
    bytes: usize,
}

pub(crate) struct Meta {
    next: *mut u8,
    left_bytes: usize,
    used_bytes: usize,
    mapped_bytes: usize,
    /// Of those handed out, the heap profile's.
    profile_bytes: usize,
    /// The latest block.
    latest: *mut Head,
}

// SAFETY: the pointers are to memory that belongs to the process, not to a thread.
unsafe impl Send for Meta {}

pub(crate) static META: Mutex<Meta> = Mutex::new(
    Rank::Meta,
    Meta {
        next: null_mut(),
        left_bytes: 0,
        used_bytes: 0,
        mapped_bytes: 0,
        profile_bytes: 0,
        latest: null_mut(),
    },
);

/// Zeroed memory, for good; null if the operating system has none. `align` is at most an OS page.
pub(crate) fn alloc(bytes: usize, align: usize) -> *mut u8 {
    debug_assert!(align <= OS_PAGE_BYTES);
    let mut meta = META.lock();
    let block = meta.take(bytes, align);
    if block.is_null() && meta.map_block(bytes + align) { meta.take(bytes, align) } else { block }
}

/// The same for the heap profile.
pub(crate) fn alloc_for_profile(bytes: usize, align: usize) -> *mut u8 {
    let block = alloc(bytes, align);
    if !block.is_null() {
        META.lock().profile_bytes += bytes;
    }
    block
}

impl Meta {
    /// Takes memory from the latest block; null if it has not enough.
    fn take(&mut self, bytes: usize, align: usize) -> *mut u8 {
        let padding = self.next.align_offset(align).min(OS_PAGE_BYTES);
        if self.left_bytes < padding + bytes {
            return null_mut();
        }
        let block = self.next.wrapping_add(padding);
        self.next = block.wrapping_add(bytes);
        self.left_bytes -= padding + bytes;
        self.used_bytes += bytes;
        block
    }

    /// Maps a block with room for `bytes`.
    fn map_block(&mut self, bytes: usize) -> bool {
        let block_bytes = META_BYTES.max((size_of::<Head>() + bytes).next_multiple_of(OS_PAGE_BYTES));
        let block = map(0, block_bytes, Access::ReadWrite);
        if block.is_null() {
            return false;
        }
        let head = block.cast::<Head>();
        // SAFETY: the block was just mapped, is aligned to a page, and nobody knows it.
        unsafe { head.write(Head { before: self.latest, bytes: block_bytes }) };
        self.latest = head;
        self.mapped_bytes += block_bytes;
        self.next = block.wrapping_add(size_of::<Head>());
        self.left_bytes = block_bytes - size_of::<Head>();
        true
    }
}

/// Bytes handed out.
pub(crate) fn used_bytes() -> usize {
    META.lock().used_bytes
}

/// Bytes taken from the operating system.
pub(crate) fn mapped_bytes() -> usize {
    META.lock().mapped_bytes
}

/// Bytes handed out to the heap profile.
pub(crate) fn profile_bytes() -> usize {
    META.lock().profile_bytes
}

/// The blocks, each as its first byte and its length; the latest comes first.
pub(crate) fn blocks() -> impl Iterator<Item = (*mut u8, usize)> {
    let mut next = META.lock().latest;
    core::iter::from_fn(move || {
        // SAFETY: blocks are never unmapped, and their heads are written before they are linked.
        let head = unsafe { next.as_ref() }?;
        let block = next.cast();
        next = head.before;
        Some((block, head.bytes))
    })
}

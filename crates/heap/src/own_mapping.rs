//! Blocks from 4 MiB up: each a mapping of its own, aligned to a region, grown and moved by `mremap`.
//!
//! ```text
//!   base (a multiple of 64 MiB)                                             base + mapped_bytes
//!   | unused, when the alignment is large | header: one OS page | the caller's bytes |
//! ```
//!
//! The header lies in the OS page before the object, so that it moves along when the pages are moved.
//!
//! A few freed ones are kept for the next request of about their size, and then made as long as it needs: a
//! program that drops and rebuilds a large table, or replaces large buffers, would fault in every page
//! again. The scavenger unmaps those that stay unused for a second.

use core::ptr::null_mut;

use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::memory::{
    Access, Advice, OS_PAGE_BYTES, release, remap, reserve_aligned, resize as resize_mapping,
    scavenge as give_pages_back, wish_huge_pages,
};
use spandrel_platform::sync::{AtomicU64, Ordering};

use crate::config::{ARENA_BYTES, OWN_KEPT, OWN_KEPT_BYTES};
use crate::page_map::{self, region};
use crate::thread_cache::Found;
use crate::{options, page_heap, sampler, scavenge};

/// Says that a page is a header.
const MAGIC: u64 = u64::from_le_bytes(*b"spandrel");

#[repr(C)]
struct Header {
    magic: u64,
    /// From the base of the mapping to the object.
    offset_bytes: usize,
    /// Length of the mapping.
    mapped_bytes: usize,
    /// What the caller asked for.
    requested_bytes: usize,
    /// Neighbours, by their objects, in the list of all; guarded by the lock of [`KEPT`].
    next: *mut u8,
    prev: *mut u8,
    /// The record of a sampled object; 0 otherwise.
    record: u32,
}

/// Freed mappings, by their objects, and when each was freed, in rounds of the scavenger.
pub(crate) struct Kept {
    objects: [*mut u8; OWN_KEPT],
    rounds: [u32; OWN_KEPT],
    bytes: usize,
    round: u32,
    /// The first of all mappings, in use or kept.
    all: *mut u8,
}

// SAFETY: the mappings belong to the process.
unsafe impl Send for Kept {}

pub(crate) static KEPT: Mutex<Kept> = Mutex::new(
    Rank::OwnMappings,
    Kept { objects: [null_mut(); OWN_KEPT], rounds: [0; OWN_KEPT], bytes: 0, round: 0, all: null_mut() },
);

/// Allocates; nothing if the operating system or the limit refuses.
pub(crate) fn alloc(bytes: usize, align: usize) -> Found {
    let offset_bytes = align.max(OS_PAGE_BYTES);
    let Some(mapped_bytes) = mapped_bytes(offset_bytes, bytes) else {
        return Found::NONE;
    };
    let kept = KEPT.lock().take(mapped_bytes, offset_bytes);
    if !kept.is_null() {
        let object = change_length(kept, mapped_bytes, align);
        if !object.is_null() {
            page_map::set_region(object, region::OWN);
            return Found { object, zeroed: false };
        }
        unmap(kept);
    }
    Found { object: map_fresh(mapped_bytes, offset_bytes, align), zeroed: true }
}

/// A fresh mapping; null if the operating system or the limit refuses.
fn map_fresh(mapped_bytes: usize, offset_bytes: usize, align: usize) -> *mut u8 {
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
            requested_bytes: 0,
            record: 0,
            next: null_mut(),
            prev: null_mut(),
        });
    }
    KEPT.lock().link(object);
    page_map::set_region(object, region::OWN);
    object
}

/// Calls `see` for each mapping, in use or kept, with its base and length. Takes the lock meanwhile, so that
/// none goes away.
pub(crate) fn each(mut see: impl FnMut(*mut u8, usize)) {
    let kept = KEPT.lock();
    let mut object = kept.all;
    while !object.is_null() {
        // SAFETY: what is on the list has a header, and under the lock nothing leaves the list.
        let Header { offset_bytes, mapped_bytes, next, .. } = unsafe { header_of(object).read() };
        see(object.wrapping_sub(offset_bytes), mapped_bytes);
        object = next;
    }
}

/// Asks for huge pages behind an object that its caller will fill, unless it is a guarded one.
pub(crate) fn expect_dense(object: *mut u8) {
    if options::huge_pages(true) && page_map::region_of(object.addr()) == region::OWN {
        // SAFETY: the object is in use, so it has a header.
        let Header { offset_bytes, mapped_bytes, .. } = unsafe { header_of(object).read() };
        // SAFETY: its whole mapping.
        unsafe { wish_huge_pages(object.wrapping_sub(offset_bytes), mapped_bytes, true) };
    }
}

/// Keeps or unmaps the object; `false` if there is none at this address.
pub(crate) fn free(object: *mut u8) -> bool {
    if checked_usable_bytes(object).is_none() {
        return false;
    }
    end_use(object);
    page_map::set_region(object, region::FOREIGN);
    let mut kept = KEPT.lock();
    if kept.keep(object) {
        let kept_bytes = kept.bytes;
        drop(kept);
        scavenge::notice(kept_bytes);
    } else {
        drop(kept);
        unmap(object);
    }
    true
}

/// Objects in use: how many, their bytes, and the bytes requested.
static LIVE: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// See [`LIVE`].
pub(crate) fn live() -> [u64; 3] {
    [0, 1, 2].map(|figure| LIVE[figure].load(Ordering::Relaxed))
}

/// An object is in use from now on, with as many bytes as the caller has asked for.
pub(crate) fn begin_use(object: *mut u8, requested_bytes: usize, record: u32) {
    // SAFETY: the object has a header.
    unsafe { (*header_of(object)).requested_bytes = requested_bytes };
    set_record(object, record);
    for (sum, figure) in LIVE.iter().zip([1, usable_bytes(object), requested_bytes]) {
        sum.fetch_add(figure as u64, Ordering::Relaxed);
    }
}

/// The record of an object in use; 0 if it is not sampled.
pub(crate) fn record(object: *mut u8) -> u32 {
    // SAFETY: the object has a header.
    unsafe { (*header_of(object)).record }
}

/// Sets it.
pub(crate) fn set_record(object: *mut u8, record: u32) {
    // SAFETY: the object has a header.
    unsafe { (*header_of(object)).record = record };
}

/// It is not any more.
fn end_use(object: *mut u8) {
    if record(object) != 0 {
        sampler::end_large(record(object), object, usable_bytes(object));
    }
    count_out(usable_bytes(object), requested_bytes(object));
}

fn count_out(usable_bytes: usize, requested_bytes: usize) {
    for (sum, figure) in LIVE.iter().zip([1, usable_bytes, requested_bytes]) {
        sum.fetch_sub(figure as u64, Ordering::Relaxed);
    }
}

/// What the caller of an object in use has asked for.
fn requested_bytes(object: *mut u8) -> usize {
    // SAFETY: the object has a header.
    unsafe { (*header_of(object)).requested_bytes }
}

fn unmap(object: *mut u8) {
    // SAFETY: the object is a freed one with a header, which nobody else has.
    let Header { offset_bytes, mapped_bytes, .. } = unsafe { header_of(object).read() };
    KEPT.lock().unlink(object);
    // SAFETY: its whole mapping, which nobody uses any more.
    unsafe { release(object.wrapping_sub(offset_bytes), mapped_bytes) };
    page_heap::end_own_mapping(mapped_bytes, mapped_bytes);
}

/// Unmaps the kept ones that were there at the last call already, or with `all` every one; the bytes
/// unmapped.
pub(crate) fn flush(all: bool) -> usize {
    let mut flushed = 0;
    KEPT.lock().round += 1;
    for slot in 0..OWN_KEPT {
        let mut kept = KEPT.lock();
        let object = kept.objects[slot];
        if object.is_null() || (!all && kept.round.wrapping_sub(kept.rounds[slot]) < 2) {
            continue;
        }
        flushed += kept.remove(slot);
        drop(kept);
        unmap(object);
    }
    flushed
}

/// Bytes of the kept ones.
pub(crate) fn kept_bytes() -> usize {
    KEPT.lock().bytes
}

impl Kept {
    /// Takes the mapping whose length is nearest; null if none is near. Its length can be changed, which
    /// costs the difference; a fresh one costs all of it.
    fn take(&mut self, mapped_bytes: usize, offset_bytes: usize) -> *mut u8 {
        let nearest = (0..OWN_KEPT)
            .filter(|&slot| !self.objects[slot].is_null())
            .map(|slot| {
                // SAFETY: kept objects have headers.
                let header = unsafe { header_of(self.objects[slot]).read() };
                let fits = offset_bytes == header.offset_bytes
                    && header.mapped_bytes / 2 <= mapped_bytes
                    && mapped_bytes / 2 <= header.mapped_bytes;
                (if fits { header.mapped_bytes.abs_diff(mapped_bytes) } else { usize::MAX }, slot)
            })
            .min();
        match nearest {
            Some((difference, slot)) if difference != usize::MAX => {
                let object = self.objects[slot];
                self.remove(slot);
                object
            }
            _ => null_mut(),
        }
    }

    /// Puts a mapping into an empty slot, if there is one and the bytes allow it.
    fn keep(&mut self, object: *mut u8) -> bool {
        // SAFETY: the caller has checked the header.
        let bytes = unsafe { (*header_of(object)).mapped_bytes };
        let slot = self.objects.iter().position(|object| object.is_null());
        match slot {
            Some(slot) if self.bytes + bytes <= OWN_KEPT_BYTES => {
                self.objects[slot] = object;
                self.rounds[slot] = self.round;
                self.bytes += bytes;
                true
            }
            _ => false,
        }
    }

    /// Enters a mapping into the list of all.
    fn link(&mut self, object: *mut u8) {
        // SAFETY: the object has a header, and so has what is on the list; the lock guards the links.
        unsafe {
            (*header_of(object)).next = self.all;
            (*header_of(object)).prev = null_mut();
            if !self.all.is_null() {
                (*header_of(self.all)).prev = object;
            }
        }
        self.all = object;
    }

    /// Takes it out again.
    fn unlink(&mut self, object: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let Header { next, prev, .. } = header_of(object).read();
            if prev.is_null() {
                self.all = next;
            } else {
                (*header_of(prev)).next = next;
            }
            if !next.is_null() {
                (*header_of(next)).prev = prev;
            }
        }
    }

    /// Empties a slot; the bytes that were there.
    fn remove(&mut self, slot: usize) -> usize {
        // SAFETY: kept objects have headers.
        let bytes = unsafe { (*header_of(self.objects[slot])).mapped_bytes };
        self.objects[slot] = null_mut();
        self.bytes -= bytes;
        bytes
    }
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
    let Header { magic, offset_bytes, mapped_bytes, .. } = unsafe { header_of(object).read() };
    (magic == MAGIC).then(|| mapped_bytes - offset_bytes)
}

/// Grows or shrinks the object, in place or by moving its pages; null if neither works.
pub(crate) fn resize(object: *mut u8, bytes: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller owns the object.
    let Header { offset_bytes, mapped_bytes: old_bytes, .. } = unsafe { header_of(object).read() };
    let Some(new_bytes) = mapped_bytes(offset_bytes, bytes) else {
        return null_mut();
    };
    let (old_usable, old_requested) = (old_bytes - offset_bytes, requested_bytes(object));
    let new_object = change_length(object, new_bytes, align);
    if new_object.is_null() {
        return new_object;
    }
    if new_object != object {
        page_map::set_region(object, region::FOREIGN);
        page_map::set_region(new_object, region::OWN);
    }
    count_out(old_usable, old_requested);
    begin_use(new_object, bytes, 0);
    if new_bytes > old_bytes {
        expect_dense(new_object);
    }
    new_object
}

/// Makes a mapping `new_bytes` long, in place or by moving its pages; where its object is then, null if it
/// can't be done. The mapping is in no use that others know of, or the caller's.
fn change_length(object: *mut u8, new_bytes: usize, align: usize) -> *mut u8 {
    // SAFETY: the object has a header.
    let Header { offset_bytes, mapped_bytes: old_bytes, .. } = unsafe { header_of(object).read() };
    if new_bytes == old_bytes {
        return object;
    }
    let more_bytes = new_bytes.saturating_sub(old_bytes);
    if !page_heap::begin_own_mapping(more_bytes, more_bytes) {
        return null_mut();
    }
    let base = object.wrapping_sub(offset_bytes);
    // Whoever looks at the list meanwhile finds neither a header that moves nor a wrong length.
    KEPT.lock().unlink(object);
    // SAFETY: the caller owns the mapping, and gives up its end when it shrinks.
    let new_base = if unsafe { resize_mapping(base, old_bytes, new_bytes) } {
        base
    } else if new_bytes < old_bytes {
        KEPT.lock().link(object);
        return keep_length(object, new_bytes);
    } else {
        move_mapping(base, old_bytes, new_bytes, align)
    };
    if new_base.is_null() {
        KEPT.lock().link(object);
        page_heap::end_own_mapping(more_bytes, more_bytes);
        return new_base;
    }
    let less_bytes = old_bytes.saturating_sub(new_bytes);
    page_heap::end_own_mapping(less_bytes, less_bytes);
    let new_object = new_base.wrapping_add(offset_bytes);
    // SAFETY: the header moved along with the object.
    unsafe { (*header_of(new_object)).mapped_bytes = new_bytes };
    KEPT.lock().link(new_object);
    new_object
}

/// A kernel that can split no mapping any more won't shrink one; then the pages of its end go back, and only
/// the length stays.
fn keep_length(object: *mut u8, new_bytes: usize) -> *mut u8 {
    // SAFETY: the object has a header.
    let Header { offset_bytes, mapped_bytes, .. } = unsafe { header_of(object).read() };
    let end = object.wrapping_sub(offset_bytes).wrapping_add(new_bytes);
    // SAFETY: the caller gives up the end of the mapping.
    let _is_given = unsafe { give_pages_back(end, mapped_bytes - new_bytes, Advice::DontNeed) };
    object
}

/// Moves a mapping to a new place with room for `new_bytes`; null if that fails, and nothing has moved.
fn move_mapping(base: *mut u8, old_bytes: usize, new_bytes: usize, align: usize) -> *mut u8 {
    let target = reserve_aligned(new_bytes, ARENA_BYTES.max(align), Access::None);
    // SAFETY: the caller owns the object's mapping, and the target was just reserved.
    if !target.is_null() && unsafe { remap(base, old_bytes, target, new_bytes) } {
        return target;
    }
    null_mut()
}

fn mapped_bytes(offset_bytes: usize, bytes: usize) -> Option<usize> {
    offset_bytes.checked_add(bytes)?.checked_next_multiple_of(OS_PAGE_BYTES)
}

fn header_of(object: *mut u8) -> *mut Header {
    object.wrapping_sub(OS_PAGE_BYTES).cast()
}

//! Large objects: over 32 KiB, or aligned to more than a page. Each has a span of its own.
//!
//! A freed one is kept, resident and warm, in a slot of the thread's cache that the number of its pages
//! picks; the next request for as many pages takes it from there. The scavenger empties the slots of a thread
//! that sleeps, in two steps ([`crate::claim`]), so that a thread that works needs no atomic instruction to
//! use its own. From 4 MiB up a block is a mapping of its own (see [`crate::own_mapping`]). A guarded one has
//! a range of its own, whatever its length (see [`crate::guarded_large`]).

use core::ptr::{from_ref, null_mut};

use spandrel_classes::PAGE_BYTES;

use crate::config::{LARGE_KEPT_BYTES, LARGE_SLOTS, OWN_MAPPING_BYTES};
use crate::page_map::{self, region};
use crate::sampler::Request;
use crate::span::{SpanRef, place};
use crate::thread_cache::{Found, ThreadCache};
use crate::{
    caches, die, guarded, guarded_large, own_mapping, page_heap, profile, record_file, sampled_pages,
    sampler, scavenge,
};

/// Allocates; the object is aligned to `align` and at least to a page, or for own mappings to an OS page.
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) fn alloc(bytes: usize, align: usize) -> Found {
    if guarded::is_on() {
        let found = alloc_guarded(bytes, align);
        if !found.object.is_null() {
            return found;
        }
    }
    let cache = caches::current();
    if bytes <= LARGE_KEPT_BYTES as usize
        && align <= PAGE_BYTES
        && cache.number.get() != 0
        && let Some(span) = take_kept(cache, bytes.div_ceil(PAGE_BYTES))
    {
        return begin(cache, span, bytes, false);
    }
    alloc_fresh(bytes, align)
}

#[cold]
#[inline(never)]
fn alloc_fresh(bytes: usize, align: usize) -> Found {
    if bytes > isize::MAX as usize - align {
        return Found::NONE;
    }
    caches::with(Found::NONE, |cache| {
        let found = alloc_from(cache, bytes, align);
        if found.object.is_null() {
            scavenge::relieve(cache);
            let found = alloc_from(cache, bytes, align);
            if found.object.is_null() {
                profile::out_of_memory();
            }
            return found;
        }
        found
    })
}

/// Allocates an object that is to be guarded; nothing if this one is not, or can't be.
#[cold]
#[inline(never)]
fn alloc_guarded(bytes: usize, align: usize) -> Found {
    if bytes > isize::MAX as usize - align || !guarded_large::has_room() {
        return Found::NONE;
    }
    caches::with(Found::NONE, |cache| {
        let Some(drawn) = cache.would_sample_large(bytes) else { return Found::NONE };
        if !guarded::wants(drawn.period, cache.random_bits()) {
            return Found::NONE;
        }
        let request = Request { bytes, object_bytes: bytes, class: 0, drawn };
        let object = sampler::large_guarded(cache, request, align);
        if !object.is_null() {
            // The next sample is drawn, in place of the one that was taken.
            let total = count_alloc(cache, bytes, bytes);
            cache.large_is_due(total, bytes);
            record_file::notice();
        }
        Found { object, zeroed: true }
    })
}

fn alloc_from(cache: &ThreadCache, bytes: usize, align: usize) -> Found {
    if bytes >= OWN_MAPPING_BYTES || align >= OWN_MAPPING_BYTES {
        let found = own_mapping::alloc(bytes, align);
        if !found.object.is_null() {
            let record = note_alloc(cache, found.object, bytes, own_mapping::usable_bytes(found.object));
            own_mapping::begin_use(found.object, bytes, record);
            record_file::notice();
        }
        return found;
    }
    let pages = bytes.div_ceil(PAGE_BYTES).max(1);
    let Some(span) = page_heap::alloc_span(0, pages, align.div_ceil(PAGE_BYTES)) else {
        return Found::NONE;
    };
    record_file::notice();
    begin(cache, span, bytes, span.is_zeroed())
}

/// Makes a span the object that was asked for.
#[inline]
fn begin(cache: &ThreadCache, span: SpanRef, bytes: usize, zeroed: bool) -> Found {
    span.sizes.set(core::ptr::without_provenance_mut(bytes));
    span.set_record(note_alloc(cache, span.base(), bytes, span.bytes()));
    Found { object: span.base(), zeroed }
}

/// Frees an object of class 0 at `object`, or says what is wrong with it.
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) fn free(object: *mut u8) {
    if page_map::region_of(object.addr()) != region::ARENA {
        return free_own_mapping(object);
    }
    if let Some(span) = sampled_pages::span_of(object) {
        return sampler::free(span, object);
    }
    let span = span_of(object);
    end_record(span.record(), object, span.bytes());
    let cache = caches::current();
    cache.note_free(0, || span.bytes());
    if cache.number.get() == 0 || !keep(cache, span) {
        page_heap::free_span(span);
    }
}

#[cold]
#[inline(never)]
fn free_own_mapping(object: *mut u8) {
    if guarded::is_guarded(object) {
        return sampler::free_guarded(object, 0);
    }
    if guarded_large::is_one(object) {
        return sampler::free_guarded_large(object);
    }
    if page_map::region_of(object.addr()) != region::OWN {
        die::foreign_pointer(object.addr());
    }
    caches::current().note_free(0, || own_mapping::usable_bytes(object));
    if !own_mapping::free(object) {
        die::foreign_pointer(object.addr());
    }
}

#[inline]
fn end_record(record: u32, object: *mut u8, bytes: usize) {
    if record != 0 {
        sampler::end_large(record, object, bytes);
    }
}

/// The bytes of the object of class 0 at `object` that the caller may use.
pub(crate) fn usable_bytes(object: *mut u8) -> usize {
    if let Some(bytes) = sampled_pages::usable_bytes(object) {
        return bytes;
    }
    match page_map::region_of(object.addr()) {
        region::OWN => own_mapping::usable_bytes(object),
        region::GUARDED => guarded::usable_bytes(object),
        region::GUARDED_LARGE => guarded_large::usable_bytes(object),
        region::ARENA => span_of(object).bytes(),
        _ => die::foreign_pointer(object.addr()),
    }
}

/// Makes the object longer or shorter where it is, or moves its pages; null if neither can be.
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) fn resize(object: *mut u8, bytes: usize, align: usize) -> *mut u8 {
    if bytes <= spandrel_classes::SMALL_BYTES_MAX && align <= PAGE_BYTES {
        return null_mut();
    }
    let (old_record, old_bytes) = (record_of(object), usable_bytes(object));
    let after = match page_map::region_of(object.addr()) {
        region::OWN if bytes >= OWN_MAPPING_BYTES => own_mapping::resize(object, bytes, align),
        region::ARENA if bytes < OWN_MAPPING_BYTES => {
            let span = span_of(object);
            let pages = bytes.div_ceil(PAGE_BYTES).max(1);
            if pages != usize::from(span.pages.get()) && !page_heap::resize_span(span, pages) {
                return null_mut();
            }
            span.sizes.set(core::ptr::without_provenance_mut(bytes));
            object
        }
        _ => return null_mut(),
    };
    if !after.is_null() {
        end_record(old_record, object, old_bytes);
        // A block that has changed its length counts as a new one.
        let usable = usable_bytes(after);
        let record = caches::with(0, |cache| {
            cache.note_free(0, || old_bytes);
            note_alloc(cache, after, bytes, usable)
        });
        set_record(after, record);
    }
    after
}

/// The record of the large object at `object`; 0 if it is not sampled.
fn record_of(object: *mut u8) -> u32 {
    match page_map::region_of(object.addr()) {
        region::OWN => own_mapping::record(object),
        region::ARENA => span_of(object).record(),
        _ => 0,
    }
}

fn set_record(object: *mut u8, record: u32) {
    match page_map::region_of(object.addr()) {
        region::OWN => own_mapping::set_record(object, record),
        _ => span_of(object).set_record(record),
    }
}

/// The span of the large object at `object`.
fn span_of(object: *mut u8) -> SpanRef {
    // SAFETY: the caller has seen that the region is an arena.
    let Some(span) = (unsafe { page_map::span_at(object) }) else { die::foreign_pointer(object.addr()) };
    if span.base() != object || span.class.get() != 0 {
        die::interior_pointer(object.addr(), span.base().addr(), span.class.get());
    }
    if span.place.get() == place::KEPT {
        die::double_free(object.addr(), 0);
    }
    span
}

/// Takes the kept span of that many pages.
#[inline]
fn take_kept(cache: &ThreadCache, pages: usize) -> Option<SpanRef> {
    cache.large_claim.with(|| {
        let slot = &cache.large[pages % LARGE_SLOTS];
        // SAFETY: spans are type-stable.
        let span: SpanRef = unsafe { slot.get().as_ref() }?;
        if usize::from(span.pages.get()) != pages {
            return None;
        }
        slot.set(null_mut());
        cache.large_bytes.sub(span.bytes() as u32);
        span.place.set(place::NONE);
        Some(span)
    })?
}

/// Keeps a span for the next request of its size, if there is room.
#[inline]
fn keep(cache: &ThreadCache, span: SpanRef) -> bool {
    let kept = cache.large_claim.with(|| {
        let slot = &cache.large[usize::from(span.pages.get()) % LARGE_SLOTS];
        let bytes = span.bytes() as u32;
        if cache.large_bytes.get() + bytes > LARGE_KEPT_BYTES || !slot.get().is_null() {
            return false;
        }
        cache.large_bytes.add(bytes);
        span.place.set(place::KEPT);
        slot.set(from_ref(span).cast_mut());
        true
    });
    kept == Some(true)
}

/// Gives the kept spans of a cache to the page heap. For the thread that has the cache.
pub(crate) fn flush(cache: &ThreadCache) {
    cache.large_claim.with(|| flush_slots(cache));
}

fn flush_slots(cache: &ThreadCache) {
    for slot in &cache.large {
        // SAFETY: spans are type-stable.
        if let Some(span) = unsafe { slot.get().as_ref() } {
            slot.set(null_mut());
            page_heap::free_span(span);
        }
    }
    cache.large_bytes.set(0);
}

/// Asks for the slots of a cache. For the scavenger alone.
pub(crate) fn want(cache: &ThreadCache) {
    if cache.large_bytes.get() != 0 {
        cache.large_claim.want();
    }
}

/// Empties the slots of a cache if its thread has not used them since the scavenger asked, a tick ago.
pub(crate) fn take_wanted(cache: &ThreadCache) {
    cache.large_claim.take(|| flush_slots(cache));
}

/// Counts an allocation; the number of its record, 0 if it is not sampled. Frees are not counted: a look at
/// all spans tells what is live.
#[inline]
fn note_alloc(cache: &ThreadCache, object: *mut u8, requested_bytes: usize, bytes: usize) -> u32 {
    let total = count_alloc(cache, requested_bytes, bytes);
    if total < cache.large_sample_at.get() {
        return 0;
    }
    match cache.large_is_due(total, bytes) {
        Some(drawn) => {
            let request = Request { bytes: requested_bytes, object_bytes: bytes, class: 0, drawn };
            sampler::large(cache, object, request)
        }
        None => 0,
    }
}

/// Counts it among all that the thread has allocated, and returns their bytes.
#[inline]
fn count_alloc(cache: &ThreadCache, requested_bytes: usize, bytes: usize) -> u64 {
    cache.large_allocs.add(1);
    let total = cache.large_alloc_bytes.get() + bytes as u64;
    cache.large_alloc_bytes.set(total);
    cache.large_requested_bytes.add(requested_bytes as u64);
    total
}

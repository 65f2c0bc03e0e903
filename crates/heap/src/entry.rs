//! The entry points that Rust's and C's interfaces share: the fast paths, and the slow ones behind them.

use spandrel_classes::object_bytes;

use crate::config::{OWN_MAPPING_BYTES, ZERO_ASK_BYTES};
use crate::thread_cache::{DirectFree, Found, ThreadCache};
use crate::{
    caches, guarded, hardened, large, misuse, object, options, own_mapping, page_map, profile, sampled_pages,
    sampler, scavenge, sizes,
};

/// The fast path of an allocation: an object of a size class from the hot list, null if that is empty.
#[inline(always)]
pub(crate) fn pop_hot(class: u8) -> *mut u8 {
    let bin = caches::current().bin(class);
    let object = bin.head.get();
    if !object.is_null() {
        // SAFETY: the hot list holds free objects of this thread.
        bin.head.set(unsafe { object::next(object) });
        bin.allocs.add(1);
    }
    object.cast()
}

/// Allocates an object of a size class, or of class 0, of which there is never one on the hot list. Null if
/// there is no memory.
#[inline(always)]
pub(crate) fn alloc(class: u8, requested_bytes: usize, align: usize) -> *mut u8 {
    let object = pop_hot(class);
    if object.is_null() { alloc_slow_or_large(class, requested_bytes, align) } else { object }
}

#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn alloc_slow_or_large(class: u8, requested_bytes: usize, align: usize) -> *mut u8 {
    if class == 0 {
        return alloc_large_apart(requested_bytes, align);
    }
    alloc_slow(class, requested_bytes).object
}

#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn alloc_large_apart(bytes: usize, align: usize) -> *mut u8 {
    alloc_large(bytes, align)
}

/// Allocates an object of a size class. Null if there is no memory.
#[inline(always)]
pub(crate) fn alloc_small(class: u8, requested_bytes: usize) -> *mut u8 {
    let object = pop_hot(class);
    if object.is_null() { alloc_slow(class, requested_bytes).object } else { object }
}

/// Frees an object of a size class in an arena; or of class 0, for which no free is ever granted, so that it
/// takes the slow path, which knows what to do.
///
/// # Safety
/// `pointer` is an object of that class which is in use, and the caller's.
#[inline(always)]
pub(crate) unsafe fn free_small(class: u8, pointer: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { free_or_else(class, pointer, |cache| free_slow(pointer, class.into(), cache)) }
}

/// The same, but an object of class 0 need not lie in an arena, and one of another class may be a sampled
/// one: nobody has looked at the page map, but its address tells.
///
/// # Safety
/// As [`free_small`].
#[inline(always)]
pub(crate) unsafe fn free(class: u8, pointer: *mut u8) {
    if sampled_pages::is_tagged(pointer) {
        return free_tagged(pointer, class);
    }
    // SAFETY: the caller's promise.
    unsafe { free_or_else(class, pointer, |cache| free_slow_or_large(pointer, class.into(), cache)) }
}

/// Out of line, so that the fast path stays small enough to become part of the caller.
#[inline(never)]
extern "C" fn free_slow_or_large(pointer: *mut u8, class: usize, cache: &ThreadCache) {
    // Nothing of class 0 is ever put aside. And nobody has looked where the pointer leads.
    if !cache.is_any_aside(class) {
        return free_slowest(pointer, class as u8);
    }
    free_slow(pointer, class, cache);
}

/// The fast path of a free: onto the hot list, if the slow path has granted that.
///
/// # Safety
/// As [`free_small`].
#[inline(always)]
unsafe fn free_or_else(class: u8, pointer: *mut u8, slow: impl FnOnce(&ThreadCache)) {
    let cache = caches::current();
    let bin = cache.bin(class);
    // SAFETY: a thread's own bins are set by that thread alone; those of the two caches that many threads
    // have never hold a count above 0.
    if unsafe { !bin.frees_left.take_one_settled() } {
        // It was taken from nothing.
        bin.frees_left.set(0);
        return slow(cache);
    }
    // SAFETY: the object is the caller's, and from here on this thread's.
    unsafe { object::link(pointer.cast(), bin.head.get()) };
    bin.head.set(pointer.cast());
}

/// An address with the tag: a sampled object, or one that looks like it.
#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn free_tagged(pointer: *mut u8, class: u8) {
    match sampled_pages::span_of(pointer) {
        Some(span) => sampler::free(span, pointer),
        None if guarded::is_guarded(pointer) => sampler::free_guarded(pointer, class),
        None if class == 0 => large::free(pointer),
        None => {
            misuse::check_arena(pointer);
            // SAFETY: the caller's promise.
            unsafe { free_small(class, pointer) }
        }
    }
}

/// Allocates an object of a size class with all bytes zero.
#[inline(always)]
pub(crate) fn alloc_small_zeroed(class: u8, requested_bytes: usize) -> *mut u8 {
    let found = if requested_bytes >= ZERO_ASK_BYTES && caches::current().bin(class).head.get().is_null() {
        alloc_slow(class, requested_bytes)
    } else {
        Found { object: alloc_small(class, requested_bytes), zeroed: false }
    };
    if !found.zeroed && !found.object.is_null() {
        // SAFETY: the object has at least the requested bytes.
        unsafe { found.object.write_bytes(0, requested_bytes) };
    }
    found.object
}

/// Allocates a large object. Null if there is no memory.
#[inline]
pub(crate) fn alloc_large(bytes: usize, align: usize) -> *mut u8 {
    let found = large::alloc(bytes, align);
    if bytes >= OWN_MAPPING_BYTES && found.zeroed && !found.object.is_null() {
        own_mapping::expect_dense(found.object);
    }
    found.object
}

/// Allocates a large object with all bytes zero.
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) fn alloc_large_zeroed(bytes: usize, align: usize) -> *mut u8 {
    let found = large::alloc(bytes, align);
    if !found.zeroed && !found.object.is_null() {
        // SAFETY: the object has at least the requested bytes.
        unsafe { found.object.write_bytes(0, bytes) };
    }
    found.object
}

/// The bytes of an object of class `class` that the caller may use.
pub(crate) fn usable_bytes(class: u8, pointer: *mut u8) -> usize {
    if class == 0 { large::usable_bytes(pointer) } else { object_bytes(class) }
}

/// The slow path of an allocation. A function of the C convention does not unwind, so the callers above
/// can end in a jump to it.
#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) extern "C" fn alloc_slow(class: u8, requested_bytes: usize) -> Found {
    let cache = caches::current();
    if let Some(store) = hardened::quick_store(cache) {
        return hardened::alloc_quickly(cache, store, class)
            .unwrap_or_else(|| alloc_hardened(cache, class, requested_bytes));
    }
    alloc_slower(class, requested_bytes)
}

#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn alloc_hardened(cache: &ThreadCache, class: u8, requested_bytes: usize) -> Found {
    let found = hardened::alloc(cache, class);
    if found.object.is_null() {
        return alloc_slower(class, requested_bytes);
    }
    cache.note_request(class, requested_bytes);
    found
}

#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn alloc_slower(class: u8, requested_bytes: usize) -> Found {
    caches::with(Found::NONE, |cache| {
        if cache.is_due(class) {
            let found = sampler::alloc(cache, class, requested_bytes);
            if !found.object.is_null() {
                return found;
            }
        }
        let take = || {
            if options::each() {
                return alloc_each(cache, class, requested_bytes);
            }
            let head = cache.bin(class).head.get();
            if head.is_null() {
                return cache.refill(class, requested_bytes);
            }
            // A cache that another thread has left, or a borrowed one, may have objects.
            cache.bin(class).head.set(
                // SAFETY: the hot list holds free objects of this thread.
                unsafe { object::next(head) },
            );
            cache.bin(class).allocs.add(1);
            Found { object: head.cast(), zeroed: false }
        };
        let found = take();
        if !found.object.is_null() {
            return found;
        }
        scavenge::relieve(cache);
        let found = take();
        if found.object.is_null() {
            profile::out_of_memory();
        }
        found
    })
}

/// The slow path of a free: the hot list is full, or wants to be looked at.
#[inline(always)]
extern "C" fn free_slow(pointer: *mut u8, class: usize, cache: &ThreadCache) {
    match cache.free_to_own_span(class, pointer) {
        DirectFree::Done => {}
        DirectFree::FewLeft(span) => cache.few_left(span),
        DirectFree::NotMine => free_slowest(pointer, class as u8),
    }
}

#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
extern "C" fn free_slowest(pointer: *mut u8, class: u8) {
    if class == 0 {
        return large::free(pointer);
    }
    let cache = caches::current();
    if let Some(store) = hardened::quick_store(cache) {
        return hardened::free_quickly(cache, store, class, pointer);
    }
    free_unhardened(cache, class, pointer);
}

#[inline(never)]
extern "C" fn free_unhardened(cache: &ThreadCache, class: u8, pointer: *mut u8) {
    if cache.gather(class, pointer) {
        return;
    }
    if cache.number.get() == 0 {
        return free_borrowing(pointer, class);
    }
    free_into(cache, class, pointer);
}

/// A free in a thread without a cache.
#[cold]
#[inline(never)]
fn free_borrowing(pointer: *mut u8, class: u8) {
    caches::with((), |cache| free_into(cache, class, pointer));
}

#[inline(never)]
fn free_into(cache: &ThreadCache, class: u8, pointer: *mut u8) {
    cache.note_free(class, || 0);
    if options::each() {
        free_each(cache, class, pointer);
    } else {
        cache.free(class, pointer);
    }
}

/// An allocation under an option that looks at each.
#[cold]
#[inline(never)]
fn alloc_each(cache: &ThreadCache, class: u8, requested_bytes: usize) -> Found {
    let found = if options::hardened() { hardened::alloc(cache, class) } else { cache.alloc_one(class) };
    if found.object.is_null() {
        return found;
    }
    cache.note_request(class, requested_bytes);
    if options::exact() {
        // SAFETY: an object of a size class lies in an arena.
        let span = unsafe { page_map::span_at(found.object) };
        let noted = span.map_or(0, |span| sizes::set(span, found.object, requested_bytes));
        cache.exact_alloc_bytes[usize::from(class)].add(noted as u64);
    }
    found
}

/// A free under an option that looks at each.
#[cold]
#[inline(never)]
fn free_each(cache: &ThreadCache, class: u8, pointer: *mut u8) {
    let span = misuse::checked_span(class, pointer);
    let exact_bytes = if options::exact() { sizes::get(span, pointer) } else { 0 };
    if options::hardened() {
        hardened::free(cache, class, pointer);
    } else {
        cache.free_one(class, pointer);
    }
    cache.exact_free_bytes[usize::from(class)].add(exact_bytes as u64);
}

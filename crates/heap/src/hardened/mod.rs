//! `hardened=1`: every call is looked at, and a dead object is watched until it is used again.
//!
//! No hot list holds anything, and no free is granted, so the fast paths lead here, to two of the same kind:
//!
//! ```text
//!   alloc:  the first ready object (store.rs) -- is it as it was left (body.rs)? -- take its mark away
//!   free:   is it the start of an object, and has no mark? -- mark it, wipe it -- it waits (store.rs)
//!
//!   in batches:  waiting -> ready;  the object's spans <-> ready (spans.rs)
//! ```
//!
//! A dead object has a mark (`body.rs`) wherever it is, so a free of it is a double free, whatever happened
//! in between, until it is in use again; and that takes as many frees of its class as have to wait. Nothing
//! that leads the allocator on lies in an object: the lists of free objects go through tables beside the
//! spans, out of the reach of whoever writes past the end of one.
//!
//! Spans that are older than the option have no table if several threads were there before it was read. On
//! their lists objects are linked as they are without the option; everywhere else they have marks, too.

mod body;
mod spans;
mod store;

use core::ptr::null_mut;

use spandrel_platform::process::secret;

use crate::config::{BATCH_OBJS_MAX, WAITING_OBJS};
use crate::thread_cache::{Found, ThreadCache};
use crate::{die, meta, misuse, object, options, sampling};
use store::batch_objs;

pub(crate) use body::draw_secret;
pub(crate) use spans::{append, begin, begin_span, check_all, watches};
pub(crate) use store::Store;

/// The dead objects of a class that wait in a cache, as anyone may see them.
pub(crate) fn waiting_objs(cache: &ThreadCache, class: u8) -> u32 {
    // SAFETY: stores are in metadata memory, which is never unmapped.
    unsafe { cache.store.get().as_ref() }.map_or(0, |store| store.waiting_objs(class))
}

/// The store of a cache; `None` if there is no memory for one.
fn store_of(cache: &ThreadCache) -> Option<&'static Store> {
    // SAFETY: stores are in metadata memory, which is never unmapped.
    unsafe { cache.store.get().as_ref() }.or_else(|| new_store(cache))
}

#[cold]
#[inline(never)]
fn new_store(cache: &ThreadCache) -> Option<&'static Store> {
    let memory = meta::alloc(size_of::<Store>(), align_of::<Store>()).cast::<Store>();
    // SAFETY: fresh metadata memory of the right size and alignment, zeroed, which is an empty store.
    let store = unsafe { memory.as_ref() }?;
    store.begin(secret() ^ u64::from(cache.number.get()) << 32);
    cache.store.set(memory);
    set_quick(cache);
    Some(store)
}

/// Whether anything else wants to know of each call of a thread may have changed.
pub(crate) fn set_quick(cache: &ThreadCache) {
    let is_quick = sampling::period() == 0 && !options::exact() && cache.watches.get() == 0;
    cache.quick_store.set(if is_quick { cache.store.get() } else { null_mut() });
}

/// The store of a cache if nothing else wants to know of its calls.
#[inline(always)]
pub(crate) fn quick_store(cache: &ThreadCache) -> Option<&'static Store> {
    // SAFETY: stores are in metadata memory, which is never unmapped.
    unsafe { cache.quick_store.get().as_ref() }
}

/// An object of a class, if one is ready.
#[inline(always)]
pub(crate) fn alloc_quickly(cache: &ThreadCache, store: &Store, class: u8) -> Option<Found> {
    let object = store.shelf(class).take()?;
    cache.bin(class).allocs.add(1);
    // SAFETY: the object was in this thread's store.
    unsafe { body::revive(class, object) };
    Some(Found { object, zeroed: body::is_wiped_whole(class) })
}

/// An object of a class; nothing if there is no memory.
pub(crate) fn alloc(cache: &ThreadCache, class: u8) -> Found {
    let Some(store) = store_of(cache) else { return Found::NONE };
    if store.shelf(class).ready_objs() == 0 {
        refill(cache, class, store);
    }
    alloc_quickly(cache, store, class).unwrap_or(Found::NONE)
}

/// Makes objects of a class ready: those that have waited, and if they are few, so that the next call would
/// soon come here again, some of a span.
fn refill(cache: &ThreadCache, class: u8, store: &Store) {
    let shelf = store.shelf(class);
    let mut more = shelf.ripen();
    if (more as usize) < batch_objs(class) {
        let mut objects = [null_mut(); BATCH_OBJS_MAX];
        let taken = spans::take(cache, class, &mut objects[..batch_objs(class)]);
        let objects = &mut objects[..taken as usize];
        store.shuffle(objects);
        shelf.put_first(objects);
        more += taken;
    }
    shelf.make_room(class);
    // What is ready counts as on the hot list.
    cache.settle(class);
    cache.class(class).hot_objs.add(more);
}

/// Frees an object of a class, or says that it is not in use.
#[inline(always)]
pub(crate) fn free_quickly(cache: &ThreadCache, store: &Store, class: u8, object: *mut u8) {
    let shelf = store.shelf(class);
    if !misuse::is_start_in_page(class, object) || !shelf.has_room() {
        return free(cache, class, object);
    }
    let mark = mark_in_use(class, object);
    shelf.wait(object);
    // SAFETY: the caller gave the object back, which is dead from now on.
    unsafe { body::bury_with(mark, class, object) };
}

/// The mark that an object is to get; ends the process if it has it.
#[inline(always)]
fn mark_in_use(class: u8, object: *mut u8) -> u64 {
    let mark = body::mark(object);
    // SAFETY: it is the start of an object of the class, which is at least an aligned word.
    if unsafe { object.cast::<u64>().read() } == mark {
        die::double_free(object.addr(), class);
    }
    mark
}

/// Frees an object of a class, or says that it is not in use.
#[cold]
#[inline(never)]
pub(crate) fn free(cache: &ThreadCache, class: u8, object: *mut u8) {
    misuse::checked_span(class, object);
    let mark = mark_in_use(class, object);
    // SAFETY: the caller gave the object back.
    unsafe { body::bury_with(mark, class, object) };
    let Some(store) = store_of(cache) else { return spans::put_back(cache, class, &[object]) };
    let shelf = store.shelf(class);
    if !shelf.has_room() {
        put_back(cache, class, store, (WAITING_OBJS + 2 * batch_objs(class)) as u32);
    }
    shelf.wait(object);
}

/// The first objects of a class go back to their spans, until so many are left.
fn put_back(cache: &ThreadCache, class: u8, store: &Store, left: u32) {
    let shelf = store.shelf(class);
    let were_ready = shelf.ready_objs();
    let mut objects = [null_mut(); BATCH_OBJS_MAX];
    while shelf.objs() > left {
        let objs = (shelf.objs() - left).min(BATCH_OBJS_MAX as u32) as usize;
        objects[..objs].fill_with(|| shelf.take_first());
        spans::put_back(cache, class, &objects[..objs]);
    }
    cache.class(class).hot_objs.sub(were_ready - shelf.ready_objs());
    shelf.make_room(class);
}

/// All objects of a class that a cache holds go back to their spans: the store, and a hot list from before.
pub(crate) fn flush(cache: &ThreadCache, class: u8) {
    // SAFETY: stores are in metadata memory, which is never unmapped.
    if let Some(store) = unsafe { cache.store.get().as_ref() } {
        put_back(cache, class, store, 0);
    }
    let mut hot = cache.take_hot(class).head;
    while !hot.is_null() {
        let object: *mut u8 = hot.cast();
        // SAFETY: the list is this thread's. Its objects were freed before the option was read, or by a free
        // that was granted before.
        unsafe {
            hot = object::next(hot);
            body::bury(class, object);
        }
        spans::put_back(cache, class, &[object]);
    }
}

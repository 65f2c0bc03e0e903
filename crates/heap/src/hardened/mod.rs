//! `hardened=1`: every call is looked at, and a dead object is watched until it is used again.
//!
//! No hot list holds anything, and no free is granted, so the fast paths lead here. A table beside each span
//! has a byte an object, out of the reach of whoever writes past the end of one:
//!
//! ```text
//!   NEVER --carve--> WAITING --alloc--> IN USE --free--> WAITING --to its span--> FREE --taken--> WAITING
//! ```
//!
//! A free that finds another state than IN USE is a double free, whatever happened in between, until the
//! object is in use again; and that takes as many frees of its class as there are places to wait
//! (`store.rs`). Dead objects are wiped, and looked at when they are used again (`body.rs`).
//!
//! Spans that are older than the option have no table if several threads were there before it was read. Their
//! objects go the ordinary way.

mod body;
mod store;

use spandrel_classes::{object_bytes, object_index};
use spandrel_platform::process::secret;
use spandrel_platform::sync::RacyU8;

use crate::object::{List, Object, Run};
use crate::remote::RemoteFree;
use crate::span::{SpanRef, place};
use crate::thread_cache::{Found, ThreadCache};
use crate::{caches, central, die, meta, misuse, object, options, page_heap, parcel, sizes};
use store::{Dead, Shelf, ready_cap};

pub(crate) use store::Store;

// A table begins with zeros: never handed out since the span began.
/// A caller's.
const IN_USE: u8 = 1;
/// In a thread's store.
const WAITING: u8 = 2;
/// In its span.
const FREE: u8 = 3;

/// The option was read; the caller's cache is empty.
pub(crate) fn begin() {
    body::begin();
    // With one thread all objects are in use, or in their spans.
    if caches::len() == 1 {
        let small = page_heap::spans().filter(|span| {
            span.class.get() != 0 && [place::NONE, place::CENTRAL].contains(&span.place.get())
        });
        small.filter(|span| span.sizes.get().is_null()).for_each(convert);
    }
}

/// Gives a span that nobody owns a table, if there is memory for it.
fn convert(span: SpanRef) {
    if !sizes::begin_span(span) {
        return;
    }
    let class = span.class.get();
    for index in 0..span.fresh.get() {
        set_state(span, index.into(), IN_USE);
    }
    let mut free = span.latest();
    while !free.is_null() {
        set_state(span, index_of(span, free.cast()), FREE);
        // SAFETY: the span has no owner, and there is no other thread: its list is the caller's.
        unsafe {
            let next = object::next(free);
            body::wipe(class, free.cast());
            body::link(free, next);
            free = next;
        }
    }
}

fn set_state(span: SpanRef, index: usize, state: u8) {
    if let Some(cell) = sizes::state(span, index) {
        cell.set(state);
    }
}

/// The number of an object in its span.
fn index_of(span: SpanRef, object: *mut u8) -> usize {
    object_index(span.class.get(), object.addr() - span.base().addr())
}

/// The dead objects of a class that a cache keeps, as anyone may see them.
pub(crate) fn kept_objs(cache: &ThreadCache, class: u8) -> u32 {
    // SAFETY: stores are in metadata memory, which is never unmapped.
    unsafe { cache.store.get().as_ref() }.map_or(0, |store| store.objs(class))
}

/// The store of a cache; `None` if there is no memory for one.
fn store_of(cache: &ThreadCache) -> Option<&'static Store> {
    // SAFETY: stores are in metadata memory, which is never unmapped.
    unsafe { cache.store.get().as_ref() }.or_else(|| new_store(cache))
}

#[cold]
fn new_store(cache: &ThreadCache) -> Option<&'static Store> {
    let memory = meta::alloc(size_of::<Store>(), align_of::<Store>()).cast::<Store>();
    // SAFETY: fresh metadata memory of the right size and alignment, zeroed, which is an empty store.
    let store = unsafe { memory.as_ref() }?;
    store.begin(secret() ^ u64::from(cache.number.get()) << 32);
    cache.store.set(memory);
    Some(store)
}

/// An object of a class; nothing if there is no memory.
pub(crate) fn alloc(cache: &ThreadCache, class: u8) -> Found {
    let Some(store) = store_of(cache) else { return Found::NONE };
    let shelf = store.shelf(class);
    if shelf.ready_objs() == 0 {
        refill(cache, class, store);
    }
    let Some(dead) = shelf.take_ready() else { return Found::NONE };
    cache.count_alloc(class);
    let Some(state) = dead.state() else { return Found { object: dead.object, zeroed: false } };
    // SAFETY: the object was in this thread's store.
    unsafe { body::check(class, dead.object, 0) };
    if state.get() != WAITING {
        die::double_free(dead.object.addr(), class);
    }
    state.set(IN_USE);
    Found { object: dead.object, zeroed: body::is_wiped_whole(class) }
}

/// Makes some objects of a class ready, in random order.
fn refill(cache: &ThreadCache, class: u8, store: &Store) {
    let shelf = store.shelf(class);
    for objs in 0..ready_cap(class) / 2 {
        let Some(dead) = take(cache, class) else { return };
        shelf.count_in();
        shelf.add_ready(dead, store.below(objs + 1));
    }
}

/// Takes an object from a span that this cache owns.
fn take(cache: &ThreadCache, class: u8) -> Option<Dead> {
    let span = cache.span_with_objects(class)?;
    let dead = match sizes::state(span, 0) {
        None => Dead::new(take_unwatched(span), None),
        Some(_) if span.latest().is_null() => carve(span),
        Some(_) => take_listed(span),
    };
    if span.is_full() {
        cache.let_go_of_full(span);
    }
    Some(dead)
}

/// Takes the first of a span's list.
fn take_listed(span: SpanRef) -> Dead {
    let (class, object) = (span.class.get(), span.latest());
    // SAFETY: what is on the list of a span is its owner's, who calls.
    unsafe {
        body::check(class, object.cast(), body::LINK_BYTES);
        span.take_latest(body::unlink(span, object));
    }
    let state = sizes::state(span, index_of(span, object.cast()));
    if state.is_none_or(|state| state.get() != FREE) {
        die::overwritten(object.addr(), class);
    }
    waiting(object.cast(), state)
}

fn waiting(object: *mut u8, state: Option<&'static RacyU8>) -> Dead {
    if let Some(state) = state {
        state.set(WAITING);
    }
    Dead::new(object, state)
}

/// Takes an object that the span has never handed out, or not since it was last wholly free.
fn carve(span: SpanRef) -> Dead {
    let class = span.class.get();
    let (object, _) = span.carve(1);
    let state = sizes::state(span, index_of(span, object));
    let was_free = state.is_some_and(|state| state.get() == FREE);
    // SAFETY: the object was just carved by the span's owner, who calls.
    unsafe {
        if was_free {
            body::check(class, object, body::LINK_BYTES);
        }
        if was_free || !span.is_zeroed() {
            body::wipe(class, object);
        }
    }
    waiting(object, state)
}

/// Takes an object of a span without a table.
fn take_unwatched(span: SpanRef) -> *mut u8 {
    if span.latest().is_null() {
        return span.carve(1).0;
    }
    let list = span.take_list();
    // SAFETY: the owner's list, which has an object.
    let run = unsafe { parcel::unpack(span, list) };
    // SAFETY: as above.
    let rest = unsafe { object::next(run.first) };
    if !rest.is_null() {
        span.push(Run { first: rest, last: run.last, objs: run.objs - 1 });
    }
    run.first.cast()
}

/// Frees an object of a span, or says that it is not in use.
pub(crate) fn free(cache: &ThreadCache, span: SpanRef, object: *mut u8) {
    let class = span.class.get();
    let Some(state) = sizes::state(span, index_of(span, object)) else {
        return cache.free_one(class, object);
    };
    if state.get() != IN_USE {
        die::double_free(object.addr(), class);
    }
    state.set(WAITING);
    // SAFETY: the caller gave the object back, and it was in use until now.
    unsafe { body::wipe(class, object) };
    let dead = Dead::new(object, Some(state));
    let Some(store) = store_of(cache) else { return put_back(cache, class, dead) };
    let shelf = store.shelf(class);
    if let Some(longest) = shelf.wait(dead) {
        make_ready(cache, class, store, longest);
    }
}

/// Makes an object ready that has waited.
fn make_ready(cache: &ThreadCache, class: u8, store: &Store, dead: Dead) {
    let shelf = store.shelf(class);
    let cap = ready_cap(class);
    if shelf.ready_objs() == cap {
        put_back_ready(cache, class, shelf, cap / 2);
    }
    shelf.add_ready(dead, store.below(shelf.ready_objs() + 1));
}

/// Up to `objs` ready objects go back to their spans.
fn put_back_ready(cache: &ThreadCache, class: u8, shelf: &Shelf, objs: u32) {
    for _ in 0..objs {
        let Some(dead) = shelf.take_ready() else { return };
        put_back(cache, class, dead);
    }
}

/// Puts a wiped object back into its span, whoever owns that.
fn put_back(cache: &ThreadCache, class: u8, dead: Dead) {
    let Some(state) = dead.state() else { return cache.free_one(class, dead.object) };
    let object: *mut Object = dead.object.cast();
    // SAFETY: the object was in this thread's store.
    unsafe { body::check(class, dead.object, 0) };
    if state.get() != WAITING {
        die::double_free(dead.object.addr(), class);
    }
    state.set(FREE);
    let span = misuse::checked_span(class, dead.object);
    if span.owner.get() != cache.number.get() {
        // SAFETY: the object is this thread's until it is pushed.
        let freed = span.remote.free(Run::of_one(object), |next| unsafe { body::link(object, next) });
        if freed == RemoteFree::Pushed {
            return;
        }
        central::of_class(class).remove_claimed(span);
        if cache.has_enough(class) {
            put(span, object);
            return cache.pass_on(span);
        }
        cache.adopt(span);
        cache.answer_wanted(class);
    }
    put(span, object);
    if span.used.get() == 0 {
        cache.span_is_free(span);
    }
}

/// Puts an object onto the list of a span that the caller owns.
fn put(span: SpanRef, object: *mut Object) {
    // SAFETY: the caller owns the span and the object.
    unsafe { body::link(object, span.latest()) };
    span.put_linked(List { head: object, objs: 1 });
}

/// What others have freed into a span with states goes in front of the list of its owner, who calls.
pub(crate) fn append(span: SpanRef, list: List) {
    let mut last = list.head;
    for _ in 1..list.objs {
        // SAFETY: collecting made the caller the owner of the list's objects.
        last = unsafe { body::next(span, last) };
        if last.is_null() {
            die::overwritten(list.head.addr(), span.class.get());
        }
    }
    // SAFETY: as above.
    unsafe { body::link(last, span.latest()) };
    span.put_linked(list);
}

/// A span is taken apart: the last look at its dead objects.
pub(crate) fn check_all(span: SpanRef) {
    let class = span.class.get();
    for index in 0..span.capacity.get() {
        if sizes::state(span, index.into()).is_some_and(|state| state.get() == FREE) {
            let object = span.base().wrapping_add(usize::from(index) * object_bytes(class));
            // SAFETY: all objects of the span are free, and the caller's.
            unsafe { body::check(class, object, body::LINK_BYTES) };
        }
    }
    let mut listed = span.latest();
    while !listed.is_null() {
        // SAFETY: as above.
        listed = unsafe { body::next(span, listed) };
    }
}

/// Whether the objects of a span are watched, and its lists have links of their own kind.
pub(crate) fn watches(span: SpanRef) -> bool {
    options::hardened() && sizes::state(span, 0).is_some()
}

/// All objects of a class that a cache holds go back to their spans: the store, and a hot list from before.
pub(crate) fn flush(cache: &ThreadCache, class: u8) {
    let mut hot = cache.take_hot(class);
    while hot.objs > 0 {
        let object: *mut u8 = hot.head.cast();
        // SAFETY: the list is this thread's.
        hot = List { head: unsafe { object::next(hot.head) }, objs: hot.objs - 1 };
        put_back_hot(cache, class, object);
    }
    // SAFETY: stores are in metadata memory, which is never unmapped.
    let Some(store) = (unsafe { cache.store.get().as_ref() }) else { return };
    let shelf = store.shelf(class);
    put_back_ready(cache, class, shelf, u32::MAX);
    while let Some(dead) = shelf.take_waiting() {
        put_back(cache, class, dead);
    }
}

/// An object that was freed before the option was read, or by a free that was granted before.
fn put_back_hot(cache: &ThreadCache, class: u8, object: *mut u8) {
    let span = misuse::checked_span(class, object);
    let state = sizes::state(span, index_of(span, object));
    if state.is_some() {
        // SAFETY: the object was on this thread's hot list.
        unsafe { body::wipe(class, object) };
    }
    put_back(cache, class, waiting(object, state));
}

//! How dead objects come from spans and go back with `hardened=1`: in batches, along tables.
//!
//! The list of a span, and what other threads have freed into it, are linked through the span's table
//! (`sizes.rs`), where each object has a place: zero while it is on no list, [`LINK_LAST`] at the end of one,
//! or else the distance of the next object from the start of the span, in words, plus [`LINK_FIRST`]. So an
//! object that comes back twice is noticed. Until it is used again it stays as [`body::bury`] has left it.

use core::ptr::null_mut;

use spandrel_classes::{object_bytes, object_index};
use spandrel_platform::sync::RacyU16;

use super::body;
use crate::config::{LINK_FIRST, LINK_LAST};
use crate::object::{self, List, Object, Run};
use crate::remote::RemoteFree;
use crate::span::{SpanRef, place};
use crate::thread_cache::ThreadCache;
use crate::{caches, central, die, misuse, options, page_heap, parcel, sizes};

/// Links count in words.
const WORD_BYTES: usize = size_of::<u64>();

/// The option was read; the caller's cache is empty.
pub(crate) fn begin() {
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
    let mut free = span.latest();
    if !sizes::begin_span(span) {
        return;
    }
    let Some(links) = Links::of(span) else { return };
    while !free.is_null() {
        // SAFETY: the span has no owner, and there is no other thread: its list is the caller's.
        unsafe {
            let next = object::next(free);
            body::bury(span.class.get(), free.cast());
            links.link(free, next);
            free = next;
        }
    }
}

/// A span has got a table: what was never handed out is dead, too.
pub(crate) fn begin_span(span: SpanRef) {
    let class = span.class.get();
    for index in span.fresh.get()..span.capacity.get() {
        let object = span.base().wrapping_add(usize::from(index) * object_bytes(class));
        // SAFETY: the object is the caller's, as the span is.
        unsafe { body::bury(class, object) };
    }
}

/// Whether the list of a span goes through a table.
pub(crate) fn watches(span: SpanRef) -> bool {
    options::hardened() && !span.sizes.get().is_null()
}

/// The table of a span: for each of its objects, which one comes after it.
#[derive(Clone, Copy)]
struct Links {
    class: u8,
    base: *mut u8,
    table: *mut RacyU16,
}

impl Links {
    /// `None` if the span has no table.
    fn of(span: SpanRef) -> Option<Self> {
        let table = span.sizes.get().cast();
        watches(span).then(|| Self { class: span.class.get(), base: span.base(), table })
    }

    /// The place for the object after `object`.
    fn place(&self, object: *mut Object) -> &'static RacyU16 {
        let index = object_index(self.class, object.addr() - self.base.addr());
        // SAFETY: with `hardened=1` a table begins with a place for each object, and metadata memory is never
        // unmapped.
        unsafe { &*self.table.wrapping_add(index) }
    }

    /// Ends the process if an object is on a list already.
    fn check_unlisted(&self, object: *mut Object) {
        if self.place(object).get() != 0 {
            die::double_free(object.addr(), self.class);
        }
    }

    /// Makes `next`, null or an object of the same span, the one after `object`.
    fn link(&self, object: *mut Object, next: *mut Object) {
        let words = (next.addr().wrapping_sub(self.base.addr()) / WORD_BYTES) as u16;
        self.place(object).set(if next.is_null() { LINK_LAST } else { words + LINK_FIRST });
    }

    /// The object after `object`; null if it is the last.
    fn next(&self, object: *mut Object) -> *mut Object {
        match self.place(object).get().checked_sub(LINK_FIRST) {
            None => null_mut(),
            Some(words) => self.base.wrapping_add(usize::from(words) * WORD_BYTES).cast(),
        }
    }

    /// The same, and `object` is on no list any more.
    fn unlist(&self, object: *mut Object) -> *mut Object {
        let next = self.next(object);
        self.place(object).set(0);
        next
    }
}

/// Takes dead objects from a span that this cache owns, or comes to own; how many.
pub(super) fn take(cache: &ThreadCache, class: u8, objects: &mut [*mut u8]) -> u32 {
    let Some(span) = cache.span_with_objects(class) else { return 0 };
    let objs = match Links::of(span) {
        None => take_unwatched(span, objects),
        Some(_) if span.latest().is_null() => carve(span, objects),
        Some(links) => take_listed(span, links, objects),
    };
    if span.is_full() {
        cache.let_go_of_full(span);
    }
    objs
}

/// Takes the first objects of a span's list.
fn take_listed(span: SpanRef, links: Links, objects: &mut [*mut u8]) -> u32 {
    let (mut object, mut objs) = (span.latest(), 0);
    for taken in objects {
        if object.is_null() {
            break;
        }
        *taken = object.cast();
        objs += 1;
        object = links.unlist(object);
    }
    span.take_linked(object, objs);
    objs
}

/// Takes objects that the span has never handed out, and that are buried since it began.
fn carve(span: SpanRef, objects: &mut [*mut u8]) -> u32 {
    let (mut object, objs) = span.carve(objects.len() as u32);
    for taken in &mut objects[..objs as usize] {
        *taken = object;
        object = object.wrapping_add(object_bytes(span.class.get()));
    }
    objs
}

/// Takes one object of a span without a table.
fn take_unwatched(span: SpanRef, objects: &mut [*mut u8]) -> u32 {
    let object = if span.latest().is_null() {
        span.carve(1).0
    } else {
        let list = span.take_list();
        // SAFETY: the owner's list, which has an object.
        let run = unsafe { parcel::unpack(span, list) };
        // SAFETY: as above.
        let rest = unsafe { object::next(run.first) };
        if !rest.is_null() {
            span.push(Run { first: rest, last: run.last, objs: run.objs - 1 });
        }
        run.first.cast()
    };
    // SAFETY: the owner of the span, who calls, has just taken it.
    unsafe { body::bury(span.class.get(), object) };
    objects[0] = object;
    1
}

/// Puts dead objects of a class back into their spans, whoever owns those.
pub(super) fn put_back(cache: &ThreadCache, class: u8, objects: &[*mut u8]) {
    let mut rest = objects;
    while let Some((&first, others)) = rest.split_first() {
        rest = others;
        let span = misuse::span_of_class(class, first);
        let Some(links) = Links::of(span) else {
            cache.free_one(class, first);
            continue;
        };
        let mut run = Run::of_one(first.cast());
        links.check_unlisted(run.first);
        links.link(run.first, null_mut());
        let bytes = span.bytes();
        while let Some((&object, others)) = rest.split_first()
            && object.addr().wrapping_sub(links.base.addr()) < bytes
        {
            links.check_unlisted(object.cast());
            links.link(object.cast(), run.first);
            run = Run { first: object.cast(), last: run.last, objs: run.objs + 1 };
            rest = others;
        }
        put_back_run(cache, span, links, run);
    }
}

/// Puts objects back into their span that are linked up to the last of them.
fn put_back_run(cache: &ThreadCache, span: SpanRef, links: Links, run: Run) {
    if span.owner.get() != cache.number.get() {
        if span.remote.free(run, |next| links.link(run.last, next)) == RemoteFree::Pushed {
            return;
        }
        central::of_class(links.class).remove_claimed(span);
        if cache.has_enough(links.class) {
            put(span, links, run);
            return cache.pass_on(span);
        }
        cache.adopt(span);
        cache.answer_wanted(links.class);
    }
    put(span, links, run);
    if span.used.get() == 0 {
        cache.span_is_free(span);
    }
}

/// Puts objects in front of the list of a span that the caller owns.
fn put(span: SpanRef, links: Links, run: Run) {
    if run.objs > span.used.get().into() {
        die::double_free(run.first.addr(), links.class);
    }
    links.link(run.last, span.latest());
    span.put_linked(List { head: run.first, objs: run.objs });
}

/// What others have freed goes in front of the list of its owner, who calls; `false` if the span has no
/// table.
pub(crate) fn append(span: SpanRef, list: List) -> bool {
    let Some(links) = Links::of(span) else { return false };
    let mut last = list.head;
    for _ in 1..list.objs {
        last = links.next(last);
    }
    put(span, links, Run { first: list.head, last, objs: list.objs });
    true
}

/// A span is taken apart: the last look at its objects, all of which are dead.
pub(crate) fn check_all(span: SpanRef) {
    let class = span.class.get();
    for index in 0..span.capacity.get().into() {
        let object = span.base().wrapping_add(index * object_bytes(class));
        // SAFETY: all objects of the span are free, and the caller's.
        unsafe { body::check(class, object) };
    }
}

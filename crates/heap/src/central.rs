//! The central list: spans with free objects that no thread cache owns, a list for each class.
//!
//! Spans come from thread caches that have too many or that end, and go to the next thread cache that runs
//! out. They are sorted by how full they are, and the fullest goes first: so the emptiest have time to
//! become wholly free and return to the page heap.
//!
//! A span on the list has no owner, so a thread that frees one of its objects claims it (see
//! [`crate::remote`]) and takes it off the list. `take` claims in the same way: whoever wins the
//! compare-and-swap has the span, and the lock only guards the links.

use core::ptr::{from_ref, null_mut};

use spandrel_classes::CLASS_COUNT;
use spandrel_platform::lock::{Mutex, Rank};

use crate::config::OCCUPANCY_LISTS;
use crate::span::{NOBODY, Span, SpanRef, place};

/// The lists of one class, fullest first, linked through the spans.
pub(crate) struct CentralList {
    first: [*mut Span; OCCUPANCY_LISTS],
}

// SAFETY: the pointers are to spans, which belong to the process.
unsafe impl Send for CentralList {}

pub(crate) static CENTRAL: [Mutex<CentralList>; CLASS_COUNT] =
    [const { Mutex::new(Rank::Central, CentralList { first: [null_mut(); OCCUPANCY_LISTS] }) }; CLASS_COUNT];

/// The owner of a span with free objects gives it up; it is on no list. `false`, with the owner still the
/// owner, if other threads have freed objects of it: then it has more to collect first.
pub(crate) fn give(span: SpanRef) -> bool {
    let mut central = CENTRAL[usize::from(span.class.get())].lock();
    let owner = span.owner.get();
    central.link(span);
    span.owner.set(NOBODY);
    // Last, since from here on any thread may claim the span; it then waits for the lock.
    if span.remote.abandon() {
        return true;
    }
    span.owner.set(owner);
    central.unlink(span);
    false
}

/// Takes the fullest span of a class; the caller is its owner, it is on no list.
pub(crate) fn take(class: u8) -> Option<SpanRef> {
    let mut central = CENTRAL[usize::from(class)].lock();
    for list in 0..OCCUPANCY_LISTS {
        let mut next = central.first[list];
        while !next.is_null() {
            // SAFETY: spans are type-stable.
            let span: SpanRef = unsafe { &*next };
            next = span.next.get();
            // A span that a free has just claimed stays until its new owner has the lock.
            if span.remote.claim() {
                central.unlink(span);
                return Some(span);
            }
        }
    }
    None
}

/// Takes a span that the caller has claimed off the list.
pub(crate) fn remove(span: SpanRef) {
    CENTRAL[usize::from(span.class.get())].lock().unlink(span);
}

impl CentralList {
    fn link(&mut self, span: SpanRef) {
        let free = u32::from(span.capacity.get() - span.used.get());
        let list = (free as usize * OCCUPANCY_LISTS / (usize::from(span.capacity.get()) + 1))
            .min(OCCUPANCY_LISTS - 1);
        span.occupancy.set(list as u8);
        span.place.set(place::CENTRAL);
        let first = self.first[list];
        span.prev.set(null_mut());
        span.next.set(first);
        // SAFETY: spans are type-stable.
        if let Some(first) = unsafe { first.as_ref() } {
            first.prev.set(from_ref(span).cast_mut());
        }
        self.first[list] = from_ref(span).cast_mut();
    }

    fn unlink(&mut self, span: SpanRef) {
        let (prev, next) = (span.prev.get(), span.next.get());
        // SAFETY: spans are type-stable.
        unsafe {
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => self.first[usize::from(span.occupancy.get())] = next,
            }
            if let Some(next) = next.as_ref() {
                next.prev.set(prev);
            }
        }
        span.place.set(place::NONE);
    }
}

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

#[cfg(not(loom))]
use spandrel_classes::CLASS_COUNT;
use spandrel_platform::const_fn;
use spandrel_platform::lock::{Mutex, Rank};

use crate::config::OCCUPANCY_LISTS;
use crate::span::{NOBODY, Span, SpanRef, place};

/// The lists of all classes.
#[cfg(not(loom))]
pub(crate) static CENTRAL: [Central; CLASS_COUNT] = [const { Central::new() }; CLASS_COUNT];

/// The list of a class.
pub(crate) struct Central(pub(crate) Mutex<CentralList>);

/// The spans by how full they are, fullest first, linked through the spans.
pub(crate) struct CentralList {
    first: [*mut Span; OCCUPANCY_LISTS],
}

// SAFETY: the pointers are to spans, which belong to the process.
unsafe impl Send for CentralList {}

/// The list that spans of a class go to.
#[cfg(not(loom))]
pub(crate) fn of_class(class: u8) -> &'static Central {
    &CENTRAL[usize::from(class)]
}

impl Central {
    const_fn! {
        /// Nothing.
        fn new() -> Self {
            Self(Mutex::new(Rank::Central, CentralList { first: [null_mut(); OCCUPANCY_LISTS] }))
        }
    }

    /// The owner of a span with free objects gives it up; it is on no list. `false`, with the owner still the
    /// owner, if other threads have freed objects of it: then it has more to collect first.
    pub(crate) fn give(&self, span: SpanRef) -> bool {
        let mut central = self.0.lock();
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

    /// Takes the fullest span; the caller is its owner, it is on no list.
    pub(crate) fn take(&self) -> Option<SpanRef> {
        let mut central = self.0.lock();
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

    /// Takes a span that the caller has claimed off the list, if it is there.
    pub(crate) fn remove_claimed(&self, span: SpanRef) {
        if span.place.get() == place::CENTRAL {
            self.0.lock().unlink(span);
        }
    }
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

/// Models of a span that its owner gives, while others free into it, take it, and give it back.
#[cfg(all(test, loom))]
mod models {
    extern crate std;
    use super::{Central, place};
    use crate::object::{List, Run};
    use crate::observed::Observed;
    use crate::parcel;
    use crate::remote::RemoteFree;
    use crate::span::{NOBODY, Span, SpanRef};
    use loom::cell::UnsafeCell;
    use loom::thread;
    use spandrel_classes::object_bytes;
    use std::boxed::Box;

    /// Its objects have 32 bytes.
    const CLASS: u8 = 4;

    /// A span of a page with an object that is free and one that a user has.
    struct Heap {
        central: Central,
        span: Span,
        /// Whoever owns the span touches this, so that loom sees two owners.
        owned: UnsafeCell<()>,
        user: Run,
    }

    // SAFETY: the run is one thread's; loom sees it if its object is not.
    unsafe impl Sync for Heap {}

    impl Heap {
        /// The span is owned by cache number 1.
        fn new() -> &'static Self {
            let heap: &'static mut Self = Box::leak(Box::new(Self {
                central: Central::new(),
                span: Span::unused(),
                owned: UnsafeCell::new(()),
                user: Run::of_one(core::ptr::null_mut()),
            }));
            heap.span.begin(Observed::page(object_bytes(CLASS), 2), 1, CLASS, false);
            let (first, _) = heap.span.carve(2);
            heap.span.push(Run::of_one(first.cast()));
            heap.span.owner.set(1);
            heap.user = Run::of_one(first.wrapping_add(object_bytes(CLASS)).cast());
            heap
        }

        /// What an owner does: collects what has come.
        fn own(&'static self, number: u32) {
            let span: SpanRef = &self.span;
            self.owned.with_mut(|_| ());
            span.owner.set(number);
            assert_ne!(span.place.get(), place::CENTRAL, "it is on the list, and owned");
            let list = span.remote.collect();
            if list != List::EMPTY {
                // SAFETY: what was collected is the owner's; loom sees it if it is not.
                span.push(unsafe { parcel::unpack(span, list) });
            }
        }

        /// The user's object is freed by a thread that is not the owner; whether it is now.
        fn free(&'static self, number: u32) -> bool {
            let (span, run): (SpanRef, _) = (&self.span, self.user);
            // SAFETY: the object is this thread's; loom sees it if it is not.
            let freed = span.remote.free(run, |next| unsafe { crate::object::link(run.last, next) });
            if freed == RemoteFree::Pushed {
                return false;
            }
            self.central.remove_claimed(span);
            self.own(number);
            span.push(run);
            true
        }

        /// A thread runs out of objects, takes the span, and gives it back; whether it then has it still.
        fn take_and_give(&'static self, number: u32) -> bool {
            let Some(span) = self.central.take() else { return false };
            assert_eq!(span.owner.get(), NOBODY, "it was taken from an owner");
            self.own(number);
            !self.central.give(span)
        }
    }

    #[test]
    fn a_span_has_one_owner_or_is_on_the_list() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let heap = Heap::new();
            let others = [thread::spawn(|| heap.free(2)), thread::spawn(|| heap.take_and_give(3))];
            let mut owners = u32::from(!heap.central.give(&heap.span));
            for other in others {
                owners += u32::from(other.join().unwrap());
            }
            assert!(owners <= 1, "two owners");
            let taken = heap.central.take();
            assert_eq!(taken.is_some(), owners == 0, "it is on the list, or owned");
            heap.own(4);
            assert_eq!(heap.span.used.get(), 0, "all objects have come back");
            assert!(heap.central.0.lock().first.iter().all(|first| first.is_null()));
            Observed::end();
        });
    }
}

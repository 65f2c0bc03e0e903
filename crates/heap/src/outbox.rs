//! Objects on their way to the thread that owns their span.
//!
//! A thread that frees what another one allocates, while that still owns the span, would push each object
//! onto the span's word by itself, and both threads would fight for the word's cache line. So the objects of
//! one span gather here, in parcels or linked, and travel together: one compare-and-swap for up to
//! [`OUTBOX_OBJS`] of them. An object of another span sends off what has gathered.

use core::ptr::null_mut;

#[cfg(not(loom))]
use spandrel_classes::CLASS_COUNT;
use spandrel_platform::const_fn;
use spandrel_platform::sync::{RacyPtr, RacyU32};

use crate::object::{self, Object, Run};
use crate::parcel;
use crate::span::{Span, SpanRef};
#[cfg(not(loom))]
use crate::{config::OUTBOX_OBJS, page_map, span::NOBODY, thread_cache::ThreadCache};

/// The objects of one class that have gathered.
#[derive(Debug)]
pub(crate) struct Outbox {
    span: RacyPtr<Span>,
    first: RacyPtr<Object>,
    last: RacyPtr<Object>,
    objs: RacyU32,
}

impl Outbox {
    const_fn! {
        /// Nothing. All zero.
        pub(crate) fn new() -> Self {
            let (first, last) = (RacyPtr::null(), RacyPtr::null());
            Self { span: RacyPtr::null(), first, last, objs: RacyU32::new(0) }
        }
    }

    /// How many there are.
    pub(crate) fn objs(&self) -> u32 {
        self.objs.get()
    }

    /// Adds an object of the span whose objects gather.
    fn add(&self, span: SpanRef, object: *mut Object) {
        let (first, room) = (self.first.get(), parcel::room(span.class.get()));
        self.objs.add(1);
        // SAFETY: what gathers here was given back to this thread, and is of the span.
        unsafe {
            if room == 0 {
                object::link(object, first);
                self.first.set(object);
            } else if parcel::add(span, first, object, room) {
                return;
            } else {
                self.first.set(parcel::begin(object, first));
            }
        }
        if first.is_null() {
            self.last.set(object);
        }
    }

    fn take(&self) -> Option<Run> {
        let objs = self.objs.get();
        if objs == 0 {
            return None;
        }
        let run = Run { first: self.first.get(), last: self.last.get(), objs };
        self.first.set(null_mut());
        self.objs.set(0);
        Some(run)
    }
}

#[cfg(not(loom))]
impl ThreadCache {
    /// Adds an object to those that gather, if it is of the same span and does not fill the outbox.
    #[inline(always)]
    pub(crate) fn gather(&self, class: u8, object: *mut u8) -> bool {
        let outbox = &self.class(class).outbox;
        if !(1..OUTBOX_OBJS - 1).contains(&outbox.objs()) {
            return false;
        }
        // SAFETY: only objects in arenas come here.
        let Some(span) = (unsafe { page_map::span_at(object) }) else { return false };
        let is_one_more = core::ptr::eq(outbox.span.get(), span);
        if is_one_more {
            outbox.add(span, object.cast());
        }
        is_one_more
    }

    /// Sends an object to the thread that owns its span; `false` if that is this thread, or nobody, and this
    /// thread may as well become the owner.
    ///
    /// Objects that share a cache line with the owner's others go back there instead of into use here, too:
    /// two threads that write to one line slow each other down.
    pub(crate) fn send(&self, class: u8, span: SpanRef, object: *mut u8) -> bool {
        let owner = span.owner.get();
        if owner == self.number.get() || owner == NOBODY && !self.has_enough(class) {
            return false;
        }
        let outbox = &self.class(class).outbox;
        if !core::ptr::eq(outbox.span.get(), span) {
            self.send_off(class);
            outbox.span.set(core::ptr::from_ref(span).cast_mut());
        }
        outbox.add(span, object.cast());
        if outbox.objs() == OUTBOX_OBJS || self.sees_each_free() {
            self.send_off(class);
        }
        true
    }

    /// What has gathered goes to its span.
    pub(crate) fn send_off(&self, class: u8) {
        let outbox = &self.class(class).outbox;
        // SAFETY: spans are type-stable.
        if let (Some(run), Some(span)) = (outbox.take(), unsafe { outbox.span.get().as_ref() }) {
            self.free_to(span, run);
        }
    }

    /// The same of all classes, when the thread ends: the next one to hold this cache may come late, and what
    /// was freed twice is noticed where the span is.
    pub(crate) fn send_off_all(&self) {
        (1..CLASS_COUNT as u8).for_each(|class| self.send_off(class));
    }
}

/// A model of what gathers in two threads, travels in parcels to the owner of the span, and is used there.
#[cfg(all(test, loom))]
mod models {
    extern crate std;
    use super::Outbox;
    use crate::object::{self, Object};
    use crate::observed::Observed;
    use crate::parcel;
    use crate::remote::RemoteFree;
    use crate::span::{Span, SpanRef};
    use loom::thread;
    use spandrel_classes::object_bytes;
    use std::boxed::Box;
    use std::vec::Vec;

    /// Its objects have 32 bytes, and travel in parcels.
    const CLASS: u8 = 4;
    /// Objects that are in use when the model begins; each thread's are more than one parcel.
    const OBJS: usize = 27;

    /// A span of a page, and an outbox for each of two threads that free objects of it.
    struct Heap {
        span: Span,
        outboxes: [Outbox; 2],
    }

    impl Heap {
        fn new() -> &'static Self {
            let outboxes = [(); 2].map(|()| Outbox::new());
            let heap = Box::leak(Box::new(Self { span: Span::unused(), outboxes }));
            heap.span.begin(Observed::page(object_bytes(CLASS), OBJS), 1, CLASS, false);
            heap.span.carve(OBJS as u32);
            heap
        }

        fn object(&self, index: usize) -> *mut Object {
            self.span.base().wrapping_add(index * object_bytes(CLASS)).cast()
        }

        /// One thread sends the objects of even numbers, the other one those of odd numbers.
        fn send(&'static self, sender: usize) {
            let outbox = &self.outboxes[sender];
            (sender..OBJS).step_by(2).for_each(|index| outbox.add(&self.span, self.object(index)));
            let run = outbox.take().unwrap();
            // SAFETY: the objects are this thread's; loom sees it if they are not.
            let freed = self.span.remote.free(run, |next| unsafe { object::link(run.last, next) });
            assert_eq!(freed, RemoteFree::Pushed, "the span has an owner");
        }

        /// The owner takes what has come, and writes to each object, as whoever allocates it would.
        fn receive(&'static self, received: &mut Vec<usize>) {
            let span: SpanRef = &self.span;
            if !span.collect() {
                return;
            }
            // SAFETY: what was collected is the owner's; loom sees it if it is not.
            let list = unsafe { parcel::opened(span, span.take_list()) };
            let mut object = list.head;
            for _ in 0..list.objs {
                received.push((object.addr() - span.base().addr()) / object_bytes(CLASS));
                // SAFETY: as above.
                unsafe {
                    let next = object::next(object);
                    object::link(object, object);
                    object = next;
                }
            }
            assert!(object.is_null(), "the count is the length");
        }
    }

    #[test]
    fn parcels_arrive_whole() {
        loom::model(|| {
            let heap = Heap::new();
            let sender = thread::spawn(|| heap.send(1));
            // It comes last where nobody interrupts, and so finds what was sent before anybody waits for it.
            let receiver = thread::spawn(|| {
                let mut received = Vec::new();
                heap.receive(&mut received);
                received
            });
            heap.send(0);
            sender.join().unwrap();
            let mut received = receiver.join().unwrap();
            heap.receive(&mut received);
            received.sort_unstable();
            assert!(received.iter().copied().eq(0..OBJS), "{received:?}");
            Observed::end();
        });
    }
}

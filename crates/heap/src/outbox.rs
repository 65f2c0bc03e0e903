//! Objects on their way to the thread that owns their span.
//!
//! A thread that frees what another one allocates, while that still owns the span, would push each object
//! onto the span's word by itself, and both threads would fight for the word's cache line. So the objects of
//! one span gather here, linked, and travel together: one compare-and-swap for up to [`OUTBOX_OBJS`] of them.
//! An object of another span sends off what has gathered.

use core::ptr::null_mut;

use spandrel_platform::sync::{RacyPtr, RacyU32};

use crate::config::OUTBOX_OBJS;
use crate::object::{self, Object, Run};
use crate::span::{NOBODY, Span, SpanRef};
use crate::thread_cache::ThreadCache;

/// The objects of one class that have gathered.
#[derive(Debug)]
pub(crate) struct Outbox {
    span: RacyPtr<Span>,
    first: RacyPtr<Object>,
    last: RacyPtr<Object>,
    objs: RacyU32,
}

impl Outbox {
    /// Nothing. All zero.
    pub(crate) const fn new() -> Self {
        Self { span: RacyPtr::null(), first: RacyPtr::null(), last: RacyPtr::null(), objs: RacyU32::new(0) }
    }

    /// How many there are.
    pub(crate) fn objs(&self) -> u32 {
        self.objs.get()
    }

    fn add(&self, object: *mut Object) {
        // SAFETY: the object was given back to this thread.
        unsafe { object::link(object, self.first.get()) };
        if self.objs.get() == 0 {
            self.last.set(object);
        }
        self.first.set(object);
        self.objs.add(1);
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

impl ThreadCache {
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
        outbox.add(object.cast());
        if outbox.objs() == OUTBOX_OBJS {
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
}

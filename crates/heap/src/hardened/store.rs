//! What a thread keeps with `hardened=1`: for each class a queue of dead objects.
//!
//! ```text
//!           went                  ready_until                              came
//!            v                         v                                    v
//!   alloc <- | the next choice | ready | waiting: the last 64, and some more | <- free
//!            |<----- from spans, when too few are ready;  too many: to spans
//! ```
//!
//! An object is ready when as many others of its class have been freed after it, or when it comes from a
//! span. The next one to be used is one of the first few, and nobody knows which.

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::sync::{RacyPtr, RacyU32, RacyU64};

use super::body;
use crate::config::{
    CHOICE_BYTES, CHOICE_OBJS_MAX, CHOICE_OBJS_MIN, CHOICE_SHIFT, MARK_FACTOR, WAITING_OBJS,
};

/// Places in the queue of a class.
const QUEUE_OBJS: usize = 2 * WAITING_OBJS;

/// The dead objects of one class. All zero: there is none, and none may come before [`Shelf::make_room`].
#[derive(Debug)]
pub(super) struct Shelf {
    queue: [RacyPtr<u8>; QUEUE_OBJS],
    /// How many objects have ever come, gone, and become ready. All of them wrap.
    came: RacyU32,
    went: RacyU32,
    ready_until: RacyU32,
    /// What `came` is when no more may come.
    full_at: RacyU32,
    /// How many objects there are to choose from, less one.
    choice: RacyU32,
}

/// The shelves of a thread cache. All zero: they are empty.
#[derive(Debug)]
pub(crate) struct Store {
    shelves: [Shelf; CLASS_COUNT],
    random: RacyU64,
}

/// How many objects of a class there are to choose from: a power of two.
pub(super) fn choice_objs(class: u8) -> u32 {
    let objs = (CHOICE_BYTES / object_bytes(class)).clamp(CHOICE_OBJS_MIN, CHOICE_OBJS_MAX);
    1 << objs.ilog2()
}

impl Store {
    #[inline(always)]
    pub(super) fn shelf(&self, class: u8) -> &Shelf {
        &self.shelves[usize::from(class)]
    }

    /// Objects of a class that wait, as anyone may see them. Those that are ready count as on the hot list.
    pub(crate) fn waiting_objs(&self, class: u8) -> u32 {
        self.shelf(class).waiting_objs()
    }

    /// Begins the random numbers.
    pub(super) fn begin(&self, seed: u64) {
        self.random.set(seed);
    }

    /// Takes one of the objects of a class that are ready; `None` if they are too few to choose from.
    #[inline(always)]
    pub(super) fn choose(&self, class: u8) -> Option<*mut u8> {
        let shelf = self.shelf(class);
        let (went, choice) = (shelf.went.get(), shelf.choice.get());
        if shelf.ready_until.get().wrapping_sub(went) <= choice {
            return None;
        }
        let random = self.random.get();
        let chosen = went.wrapping_add((random >> CHOICE_SHIFT) as u32 & choice);
        let (first, slot) = (shelf.place(went), shelf.place(chosen));
        let object = slot.get();
        slot.set(first.get());
        shelf.went.set(went.wrapping_add(1));
        self.random.set(random.wrapping_mul(MARK_FACTOR).wrapping_add(body::key()));
        Some(object)
    }
}

impl Shelf {
    #[inline(always)]
    fn place(&self, number: u32) -> &RacyPtr<u8> {
        &self.queue[number as usize % QUEUE_OBJS]
    }

    /// Whether one more may come.
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.came.get() != self.full_at.get()
    }

    /// A freed object comes to wait; there is room.
    #[inline(always)]
    pub(super) fn wait(&self, object: *mut u8) {
        let came = self.came.get();
        self.place(came).set(object);
        self.came.set(came.wrapping_add(1));
    }

    /// As anyone may see it: in another thread, what is read first may be older.
    fn waiting_objs(&self) -> u32 {
        let ready_until = self.ready_until.get();
        self.came.get().wrapping_sub(ready_until).cast_signed().max(0).cast_unsigned()
    }

    pub(super) fn ready_objs(&self) -> u32 {
        self.ready_until.get().wrapping_sub(self.went.get())
    }

    /// All objects that are here.
    pub(super) fn objs(&self) -> u32 {
        self.came.get().wrapping_sub(self.went.get())
    }

    /// Makes those ready that have waited long enough; how many.
    pub(super) fn ripen(&self) -> u32 {
        let ripe = self.waiting_objs().saturating_sub(WAITING_OBJS as u32);
        self.ready_until.set(self.ready_until.get().wrapping_add(ripe));
        ripe
    }

    /// Objects of a span come first, ready; there is room.
    pub(super) fn put_first(&self, objects: &[*mut u8]) {
        for &object in objects {
            let first = self.went.get().wrapping_sub(1);
            self.place(first).set(object);
            self.went.set(first);
        }
    }

    /// Takes the object that is first; null if there is none.
    pub(super) fn take_first(&self) -> *mut u8 {
        if self.objs() == 0 {
            return core::ptr::null_mut();
        }
        let went = self.went.get();
        if self.ready_objs() == 0 {
            self.ready_until.set(went.wrapping_add(1));
        }
        self.went.set(went.wrapping_add(1));
        self.place(went).get()
    }

    /// From now on as many objects may be here as have to wait, and three choices.
    pub(super) fn make_room(&self, class: u8) {
        self.choice.set(choice_objs(class) - 1);
        self.full_at.set(self.went.get().wrapping_add(WAITING_OBJS as u32 + 3 * choice_objs(class)));
    }
}

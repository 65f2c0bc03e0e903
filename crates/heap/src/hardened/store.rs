//! What a thread keeps with `hardened=1`: for each class a queue of dead objects.
//!
//! ```text
//!           went    ready_until                              came
//!            v           v                                    v
//!   alloc <- |   ready   | waiting: the last 64, and some more | <- free
//!            |<- from spans, when none is ready;  too many: to spans
//! ```
//!
//! An object is ready when as many others of its class have been freed after it, or when it comes from a
//! span. Those that come from a span together are shuffled; those that have waited are used in the order in
//! which they were freed.
//!
//! **Why they are not shuffled more.** What a program allocates one after the other it often visits one after
//! the other, and a processor fetches ahead what lies in the order of addresses. The next object drawn at
//! random from the first sixteen costs python a fifth of its time, mostly in the program itself; so a batch
//! is split by random bits into two parts, each in the order in which it was (the inverse of the riffle of
//! Gilbert, Shannon and Reeds), and the same once more. What is left is four streams of ascending addresses,
//! and after an object comes its neighbour in one case of four.

use core::ptr::null_mut;

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::sync::{RacyPtr, RacyU32, RacyU64};

use super::body;
use crate::config::{BATCH_BYTES, BATCH_OBJS_MAX, BATCH_OBJS_MIN, MARK_FACTOR, SHUFFLE_SHIFTS, WAITING_OBJS};

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
}

/// The shelves of a thread cache. All zero: they are empty.
#[derive(Debug)]
pub(crate) struct Store {
    shelves: [Shelf; CLASS_COUNT],
    random: RacyU64,
}

/// How many objects of a class come from a span at once.
pub(super) fn batch_objs(class: u8) -> usize {
    (BATCH_BYTES / object_bytes(class)).clamp(BATCH_OBJS_MIN, BATCH_OBJS_MAX)
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

    /// Shuffles what has come from a span.
    pub(super) fn shuffle(&self, objects: &mut [*mut u8]) {
        let random = self.random.get();
        self.random.set(random.wrapping_mul(MARK_FACTOR).wrapping_add(body::key()));
        for shift in SHUFFLE_SHIFTS {
            split(objects, random >> shift);
        }
    }
}

/// Puts those whose bit is set before the others, each part in the order in which it was.
fn split(objects: &mut [*mut u8], bits: u64) {
    let mut others = [null_mut(); BATCH_OBJS_MAX];
    let (mut set, mut unset) = (0, 0);
    for index in 0..objects.len() {
        let object = objects[index];
        if bits >> index & 1 == 1 {
            objects[set] = object;
            set += 1;
        } else {
            others[unset] = object;
            unset += 1;
        }
    }
    objects[set..].copy_from_slice(&others[..unset]);
}

impl Shelf {
    #[inline(always)]
    fn place(&self, number: u32) -> &RacyPtr<u8> {
        &self.queue[number as usize % QUEUE_OBJS]
    }

    /// Takes the first object if it is ready.
    #[inline(always)]
    pub(super) fn take(&self) -> Option<*mut u8> {
        let went = self.went.get();
        if self.ready_until.get() == went {
            return None;
        }
        self.went.set(went.wrapping_add(1));
        Some(self.place(went).get())
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

    /// Objects of a span come before all others, ready; there is room.
    pub(super) fn put_first(&self, objects: &[*mut u8]) {
        for &object in objects.iter().rev() {
            let first = self.went.get().wrapping_sub(1);
            self.place(first).set(object);
            self.went.set(first);
        }
    }

    /// Takes the object that is first, ready or not; null if there is none.
    pub(super) fn take_first(&self) -> *mut u8 {
        if self.objs() == 0 {
            return null_mut();
        }
        let went = self.went.get();
        if self.ready_objs() == 0 {
            self.ready_until.set(went.wrapping_add(1));
        }
        self.went.set(went.wrapping_add(1));
        self.place(went).get()
    }

    /// From now on as many objects may be here as have to wait, and three batches.
    pub(super) fn make_room(&self, class: u8) {
        self.full_at.set(self.went.get().wrapping_add((WAITING_OBJS + 3 * batch_objs(class)) as u32));
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn objects_are_split_by_bits() {
        let all: Vec<*mut u8> = (1..=5).map(core::ptr::without_provenance_mut).collect();
        for (bits, order) in [(0b00110, [2, 3, 1, 4, 5]), (0, [1, 2, 3, 4, 5]), (0b11111, [1, 2, 3, 4, 5])] {
            let mut objects = all.clone();
            split(&mut objects, bits);
            assert_eq!(objects.iter().map(|object| object.addr()).collect::<Vec<_>>(), order, "{bits:b}");
        }
    }
}

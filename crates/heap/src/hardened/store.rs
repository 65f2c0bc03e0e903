//! What a thread keeps with `hardened=1`: freed objects that wait, and free ones that are ready.
//!
//! ```text
//!   free ---> waiting: the last 64 of the class, in order ---> ready: a few, in random order ---> alloc
//!                                                              ^     | too many
//!                                                              |     v
//!                                                             the objects' spans
//! ```
//!
//! So an object is not used again before as many others of its class have been freed, and nobody knows which
//! of the ready ones is next.

use core::ptr::null_mut;

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::sync::{RacyPtr, RacyU8, RacyU32, RacyU64};

use crate::config::{READY_BYTES, READY_OBJS_MAX, READY_OBJS_MIN, WAITING_OBJS};
use crate::sampling_law::next_random;

/// A dead object, and where its state is kept; null in a span without states.
#[derive(Clone, Copy)]
pub(super) struct Dead {
    pub(super) object: *mut u8,
    state: *mut RacyU8,
}

impl Dead {
    pub(super) fn new(object: *mut u8, state: Option<&'static RacyU8>) -> Self {
        Self { object, state: state.map_or(null_mut(), |state| core::ptr::from_ref(state).cast_mut()) }
    }

    /// The state, if there is one.
    pub(super) fn state(self) -> Option<&'static RacyU8> {
        // SAFETY: made from a reference, to metadata memory, which is never unmapped.
        unsafe { self.state.as_ref() }
    }
}

/// A place for a dead object. All zero: nothing is there.
#[derive(Debug)]
struct Slot {
    object: RacyPtr<u8>,
    state: RacyPtr<RacyU8>,
}

impl Slot {
    fn get(&self) -> Dead {
        Dead { object: self.object.get(), state: self.state.get() }
    }

    fn set(&self, dead: Dead) {
        self.object.set(dead.object);
        self.state.set(dead.state);
    }
}

/// The dead objects of one class.
#[derive(Debug)]
pub(super) struct Shelf {
    waiting: [Slot; WAITING_OBJS],
    ready: [Slot; READY_OBJS_MAX],
    /// Where the next one waits.
    next: RacyU32,
    ready_objs: RacyU32,
    /// All that are here, for the statistics.
    objs: RacyU32,
}

/// The shelves of a thread cache. All zero: they are empty.
#[derive(Debug)]
pub(crate) struct Store {
    shelves: [Shelf; CLASS_COUNT],
    random: RacyU64,
}

/// How many objects of a class are ready at most.
static READY_CAPS: [u32; CLASS_COUNT] = {
    let mut caps = [0; CLASS_COUNT];
    let mut class = 1;
    while class < CLASS_COUNT {
        let objs = READY_BYTES / object_bytes(class as u8);
        caps[class] = if objs < READY_OBJS_MIN {
            READY_OBJS_MIN as u32
        } else if objs > READY_OBJS_MAX {
            READY_OBJS_MAX as u32
        } else {
            objs as u32
        };
        class += 1;
    }
    caps
};

/// How many objects of a class are ready at most; half of them come and go at once.
pub(super) fn ready_cap(class: u8) -> u32 {
    READY_CAPS[usize::from(class)]
}

impl Store {
    pub(super) fn shelf(&self, class: u8) -> &Shelf {
        &self.shelves[usize::from(class)]
    }

    /// Objects of a class that are here, as anyone may see them.
    pub(crate) fn objs(&self, class: u8) -> u32 {
        self.shelf(class).objs.get()
    }

    /// Begins the random numbers.
    pub(super) fn begin(&self, seed: u64) {
        self.random.set(seed);
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: u32) -> usize {
        let (state, bits) = next_random(self.random.get());
        self.random.set(state);
        (((bits >> 32) * u64::from(end)) >> 32) as usize
    }
}

impl Shelf {
    /// Lets a freed object wait in place of the one that has waited longest, which is returned.
    pub(super) fn wait(&self, dead: Dead) -> Option<Dead> {
        let next = self.next.get();
        let slot = &self.waiting[next as usize % WAITING_OBJS];
        self.next.set(next.wrapping_add(1));
        let longest = slot.get();
        slot.set(dead);
        self.objs.add(1);
        (!longest.object.is_null()).then_some(longest)
    }

    /// Takes one that waits, for good.
    pub(super) fn take_waiting(&self) -> Option<Dead> {
        for slot in &self.waiting {
            let dead = slot.get();
            if !dead.object.is_null() {
                slot.object.set(null_mut());
                self.objs.sub(1);
                return Some(dead);
            }
        }
        None
    }

    pub(super) fn ready_objs(&self) -> u32 {
        self.ready_objs.get()
    }

    /// Adds a free object at a random place; it counts already if it was here before.
    pub(super) fn add_ready(&self, dead: Dead, place: usize) {
        let objs = self.ready_objs.get();
        let last = &self.ready[objs as usize];
        let slot = &self.ready[place.min(objs as usize)];
        last.set(slot.get());
        slot.set(dead);
        self.ready_objs.set(objs + 1);
    }

    /// An object of a span has come here.
    pub(super) fn count_in(&self) {
        self.objs.add(1);
    }

    /// Takes the last of the ready objects, for good.
    pub(super) fn take_ready(&self) -> Option<Dead> {
        let objs = self.ready_objs.get();
        let last = objs.checked_sub(1)?;
        self.ready_objs.set(last);
        self.objs.sub(1);
        Some(self.ready[last as usize].get())
    }
}

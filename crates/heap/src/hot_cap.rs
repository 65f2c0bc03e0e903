//! How long the hot lists may be: short at first, longer for classes whose use swings.
//!
//! A list is full at its **cap**, which begins at about [`HOT_BYTES`] of objects. When a class first
//! overflows its list and then empties it, so that objects go back to their spans only to be fetched again,
//! its cap doubles: from then on a swing of that size touches nothing but the list. What all lists of a
//! thread may have gained by that is limited, the more so the more threads there are. A list in disorder
//! stays short: from a long one objects would come back from all over the memory, one waiting for the
//! address of the next, where spans give them out in the order of their addresses.
//!
//! A list must not hold on to the memory of a program that has moved on. When a thread frees in bulk, it
//! empties the list (`few_left`); and a class that it has not used between two **sweeps** gives up its list,
//! its cap, and its long spans.

use spandrel_classes::{CLASS_COUNT, PAGE_BYTES, object_bytes};

use crate::config::{
    BALANCED_BYTES, BALANCED_OBJS_MAX, BALANCED_OBJS_MIN, DISORDER_DOUBLINGS, HOT_ALL_BYTES, HOT_BYTES,
    HOT_CLASS_BYTES_MAX, HOT_OBJS_MAX, HOT_OBJS_MIN, HOT_THREAD_BYTES_MAX, ORDER_JUMPS_MAX, ORDER_LOOK_OBJS,
    SWEEP_REFILLS,
};
use crate::thread_cache::ThreadCache;
use crate::{caches, object};

/// The first cap of each class, in objects.
static FIRST_CAPS: [u32; CLASS_COUNT] = objs_of(HOT_BYTES, HOT_OBJS_MIN, HOT_OBJS_MAX);
/// See [`balanced_frees`].
static BALANCED_FREES: [u32; CLASS_COUNT] = objs_of(BALANCED_BYTES, BALANCED_OBJS_MIN, BALANCED_OBJS_MAX);

/// How many objects of each class have `bytes`, but not fewer than `objs_min` nor more than `objs_max`.
const fn objs_of(bytes: usize, objs_min: u32, objs_max: u32) -> [u32; CLASS_COUNT] {
    let mut objs = [0; CLASS_COUNT];
    let mut class = 1;
    while class < CLASS_COUNT {
        let fitting = (bytes / object_bytes(class as u8)) as u32;
        objs[class] = if fitting < objs_min {
            objs_min
        } else if fitting > objs_max {
            objs_max
        } else {
            fitting
        };
        class += 1;
    }
    objs
}

/// How many frees a thread may do that allocates as much, before the slow path has another look.
pub(crate) fn balanced_frees(class: u8) -> u32 {
    BALANCED_FREES[usize::from(class)]
}

impl ThreadCache {
    /// How many objects of a class make the hot list full.
    pub(crate) fn hot_cap(&self, class: u8) -> u32 {
        FIRST_CAPS[usize::from(class)] << self.class(class).cap_doublings.get()
    }

    /// The hot list of a class is full: would a longer one be of use?
    pub(crate) fn note_full(&self, class: u8) {
        let cache = self.class(class);
        let is_welcome = cache.cap_doublings.get() < DISORDER_DOUBLINGS || self.is_in_order(class);
        cache.was_full.set(is_welcome.into());
    }

    /// Whether the latest objects of a full hot list mostly follow each other.
    fn is_in_order(&self, class: u8) -> bool {
        let mut object = self.bin(class).head.get();
        let mut jumps = 0;
        for _ in 0..ORDER_LOOK_OBJS.min(self.class(class).hot_objs.get() - 1) {
            // SAFETY: the list is this thread's, and has more objects than this loop has rounds.
            let next = unsafe { object::next(object) };
            jumps += u32::from((next.addr() ^ object.addr()) >= PAGE_BYTES);
            object = next;
        }
        jumps <= ORDER_JUMPS_MAX
    }

    /// The hot list of a class is empty and the spans have to be asked. If it has been full since it was last
    /// empty, it was too short.
    pub(crate) fn note_empty(&self, class: u8) {
        let cache = self.class(class);
        cache.is_unused.set(0);
        self.drained.set(0);
        self.refills.add(1);
        if self.refills.get() == SWEEP_REFILLS {
            self.sweep();
        }
        if cache.was_full.get() == 1 {
            cache.was_full.set(0);
            self.raise_cap(class);
        }
    }

    fn raise_cap(&self, class: u8) {
        let more_bytes = self.hot_cap(class) * object_bytes(class) as u32;
        let budget_bytes = (HOT_ALL_BYTES / caches::len().max(1)).min(HOT_THREAD_BYTES_MAX);
        if 2 * more_bytes <= HOT_CLASS_BYTES_MAX && self.hot_gained_bytes.get() + more_bytes <= budget_bytes {
            self.class(class).cap_doublings.add(1);
            self.hot_gained_bytes.add(more_bytes);
        }
    }

    /// Empties the lists of classes that were not used since the last sweep, which then begin anew.
    #[cold]
    #[inline(never)]
    fn sweep(&self) {
        self.refills.set(0);
        for class in 1..CLASS_COUNT as u8 {
            let cache = self.class(class);
            if cache.is_unused.get() == 1 {
                self.free_to_spans(class, self.take_hot(class));
                self.send_off(class);
                let gained = self.hot_cap(class) - FIRST_CAPS[usize::from(class)];
                self.hot_gained_bytes.sub(gained * object_bytes(class) as u32);
                cache.cap_doublings.set(0);
                cache.fresh_spans.set(0);
            }
            cache.is_unused.set(1);
        }
    }
}

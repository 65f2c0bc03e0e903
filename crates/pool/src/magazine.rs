//! A thread's magazine: up to [`ITEMS_MAX`] idle objects, reached without a lock or an atomic instruction.
//!
//! One thread pushes and pops; others may look at the counters (statistics), and the depot drains the
//! magazine when the pool is dropped, which takes the only reference to the pool and so excludes its owner.
//! Every cell is an atomic with relaxed access, which compiles to a plain move.

use std::ptr::NonNull;

use spandrel_platform::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::idle::Idle;

/// The objects that a magazine holds.
pub(crate) const ITEMS_MAX: usize = if cfg!(loom) { 2 } else { 32 };

/// The objects that travel between a magazine and the depot at once: half a magazine, so that a thread that
/// alternates at the edge does not go to the depot each time.
pub(crate) const BATCH_ITEMS: usize = ITEMS_MAX / 2;

/// An idle object, and its weight when it came back.
#[derive(Debug)]
pub(crate) struct Item<T> {
    pub(crate) object: Idle<T>,
    pub(crate) weight_bytes: usize,
}

struct Slot<T> {
    object: AtomicPtr<T>,
    weight_bytes: AtomicUsize,
}

/// On cache lines of its own (two, for processors that fetch lines in pairs).
#[repr(align(128))]
pub(crate) struct Magazine<T> {
    len: AtomicUsize,
    hits: AtomicU64,
    kept: AtomicU64,
    slots: [Slot<T>; ITEMS_MAX],
}

impl<T> Magazine<T> {
    pub(crate) fn new() -> Self {
        let slot =
            || Slot { object: AtomicPtr::new(std::ptr::null_mut()), weight_bytes: AtomicUsize::new(0) };
        Self {
            len: AtomicUsize::new(0),
            hits: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            slots: std::array::from_fn(|_| slot()),
        }
    }

    /// The object that came last, for a `get`.
    ///
    /// # Safety
    /// The caller is the magazine's owner, or excludes it.
    #[inline(always)]
    pub(crate) unsafe fn pop(&self) -> Option<NonNull<T>> {
        let len = self.len.load(Relaxed).checked_sub(1)?;
        // SAFETY: `len` never exceeds the slots.
        let slot = unsafe { self.slots.get_unchecked(len) };
        self.len.store(len, Relaxed);
        self.hits.store(self.hits.load(Relaxed) + 1, Relaxed);
        // SAFETY: a slot below the length was filled by `push` from a box.
        Some(unsafe { NonNull::new_unchecked(slot.object.load(Relaxed)) })
    }

    /// Takes an object that a guard gave back; false, and nothing taken, if the magazine is full.
    ///
    /// # Safety
    /// As for `pop`; and the object is the caller's, from a box.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, object: NonNull<T>, weight_bytes: usize) -> bool {
        let len = self.len.load(Relaxed);
        if len >= ITEMS_MAX {
            return false;
        }
        self.fill(len, object.as_ptr(), weight_bytes);
        self.kept.store(self.kept.load(Relaxed) + 1, Relaxed);
        true
    }

    #[inline(always)]
    fn fill(&self, at: usize, object: *mut T, weight_bytes: usize) {
        let slot = &self.slots[at];
        slot.object.store(object, Relaxed);
        slot.weight_bytes.store(weight_bytes, Relaxed);
        self.len.store(at + 1, Relaxed);
    }

    /// Puts objects from the depot in, as many as there is room for; they count as nothing.
    ///
    /// # Safety
    /// As for `pop`.
    pub(crate) unsafe fn load(&self, items: impl Iterator<Item = Item<T>>) {
        for item in items {
            let len = self.len.load(Relaxed);
            assert!(len < ITEMS_MAX, "a batch is half a magazine");
            self.fill(len, Box::into_raw(item.object.plain()), item.weight_bytes);
        }
    }

    /// Takes the `count` objects that lie longest, or all.
    ///
    /// # Safety
    /// As for `pop`.
    pub(crate) unsafe fn unload(&self, count: usize) -> Vec<Item<T>> {
        let len = self.len.load(Relaxed);
        let count = count.min(len);
        let item = |slot: &Slot<T>| Item {
            // SAFETY: a slot below the length holds a box that nobody else has.
            object: Idle::Plain(unsafe { Box::from_raw(slot.object.load(Relaxed)) }),
            weight_bytes: slot.weight_bytes.load(Relaxed),
        };
        let items = self.slots[..count].iter().map(item).collect();
        for at in count..len {
            let (to, from) = (&self.slots[at - count], &self.slots[at]);
            to.object.store(from.object.load(Relaxed), Relaxed);
            to.weight_bytes.store(from.weight_bytes.load(Relaxed), Relaxed);
        }
        self.len.store(len - count, Relaxed);
        items
    }

    /// Takes the counters: hits, and objects kept.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.hits.load(Relaxed), self.kept.load(Relaxed))
    }

    /// Idle objects and their bytes; while the owner works, about.
    pub(crate) fn idle(&self) -> (usize, usize) {
        let len = self.len.load(Relaxed).min(ITEMS_MAX);
        (len, self.slots[..len].iter().map(|slot| slot.weight_bytes.load(Relaxed)).sum())
    }
}

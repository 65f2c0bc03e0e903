//! A thread's magazine: up to [`ITEMS_MAX`] idle objects, reached without a lock or an atomic instruction.
//!
//! One thread pushes and pops. Others may look at the counters (statistics). The depot takes what lies below
//! the object that came last when its owner has not come by for long, and everything when the pool is
//! dropped, which takes the only reference to the pool and so excludes the owner. Every cell is an atomic,
//! with relaxed access as a rule, which compiles to a plain move.

use std::ptr::NonNull;

use spandrel_platform::sync::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::idle::Idle;
use crate::sync;

/// The objects that a magazine holds.
pub(crate) const ITEMS_MAX: usize = if cfg!(loom) { 2 } else { 32 };

/// Those of them that lie below the one that came last.
const BELOW_MAX: usize = ITEMS_MAX - 1;

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
///
/// The object that came last lies apart from the others, on top of their stack: a thread that gets and gives
/// back in turns has one store and one load of it in a row, and no length that each step waits for.
#[repr(align(128))]
pub(crate) struct Magazine<T> {
    /// The object that came last; null after it was taken.
    top: Slot<T>,
    hits: AtomicU64,
    /// Objects that came from the depot, less those that went there.
    loaded: AtomicU64,
    /// The owner is at what lies below.
    is_busy: AtomicBool,
    /// The depot is, or is about to be.
    is_wanted: AtomicBool,
    len: AtomicUsize,
    below: [Slot<T>; BELOW_MAX],
}

impl<T> Slot<T> {
    fn empty() -> Self {
        Self { object: AtomicPtr::new(std::ptr::null_mut()), weight_bytes: AtomicUsize::new(0) }
    }

    #[inline(always)]
    fn set(&self, object: *mut T, weight_bytes: usize) {
        self.object.store(object, Relaxed);
        self.weight_bytes.store(weight_bytes, Relaxed);
    }

    #[inline(always)]
    fn get(&self) -> (*mut T, usize) {
        (self.object.load(Relaxed), self.weight_bytes.load(Relaxed))
    }
}

impl<T> Magazine<T> {
    pub(crate) fn new() -> Self {
        Self {
            top: Slot::empty(),
            hits: AtomicU64::new(0),
            loaded: AtomicU64::new(0),
            is_busy: AtomicBool::new(false),
            is_wanted: AtomicBool::new(false),
            len: AtomicUsize::new(0),
            below: std::array::from_fn(|_| Slot::empty()),
        }
    }

    /// The object that came last, for a `get`, if it lies on top.
    ///
    /// # Safety
    /// The caller is the magazine's owner, or excludes it.
    #[inline(always)]
    pub(crate) unsafe fn pop_top(&self) -> Option<NonNull<T>> {
        let object = NonNull::new(self.top.object.load(Relaxed))?;
        self.top.object.store(std::ptr::null_mut(), Relaxed);
        self.hits.store(self.hits.load(Relaxed) + 1, Relaxed);
        Some(object)
    }

    /// The owner's turn at what lies below; `None` while it is the depot's.
    ///
    /// Both say what they are about to do, and look what the other one said. The owner, who comes often, does
    /// so by ordinary moves; the depot makes all processors finish theirs in between.
    #[inline(always)]
    fn with_below<R>(&self, action: impl FnOnce() -> R) -> Option<R> {
        self.is_busy.store(true, Relaxed);
        sync::light_barrier();
        let result = if self.is_wanted.load(Acquire) { None } else { Some(action()) };
        self.is_busy.store(false, Release);
        result
    }

    /// The object that came last, for a `get`; none also while the depot takes things away.
    ///
    /// # Safety
    /// As for `pop_top`.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<NonNull<T>> {
        // SAFETY: the caller's promise.
        if let Some(object) = unsafe { self.pop_top() } {
            return Some(object);
        }
        let object = self.with_below(|| {
            let len = self.len.load(Relaxed).checked_sub(1)?;
            self.len.store(len, Relaxed);
            NonNull::new(self.below[len].object.load(Relaxed))
        })??;
        self.hits.store(self.hits.load(Relaxed) + 1, Relaxed);
        Some(object)
    }

    /// Takes an object that a guard gave back; false, and nothing taken, if one lies on top.
    ///
    /// # Safety
    /// As for `pop_top`; and the object is the caller's, from a box.
    #[inline(always)]
    pub(crate) unsafe fn push_top(&self, object: NonNull<T>, weight_bytes: usize) -> bool {
        let is_free = self.top.object.load(Relaxed).is_null();
        if is_free {
            self.top.set(object.as_ptr(), weight_bytes);
        }
        is_free
    }

    /// Takes an object that a guard gave back; false, and nothing taken, if the magazine is full, or the
    /// depot takes things away.
    ///
    /// # Safety
    /// As for `push_top`.
    #[inline]
    pub(crate) unsafe fn push(&self, object: NonNull<T>, weight_bytes: usize) -> bool {
        if !self.top.object.load(Relaxed).is_null() && self.with_below(|| self.sink_top()) != Some(true) {
            return false;
        }
        self.top.set(object.as_ptr(), weight_bytes);
        true
    }

    /// Moves the top, which is there, onto the stack; false if that is full.
    #[inline(always)]
    fn sink_top(&self) -> bool {
        let len = self.len.load(Relaxed);
        let Some(slot) = self.below.get(len) else { return false };
        let (object, weight_bytes) = self.top.get();
        slot.set(object, weight_bytes);
        self.len.store(len + 1, Relaxed);
        true
    }

    /// How many objects there is room for.
    pub(crate) fn room(&self) -> usize {
        ITEMS_MAX - self.idle().0
    }

    /// Puts objects from the depot in, for which there is room.
    ///
    /// # Safety
    /// As for `pop_top`; and the caller has the depot's lock.
    pub(crate) unsafe fn load(&self, items: impl Iterator<Item = Item<T>>) {
        for item in items {
            let sunk = self.top.object.load(Relaxed).is_null() || self.sink_top();
            assert!(sunk, "there is room");
            self.top.set(Box::into_raw(item.object.plain()), item.weight_bytes);
            self.loaded.store(self.loaded.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Takes the `count` objects that lie longest, of those below; none while the depot does.
    ///
    /// # Safety
    /// As for `pop_top`.
    pub(crate) unsafe fn unload(&self, count: usize) -> Vec<Item<T>> {
        // SAFETY: it is the owner's turn.
        self.with_below(|| unsafe { self.take_below(count) }).unwrap_or_default()
    }

    /// Takes everything.
    ///
    /// # Safety
    /// As for `pop_top`; and the caller has the depot's lock.
    pub(crate) unsafe fn empty(&self) -> Vec<Item<T>> {
        // SAFETY: with the lock the depot takes nothing away.
        let mut items = unsafe { self.take_below(BELOW_MAX) };
        let (object, weight_bytes) = self.top.get();
        if !object.is_null() {
            self.top.object.store(std::ptr::null_mut(), Relaxed);
            self.loaded.store(self.loaded.load(Relaxed).wrapping_sub(1), Relaxed);
            // SAFETY: the magazine held this box, and has just forgotten it.
            items.push(Item { object: Idle::Plain(unsafe { Box::from_raw(object) }), weight_bytes });
        }
        items
    }

    /// Takes the `count` objects that lie longest, of those below.
    ///
    /// # Safety
    /// It is the caller's turn at what lies below.
    unsafe fn take_below(&self, count: usize) -> Vec<Item<T>> {
        let len = self.len.load(Relaxed);
        let count = count.min(len);
        let item = |slot: &Slot<T>| {
            let (object, weight_bytes) = slot.get();
            // SAFETY: a slot below the length holds a box that nobody else has; it is forgotten in a moment.
            Item { object: Idle::Plain(unsafe { Box::from_raw(object) }), weight_bytes }
        };
        let items = self.below[..count].iter().map(item).collect();
        for at in count..len {
            let (object, weight_bytes) = self.below[at].get();
            self.below[at - count].set(object, weight_bytes);
        }
        self.len.store(len - count, Relaxed);
        self.loaded.store(self.loaded.load(Relaxed).wrapping_sub(count as u64), Relaxed);
        items
    }

    /// The depot will take what lies below, after a barrier on all processors.
    pub(crate) fn want(&self) {
        self.is_wanted.store(true, Relaxed);
    }

    /// The depot takes what lies below, unless the owner is there.
    ///
    /// # Safety
    /// The caller has the depot's lock, and since it called `want` all processors have passed a barrier.
    pub(crate) unsafe fn take_away(&self) -> Vec<Item<T>> {
        if self.is_busy.load(Acquire) {
            return Vec::new();
        }
        // SAFETY: the owner is not there, and if it comes it sees that it must wait.
        unsafe { self.take_below(BELOW_MAX) }
    }

    /// The depot has done.
    pub(crate) fn want_no_more(&self) {
        self.is_wanted.store(false, Release);
    }

    /// How often an object was taken out by `pop`.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    /// Takes the counters: hits, and objects kept. What was kept and what was loaded was hit, or is there.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let (hits, idle) = (self.hits.load(Relaxed), self.idle().0 as u64);
        let kept = (hits + idle).wrapping_sub(self.loaded.load(Relaxed));
        // The owner may be between two of the three.
        (hits, kept.cast_signed().max(0).cast_unsigned())
    }

    /// Idle objects and their bytes; while the owner works, about.
    pub(crate) fn idle(&self) -> (usize, usize) {
        let len = self.len.load(Relaxed).min(BELOW_MAX);
        let (top, top_bytes) = self.top.get();
        let bytes = self.below[..len].iter().map(|slot| slot.get().1).sum::<usize>();
        if top.is_null() { (len, bytes) } else { (len + 1, bytes + top_bytes) }
    }
}

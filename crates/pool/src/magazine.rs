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

    /// The object that came last, for a `get`.
    ///
    /// # Safety
    /// As for `pop_top`.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<NonNull<T>> {
        // SAFETY: the caller's promise.
        if let Some(object) = unsafe { self.pop_top() } {
            return Some(object);
        }
        let len = self.len.load(Relaxed).checked_sub(1)?;
        self.len.store(len, Relaxed);
        self.hits.store(self.hits.load(Relaxed) + 1, Relaxed);
        NonNull::new(self.below[len].object.load(Relaxed))
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

    /// Takes an object that a guard gave back; false, and nothing taken, if the magazine is full.
    ///
    /// # Safety
    /// As for `push_top`.
    #[inline]
    pub(crate) unsafe fn push(&self, object: NonNull<T>, weight_bytes: usize) -> bool {
        let (top, top_bytes) = self.top.get();
        if !top.is_null() {
            let len = self.len.load(Relaxed);
            let Some(slot) = self.below.get(len) else { return false };
            slot.set(top, top_bytes);
            self.len.store(len + 1, Relaxed);
        }
        self.top.set(object.as_ptr(), weight_bytes);
        true
    }

    /// Puts objects from the depot in, as many as there is room for.
    ///
    /// # Safety
    /// As for `pop`.
    pub(crate) unsafe fn load(&self, items: impl Iterator<Item = Item<T>>) {
        for item in items {
            let object = NonNull::from(Box::leak(item.object.plain()));
            // SAFETY: the caller's promise; the object has just left its box.
            let pushed = unsafe { self.push(object, item.weight_bytes) };
            assert!(pushed, "a batch is half a magazine");
            self.loaded.store(self.loaded.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Takes the `count` objects that lie longest, or all.
    ///
    /// # Safety
    /// As for `pop`.
    pub(crate) unsafe fn unload(&self, count: usize) -> Vec<Item<T>> {
        let len = self.len.load(Relaxed);
        let from_below = count.min(len);
        let mut taken: Vec<(*mut T, usize)> = self.below[..from_below].iter().map(Slot::get).collect();
        for at in from_below..len {
            let (object, weight_bytes) = self.below[at].get();
            self.below[at - from_below].set(object, weight_bytes);
        }
        self.len.store(len - from_below, Relaxed);
        let top = self.top.get();
        if count > len && !top.0.is_null() {
            self.top.object.store(std::ptr::null_mut(), Relaxed);
            taken.push(top);
        }
        self.loaded.store(self.loaded.load(Relaxed).wrapping_sub(taken.len() as u64), Relaxed);
        let item = |(object, weight_bytes)| Item {
            // SAFETY: the magazine held this box, and has just forgotten it.
            object: Idle::Plain(unsafe { Box::from_raw(object) }),
            weight_bytes,
        };
        taken.into_iter().map(item).collect()
    }

    /// Takes the counters: hits, and objects kept. What was kept and what was loaded was hit, or is there.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let (hits, idle) = (self.hits.load(Relaxed), self.idle().0 as u64);
        (hits, (hits + idle).wrapping_sub(self.loaded.load(Relaxed)))
    }

    /// Idle objects and their bytes; while the owner works, about.
    pub(crate) fn idle(&self) -> (usize, usize) {
        let len = self.len.load(Relaxed).min(BELOW_MAX);
        let (top, top_bytes) = self.top.get();
        let bytes = self.below[..len].iter().map(|slot| slot.get().1).sum::<usize>();
        if top.is_null() { (len, bytes) } else { (len + 1, bytes + top_bytes) }
    }
}

//! Watching: what the calling thread itself allocates and frees, to the object.
//!
//! Allocations are counted anyway, exactly, by the thread's cache. Frees are not (see
//! [`crate::thread_cache`]), so while a thread is watched it is granted none: each takes the slow path and is
//! counted there. What other threads do, be it with this thread's objects, touches neither number.

use spandrel_classes::CLASS_COUNT;

use crate::thread_cache::ThreadCache;
use crate::{caches, hardened};

/// What a thread has allocated, and freed while it was watched.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// Objects by class, index 0 for large ones.
    pub(crate) allocs: [u64; CLASS_COUNT],
    pub(crate) frees: [u64; CLASS_COUNT],
    pub(crate) large_alloc_bytes: u64,
    pub(crate) large_free_bytes: u64,
}

impl Counts {
    const NONE: Self =
        Self { allocs: [0; CLASS_COUNT], frees: [0; CLASS_COUNT], large_alloc_bytes: 0, large_free_bytes: 0 };

    /// The calling thread's.
    pub(crate) fn now() -> Self {
        caches::with(Self::NONE, Self::of)
    }

    fn of(cache: &'static ThreadCache) -> Self {
        let mut counts = Self::NONE;
        for class in 1..CLASS_COUNT as u8 {
            counts.allocs[usize::from(class)] = cache.counters(class).all_allocs().0;
        }
        counts.allocs[0] = cache.large_allocs.get();
        for (count, frees) in counts.frees.iter_mut().zip(&cache.watched_frees) {
            *count = frees.get();
        }
        counts.large_alloc_bytes = cache.large_alloc_bytes.get();
        counts.large_free_bytes = cache.watched_large_bytes.get();
        counts
    }
}

/// Watches the calling thread until it is dropped, by the same thread.
pub(crate) struct Watch(&'static ThreadCache);

impl Watch {
    /// `None` if there is no memory for the thread's cache.
    pub(crate) fn begin() -> Option<Self> {
        caches::with(None, |cache| {
            cache.watches.add(1);
            hardened::set_quick(cache);
            (1..CLASS_COUNT as u8).for_each(|class| cache.stop_unseen_frees(class));
            Some(Self(cache))
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.watches.sub(1);
        hardened::set_quick(self.0);
    }
}

//! Counting: how allocations and frees become exact numbers at no cost to the fast paths.
//!
//! An allocation adds one to the bin's `allocs`; a free takes one of the `frees_left` that the slow path has
//! granted. Both are needed anyway (the second bounds the list), and from them follow the exact numbers of
//! allocations and of objects on the list: [`ThreadCache::settle`]. The bin's counter is never set back: it
//! is the low half of the exact number, which the class's counter brings up to date now and then, so that a
//! reader in another thread sees every allocation once, whenever it looks. Frees past the hot list are not
//! counted; they follow from the allocations and from what the spans say is in use. A test that wants the
//! frees of its own thread has them come by one by one (`watch.rs`).

use crate::thread_cache::ThreadCache;
use crate::{hardened, options};

impl ThreadCache {
    /// Brings total and length up to date, and takes back the frees that were granted.
    pub(crate) fn settle(&self, class: u8) {
        let (bin, cache) = (self.bin(class), self.class(class));
        let allocs = self.unsettled_allocs(class);
        let frees = cache.granted.get() - bin.frees_left.get();
        cache.allocs.add(allocs.into());
        self.count_down(class, allocs);
        cache.hot_objs.set(cache.hot_objs.get().wrapping_add(frees).wrapping_sub(allocs));
        bin.frees_left.set(0);
        cache.granted.set(0);
    }

    /// Allocations from the hot list since the last settling.
    pub(crate) fn unsettled_allocs(&self, class: u8) -> u32 {
        let settled = self.class(class).allocs.get() as u32;
        self.bin(class).allocs.get().wrapping_sub(settled)
    }

    /// All allocations of a class that this cache has served, and those of them that are not settled. Another
    /// thread, on a machine that changes the order of writes, may find the settled number ahead for a moment;
    /// then none are unsettled.
    pub(crate) fn all_allocs(&self, class: u8) -> (u64, u32) {
        let settled = self.class(class).allocs.get();
        let unsettled = self.bin(class).allocs.get().wrapping_sub(settled as u32);
        let unsettled = unsettled.cast_signed().max(0).cast_unsigned();
        (settled + u64::from(unsettled), unsettled)
    }

    /// Counts an allocation that did not take the fast path.
    pub(crate) fn count_alloc(&self, class: u8) {
        self.add_alloc(class);
        self.count_down(class, 1);
    }

    /// Counts an allocation that was sampled.
    pub(crate) fn count_sampled(&self, class: u8, requested_bytes: usize) {
        self.note_request(class, requested_bytes);
        self.add_alloc(class);
    }

    /// Adds one to both counters, which leaves nothing more to settle.
    fn add_alloc(&self, class: u8) {
        self.bin(class).allocs.add(1);
        self.class(class).allocs.add(1);
    }

    /// Looks at the requested size of an allocation.
    pub(crate) fn note_request(&self, class: u8, requested_bytes: usize) {
        let cache = self.class(class);
        cache.sampled_allocs.add(1);
        cache.sampled_bytes.add(requested_bytes as u64);
    }

    /// If somebody watches this thread: counts a free.
    #[inline]
    pub(crate) fn note_free(&self, class: u8, large_bytes: impl FnOnce() -> usize) {
        if self.watches.get() != 0 {
            self.watched_frees[usize::from(class)].add(1);
            if class == 0 {
                self.watched_large_bytes.add(large_bytes() as u64);
            }
        }
    }

    /// Whether each free has to come by, and neither the hot list nor a span may take one unseen.
    pub(crate) fn sees_each_free(&self) -> bool {
        options::each() || self.watches.get() != 0
    }

    /// From now on each free of a class comes by, until some are granted again. A hot list that was put aside
    /// stays there: it is full, so no free goes onto an empty one, and the next allocation takes it back.
    #[cfg(feature = "test")]
    pub(crate) fn stop_unseen_frees(&self, class: u8) {
        self.settle(class);
        self.send_off(class);
        self.aside[usize::from(class)].set(0);
        self.few_objs[usize::from(class)].set(0);
    }

    /// Adds this cache's counters of a class to `stats`. May be called by any thread; what its owner does
    /// meanwhile may be counted in part.
    pub(crate) fn add_counts(&self, class: u8, stats: &mut crate::ClassStats) {
        let (bin, cache) = (self.bin(class), self.class(class));
        // The fast path may just have taken one from nothing.
        let frees_left = bin.frees_left.get().cast_signed().max(0).cast_unsigned();
        let bin_frees = cache.granted.get().saturating_sub(frees_left);
        let (allocs, bin_allocs) = self.all_allocs(class);
        stats.allocs += allocs;
        let hot_objs = (cache.hot_objs.get() + bin_frees).saturating_sub(bin_allocs);
        let kept_objs = hardened::kept_objs(self, class);
        stats.hot_objs += u64::from(hot_objs + cache.outbox.objs() + kept_objs);
        stats.sampled_allocs += cache.sampled_allocs.get();
        stats.sampled_bytes += cache.sampled_bytes.get();
    }
}

//! Counting: how allocations and frees become exact numbers at no cost to the fast paths.
//!
//! An allocation adds one to the bin's `allocs`; a free takes one of the `frees_left` that the slow path has
//! granted. Both are needed anyway (the second bounds the list), and from them follow the exact numbers of
//! allocations and of objects on the list: [`ThreadCache::settle`]. The bin's counter is never set back: it
//! is the low half of the exact number, which the class's counter brings up to date now and then, so that a
//! reader in another thread sees every allocation once, whenever it looks. Frees past the hot list are not
//! counted; they follow from the allocations and from what the spans say is in use. A test that wants the
//! frees of its own thread has them come by one by one (`watch.rs`).

use spandrel_platform::sync::{RacyU32, RacyU64};

#[cfg(not(loom))]
use crate::thread_cache::ThreadCache;
#[cfg(not(loom))]
use crate::{hardened, options};

/// The counters of one class in one cache. Its thread alone writes them.
pub(crate) struct Counters<'a> {
    /// All allocations, the low half of the number; the fast path adds to it.
    pub(crate) bin_allocs: &'a RacyU32,
    /// Frees that the fast path may still take.
    pub(crate) frees_left: &'a RacyU32,
    /// Frees that were granted at the last settling.
    pub(crate) granted: &'a RacyU32,
    /// All allocations until then. Written by the owner after the bin's counter, and read by others before
    /// it, so that the difference is never below 0 on machines that keep the order of writes.
    pub(crate) allocs: &'a RacyU64,
    /// Length of the hot list then.
    pub(crate) hot_objs: &'a RacyU32,
}

/// What another thread sees of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// All allocations.
    pub(crate) allocs: u64,
    /// Objects on the hot list, about.
    pub(crate) hot_objs: u32,
}

impl Counters<'_> {
    /// Brings total and length up to date, and takes back the frees that were granted; the allocations since
    /// the last settling.
    #[inline(always)]
    pub(crate) fn settle(&self) -> u32 {
        let allocs = self.unsettled_allocs();
        let frees = self.granted.get() - self.frees_left.get();
        self.allocs.add(allocs.into());
        self.hot_objs.set(self.hot_objs.get().wrapping_add(frees).wrapping_sub(allocs));
        self.frees_left.set(0);
        self.granted.set(0);
        allocs
    }

    /// Allocations from the hot list since the last settling.
    #[inline(always)]
    pub(crate) fn unsettled_allocs(&self) -> u32 {
        let settled = self.allocs.get() as u32;
        self.bin_allocs.get().wrapping_sub(settled)
    }

    /// All allocations, and those of them that are not settled. Another thread, on a machine that changes the
    /// order of writes, may find the settled number ahead for a moment; then none are unsettled.
    pub(crate) fn all_allocs(&self) -> (u64, u32) {
        let settled = self.allocs.get();
        let unsettled = self.bin_allocs.get().wrapping_sub(settled as u32);
        let unsettled = unsettled.cast_signed().max(0).cast_unsigned();
        (settled + u64::from(unsettled), unsettled)
    }

    /// What any thread may see: what the owner does meanwhile may be counted in part.
    pub(crate) fn look(&self) -> Seen {
        // The fast path may just have taken one from nothing.
        let frees_left = self.frees_left.get().cast_signed().max(0).cast_unsigned();
        let bin_frees = self.granted.get().saturating_sub(frees_left);
        let (allocs, bin_allocs) = self.all_allocs();
        Seen { allocs, hot_objs: (self.hot_objs.get() + bin_frees).saturating_sub(bin_allocs) }
    }
}

#[cfg(not(loom))]
impl ThreadCache {
    /// The counters of a class.
    #[inline(always)]
    pub(crate) fn counters(&self, class: u8) -> Counters<'_> {
        let (bin, cache) = (self.bin(class), self.class(class));
        Counters {
            bin_allocs: bin.allocs,
            frees_left: bin.frees_left,
            granted: &cache.granted,
            allocs: &cache.allocs,
            hot_objs: &cache.hot_objs,
        }
    }

    /// Brings total and length up to date, and takes back the frees that were granted.
    pub(crate) fn settle(&self, class: u8) {
        let allocs = self.counters(class).settle();
        self.count_down(class, allocs);
        let visible_objs = &self.class(class).visible_objs;
        visible_objs.set(visible_objs.get().saturating_sub(allocs));
    }

    /// Allocations from the hot list since the last settling.
    pub(crate) fn unsettled_allocs(&self, class: u8) -> u32 {
        self.counters(class).unsettled_allocs()
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
        let (seen, cache) = (self.counters(class).look(), self.class(class));
        stats.allocs += seen.allocs;
        let waiting_objs = hardened::waiting_objs(self, class);
        stats.hot_objs += u64::from(seen.hot_objs + cache.outbox.objs() + waiting_objs);
        stats.sampled_allocs += cache.sampled_allocs.get();
        stats.sampled_bytes += cache.sampled_bytes.get();
    }
}

/// Models of a thread that allocates and frees while another one looks.
#[cfg(all(test, loom))]
mod models {
    extern crate std;
    use super::Counters;
    use loom::sync::Arc;
    use loom::thread;
    use spandrel_platform::sync::{RacyU32, RacyU64};

    /// The cells, as a thread cache has them.
    struct Cells {
        bin_allocs: RacyU32,
        frees_left: RacyU32,
        granted: RacyU32,
        allocs: RacyU64,
        hot_objs: RacyU32,
    }

    /// So many allocations were made when the model begins: the low half of the number is about to wrap.
    const BEFORE: u64 = u32::MAX as u64;

    impl Cells {
        fn new() -> Self {
            Self {
                bin_allocs: RacyU32::new(BEFORE as u32),
                frees_left: RacyU32::new(0),
                granted: RacyU32::new(0),
                allocs: RacyU64::new(BEFORE),
                hot_objs: RacyU32::new(2),
            }
        }

        fn counters(&self) -> Counters<'_> {
            Counters {
                bin_allocs: &self.bin_allocs,
                frees_left: &self.frees_left,
                granted: &self.granted,
                allocs: &self.allocs,
                hot_objs: &self.hot_objs,
            }
        }
    }

    /// Every allocation is seen once: a look finds no more than were made, no fewer than were made before the
    /// thread began or than the last look found, and the last one finds all.
    #[test]
    fn a_look_finds_what_was_made() {
        loom::model(|| {
            let cells = Arc::new(Cells::new());
            let reader = {
                let cells = Arc::clone(&cells);
                thread::spawn(move || {
                    let [first, second] = [(); 2].map(|()| cells.counters().all_allocs().0);
                    assert!(first >= BEFORE && second >= first && second <= BEFORE + 2, "{first} {second}");
                })
            };
            // The fast path allocates twice, with a settling in between that grants two frees, and frees one.
            cells.bin_allocs.add(1);
            assert_eq!(cells.counters().settle(), 1);
            cells.granted.set(2);
            cells.frees_left.set(2);
            cells.bin_allocs.add(1);
            // SAFETY: this thread is the only writer.
            assert!(unsafe { cells.frees_left.take_one_settled() });
            cells.counters().settle();
            reader.join().unwrap();
            let last = cells.counters().look();
            assert_eq!((last.allocs, last.hot_objs), (BEFORE + 2, 1));
        });
    }
}

//! When to sample, at no cost to the fast paths.
//!
//! Marks on the bytes of one class and one thread are as random as marks on all bytes (the sum of independent
//! Poisson processes is one), so every class of a thread cache counts down, in objects, to a sample of its
//! own. Nobody counts at each allocation: the slow path, which sees how many there were since its last visit
//! anyway, sees to it that the next sample can't be passed unseen. What is on the hot list, and what may be
//! freed onto it, are all the allocations that the fast path could do; so near the sample the slow path
//! shows it a part of the list only:
//!
//! ```text
//!   far:    objects on the list + frees granted <= objects left until the sample     as without sampling
//!   near:   visible | hidden, behind the curtain;  visible + granted <= left         halved at every visit
//!   due:    nothing is visible, nothing granted: the allocation comes to the slow path
//! ```
//!
//! Large objects take a path that counts their bytes anyway, so there the next sample is a number of bytes.
//!
//! **Pace.** A sample costs about a microsecond, and a program that allocates large blocks in a loop could
//! be asked for one every few. So unless the period was set by an option, a thread whose samples come faster
//! than a share of one in [`PACE_COSTS_MIN`] of its time can pay doubles its period, and halves it again when
//! they come slowly. Each sample keeps the probability by which it was drawn, so what is estimated stays
//! unbiased; it is only less exact where the program did not have the time.

use core::ptr::null_mut;

use spandrel_classes::object_bytes;
use spandrel_platform::sync::{AtomicBool, AtomicU64, Ordering};
use spandrel_platform::thread::now_ns;

use crate::config::{CURTAIN_OBJS, PACE_COSTS_CALM, PACE_COSTS_MIN, PACE_SAMPLES, PERIOD_DOUBLINGS_MAX};
use crate::object::{self, List, Object};
use crate::sampling_law::{gap, next_random};
use crate::thread_cache::ThreadCache;
use crate::{caches, hardened, snapshot};

/// Bytes between two samples on average; 0: nothing is sampled.
static PERIOD: AtomicU64 = AtomicU64::new(0);
/// Whether an option said so, and the period is kept to.
static IS_FIXED: AtomicBool = AtomicBool::new(false);
/// Bytes that were allocated before.
static BYTES_BEFORE: AtomicU64 = AtomicU64::new(0);
/// What thread caches begin their random numbers with.
static SEED: AtomicU64 = AtomicU64::new(0);

/// Starts sampling. Called once, when the options are known.
pub(crate) fn init(period: u64, is_fixed: bool) {
    IS_FIXED.store(is_fixed, Ordering::Relaxed);
    let local = 0u8;
    SEED.store(now_ns() ^ (&raw const local).addr() as u64, Ordering::Relaxed);
    BYTES_BEFORE.store(snapshot::allocated_bytes(), Ordering::Relaxed);
    PERIOD.store(period, Ordering::Relaxed);
    // Those that have allocated before think that nothing is sampled.
    for cache in caches::all() {
        cache.large_sample_at.set(0);
        hardened::set_quick(cache);
    }
}

/// Bytes that were allocated since sampling began.
pub(crate) fn allocated_bytes() -> u64 {
    snapshot::allocated_bytes().saturating_sub(BYTES_BEFORE.load(Ordering::Relaxed))
}

/// Bytes between two samples of a thread that is not in a hurry; 0: nothing is sampled.
pub(crate) fn period() -> u64 {
    PERIOD.load(Ordering::Relaxed)
}

/// Whether every allocation is sampled.
pub(crate) fn takes_all() -> bool {
    period() == 1
}

/// Sets the period and the random numbers anew, for tests in which one thread allocates.
pub(crate) fn restart(cache: &ThreadCache, period: u64, seed: u64) {
    IS_FIXED.store(true, Ordering::Relaxed);
    PERIOD.store(period, Ordering::Relaxed);
    cache.flush();
    hardened::set_quick(cache);
    for class in &cache.classes {
        class.until_sample.set(0);
    }
    cache.large_sample_at.set(0);
    cache.period_doublings.set(0);
    cache.random.set(seed);
}

/// What was drawn for a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    /// The period at that time.
    pub(crate) period: u64,
}

impl ThreadCache {
    /// Whether the next allocation of a class is to be sampled. For the slow path, which sees every such
    /// allocation.
    #[inline]
    pub(crate) fn is_due(&self, class: u8) -> bool {
        if period() == 0 {
            return false;
        }
        let until = self.class(class).until_sample.get();
        if until == 0 {
            self.begin_drawing(class);
            return self.class(class).until_sample.get() == 1;
        }
        until == 1 + u64::from(self.unsettled_allocs(class))
    }

    /// Draws the first sample of a class, with nothing visible or granted.
    #[cold]
    fn begin_drawing(&self, class: u8) {
        self.settle(class);
        let (bin, cache) = (self.bin(class), self.class(class));
        cache.hidden.set(join(bin.head.get(), cache.hidden.get()));
        bin.head.set(null_mut());
        self.draw(class);
    }

    /// The sample could not be taken, and its allocation is made as others are: it does not count.
    pub(crate) fn skip_sample(&self, class: u8) {
        self.class(class).until_sample.add(1);
    }

    /// A sample is taken, or could not be: how it was drawn. The next one is drawn.
    pub(crate) fn take_sample(&self, class: u8) -> Drawn {
        self.settle(class);
        debug_assert!(self.bin(class).head.get().is_null());
        let drawn = Drawn { period: period() << self.class(class).drawn_doublings.get() };
        self.draw(class);
        drawn
    }

    /// Draws the next sample of a class.
    fn draw(&self, class: u8) {
        let cache = self.class(class);
        let doublings = self.period_doublings.get();
        cache.drawn_doublings.set(doublings);
        cache.until_sample.set(1 + gap(self.random_bits(), object_bytes(class), period() << doublings));
    }

    /// Counts an allocation that the slow path does, or several.
    pub(crate) fn count_down(&self, class: u8, allocs: u32) {
        let until = &self.class(class).until_sample;
        if until.get() != 0 {
            debug_assert!(until.get() > u64::from(allocs), "a sample was passed unseen");
            until.sub(allocs.into());
        }
    }

    /// A large object brings the bytes of all of them to `total`, or past it: how the sample was drawn, if it
    /// is to be sampled.
    #[cold]
    #[inline(never)]
    pub(crate) fn large_is_due(&self, total: u64, bytes: usize) -> Option<Drawn> {
        if period() == 0 {
            self.large_sample_at.set(u64::MAX);
            return None;
        }
        if self.large_sample_at.get() == 0 {
            self.draw_large(total - bytes as u64);
            if total < self.large_sample_at.get() {
                return None;
            }
        }
        let drawn = Drawn { period: period() << self.large_drawn_doublings.get() };
        self.draw_large(total);
        Some(drawn)
    }

    /// Whether a large object of so many bytes would be sampled now, and how that would be drawn.
    #[cold]
    pub(crate) fn would_sample_large(&self, bytes: usize) -> Option<Drawn> {
        if period() == 0 {
            return None;
        }
        let before = self.large_alloc_bytes.get();
        if self.large_sample_at.get() == 0 {
            self.draw_large(before);
        }
        let is_due = before + bytes as u64 >= self.large_sample_at.get();
        is_due.then(|| Drawn { period: period() << self.large_drawn_doublings.get() })
    }

    /// Draws the next sample of a large object, behind as many bytes.
    fn draw_large(&self, total: u64) {
        let doublings = self.period_doublings.get();
        self.large_drawn_doublings.set(doublings);
        self.large_sample_at.set(total + 1 + gap(self.random_bits(), 1, period() << doublings));
    }

    /// The next random bits of this thread.
    pub(crate) fn random_bits(&self) -> u64 {
        if self.random.get() == 0 {
            let seed = SEED.load(Ordering::Relaxed) ^ u64::from(self.number.get()) << 32;
            self.random.set(seed | 1);
        }
        let (state, bits) = next_random(self.random.get());
        self.random.set(state);
        bits
    }

    /// A sample was taken in the time from `start_ns` to `end_ns`: is the pace all right?
    pub(crate) fn keep_pace(&self, start_ns: u64, end_ns: u64) {
        self.pace_cost_ns.add(end_ns.saturating_sub(start_ns));
        self.pace_samples.add(1);
        if self.pace_samples.get() < PACE_SAMPLES || IS_FIXED.load(Ordering::Relaxed) {
            return;
        }
        let elapsed = end_ns.saturating_sub(self.pace_start_ns.get());
        let cost = self.pace_cost_ns.get();
        let doublings = self.period_doublings.get();
        if elapsed < cost * PACE_COSTS_MIN && doublings < PERIOD_DOUBLINGS_MAX {
            self.period_doublings.set(doublings + 1);
        } else if elapsed > cost * PACE_COSTS_CALM && doublings > 0 {
            self.period_doublings.set(doublings - 1);
        }
        self.pace_samples.set(0);
        self.pace_cost_ns.set(0);
        self.pace_start_ns.set(end_ns);
    }

    /// Shows the fast path a list of free objects, which is not on the hot list yet, and allows `frees` onto
    /// it; near a sample, part of both.
    #[inline]
    pub(crate) fn expose(&self, class: u8, list: List, frees: u32) {
        let (bin, cache) = (self.bin(class), self.class(class));
        cache.hot_objs.set(list.objs);
        // Where nothing is sampled, as many as there are numbers.
        let left = cache.until_sample.get().wrapping_sub(1);
        if left < u64::from(list.objs) + u64::from(frees) {
            return self.expose_part(class, list, frees, left as u32);
        }
        bin.head.set(list.head);
        cache.granted.set(frees);
        cache.owed.set(0);
        bin.frees_left.set(frees);
    }

    /// A list that is short enough is shown whole, of a longer one the first few objects: to cut it means to
    /// walk it.
    #[cold]
    #[inline(never)]
    fn expose_part(&self, class: u8, list: List, frees: u32, left: u32) {
        let (bin, cache) = (self.bin(class), self.class(class));
        let visible = if list.objs <= left / 2 { list.objs } else { CURTAIN_OBJS.min(left / 2) };
        let granted = frees.min(left - visible);
        cache.granted.set(granted);
        cache.owed.set(frees - granted);
        bin.frees_left.set(granted);
        cache.visible_objs.set(visible);
        if visible == list.objs || visible == 0 {
            let (head, hidden) = if visible == 0 { (null_mut(), list.head) } else { (list.head, null_mut()) };
            bin.head.set(head);
            return cache.hidden.set(hidden);
        }
        let mut last = list.head;
        for _ in 1..visible {
            // SAFETY: the list is this thread's, and longer than this loop.
            last = unsafe { object::next(last) };
        }
        bin.head.set(list.head);
        cache.last_visible.set(last);
        // SAFETY: as above.
        unsafe {
            cache.hidden.set(object::next(last));
            object::link(last, null_mut());
        }
    }

    /// Puts the hidden end of a settled hot list that is not put aside back behind its beginning.
    pub(crate) fn open_curtain(&self, class: u8) {
        let (bin, cache) = (self.bin(class), self.class(class));
        let hidden = cache.hidden.get();
        if hidden.is_null() {
            return;
        }
        cache.hidden.set(null_mut());
        if cache.visible_objs.get() == 0 {
            return bin.head.set(join(bin.head.get(), hidden));
        }
        // SAFETY: fewer were taken than were visible, so the last one of those is still the end of the list.
        unsafe { object::link(cache.last_visible.get(), hidden) };
    }
}

/// Puts what is visible in front of what is hidden; either may be empty.
pub(crate) fn join(visible: *mut Object, hidden: *mut Object) -> *mut Object {
    if visible.is_null() || hidden.is_null() {
        return if visible.is_null() { hidden } else { visible };
    }
    let mut last = visible;
    // SAFETY: both lists are this thread's, and end with null.
    unsafe {
        while !object::next(last).is_null() {
            last = object::next(last);
        }
        object::link(last, hidden);
    }
    visible
}

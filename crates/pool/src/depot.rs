//! The depot: what the threads of a pool share, behind one lock that a thread takes once in sixteen
//! operations at most.
//!
//! **Bounds** hold here: what a magazine hands over beyond them is dropped, outside the lock.
//!
//! **Epochs**: the depot remembers the fewest objects that it held since the epoch began. That many were not
//! needed in all that time, and when the epoch is over they are dropped. Whoever comes by after the time is
//! up does it; nobody waits for a clock. Magazines whose threads got nothing out of them in the epoch are
//! emptied then, but for the object that came last.
//!
//! **The end of a pool**: the depot knows the magazine of each thread and takes everything out of them. An
//! ending thread hands its magazine over under the same lock, so that each object has one owner throughout.
//! What remains of a magazine is freed by its thread.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeBounds;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::PoisonError;
use std::task::Waker;
#[cfg(not(loom))]
use std::time::Duration;
use std::time::Instant;

use crate::idle::Idle;
use crate::limits::{Limits, OnEmpty};
use crate::magazine::{BATCH_ITEMS, Item, Magazine};
use crate::stats::PoolStats;
use crate::sync::{self, Arc, Condvar, Mutex, MutexGuard};

/// A thread's magazine, and the depot that it belongs to.
pub(crate) struct Cache<T> {
    pub(crate) magazine: Magazine<T>,
    depot: Arc<Depot<T>>,
}

impl<T> Cache<T> {
    /// A cache for the calling thread, known to the depot. `release` takes it back.
    pub(crate) fn new_in(depot: &Arc<Depot<T>>) -> *const Self {
        let cache = Box::into_raw(Box::new(Self { magazine: Magazine::new(), depot: Arc::clone(depot) }));
        depot.lock().caches.push(Registered { cache, seen_hits: 0 });
        cache
    }
}

pub(crate) struct Depot<T> {
    limits: Limits,
    state: Mutex<State<T>>,
    came_back: Condvar,
}

/// The address of a cache that its thread frees only after it has taken it off the depot's list.
struct Registered<T> {
    cache: *const Cache<T>,
    /// The hits of its magazine when the last epoch ended.
    seen_hits: u64,
}

impl<T> Registered<T> {
    fn magazine(&self) -> &Magazine<T> {
        // SAFETY: what is on the list is alive: its thread takes it off under the lock before it frees it.
        unsafe { &(*self.cache).magazine }
    }

    /// Whether its thread got nothing out of it in this epoch.
    fn rests(&self) -> bool {
        self.magazine().hits() == self.seen_hits
    }
}

// SAFETY: the depot reads counters, which are atomics, and takes objects, which are `Send`, under its lock.
unsafe impl<T: Send> Send for Registered<T> {}

pub(crate) struct State<T> {
    stock: Vec<Item<T>>,
    stock_bytes: usize,
    low_items: usize,
    epoch_begin: Instant,
    caches: Vec<Registered<T>>,
    wakers: VecDeque<(u64, Waker)>,
    wakers_ever: u64,
    blocked: usize,
    pub(crate) live: usize,
    /// In a pool that checks: the lent objects by address, and where they were asked for.
    lent: BTreeMap<usize, &'static Location<'static>>,
    /// What was counted here, and by threads that have ended.
    pub(crate) counted: PoolStats,
}

impl<T> Depot<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State {
            stock: Vec::new(),
            stock_bytes: 0,
            low_items: 0,
            epoch_begin: Instant::now(),
            caches: Vec::new(),
            wakers: VecDeque::new(),
            wakers_ever: 0,
            blocked: 0,
            live: 0,
            lent: BTreeMap::new(),
            counted: PoolStats::default(),
        };
        Self { limits, state: Mutex::new(state), came_back: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle object for a `get`, and up to a batch of others into the magazine.
    ///
    /// # Safety
    /// The magazine is the calling thread's, and empty.
    pub(crate) unsafe fn take(&self, magazine: Option<&Magazine<T>>) -> Option<Idle<T>> {
        let mut state = self.lock();
        let stale = state.end_epoch(&self.limits);
        let taken = state.stock.pop();
        if let Some(item) = &taken {
            state.stock_bytes -= item.weight_bytes;
            state.counted.hits_depot += 1;
            if let Some(magazine) = magazine {
                let batch = magazine.room().min(BATCH_ITEMS - 1);
                let rest = state.stock.len().saturating_sub(batch);
                let batch = state.remove(rest..);
                // SAFETY: the caller's promise.
                unsafe { magazine.load(batch.into_iter()) };
            }
        }
        state.low_items = state.low_items.min(state.stock.len());
        drop(state);
        drop(stale);
        taken.map(|item| item.object)
    }

    /// An object that came back to a full magazine: half of what lies there goes to the depot first.
    ///
    /// # Safety
    /// The magazine is the calling thread's.
    pub(crate) unsafe fn put_through(&self, magazine: &Magazine<T>, item: Item<T>) {
        // SAFETY: the caller's promise.
        let oldest = unsafe { magazine.unload(BATCH_ITEMS) };
        let object = NonNull::from(Box::leak(item.object.plain()));
        // SAFETY: the caller's promise; the object has just left its box.
        let is_kept = unsafe { magazine.push(object, item.weight_bytes) };
        self.put(oldest, false);
        if !is_kept {
            // SAFETY: nobody took it.
            let object = Idle::Plain(unsafe { Box::from_raw(object.as_ptr()) });
            self.put(vec![Item { object, weight_bytes: item.weight_bytes }], true);
        }
    }

    /// Takes all out of a magazine.
    ///
    /// # Safety
    /// It is the calling thread's.
    pub(crate) unsafe fn flush(&self, magazine: &Magazine<T>) {
        let mut state = self.lock();
        // SAFETY: the caller's promise; we have the lock.
        let items = unsafe { magazine.empty() };
        let surplus = state.keep(items, &self.limits);
        let stale = state.end_epoch(&self.limits);
        drop(state);
        drop((surplus, stale));
    }

    /// Keeps what the bounds allow, and drops the rest. `count_kept`: they come straight from a guard.
    pub(crate) fn put(&self, items: Vec<Item<T>>, count_kept: bool) {
        let mut state = self.lock();
        if count_kept {
            state.counted.kept += items.len() as u64;
        }
        let surplus = state.keep(items, &self.limits);
        let stale = state.end_epoch(&self.limits);
        state.live -= if self.limits.bounds_live() { surplus.len() + stale.len() } else { 0 };
        let waker = state.waker_for_one();
        let blocked = state.blocked > 0;
        drop(state);
        self.tell(waker, blocked);
        drop((surplus, stale));
    }

    fn tell(&self, waker: Option<Waker>, blocked: bool) {
        if blocked {
            self.came_back.notify_all();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// In a pool of bounded number: an idle object, or the right to make one, or nothing.
    pub(crate) fn claim(&self) -> Option<Claim<T>> {
        self.lock().claim(&self.limits)
    }

    /// As `claim`, and waits until there is something.
    pub(crate) fn wait(&self) -> Claim<T> {
        let mut state = self.lock();
        loop {
            if let Some(claim) = state.claim(&self.limits) {
                return claim;
            }
            state.blocked += 1;
            state = self.came_back.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.blocked -= 1;
        }
    }

    /// As `claim`, and waits so long at most.
    #[cfg(not(loom))]
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> Option<Claim<T>> {
        let begin = Instant::now();
        let mut state = self.lock();
        loop {
            let claim = state.claim(&self.limits);
            let left = timeout.saturating_sub(begin.elapsed());
            if claim.is_some() || left.is_zero() {
                return claim;
            }
            state.blocked += 1;
            state = self.came_back.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.blocked -= 1;
        }
    }

    /// As `claim`; if there is nothing, `waker` is called when there may be. `key` names the waiter from its
    /// first call on.
    pub(crate) fn claim_or_enlist(&self, key: &mut Option<u64>, waker: &Waker) -> Option<Claim<T>> {
        let mut state = self.lock();
        if let Some(old) = key.take() {
            state.wakers.retain(|(key, _)| *key != old);
        }
        if let Some(claim) = state.claim(&self.limits) {
            return Some(claim);
        }
        state.wakers_ever += 1;
        *key = Some(state.wakers_ever);
        let entry = (state.wakers_ever, waker.clone());
        state.wakers.push_back(entry);
        None
    }

    /// A waiter gives up. If it was called already, the call goes to the next.
    pub(crate) fn strike(&self, waiter: u64) {
        let mut state = self.lock();
        let before = state.wakers.len();
        state.wakers.retain(|(key, _)| *key != waiter);
        let waker = if state.wakers.len() == before { state.waker_for_one() } else { None };
        drop(state);
        self.tell(waker, false);
    }

    /// One object fewer exists, or its right to be made was not used.
    pub(crate) fn forget_one(&self, count: impl FnOnce(&mut PoolStats)) {
        let mut state = self.lock();
        count(&mut state.counted);
        let mut waker = None;
        if self.limits.bounds_live() {
            state.live -= 1;
            waker = state.waker_for_one();
        }
        let blocked = state.blocked > 0;
        drop(state);
        self.tell(waker, blocked);
    }

    /// Drops idle objects of the depot until at most `items` are left; how many were dropped.
    pub(crate) fn trim(&self, items: usize) -> usize {
        self.drop_some(|state| {
            let count = state.stock.len().saturating_sub(items);
            state.drop_oldest(count)
        })
    }

    /// Drops what a whole epoch did not need, if the epoch is over; how many objects.
    pub(crate) fn end_epoch(&self) -> usize {
        self.drop_some(|state| state.end_epoch(&self.limits))
    }

    /// Ends the epoch early, and drops half of the rest too; how many objects.
    pub(crate) fn give_way(&self) -> usize {
        self.drop_some(|state| {
            let unneeded = state.low_items.min(state.stock.len());
            let half = (state.stock.len() - unneeded).div_ceil(2);
            state.begin_epoch(unneeded + half, |_| true)
        })
    }

    /// Drops what `choose` takes out of the stock, outside of the lock; how many objects.
    fn drop_some(&self, choose: impl FnOnce(&mut State<T>) -> Vec<Item<T>>) -> usize {
        let mut state = self.lock();
        let dropped = choose(&mut state);
        state.live -= if self.limits.bounds_live() { dropped.len() } else { 0 };
        drop(state);
        dropped.len()
    }

    /// In a pool that checks: an object was lent at `site`.
    pub(crate) fn note_lent(&self, object: usize, site: &'static Location<'static>) {
        self.lock().lent.insert(object, site);
    }

    /// In a pool that checks: an object is lent no more.
    pub(crate) fn note_back(&self, object: usize) {
        self.lock().lent.remove(&object);
    }

    /// In a pool that checks: how many objects are lent, by where they were asked for, most first.
    pub(crate) fn outstanding(&self) -> Vec<Outstanding> {
        let mut sites: Vec<Outstanding> = Vec::new();
        for site in self.lock().lent.values() {
            match sites.iter_mut().find(|known| known.site == *site) {
                Some(known) => known.guards += 1,
                None => sites.push(Outstanding { site, guards: 1 }),
            }
        }
        sites.sort_by_key(|known| std::cmp::Reverse(known.guards));
        sites
    }

    /// The pool is dropped: every object out of the magazines and the stock.
    ///
    /// # Safety
    /// No thread uses the pool any more.
    pub(crate) unsafe fn close(&self) {
        let mut state = self.lock();
        let mut items = std::mem::take(&mut state.stock);
        for known in &state.caches {
            // SAFETY: its owner is not at work, by the caller's promise, and we have the lock.
            items.extend(unsafe { known.magazine().empty() });
        }
        drop(state);
        drop(items);
    }

    /// The counts of the depot and of all magazines.
    pub(crate) fn stats(&self) -> PoolStats {
        let state = self.lock();
        let mut stats = state.counted;
        stats.idle_items = state.stock.len();
        stats.idle_bytes = state.stock_bytes;
        for known in &state.caches {
            let (hits, kept) = known.magazine().counts();
            let (items, bytes) = known.magazine().idle();
            stats.hits_local += hits;
            stats.kept += kept;
            stats.idle_items += items;
            stats.idle_bytes += bytes;
        }
        stats
    }
}

#[cfg(not(loom))]
impl<T: Send + 'static> crate::roster::Tended for Depot<T> {
    fn name(&self) -> &'static str {
        self.limits.name_for::<T>()
    }

    fn stats(&self) -> PoolStats {
        self.stats()
    }

    fn end_epoch(&self) -> usize {
        self.end_epoch()
    }

    fn give_way(&self) -> usize {
        self.give_way()
    }
}

/// Guards that are held, and where their objects were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// The call of `get` or one of its kin.
    pub site: &'static Location<'static>,
    /// How many guards from there are held, or were forgotten.
    pub guards: usize,
}

/// What a bounded pool gives: an object, or the right to make one.
pub(crate) enum Claim<T> {
    Idle(Idle<T>),
    Make,
}

impl<T> State<T> {
    fn claim(&mut self, limits: &Limits) -> Option<Claim<T>> {
        if let Some(item) = self.stock.pop() {
            self.stock_bytes -= item.weight_bytes;
            self.low_items = self.low_items.min(self.stock.len());
            self.counted.hits_depot += 1;
            return Some(Claim::Idle(item.object));
        }
        (self.live < limits.live_items || limits.on_empty == OnEmpty::Make).then(|| {
            self.live += 1;
            Claim::Make
        })
    }

    #[cfg(loom)]
    pub(crate) fn knows_no_cache(&self) -> bool {
        self.caches.is_empty()
    }

    fn waker_for_one(&mut self) -> Option<Waker> {
        self.wakers.pop_front().map(|(_, waker)| waker)
    }

    fn remove(&mut self, range: impl RangeBounds<usize>) -> Vec<Item<T>> {
        let items: Vec<Item<T>> = self.stock.drain(range).collect();
        self.stock_bytes -= items.iter().map(|item| item.weight_bytes).sum::<usize>();
        items
    }

    /// What goes beyond the bounds comes back to be dropped.
    fn keep(&mut self, items: Vec<Item<T>>, limits: &Limits) -> Vec<Item<T>> {
        let mut surplus = Vec::new();
        for item in items {
            // Of those made beyond the bound, so many that come back in their place are too many.
            let surplus_live = self.live.saturating_sub(limits.live_items);
            let fits = surplus.len() >= surplus_live
                && self.stock.len() < limits.idle_items
                && self.stock_bytes.saturating_add(item.weight_bytes) <= limits.idle_bytes;
            if fits {
                self.stock_bytes += item.weight_bytes;
                self.stock.push(item);
            } else {
                surplus.push(item);
            }
        }
        self.counted.dropped_full += surplus.len() as u64;
        self.counted.high_water_items = self.counted.high_water_items.max(self.stock.len());
        surplus
    }

    fn end_epoch(&mut self, limits: &Limits) -> Vec<Item<T>> {
        if self.epoch_begin.elapsed() < limits.epoch {
            return Vec::new();
        }
        let unneeded = self.low_items.min(self.stock.len());
        self.begin_epoch(unneeded, |known| known.rests())
    }

    /// Begins an epoch, without the `count` objects that lie longest, and without what is in the magazines
    /// that are `spare`, but for the object that came last.
    fn begin_epoch(&mut self, count: usize, spare: impl Fn(&Registered<T>) -> bool) -> Vec<Item<T>> {
        let mut stale = self.drop_oldest(count);
        stale.extend(self.take_away(spare));
        for known in &mut self.caches {
            known.seen_hits = known.magazine().hits();
        }
        self.epoch_begin = Instant::now();
        self.low_items = self.stock.len();
        stale
    }

    /// What lies in magazines that are `spare`.
    fn take_away(&mut self, spare: impl Fn(&Registered<T>) -> bool) -> Vec<Item<T>> {
        let is_spare = |known: &&Registered<T>| known.magazine().idle().0 > 1 && spare(known);
        let spare = self.caches.iter().filter(is_spare);
        let magazines: Vec<&Magazine<T>> = spare.map(Registered::magazine).collect();
        magazines.iter().for_each(|magazine| magazine.want());
        let mut items = Vec::new();
        if !magazines.is_empty() && sync::heavy_barrier() {
            // SAFETY: whoever has a state has the lock of its depot; a barrier has just been passed.
            magazines.iter().for_each(|magazine| items.extend(unsafe { magazine.take_away() }));
        }
        magazines.iter().for_each(|magazine| magazine.want_no_more());
        self.counted.dropped_stale += items.len() as u64;
        items
    }

    fn drop_oldest(&mut self, count: usize) -> Vec<Item<T>> {
        let items = self.remove(..count);
        self.low_items = self.low_items.min(self.stock.len());
        self.counted.dropped_stale += count as u64;
        items
    }
}

/// A thread gives its cache up: objects and counts to the depot, the cache to the allocator.
///
/// # Safety
/// `cache` came from `Cache::new_in`, is the calling thread's, and isn't used again.
pub(crate) unsafe fn release<T>(cache: *const ()) {
    let cache: *const Cache<T> = cache.cast();
    // SAFETY: by the caller's promise nobody else frees the cache.
    let depot = unsafe { Arc::clone(&(*cache).depot) };
    let mut state = depot.lock();
    let at = state.caches.iter().position(|known| std::ptr::eq(known.cache, cache));
    state.caches.swap_remove(at.expect("a cache stays known until its thread releases it"));
    // SAFETY: off the list under the lock, the cache is this thread's alone.
    let cache = unsafe { Box::from_raw(cache.cast_mut()) };
    let (hits, kept) = cache.magazine.counts();
    state.counted.hits_local += hits;
    state.counted.kept += kept;
    // SAFETY: as before.
    let items = unsafe { cache.magazine.empty() };
    let surplus = state.keep(items, &depot.limits);
    drop(state);
    drop(surplus);
}

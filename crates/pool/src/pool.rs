//! The pool: a `get` pops from the thread's magazine, a guard's end pushes onto it; all else is slow path.

use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use spandrel_platform::sync::{AtomicU64, Ordering::Relaxed};

use crate::advice::Advice;
use crate::depot::{self, Cache, Claim, Depot, Outstanding};
use crate::guard::{Pooled, PooledOwned, PooledStatic};
use crate::idle::{Aside, Idle};
use crate::limits::{Limits, OnEmpty, PanicPolicy};
use crate::magazine::Item;
use crate::recycle::Recycle;
use crate::roster;
use crate::stats::PoolStats;
use crate::table;
use crate::wait::Wait;

/// One call of `make` in so many is timed.
const MADE_SAMPLE_PERIOD: u64 = 16;

/// Objects that are costly to make, kept for reuse.
///
/// ```
/// use spandrel_pool::Pool;
/// static MAPS: Pool<Vec<u32>> = Pool::new(Vec::new);
/// let mut map = MAPS.get();
/// map.push(7);
/// drop(map); // idle, in this thread's magazine
/// assert_eq!(*MAPS.get(), [7], "a plain function as the policy resets nothing");
/// ```
pub struct Pool<T: Send + 'static, R: Recycle<T> = fn() -> T> {
    recycle: R,
    limits: Limits,
    /// The key of the threads' magazines; none until a thread first needs one. Set once, read by all,
    /// relaxed: a thread that sees it finds only its own entry under it.
    id: AtomicU64,
    depot: OnceLock<Arc<Depot<T>>>,
}

impl<T: Send + 'static, R: Recycle<T>> Pool<T, R> {
    /// An empty pool without bounds. Allocates nothing.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(String::new);
    /// assert!(pool.get().is_empty());
    /// ```
    #[must_use]
    pub const fn new(recycle: R) -> Self {
        Self::with(recycle, Limits::new())
    }

    /// An empty pool with bounds. Allocates nothing.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(String::new, Limits::new().max_idle_items(100));
    /// assert!(pool.get().is_empty());
    /// ```
    #[must_use]
    pub const fn with(recycle: R, limits: Limits) -> Self {
        Self { recycle, limits, id: AtomicU64::new(table::NO_ID), depot: OnceLock::new() }
    }

    /// An object: the one that this thread gave back last, or an idle one, or a new one. In a pool with
    /// [`Limits::max_live_items`] does what [`OnEmpty`] says when there is none, which is to wait.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| vec![1]);
    /// pool.get().push(2);
    /// assert_eq!(*pool.get(), [1, 2]);
    /// ```
    ///
    /// # Panics
    /// If the policy's `make` does; the pool is as before.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Pooled<'_, T, R> {
        Pooled::new(self.take(Location::caller()), self)
    }

    /// As `get`, but `None` where `get` would wait.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(|| 1u8, Limits::new().max_live_items(1));
    /// let only = pool.try_get().unwrap();
    /// assert!(pool.try_get().is_none());
    /// drop(only);
    /// assert!(pool.try_get().is_some());
    /// ```
    #[track_caller]
    pub fn try_get(&self) -> Option<Pooled<'_, T, R>> {
        if !self.limits.bounds_live() {
            return Some(self.get());
        }
        let claim = self.depot().claim()?;
        Some(Pooled::new(self.redeem(claim, Location::caller()), self))
    }

    /// As `get`, but `None` when it would wait longer than `timeout`.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// use std::time::Duration;
    /// let pool = Pool::with(|| 1u8, Limits::new().max_live_items(1));
    /// let only = pool.get();
    /// assert!(pool.get_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[track_caller]
    pub fn get_timeout(&self, timeout: Duration) -> Option<Pooled<'_, T, R>> {
        if !self.limits.bounds_live() {
            return Some(self.get());
        }
        let claim = self.depot().wait_timeout(timeout)?;
        Some(Pooled::new(self.redeem(claim, Location::caller()), self))
    }

    /// As `get`, but a future waits instead of the thread. Any executor will do. A future that is dropped
    /// early loses no object, and passes its turn on.
    ///
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// let mut get = pin!(pool.get_async());
    /// assert!(get.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    /// ```
    #[track_caller]
    pub fn get_async(&self) -> Wait<'_, T, R> {
        Wait::new(self, Location::caller())
    }

    /// An object whose guard keeps the pool alive, for threads and tasks of unknown length.
    ///
    /// ```
    /// use std::sync::Arc;
    /// let pool = Arc::new(spandrel_pool::Pool::new(|| 5u8));
    /// let five = pool.get_owned();
    /// drop(pool);
    /// assert_eq!(*five, 5);
    /// ```
    #[track_caller]
    pub fn get_owned(self: &Arc<Self>) -> PooledOwned<T, R> {
        PooledOwned::new(self.take(Location::caller()), Arc::clone(self))
    }

    /// An object of a pool that is a static.
    ///
    /// ```
    /// use spandrel_pool::Pool;
    /// static POOL: Pool<u8> = Pool::new(|| 3);
    /// let three = POOL.get_static();
    /// assert_eq!(std::thread::spawn(move || *three).join().unwrap(), 3);
    /// ```
    #[track_caller]
    pub fn get_static(&'static self) -> PooledStatic<T, R> {
        self.get()
    }

    /// Drops idle objects of the depot until at most `items` are left there, and what this thread's magazine
    /// holds beyond; how many were dropped. The magazines of other threads are theirs.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// drop(pool.get());
    /// assert_eq!(pool.trim(0), 1);
    /// ```
    pub fn trim(&self, items: usize) -> usize {
        self.flush();
        self.depot().trim(items)
    }

    /// Hands this thread's magazine to the depot, where other threads find it and the bounds hold.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// drop(pool.get());
    /// pool.flush();
    /// std::thread::scope(|s| { s.spawn(|| drop(pool.get())); });
    /// assert_eq!(pool.stats().made, 1);
    /// ```
    pub fn flush(&self) {
        if let Some(cache) = self.cache() {
            // SAFETY: the magazine is this thread's.
            unsafe { self.depot().flush(&cache.magazine) };
        }
    }

    /// What was counted so far.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// (0..10).for_each(|_| drop(pool.get()));
    /// assert_eq!((pool.stats().made, pool.stats().hits_local), (1, 9));
    /// ```
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.depot.get().map(|depot| depot.stats()).unwrap_or_default()
    }

    /// Whether the pool pays, from what it has counted. Takes some microseconds, to time itself.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| vec![0u8; 1 << 16]);
    /// assert!(matches!(pool.advice(), spandrel_pool::Advice::TooEarly));
    /// ```
    #[must_use]
    pub fn advice(&self) -> Advice {
        Advice::of(&self.stats())
    }

    /// Who holds guards: how many, by where their objects were asked for, most first. Only a pool with
    /// [`Limits::debug`] knows; it tells of what was forgotten when it ends.
    ///
    /// ```
    /// use spandrel_pool::{Limits, Pool};
    /// let pool = Pool::with(|| 1u8, Limits::new().debug(true));
    /// let held: Vec<_> = (0..3).map(|_| pool.get()).collect();
    /// let sites = pool.outstanding();
    /// assert_eq!((sites[0].guards, sites[0].site.line()), (3, line!() - 2));
    /// drop(held);
    /// assert!(pool.outstanding().is_empty());
    /// ```
    #[must_use]
    pub fn outstanding(&self) -> Vec<Outstanding> {
        self.depot.get().map(|depot| depot.outstanding()).unwrap_or_default()
    }

    /// This thread's cache, if it is one of those that the thread used last.
    #[inline(always)]
    fn cache_in_front(&self) -> Option<&Cache<T>> {
        let cache = table::find_in_front(self.id.load(Relaxed))?.cast::<Cache<T>>();
        // SAFETY: under this pool's id lie this thread's caches for this pool, until the thread ends.
        Some(unsafe { cache.as_ref() })
    }

    fn cache(&self) -> Option<&Cache<T>> {
        let cache = table::find(self.id.load(Relaxed)).cast::<Cache<T>>();
        // SAFETY: as above.
        unsafe { cache.as_ref() }
    }

    #[inline(always)]
    fn take(&self, site: &'static Location<'static>) -> NonNull<T> {
        // SAFETY: the magazine is this thread's.
        match self.cache_in_front().and_then(|cache| unsafe { cache.magazine.pop_top() }) {
            Some(object) => object,
            None => self.take_below(site),
        }
    }

    /// Nothing lies on top.
    #[inline(never)]
    fn take_below(&self, site: &'static Location<'static>) -> NonNull<T> {
        // SAFETY: the magazine is this thread's.
        match self.cache_in_front().and_then(|cache| unsafe { cache.magazine.pop() }) {
            Some(object) => object,
            None => self.take_slow(site),
        }
    }

    #[cold]
    #[inline(never)]
    fn take_slow(&self, site: &'static Location<'static>) -> NonNull<T> {
        if self.limits.bounds_live() {
            let claim = if self.limits.on_empty == OnEmpty::Fail {
                let name = self.limits.name_for::<T>();
                self.depot().claim().unwrap_or_else(|| panic!("as many of {name} are lent as may live"))
            } else {
                self.depot().wait()
            };
            return self.redeem(claim, site);
        }
        let magazine = self.cache_or_new().map(|cache| &cache.magazine);
        // SAFETY: the magazine is this thread's.
        if let Some(object) = magazine.and_then(|magazine| unsafe { magazine.pop() }) {
            return object;
        }
        // SAFETY: the magazine is this thread's, and empty.
        let object = match unsafe { self.depot().take(magazine) } {
            Some(object) => self.wake(object),
            None => self.make(),
        };
        self.lend(object, site)
    }

    pub(crate) fn take_or_enlist(
        &self,
        key: &mut Option<u64>,
        waker: &Waker,
        site: &'static Location<'static>,
    ) -> Option<NonNull<T>> {
        if self.limits.has_magazines() {
            return Some(self.take(site));
        }
        self.depot().claim_or_enlist(key, waker).map(|claim| self.redeem(claim, site))
    }

    /// The object leaves for its guard.
    fn lend(&self, object: Box<T>, site: &'static Location<'static>) -> NonNull<T> {
        let object = into_raw(object);
        if self.limits.debug {
            self.depot().note_lent(object.as_ptr().addr(), site);
        }
        object
    }

    /// The object is its guard's no more.
    fn end_loan(&self, object: NonNull<T>) {
        if self.limits.debug {
            self.depot().note_back(object.as_ptr().addr());
        }
    }

    fn wake(&self, object: Idle<T>) -> Box<T> {
        let (object, overwritten) = object.wake();
        if let Some(overwritten) = overwritten {
            self.depot().forget_one(|stats| stats.dropped_invalid += 1);
            drop(object);
            panic!("{overwritten}");
        }
        object
    }

    pub(crate) fn strike(&self, waiter: u64) {
        self.depot().strike(waiter);
    }

    fn redeem(&self, claim: Claim<T>, site: &'static Location<'static>) -> NonNull<T> {
        let object = match claim {
            Claim::Idle(object) => self.wake(object),
            Claim::Make => match catch_unwind(AssertUnwindSafe(|| self.make())) {
                Ok(object) => object,
                Err(panic) => {
                    self.depot().forget_one(|_| ());
                    resume_unwind(panic)
                }
            },
        };
        self.lend(object, site)
    }

    fn make(&self) -> Box<T> {
        let timed = self.depot().lock().counted.made.is_multiple_of(MADE_SAMPLE_PERIOD);
        let begin = timed.then(Instant::now);
        let object = Box::new(self.recycle.make());
        let ns = begin.map(|begin| begin.elapsed().as_nanos() as u64);
        let counted = &mut self.depot().lock().counted;
        counted.made += 1;
        counted.made_samples += u64::from(timed);
        counted.made_sample_ns += ns.unwrap_or(0);
        object
    }

    fn depot(&self) -> &Arc<Depot<T>> {
        self.depot.get_or_init(|| {
            let depot = Arc::new(Depot::new(self.limits));
            roster::enter(&depot);
            depot
        })
    }

    /// This thread's cache; none while the thread ends, or when there are too many pools.
    fn cache_or_new(&self) -> Option<&Cache<T>> {
        if !self.limits.has_magazines() {
            return None;
        }
        if let Some(cache) = self.cache() {
            return Some(cache);
        }
        let id = self.id();
        if id == table::NO_MAGAZINES {
            return None;
        }
        let cache = Cache::new_in(self.depot());
        if !table::insert(id, cache.cast(), depot::release::<T>) {
            // SAFETY: the table didn't take it, so it is still ours.
            unsafe { depot::release::<T>(cache.cast()) };
        }
        self.cache()
    }

    fn id(&self) -> u64 {
        let id = self.id.load(Relaxed);
        if id != table::NO_ID {
            return id;
        }
        let fresh = table::new_id();
        self.id.compare_exchange(table::NO_ID, fresh, Relaxed, Relaxed).map_or_else(
            |other| {
                table::retire_id(fresh);
                other
            },
            |_| fresh,
        )
    }

    /// A guard gives its object back.
    ///
    /// # Safety
    /// The object is one that `take` gave, and nobody uses it any more.
    #[inline(always)]
    pub(crate) unsafe fn give_back(&self, object: NonNull<T>) {
        if std::thread::panicking() && self.limits.on_panic == PanicPolicy::Drop {
            return self.discard(object, |stats| stats.dropped_panic += 1);
        }
        let doomed = Doomed { pool: self, object };
        // SAFETY: the caller's promise.
        if !self.recycle.reset(unsafe { &mut *object.as_ptr() }) {
            return;
        }
        // SAFETY: as before.
        let weight_bytes = self.recycle.weight_bytes(unsafe { object.as_ref() });
        mem::forget(doomed);
        let is_light = weight_bytes <= self.limits.item_bytes;
        let cache = if is_light { self.cache_in_front() } else { None };
        // SAFETY: the magazine is this thread's, and the object is ours.
        let is_kept = cache.is_some_and(|cache| unsafe { cache.magazine.push_top(object, weight_bytes) });
        if !is_kept {
            self.put_above(object, weight_bytes);
        }
    }

    /// Another object lies on top, or this one is too heavy.
    #[inline(never)]
    fn put_above(&self, object: NonNull<T>, weight_bytes: usize) {
        let is_light = weight_bytes <= self.limits.item_bytes;
        let cache = if is_light { self.cache_in_front() } else { None };
        // SAFETY: the magazine is this thread's, and the object is ours.
        let is_kept = cache.is_some_and(|cache| unsafe { cache.magazine.push(object, weight_bytes) });
        if !is_kept {
            self.put_slow(object, weight_bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn put_slow(&self, object: NonNull<T>, weight_bytes: usize) {
        if weight_bytes > self.limits.item_bytes {
            return self.discard(object, |stats| stats.dropped_giant += 1);
        }
        let magazine = self.cache_or_new().map(|cache| &cache.magazine);
        // SAFETY: the magazine is this thread's, and the object is ours.
        if magazine.is_some_and(|magazine| unsafe { magazine.push(object, weight_bytes) }) {
            return;
        }
        self.end_loan(object);
        // SAFETY: the object is from a box, and nobody took it.
        let object = unsafe { Box::from_raw(object.as_ptr()) };
        if self.limits.debug {
            let aside = Aside::new(object, |object| self.recycle.idle_bytes(object));
            return self.depot().put(vec![Item { object: Idle::Aside(aside), weight_bytes }], true);
        }
        let item = Item { object: Idle::Plain(object), weight_bytes };
        let Some(magazine) = magazine else { return self.depot().put(vec![item], true) };
        // SAFETY: the magazine is this thread's.
        unsafe { self.depot().put_through(magazine, item) };
    }

    /// Drops an object that was `take`n, and is nobody's any more.
    #[cold]
    #[inline(never)]
    fn discard(&self, object: NonNull<T>, count: fn(&mut PoolStats)) {
        self.end_loan(object);
        self.depot().forget_one(count);
        // SAFETY: what is taken is from a box.
        drop(unsafe { Box::from_raw(object.as_ptr()) });
    }

    /// A guard takes its object out of the pool for good.
    pub(crate) fn part_with(&self, object: NonNull<T>) {
        self.end_loan(object);
        self.depot().forget_one(|stats| stats.detached += 1);
    }
}

#[inline(always)]
fn into_raw<T>(object: Box<T>) -> NonNull<T> {
    // SAFETY: a box is never null.
    unsafe { NonNull::new_unchecked(Box::into_raw(object)) }
}

/// An object that its policy is looking at: if that panics, or finds it of no use, it is dropped.
struct Doomed<'p, T: Send + 'static, R: Recycle<T>> {
    pool: &'p Pool<T, R>,
    object: NonNull<T>,
}

impl<T: Send + 'static, R: Recycle<T>> Drop for Doomed<'_, T, R> {
    fn drop(&mut self) {
        self.pool.discard(self.object, |stats| stats.dropped_invalid += 1);
    }
}

impl<T: Send + 'static, R: Recycle<T>> Drop for Pool<T, R> {
    fn drop(&mut self) {
        if let Some(depot) = self.depot.get() {
            for Outstanding { site, guards } in depot.outstanding() {
                let name = self.limits.name_for::<T>();
                eprintln!("spandrel-pool: {guards} of {name}, asked for at {site}, were never given back");
            }
            roster::leave(depot);
            // SAFETY: guards borrow the pool or own a share of it, so this is its only user.
            unsafe { depot.close() };
        }
        table::retire_id(*self.id.get_mut());
    }
}

impl<T: Send + 'static, R: Recycle<T>> std::fmt::Debug for Pool<T, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("limits", &self.limits).field("stats", &self.stats()).finish()
    }
}

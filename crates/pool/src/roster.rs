//! All pools of the program that have been used: what they count, and the end of their epochs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::stats::PoolStats;

/// A depot, whatever its objects are.
pub(crate) trait Tended: Send + Sync {
    fn name(&self) -> &'static str;
    fn stats(&self) -> PoolStats;
    /// Drops what a whole epoch did not need, if the epoch is over; how many objects.
    fn end_epoch(&self) -> usize;
    /// Ends the epoch early, and drops half of the rest too; how many objects.
    fn give_way(&self) -> usize;
}

/// By the address of the depot, which no other one has while it is on the list.
static DEPOTS: Mutex<BTreeMap<usize, Weak<dyn Tended>>> = Mutex::new(BTreeMap::new());

fn depots() -> MutexGuard<'static, BTreeMap<usize, Weak<dyn Tended>>> {
    DEPOTS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn enter<D: Tended + 'static>(depot: &Arc<D>) {
    let weak = Arc::downgrade(depot);
    depots().insert(Arc::as_ptr(depot).addr(), weak);
}

pub(crate) fn leave<D>(depot: &Arc<D>) {
    // The lock is let go before the weak share is.
    let weak = depots().remove(&Arc::as_ptr(depot).addr());
    drop(weak);
}

/// The depots, with the list unlocked: what is done with them may take their locks, and drop objects.
fn all() -> Vec<Arc<dyn Tended>> {
    depots().values().filter_map(Weak::upgrade).collect()
}

/// What the pools of a name have counted.
#[derive(Clone, Copy, Debug)]
pub struct PoolMetrics {
    /// The name that [`Limits::name`](crate::Limits::name) gave it, or that of the type of its objects.
    pub name: &'static str,
    /// Its counts.
    pub stats: PoolStats,
}

/// What all pools have counted, by name; pools of one name are summed up.
///
/// ```
/// use spandrel_pool::{Limits, Pool};
/// static LINES: Pool<String> = Pool::with(String::new, Limits::new().name("lines"));
/// drop(LINES.get());
/// let all = spandrel_pool::metrics();
/// let lines = all.iter().find(|pool| pool.name == "lines").unwrap();
/// assert_eq!(lines.stats.made, 1);
/// ```
#[must_use]
pub fn metrics() -> Vec<PoolMetrics> {
    let mut sums: BTreeMap<&'static str, PoolStats> = BTreeMap::new();
    for pool in all() {
        let sum = sums.entry(pool.name()).or_default();
        *sum = sum.plus(&pool.stats());
    }
    sums.into_iter().map(|(name, stats)| PoolMetrics { name, stats }).collect()
}

/// Ends the epoch of each pool whose time is up: what it had idle all the while is dropped; how many objects
/// that were. A pool that is used ends its epochs by itself, one that rests needs this call, or a
/// [`Keeper`](crate::Keeper) that makes it.
///
/// ```
/// use spandrel_pool::{Limits, Pool};
/// use std::time::Duration;
/// let pool = Pool::with(|| 1u8, Limits::new().epoch(Duration::ZERO));
/// drop(pool.get());
/// pool.flush();
/// spandrel_pool::tend();
/// spandrel_pool::tend();
/// assert_eq!(pool.stats().idle_items, 0);
/// ```
pub fn tend() -> usize {
    all().into_iter().map(|pool| pool.end_epoch()).sum()
}

/// Memory is short: each pool drops what this epoch did not need so far, and half of what else its depot
/// holds; how many objects that were. Not for use inside an allocator: it runs destructors.
///
/// ```
/// let pool = spandrel_pool::Pool::new(|| vec![1u8; 100]);
/// drop([pool.get(), pool.get(), pool.get()]);
/// pool.flush();
/// assert!(spandrel_pool::give_way() >= 2);
/// assert!(pool.stats().idle_items <= 1);
/// ```
pub fn give_way() -> usize {
    all().into_iter().map(|pool| pool.give_way()).sum()
}

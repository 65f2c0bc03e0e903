//! What a `StaticPool` promises: each object has one holder, all come back, the last one is the next one out.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use proptest::prelude::{any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use spandrel_pool::StaticPool;

#[test]
fn a_static_serves_all_threads() {
    const THREADS: usize = 4;
    const OPS: usize = 10_000;
    static POOL: StaticPool<u64, 3> = StaticPool::new([0; 3]);
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    let work = || {
        for _ in 0..OPS {
            match POOL.get() {
                Some(mut number) => *number += 1,
                None => _ = REFUSED.fetch_add(1, SeqCst),
            }
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| _ = scope.spawn(work)));
    assert_eq!(POOL.idle(), 3);
    let all = [POOL.get().unwrap(), POOL.get().unwrap(), POOL.get().unwrap()];
    assert!(POOL.get().is_none());
    let sum: u64 = all.iter().map(|number| **number).sum();
    assert_eq!(sum as usize, THREADS * OPS - REFUSED.load(SeqCst));
}

#[test]
fn a_lease_may_end_in_another_thread() {
    static POOL: StaticPool<u8, 1> = StaticPool::new([5]);
    let lease = POOL.get().unwrap();
    assert_eq!(thread::spawn(move || *lease).join().unwrap(), 5);
    assert_eq!(POOL.idle(), 1);
}

#[test]
fn an_object_whose_reset_panics_is_lent_no_more() {
    let pool = StaticPool::with_reset([1, 2], |number| assert_ne!(*number, 7, "on purpose"));
    let mut lease = pool.get().unwrap();
    *lease = 7;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(lease))).is_err());
    assert_eq!(pool.idle(), 1);
    assert_ne!(*pool.get().unwrap(), 7);
}

#[test]
fn no_objects_are_no_fault() {
    assert!(StaticPool::<String, 0>::new([]).get().is_none());
}

proptest! {
    /// Against a set of the numbers that are free.
    #[test]
    fn a_static_pool_is_a_set(ops in collection::vec((any::<bool>(), any::<usize>()), 0..300)) {
        let pool: StaticPool<usize, 7> = StaticPool::new([0, 1, 2, 3, 4, 5, 6]);
        let mut free: BTreeSet<usize> = (0..7).collect();
        let mut lent = Vec::new();
        let mut latest = None;
        for (is_get, at) in ops {
            if is_get {
                let lease = pool.get();
                prop_assert_eq!(lease.is_some(), !free.is_empty());
                if let Some(lease) = lease {
                    prop_assert!(free.remove(&*lease), "lent twice");
                    prop_assert!(latest.is_none_or(|latest| latest == *lease));
                    lent.push(lease);
                }
                latest = None;
            } else if !lent.is_empty() {
                let lease = lent.swap_remove(at % lent.len());
                latest = Some(*lease);
                free.insert(*lease);
            }
            prop_assert_eq!(pool.idle(), free.len());
        }
    }
}

//! What a pool promises: who gets which object, bounds, epochs, ends of threads and pools, panics, waiting.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, proptest};
use proptest::{collection, prop_assert_eq, prop_oneof};
use spandrel_pool::{Limits, OnEmpty, PanicPolicy, Pool, Recycle};

/// The objects of a magazine.
const MAGAZINE: usize = 32;

/// Counts how many of its kind are alive.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn counted(limits: Limits) -> (Arc<AtomicUsize>, Pool<Counted, impl Fn() -> Counted + Send + Sync>) {
    let alive = Arc::new(AtomicUsize::new(0));
    let make = {
        let alive = Arc::clone(&alive);
        move || Counted::new(&alive)
    };
    (alive, Pool::with(make, limits))
}

#[test]
fn the_last_one_in_is_the_first_out() {
    let pool = Pool::new(|| 0u32);
    let (mut a, mut b) = (pool.get(), pool.get());
    (*a, *b) = (1, 2);
    drop((a, b));
    assert_eq!((*pool.get().detach(), *pool.get().detach()), (2, 1));
}

#[test]
fn all_objects_go_with_the_pool_even_those_in_other_threads_magazines() {
    let (alive, pool) = counted(Limits::new());
    let (done, wait) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    thread::scope(|scope| {
        let user = Arc::new(pool);
        let other = Arc::clone(&user);
        let (done, wait) = (&done, &wait);
        scope.spawn(move || {
            let guards: Vec<_> = (0..100).map(|_| other.get()).collect();
            drop(guards);
            drop(other);
            done.wait();
            wait.wait();
        });
        done.wait();
        assert_eq!(alive.load(SeqCst), 100);
        drop(user);
        assert_eq!(alive.load(SeqCst), 0, "while the other thread still lives");
        wait.wait();
    });
}

#[test]
fn a_thread_that_ends_gives_back() {
    let (alive, pool) = counted(Limits::new());
    for _ in 0..1000 {
        // Joined by hand: the scope alone doesn't wait for what a thread does at its very end.
        thread::scope(|scope| scope.spawn(|| drop([pool.get(), pool.get(), pool.get()])).join().unwrap());
    }
    assert_eq!(alive.load(SeqCst), 3);
    assert_eq!(pool.stats().idle_items, 3);
}

#[test]
fn slots_serve_many_pools_in_turn() {
    for _ in 0..1000 {
        let pools: Vec<Pool<u64>> = (0..10).map(|_| Pool::new((|| 1) as fn() -> u64)).collect();
        pools.iter().for_each(|pool| drop(pool.get()));
        assert!(pools.iter().all(|pool| pool.stats().made == 1 && *pool.get() == 1));
    }
}

/// More pools than the table in front has places, in turns.
#[test]
fn many_pools_live_at_once() {
    let pools: Vec<Pool<usize>> = (0..300).map(|_| Pool::new((|| 0) as fn() -> usize)).collect();
    for round in 0..10 {
        for (number, pool) in pools.iter().enumerate() {
            let (mut a, mut b) = (pool.get(), pool.get());
            assert!(round == 0 || *a == number && *b == number);
            (*a, *b) = (number, number);
        }
    }
    assert!(pools.iter().all(|pool| pool.stats().made == 2 && pool.stats().hits_local == 18));
}

#[test]
fn bounds_hold_beyond_one_magazine() {
    let (alive, pool) = counted(Limits::new().max_idle_items(10));
    drop((0..500).map(|_| pool.get()).collect::<Vec<_>>());
    assert!(alive.load(SeqCst) <= 10 + MAGAZINE);
    let bytes = Pool::with(|| [0u8; 100], Limits::new().max_idle_bytes(1000));
    drop((0..500).map(|_| bytes.get()).collect::<Vec<_>>());
    assert!(bytes.stats().idle_bytes <= 1000 + 100 * MAGAZINE);
}

struct Odd;

impl Recycle<Vec<u8>> for Odd {
    fn make(&self) -> Vec<u8> {
        Vec::new()
    }
    fn reset(&self, object: &mut Vec<u8>) -> bool {
        let odd = object.len() % 2 == 1;
        object.clear();
        odd
    }
    fn weight_bytes(&self, object: &Vec<u8>) -> usize {
        object.capacity()
    }
}

#[test]
fn giants_and_invalid_ones_are_dropped() {
    let pool = Pool::with(Odd, Limits::new().max_item_bytes(100));
    *pool.get() = vec![0; 101];
    *pool.get() = vec![0; 2];
    *pool.get() = vec![0; 3];
    let stats = pool.stats();
    assert_eq!((stats.dropped_giant, stats.dropped_invalid, stats.kept), (1, 1, 1));
}

#[test]
fn after_two_epochs_what_nobody_needs_is_gone() {
    let epoch = Duration::from_millis(20);
    let (alive, pool) = counted(Limits::new().epoch(epoch));
    drop((0..500).map(|_| pool.get()).collect::<Vec<_>>());
    for _ in 0..2 {
        thread::sleep(epoch);
        pool.flush();
    }
    assert!(alive.load(SeqCst) <= MAGAZINE, "{} left", alive.load(SeqCst));
}

#[test]
fn a_panic_drops_the_object_or_keeps_it() {
    for (policy, kept) in [(PanicPolicy::Drop, 0), (PanicPolicy::Keep, 1)] {
        let pool = Pool::with(|| 1u8, Limits::new().on_panic(policy));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _guard = pool.get();
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(result.is_err());
        assert_eq!((pool.stats().kept, pool.stats().dropped_panic), (kept, 1 - kept));
    }
}

#[test]
fn a_make_that_panics_takes_no_place() {
    let pool: Pool<u8> =
        Pool::with(|| std::panic::resume_unwind(Box::new(())), Limits::new().max_live_items(1));
    for _ in 0..3 {
        assert!(catch_unwind(AssertUnwindSafe(|| drop(pool.get()))).is_err());
    }
}

#[test]
fn whoever_waits_gets_what_comes_back() {
    let pool = Pool::with(|| 0u64, Limits::new().max_live_items(2));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..1000).for_each(|_| *pool.get() += 1));
        }
    });
    let (a, b) = (pool.get(), pool.get());
    assert_eq!(*a + *b, 8000);
    assert_eq!(pool.stats().made, 2);
}

#[test]
fn what_is_made_beyond_the_bound_goes_again() {
    let (alive, pool) = counted(Limits::new().max_live_items(3).on_empty(OnEmpty::Make));
    for _ in 0..10 {
        let mut lent: Vec<_> = (0..8).map(|_| pool.get()).collect();
        assert_eq!(alive.load(SeqCst), 8);
        lent.truncate(4);
        assert_eq!(alive.load(SeqCst), 4, "four came back, all of them too many");
        drop(lent);
        assert_eq!(alive.load(SeqCst), 3);
    }
    assert_eq!(pool.stats().idle_items, 3);
}

#[test]
fn a_pool_that_may_fail_does_and_goes_on() {
    let (_, pool) = counted(Limits::new().max_live_items(1).on_empty(OnEmpty::Fail));
    for _ in 0..3 {
        let only = pool.get();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(pool.get()))).is_err());
        assert!(pool.try_get().is_none());
        drop(only);
    }
    assert_eq!(pool.stats().made, 1);
}

#[test]
fn a_wait_ends_in_time_or_with_an_object() {
    let (_, pool) = counted(Limits::new().max_live_items(1));
    let only = pool.get();
    assert!(pool.get_timeout(Duration::from_millis(5)).is_none());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.get_timeout(Duration::from_secs(60)).is_some());
        thread::sleep(Duration::from_millis(5));
        drop(only);
        assert!(waiting.join().unwrap());
    });
}

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_future_that_is_dropped_after_its_call_passes_it_on() {
    let pool = Pool::with(|| 0u64, Limits::new().max_live_items(1));
    let (first, second) = (Arc::new(Calls::default()), Arc::new(Calls::default()));
    let (waker1, waker2) = (Waker::from(Arc::clone(&first)), Waker::from(Arc::clone(&second)));
    let guard = pool.get();
    let mut get1 = Box::pin(pool.get_async());
    let mut get2 = pin!(pool.get_async());
    assert!(get1.as_mut().poll(&mut Context::from_waker(&waker1)).is_pending());
    assert!(get2.as_mut().poll(&mut Context::from_waker(&waker2)).is_pending());
    drop(guard);
    assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (1, 0));
    drop(get1);
    assert_eq!(second.0.load(SeqCst), 1);
    assert!(get2.as_mut().poll(&mut Context::from_waker(&waker2)).is_ready());
}

#[test]
fn threads_exchange_objects_and_none_is_lent_twice() {
    let (alive, pool) = counted(Limits::new());
    let pool = Arc::new(pool);
    let (send, receive) = std::sync::mpsc::sync_channel(64);
    let maker = Arc::clone(&pool);
    let thread = thread::spawn(move || (0..20_000).for_each(|_| send.send(maker.get_owned()).unwrap()));
    receive.iter().for_each(drop);
    thread.join().unwrap();
    assert!(alive.load(SeqCst) <= 64 + 4 * MAGAZINE, "{} made", alive.load(SeqCst));
    let stats = pool.stats();
    assert_eq!(stats.gets(), 20_000);
    assert_eq!(stats.idle_items, alive.load(SeqCst));
}

#[derive(Clone, Debug)]
enum Op {
    Get,
    Put(usize),
    Flush,
    Trim(usize),
    Detach(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Get),
        6 => any::<usize>().prop_map(Op::Put),
        1 => Just(Op::Flush),
        1 => (0usize..40).prop_map(Op::Trim),
        1 => any::<usize>().prop_map(Op::Detach),
    ]
}

proptest! {
    /// Against two plain lists: lent values differ, sums agree, nothing is lost.
    #[test]
    fn a_pool_is_a_bag(ops in collection::vec(op(), 0..400), bound in 0usize..50) {
        let next = AtomicUsize::new(0);
        let (alive, limits) = (Arc::new(AtomicUsize::new(0)), Limits::new().max_idle_items(bound));
        let pool = Pool::with(|| (next.fetch_add(1, SeqCst), Counted::new(&alive)), limits);
        // The policy borrows, so the pool goes before what it borrows.
        let mut lent = Vec::new();
        for op in ops {
            match op {
                Op::Get => lent.push(pool.get()),
                Op::Put(at) if !lent.is_empty() => drop(lent.swap_remove(at % lent.len())),
                Op::Detach(at) if !lent.is_empty() => drop(lent.swap_remove(at % lent.len()).detach()),
                Op::Flush => pool.flush(),
                Op::Trim(items) => { pool.trim(items); }
                Op::Put(_) | Op::Detach(_) => {}
            }
            let mut values: Vec<usize> = lent.iter().map(|guard| guard.0).collect();
            values.sort_unstable();
            values.dedup();
            prop_assert_eq!(values.len(), lent.len(), "one object was lent twice");
            let stats = pool.stats();
            prop_assert_eq!(alive.load(SeqCst), lent.len() + stats.idle_items);
            prop_assert_eq!(stats.gets(), lent.len() as u64 + stats.puts() + stats.detached);
            let gone = stats.hits_local + stats.hits_depot + stats.dropped_full + stats.dropped_stale;
            prop_assert_eq!(stats.idle_items as u64, stats.kept - gone);
            assert!(stats.idle_items <= bound + MAGAZINE);
        }
        drop(lent);
        drop(pool);
        prop_assert_eq!(alive.load(SeqCst), 0);
    }
}

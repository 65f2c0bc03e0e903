//! Memory that pools hold: within their bounds while they work, gone when they rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use spandrel_pool::{Keeper, Limits, Pool};

const MAGAZINE: usize = 32;
const BYTES: usize = 100;
const THREADS: usize = 3;
/// The tests share the list of all pools.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Objects in bursts of a hundred: magazines run over and dry.
fn burst(pool: &Pool<[u8; BYTES]>) {
    drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
}

#[test]
fn bytes_stay_within_the_bound_and_a_magazine_for_each_thread() {
    let bound = 50 * BYTES;
    let pool: Pool<[u8; BYTES]> = Pool::with(|| [0; BYTES], Limits::new().max_idle_bytes(bound));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(|| (0..500).for_each(|_| burst(&pool))));
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(SeqCst) {
                most = most.max(pool.stats().idle_bytes);
            }
            most
        });
        thread::sleep(Duration::from_millis(100));
        done.store(true, SeqCst);
        let most = watch.join().unwrap();
        // By hand: the scope alone doesn't wait for what a thread does at its very end.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(most > 0 && most <= bound + THREADS * MAGAZINE * BYTES, "{most}");
    });
    assert!(pool.stats().idle_bytes <= bound);
}

#[test]
fn a_keeper_ends_the_epochs_of_a_pool_that_rests() {
    let _alone = ONE_AT_A_TIME.lock();
    let epoch = Duration::from_millis(50);
    let pool: Pool<[u8; BYTES]> = Pool::with(|| [0; BYTES], Limits::new().epoch(epoch));
    let keeper = Keeper::start(epoch / 10, || 0).unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..100).for_each(|_| burst(&pool)));
        }
    });
    burst(&pool);
    assert!(pool.stats().idle_items > MAGAZINE);
    let begin = Instant::now();
    while pool.stats().idle_items > MAGAZINE {
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", pool.stats());
        thread::sleep(epoch / 10);
    }
    let epochs = begin.elapsed().as_secs_f64() / epoch.as_secs_f64();
    println!("at its low-water mark after {epochs:.1} epochs");
    drop(keeper);
    assert!(pool.stats().idle_items > 0, "this thread's magazine is its own");
    pool.trim(0);
    assert_eq!(pool.stats().idle_items, 0);
}

/// Threads that filled their magazines and sleep: after two epochs each has the one object that came last.
#[test]
fn what_threads_that_rest_hold_goes_too() {
    let _alone = ONE_AT_A_TIME.lock();
    let epoch = Duration::from_millis(50);
    let pool: Pool<[u8; BYTES]> = Pool::with(|| [0; BYTES], Limits::new().epoch(epoch));
    let keeper = Keeper::start(epoch / 10, || 0).unwrap();
    let (full, end) = (std::sync::Barrier::new(THREADS + 1), std::sync::Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                burst(&pool);
                full.wait();
                end.wait();
                burst(&pool);
            });
        }
        full.wait();
        let begin = Instant::now();
        while pool.stats().idle_items > THREADS {
            assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", pool.stats());
            thread::sleep(epoch / 10);
        }
        let epochs = begin.elapsed().as_secs_f64() / epoch.as_secs_f64();
        println!("all but one object a thread gone after {epochs:.1} epochs");
        end.wait();
    });
    drop(keeper);
}

/// Threads at work while everything is taken away from them again and again: sums agree, no object is lost or
/// had twice.
#[test]
fn threads_work_while_things_are_taken_away() {
    let _alone = ONE_AT_A_TIME.lock();
    let alive = AtomicUsize::new(0);
    struct Alive<'a>(&'a AtomicUsize, u64);
    impl Drop for Alive<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let alive: &'static AtomicUsize = Box::leak(Box::new(alive));
    let pool = Pool::new(|| {
        alive.fetch_add(1, SeqCst);
        Alive(alive, 0)
    });
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let work = || {
            for round in 0..20_000 {
                let mut held: Vec<_> = (0..round % 7).map(|_| pool.get()).collect();
                held.iter_mut().for_each(|object| object.1 += 1);
                let counts: Vec<u64> = held.iter().map(|object| object.1).collect();
                std::hint::black_box(&counts);
                assert!(held.iter().zip(counts).all(|(object, count)| object.1 == count), "two holders");
            }
        };
        let threads = [(); THREADS].map(|()| scope.spawn(work));
        let taker = scope.spawn(|| {
            let mut taken = 0;
            while !done.load(SeqCst) {
                taken += spandrel_pool::give_way();
                thread::yield_now();
            }
            taken
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, SeqCst);
        assert!(taker.join().unwrap() > 0);
    });
    let stats = pool.stats();
    assert_eq!(stats.idle_items, alive.load(SeqCst));
    assert_eq!(stats.gets(), stats.puts());
    drop(pool);
    assert_eq!(alive.load(SeqCst), 0);
}

#[test]
fn under_pressure_pools_give_way_and_those_in_use_keep_half() {
    let _alone = ONE_AT_A_TIME.lock();
    let pool: Pool<[u8; BYTES]> = Pool::new(|| [0; BYTES]);
    drop((0..1000).map(|_| pool.get()).collect::<Vec<_>>());
    pool.flush();
    let idle_items = pool.stats().idle_items;
    let refused = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&refused);
    let keeper = Keeper::start(Duration::from_millis(1), move || count.load(SeqCst)).unwrap();
    thread::sleep(Duration::from_millis(20));
    assert_eq!(pool.stats().idle_items, idle_items, "an epoch is five seconds, and memory is not short");
    refused.fetch_add(1, SeqCst);
    let begin = Instant::now();
    while pool.stats().idle_items == idle_items {
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
    drop(keeper);
    assert_eq!(pool.stats().idle_items, idle_items / 2);
}

/// Threads come and go, four at a time; each leaves its objects to those after it.
fn short_threads(count: usize) {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Alive;
    impl Drop for Alive {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, SeqCst);
        }
    }
    let pool: Pool<Alive> = Pool::new(|| {
        ALIVE.fetch_add(1, SeqCst);
        Alive
    });
    for _ in 0..count / 4 {
        thread::scope(|scope| {
            // Joined by hand: the scope alone doesn't wait for what a thread does at its very end.
            let threads = [(); 4].map(|()| scope.spawn(|| drop([pool.get(), pool.get(), pool.get()])));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
    let stats = pool.stats();
    assert_eq!(stats.gets(), 3 * (count as u64 / 4 * 4));
    assert!(stats.idle_items <= 4 * MAGAZINE, "{stats:?}");
    assert_eq!(stats.idle_items, ALIVE.load(SeqCst));
    drop(pool);
    assert_eq!(ALIVE.load(SeqCst), 0);
}

#[test]
fn short_threads_leak_nothing() {
    short_threads(2000);
}

#[test]
#[ignore = "takes a minute"]
fn a_million_short_threads_leak_nothing() {
    short_threads(1_000_000);
}

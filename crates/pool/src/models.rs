//! Models of what the threads of a pool share: every order of a few steps, with the depot's own code.
//!
//! A magazine holds two objects here and hands over one at a time. Each object holds a share of a counter, so
//! that one which is lost is a leak, and a cell, so that two holders at once are a race.

use std::ptr::NonNull;
use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::depot::{self, Cache, Claim, Depot};
use crate::idle::Idle;
use crate::limits::Limits;
use crate::magazine::Item;

struct Object {
    touched: UnsafeCell<u32>,
    _share: Arc<()>,
}

impl Object {
    fn touch(&self) {
        // SAFETY: whoever holds the object is alone; loom checks that.
        self.touched.with_mut(|times| unsafe { *times += 1 });
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.touch();
    }
}

fn weighed(object: Idle<Object>) -> Item<Object> {
    Item { object, weight_bytes: 1 }
}

fn touched(item: Item<Object>) -> Item<Object> {
    let object = item.object.plain();
    object.touch();
    weighed(Idle::Plain(object))
}

/// What a `Pool` is to a depot: its drop closes it, and whoever uses it has a share.
struct Pool {
    depot: Arc<Depot<Object>>,
    share: Arc<()>,
}

impl Pool {
    fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { depot: Arc::new(Depot::new(limits)), share: Arc::new(()) })
    }

    fn item(&self) -> Item<Object> {
        let object = Object { touched: UnsafeCell::new(0), _share: Arc::clone(&self.share) };
        weighed(Idle::Plain(Box::new(object)))
    }

    fn redeem(&self, claim: Claim<Object>) -> Item<Object> {
        match claim {
            Claim::Idle(object) => weighed(object),
            Claim::Make => self.item(),
        }
    }

    /// A guard of a bounded pool ends.
    fn give_back(&self, item: Item<Object>) {
        self.depot.put(vec![touched(item)], true);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: this was the last share.
        unsafe { self.depot.close() };
    }
}

/// A thread's way to the pool: its magazine.
struct Local(*const Cache<Object>);

// SAFETY: the models hand a magazine to the thread that shall own it before that thread runs.
unsafe impl Send for Local {}

impl Local {
    fn new(pool: &Pool) -> Self {
        Self(Cache::new_in(&pool.depot))
    }

    fn get(&self, pool: &Pool) -> Item<Object> {
        // SAFETY: the cache lives until `end`, and is this thread's.
        let cache = unsafe { &*self.0 };
        // SAFETY: as before; the object comes out of the magazine once.
        let local = unsafe { cache.magazine.pop().map(|object| Box::from_raw(object.as_ptr())) };
        let local = local.map(Idle::Plain);
        // SAFETY: the magazine is this thread's and was found empty.
        let object = local.or_else(|| unsafe { pool.depot.take(Some(&cache.magazine)) });
        touched(object.map_or_else(|| pool.item(), weighed))
    }

    fn put(&self, pool: &Pool, item: Item<Object>) {
        let item = touched(item);
        // SAFETY: as for `get`.
        let magazine = unsafe { &(*self.0).magazine };
        let object = NonNull::from(Box::leak(item.object.plain()));
        // SAFETY: the magazine is this thread's, and the object has just left its box.
        if !unsafe { magazine.push(object, item.weight_bytes) } {
            // SAFETY: nobody took it.
            let object = Idle::Plain(unsafe { Box::from_raw(object.as_ptr()) });
            // SAFETY: the magazine is this thread's.
            unsafe { pool.depot.put_through(magazine, weighed(object)) };
        }
    }

    fn end(self) {
        // SAFETY: the cache is this thread's, which uses it no more.
        unsafe { depot::release::<Object>(self.0.cast()) };
    }
}

/// Three objects through a magazine of two: one of them goes to the depot.
fn use_up(pool: &Pool) -> Local {
    let local = Local::new(pool);
    let items = [local.get(pool), local.get(pool), local.get(pool)];
    items.into_iter().for_each(|item| local.put(pool, item));
    local
}

/// A thread drops its share of the pool and ends, while another one drops the last share: what was in the
/// thread's magazine is dropped once, and nothing stays behind.
#[test]
fn a_thread_ends_while_its_pool_does() {
    loom::model(|| {
        let pool = Pool::new(Limits::new());
        let (depot, theirs) = (Arc::clone(&pool.depot), Arc::clone(&pool));
        let local = use_up(&pool);
        let thread = thread::spawn(move || {
            local.put(&theirs, local.get(&theirs));
            drop(theirs);
            local.end();
        });
        drop(pool);
        thread.join().expect("no panic");
        assert_eq!(depot.stats().idle_items, 0, "a closed depot gets nothing more");
        assert!(depot.lock().knows_no_cache());
    });
}

/// What a thread leaves is found by the next one, or made anew, and never had by two.
#[test]
fn objects_change_threads() {
    for epoch in [Duration::ZERO, Duration::MAX] {
        loom::model(move || {
            let pool = Pool::new(Limits::new().epoch(epoch));
            let theirs = Arc::clone(&pool);
            let thread = thread::spawn(move || {
                let local = Local::new(&theirs);
                local.put(&theirs, local.get(&theirs));
                local.end();
            });
            // SAFETY: no magazine is given.
            let item = unsafe { pool.depot.take(None) }.map_or_else(|| pool.item(), weighed);
            pool.give_back(item);
            thread.join().expect("no panic");
            let stats = pool.depot.stats();
            assert!(stats.idle_items <= 2 && stats.hits_depot <= 1, "{stats:?}");
        });
    }
}

/// A trim meets a give-back: what the depot says it holds is there.
#[test]
fn a_trim_meets_a_give_back() {
    loom::model(|| {
        let pool = Pool::new(Limits::new().max_idle_items(2).epoch(Duration::MAX));
        let (theirs, local) = (Arc::clone(&pool), use_up(&pool));
        let thread = thread::spawn(move || {
            let items = [local.get(&theirs), local.get(&theirs), local.get(&theirs)];
            items.into_iter().for_each(|item| local.put(&theirs, item));
            local.end();
        });
        let trimmed = pool.depot.trim(0);
        thread.join().expect("no panic");
        let stats = pool.depot.stats();
        assert_eq!(stats.dropped_stale, trimmed as u64);
        let gone = stats.hits_local + stats.hits_depot + stats.dropped_full + stats.dropped_stale;
        assert_eq!(stats.kept, stats.idle_items as u64 + gone);
        assert!(stats.idle_items <= 2 && stats.idle_bytes == stats.idle_items);
    });
}

/// The depot takes away what lies in a magazine while its thread gets and gives back: each object has one
/// holder, and none is lost.
#[test]
fn the_depot_takes_away_from_a_thread_at_work() {
    loom::model(|| {
        let pool = Pool::new(Limits::new().epoch(Duration::MAX));
        let (theirs, local) = (Arc::clone(&pool), use_up(&pool));
        let thread = thread::spawn(move || {
            let items = [local.get(&theirs), local.get(&theirs)];
            items.into_iter().for_each(|item| local.put(&theirs, item));
            local
        });
        let dropped = pool.depot.give_way() as u64;
        let local = thread.join().expect("no panic");
        let stats = pool.depot.stats();
        assert_eq!(stats.dropped_stale, dropped);
        let gone = stats.hits_local + stats.hits_depot + stats.dropped_full + stats.dropped_stale;
        assert_eq!(stats.kept, stats.idle_items as u64 + gone);
        local.end();
    });
}

/// One object, and threads that wait for it: each gets it, and no two at once.
#[test]
fn threads_that_wait_are_woken() {
    loom::model(|| {
        let pool = Pool::new(Limits::new().max_live_items(1));
        let user = |pool: Arc<Pool>| {
            let item = pool.redeem(pool.depot.wait());
            pool.give_back(item);
        };
        let threads = [(); 2].map(|()| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || user(pool))
        });
        user(Arc::clone(&pool));
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(pool.depot.lock().live, 1);
    });
}

/// A task that sleeps until it is called.
struct Sleeper {
    called: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Sleeper {
    fn wake(self: StdArc<Self>) {
        *self.called.lock().expect("no panic") = true;
        self.changed.notify_one();
    }
}

impl Sleeper {
    fn new() -> StdArc<Self> {
        StdArc::new(Self { called: Mutex::new(false), changed: Condvar::new() })
    }

    fn sleep(&self) {
        let mut called = self.called.lock().expect("no panic");
        while !*called {
            called = self.changed.wait(called).expect("no panic");
        }
        *called = false;
    }
}

/// An executor of one future.
fn get_async(pool: &Pool) -> Item<Object> {
    let sleeper = Sleeper::new();
    let waker = Waker::from(StdArc::clone(&sleeper));
    let mut key = None;
    loop {
        if let Some(claim) = pool.depot.claim_or_enlist(&mut key, &waker) {
            return pool.redeem(claim);
        }
        sleeper.sleep();
    }
}

/// One object, a task that waits for it, and one that asks once and gives up: the first is called, in
/// whatever order the object comes back and the other one leaves.
#[test]
fn a_task_that_gives_up_takes_no_call_with_it() {
    loom::model(|| {
        let pool = Pool::new(Limits::new().max_live_items(1));
        let held = pool.redeem(pool.depot.wait());
        let theirs = Arc::clone(&pool);
        let giving_up = thread::spawn(move || {
            let mut key = None;
            let claim = theirs.depot.claim_or_enlist(&mut key, Waker::noop());
            if let Some(claim) = claim {
                theirs.give_back(theirs.redeem(claim));
            }
            if let Some(key) = key {
                theirs.depot.strike(key);
            }
        });
        let theirs = Arc::clone(&pool);
        let giving_back = thread::spawn(move || theirs.give_back(held));
        let item = get_async(&pool);
        pool.give_back(item);
        giving_up.join().expect("no panic");
        giving_back.join().expect("no panic");
    });
}

/// The object is taken out for good: a task that waits for it may make another one.
#[test]
fn an_object_that_leaves_makes_room() {
    loom::model(|| {
        let pool = Pool::new(Limits::new().max_live_items(1));
        let held = pool.redeem(pool.depot.wait());
        let theirs = Arc::clone(&pool);
        let leaving = thread::spawn(move || {
            theirs.depot.forget_one(|stats| stats.detached += 1);
            drop(held);
        });
        let item = get_async(&pool);
        leaving.join().expect("no panic");
        pool.give_back(item);
    });
}

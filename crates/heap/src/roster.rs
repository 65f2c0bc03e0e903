//! All of something that threads hold one after the other: which there are, and which are nobody's now.
//!
//! A thread that ends leaves what it held, as it is, to the next one that begins. Nothing is ever taken off
//! the list of all, so anyone may walk it at any time; the idle ones form a stack behind a lock.

use core::ptr::{from_ref, null_mut};

use spandrel_platform::const_fn;
use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::sync::{AtomicPtr, AtomicU32, Ordering, RacyPtr, RacyU32};

/// What is listed: it has links, and is never unmapped.
pub(crate) trait Listed: Sized + 'static {
    /// Its links.
    fn links(&self) -> &Links<Self>;
}

/// How something hangs in a roster. All zero before it does.
#[derive(Debug)]
pub(crate) struct Links<T> {
    /// The next of all; set once.
    next_of_all: RacyPtr<T>,
    /// The next of the idle ones; guarded by their lock.
    next_idle: RacyPtr<T>,
    /// 1 while no thread holds it; guarded by the lock of the idle ones.
    is_idle: RacyU32,
}

impl<T> Links<T> {
    const_fn! {
        /// Of something that is on no list.
        pub(crate) fn none() -> Self {
            Self { next_of_all: RacyPtr::null(), next_idle: RacyPtr::null(), is_idle: RacyU32::new(0) }
        }
    }

    /// Whether no thread holds it, as the thread that has every lock may ask.
    #[cfg(not(loom))]
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle.get() == 1
    }
}

/// The lists.
pub(crate) struct Roster<T: Listed> {
    /// What was made last; the others follow by `next_of_all`.
    all: AtomicPtr<T>,
    /// How many there are.
    len: AtomicU32,
    /// Those without a thread.
    pub(crate) idle: Mutex<Idle<T>>,
}

/// The stack of the idle ones, by `next_idle`.
pub(crate) struct Idle<T: Listed> {
    first: *mut T,
    len: u32,
    /// How many of them were added since all were emptied, up to a limit.
    warm: u32,
}

// SAFETY: what is listed belongs to the process; the stack says what is nobody's.
unsafe impl<T: Listed> Send for Idle<T> {}

impl<T: Listed> Idle<T> {
    fn push(&mut self, item: &'static T) {
        item.links().next_idle.set(self.first);
        item.links().is_idle.set(1);
        self.first = from_ref(item).cast_mut();
        self.len += 1;
    }

    fn pop(&mut self) -> Option<&'static T> {
        // SAFETY: what is listed is never unmapped.
        let item = unsafe { self.first.as_ref() }?;
        self.first = item.links().next_idle.get();
        self.len -= 1;
        item.links().is_idle.set(0);
        Some(item)
    }
}

impl<T: Listed> Roster<T> {
    const_fn! {
        /// Nothing.
        pub(crate) fn new() -> Self {
            Self {
                all: AtomicPtr::new(null_mut()),
                len: AtomicU32::new(0),
                idle: Mutex::new(Rank::Caches, Idle { first: null_mut(), len: 0, warm: 0 }),
            }
        }
    }

    /// What became idle last, or what `make` makes, given its number, from 1 on. The caller is its holder.
    pub(crate) fn acquire(&self, make: impl FnOnce(u32) -> Option<&'static T>) -> Option<&'static T> {
        let mut idle = self.idle.lock();
        if let Some(item) = idle.pop() {
            idle.warm = idle.warm.saturating_sub(1);
            return Some(item);
        }
        let item = make(self.len() + 1)?;
        item.links().next_of_all.set(self.all.load(Ordering::Relaxed));
        self.len.fetch_add(1, Ordering::Relaxed);
        // Release: whoever finds it there finds it whole, and what was made before it.
        self.all.store(from_ref(item).cast_mut(), Ordering::Release);
        Some(item)
    }

    /// The holder lets it go. It counts as warm while fewer than `warm_max` do.
    pub(crate) fn give_back(&self, item: &'static T, warm_max: u32) {
        let mut idle = self.idle.lock();
        idle.push(item);
        idle.warm = (idle.warm + 1).min(warm_max);
    }

    /// How many that are idle are warm.
    pub(crate) fn warm(&self) -> u32 {
        self.idle.lock().warm
    }

    /// Does something with each idle one, which is nobody else's meanwhile; then none of them is warm.
    pub(crate) fn for_each_idle(&self, mut action: impl FnMut(&'static T)) {
        let mut done = null_mut::<T>();
        loop {
            let popped = self.idle.lock().pop();
            let Some(item) = popped else { break };
            action(item);
            item.links().next_idle.set(done);
            done = from_ref(item).cast_mut();
        }
        // SAFETY: what is listed is never unmapped.
        while let Some(item) = unsafe { done.as_ref() } {
            done = item.links().next_idle.get();
            self.give_back(item, 0);
        }
        self.idle.lock().warm = 0;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    /// How many a thread holds, and how many there are.
    pub(crate) fn counts(&self) -> (u32, u32) {
        let idle = self.idle.lock().len;
        let all = self.len();
        (all - idle.min(all), all)
    }

    /// All there are, the latest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static T> + use<T> {
        let mut next = self.all.load(Ordering::Acquire);
        core::iter::from_fn(move || {
            // SAFETY: what is listed is never unmapped, and its link is set once, before it is published.
            let item = unsafe { next.as_ref() }?;
            next = item.links().next_of_all.get();
            Some(item)
        })
    }
}

/// Models of threads that come and go, of the scavenger, and of whoever looks on.
#[cfg(all(test, loom))]
mod models {
    extern crate std;
    use super::{Links, Listed, Roster};
    use loom::cell::UnsafeCell;
    use loom::thread;
    use spandrel_platform::sync::RacyU32;
    use std::boxed::Box;
    use std::vec::Vec;

    /// A cache that holds objects, which exist as a number.
    struct Cache {
        links: Links<Self>,
        number: RacyU32,
        objs: UnsafeCell<u32>,
    }

    impl Listed for Cache {
        fn links(&self) -> &Links<Self> {
            &self.links
        }
    }

    // SAFETY: the roster has one holder of each; loom sees it if it has two.
    unsafe impl Sync for Cache {}

    /// The roster, and the caches that are made when one is wanted. They are there from the beginning: loom
    /// stops its search at cells that begin to exist in the middle of it.
    struct Caches {
        roster: Roster<Cache>,
        unmade: [Cache; 2],
    }

    impl Caches {
        fn new() -> &'static Self {
            let unmade = [(); 2].map(|()| Cache {
                links: Links::none(),
                number: RacyU32::new(0),
                objs: UnsafeCell::new(0),
            });
            Box::leak(Box::new(Self { roster: Roster::new(), unmade }))
        }

        fn acquire(&'static self) -> &'static Cache {
            let make = |number| {
                let cache = &self.unmade[number as usize - 1];
                cache.number.set(number);
                Some(cache)
            };
            self.roster.acquire(make).unwrap()
        }

        /// The life of a thread that leaves an object in its cache.
        fn live(&'static self) {
            let cache = self.acquire();
            // SAFETY: this thread holds the cache; loom sees it if another one does.
            cache.objs.with_mut(|objs| unsafe { *objs += 1 });
            self.roster.give_back(cache, 1);
        }

        /// Takes what is in the caches that nobody holds.
        fn take(&self) -> u32 {
            let mut taken = 0;
            self.roster.for_each_idle(|cache| {
                // SAFETY: the cache is this thread's meanwhile; loom sees it if it is not.
                taken += cache.objs.with_mut(|objs| unsafe { core::mem::take(&mut *objs) });
            });
            taken
        }
    }

    fn bounded(model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(4);
        builder.check(model);
    }

    #[test]
    fn a_cache_has_one_holder_and_none_is_lost() {
        bounded(|| {
            let caches = Caches::new();
            let threads: Vec<_> = (0..2).map(|_| thread::spawn(|| caches.live())).collect();
            let taken = caches.take();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let roster = &caches.roster;
            assert_eq!(roster.counts(), (0, roster.len()), "every cache is idle");
            assert_eq!(roster.all().count(), roster.len() as usize);
            assert_eq!(taken + caches.take(), 2, "what both threads left");
            assert_eq!(roster.warm(), 0);
        });
    }

    #[test]
    fn whoever_looks_sees_whole_caches() {
        bounded(|| {
            let caches = Caches::new();
            let reader = thread::spawn(|| {
                let numbers: Vec<_> = caches.roster.all().map(|cache| cache.number.get()).collect();
                let expected: Vec<_> = (1..=numbers.len() as u32).rev().collect();
                assert_eq!(numbers, expected, "each has its number, and none before it is missing");
            });
            caches.acquire();
            caches.acquire();
            reader.join().unwrap();
        });
    }
}

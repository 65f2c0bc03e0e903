//! The allocator's lock: one word, a futex behind it, and a rank that orders all locks.
//!
//! A thread may only take a lock whose rank is above every lock that it holds: so no two threads can
//! wait for each other. Debug builds check it at each acquisition. `fork` takes all locks in rank order
//! before the process is copied, and both sides let them go after (see [`crate::fork`]).
//!
//! The word is 0 (free), 1 (held), or 2 (held, and somebody may sleep): Ulrich Drepper, "Futexes Are
//! Tricky", mutex 2.

#[cfg(not(loom))]
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

#[cfg(loom)]
use loom::cell::{MutPtr, UnsafeCell};

use crate::const_fn;
use crate::sync::{AtomicU32, Ordering, spin_loop};
#[cfg(not(any(loom, shuttle)))]
use crate::thread::{futex_wait, futex_wake_one};
#[cfg(any(loom, shuttle))]
use futex::{futex_wait, futex_wake_one};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;
/// How often a thread looks at a held lock before it sleeps. Critical sections are a few hundred
/// nanoseconds, a sleep is several microseconds.
const SPINS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 64 };

/// All locks of the allocator, in the order in which they may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rank {
    /// What the program has published.
    Published = 0,
    /// The record file.
    Record = 1,
    /// The list of idle thread caches.
    Caches = 2,
    /// The central list of one class. No thread takes two of them, except `fork`, in class order.
    Central = 3,
    /// The tables of requested sizes.
    Sizes = 4,
    /// The heap profile.
    Profile = 5,
    /// Freed mappings of large blocks.
    OwnMappings = 6,
    /// The page heap.
    PageHeap = 7,
    /// Metadata memory.
    Meta = 8,
}

/// A value behind a lock.
#[derive(Debug)]
pub struct Mutex<T> {
    word: AtomicU32,
    rank: Rank,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands the value to one thread at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// A free lock around `value`.
        pub fn new(rank: Rank, value: T) -> Self {
            Self { word: AtomicU32::new(FREE), rank, value: UnsafeCell::new(value) }
        }
    }

    /// Waits for the lock and takes it.
    ///
    /// # Panics
    /// In debug builds, if the thread holds a lock of the same or a higher rank.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        rank::acquire(self.rank);
        self.acquire();
        Guard {
            mutex: self,
            #[cfg(loom)]
            access: Some(self.value.get_mut()),
        }
    }

    #[inline]
    fn acquire(&self) {
        if self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.acquire_contended();
        }
    }

    #[cold]
    fn acquire_contended(&self) {
        for _ in 0..SPINS {
            if self.word.load(Ordering::Relaxed) == FREE
                && self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            spin_loop();
        }
        while self.word.swap(CONTENDED, Ordering::Acquire) != FREE {
            futex_wait(&self.word, CONTENDED, None);
        }
    }

    #[inline]
    fn release(&self) {
        if self.word.swap(FREE, Ordering::Release) == CONTENDED {
            futex_wake_one(&self.word);
        }
    }
}

/// A lock that is held while the process is copied, without a guard and without the check of ranks.
pub trait ForkLock {
    /// Takes the lock in the thread that calls `fork`.
    fn lock_for_fork(&self);

    /// Lets the lock go after the `fork`: in the parent, and in the child, whose only thread is a copy of
    /// the one that took it.
    ///
    /// # Safety
    /// The lock was taken by [`lock_for_fork`](Self::lock_for_fork) in this thread or in the thread
    /// that this one is a copy of.
    unsafe fn unlock_after_fork(&self);
}

impl<T> ForkLock for Mutex<T> {
    fn lock_for_fork(&self) {
        self.acquire();
    }

    unsafe fn unlock_after_fork(&self) {
        self.release();
    }
}

/// The right to the value of a [`Mutex`]; the lock goes when this does.
#[derive(Debug)]
pub struct Guard<'a, T> {
    mutex: &'a Mutex<T>,
    /// Tells loom that the value is in use; taken back before the lock goes.
    #[cfg(loom)]
    access: Option<MutPtr<T>>,
}

impl<T> Guard<'_, T> {
    #[cfg(not(loom))]
    fn value(&self) -> *mut T {
        self.mutex.value.get()
    }

    #[cfg(loom)]
    fn value(&self) -> *mut T {
        self.access.as_ref().expect("the lock is held").with(|value| value)
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: a guard exists only while its thread holds the lock.
        unsafe { &*self.value() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference through the guard.
        unsafe { &mut *self.value() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        #[cfg(loom)]
        drop(self.access.take());
        self.mutex.release();
        rank::release(self.mutex.rank);
    }
}

/// In models: sleeping on a word, as the kernel does it.
#[cfg(any(loom, shuttle))]
mod futex {
    extern crate std;
    use core::cell::RefCell;
    use core::time::Duration;
    use std::vec::Vec;

    use crate::sync::{AtomicU32, Ordering};
    #[cfg(loom)]
    use loom::thread::{Thread, current, park};
    #[cfg(shuttle)]
    use shuttle::thread::{Thread, current, park};

    std::thread_local! {
        /// Who sleeps, and on which word. All threads of a model are one of the system's.
        static SLEEPERS: RefCell<Vec<(*const AtomicU32, Thread)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn futex_wait(word: &AtomicU32, expected: u32, _: Option<Duration>) {
        // The kernel sees the latest value; a plain load in a model may not.
        if word.fetch_add(0, Ordering::AcqRel) == expected {
            let me = current().id();
            SLEEPERS.with_borrow_mut(|sleepers| sleepers.push((word, current())));
            park();
            // Whoever wakes for no reason sleeps no more, and is not there to be woken.
            SLEEPERS.with_borrow_mut(|sleepers| sleepers.retain(|(_, sleeper)| sleeper.id() != me));
        }
    }

    pub(super) fn futex_wake_one(word: &AtomicU32) {
        let sleeper = SLEEPERS.with_borrow_mut(|sleepers| {
            let index = sleepers.iter().position(|(slept_on, _)| core::ptr::eq(*slept_on, word))?;
            Some(sleepers.swap_remove(index).1)
        });
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }
}

/// Which ranks this thread holds, one bit each; kept in debug builds alone.
#[cfg(all(debug_assertions, not(loom)))]
mod rank {
    use super::Rank;

    crate::thread_slot!(held_ranks, 0usize);

    pub(super) fn acquire(rank: Rank) {
        let held = held_ranks::get() as usize;
        assert!(held >> rank as u8 == 0, "a lock of rank {rank:?} is taken while ranks {held:#b} are held");
        held_ranks::set((held | 1 << rank as u8) as *mut u8);
    }

    pub(super) fn release(rank: Rank) {
        held_ranks::set((held_ranks::get() as usize & !(1 << rank as u8)) as *mut u8);
    }
}

#[cfg(any(not(debug_assertions), loom))]
mod rank {
    use super::Rank;

    #[inline(always)]
    pub(super) fn acquire(_: Rank) {}

    #[inline(always)]
    pub(super) fn release(_: Rank) {}
}

#[cfg(all(test, loom))]
mod models {
    extern crate std;
    use super::{Mutex, Rank};
    use loom::sync::Arc;
    use loom::thread;
    use std::vec::Vec;

    /// Each holder has the value alone, and finds what the last one has written.
    #[test]
    fn it_is_held_by_one_thread() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let count = Arc::new(Mutex::new(Rank::PageHeap, 0));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let count = Arc::clone(&count);
                    thread::spawn(move || *count.lock() += 1)
                })
                .collect();
            *count.lock() += 1;
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(*count.lock(), 3);
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use super::{Mutex, Rank};
    use std::vec::Vec;

    #[test]
    fn many_threads_lose_no_update() {
        static COUNT: Mutex<u64> = Mutex::new(Rank::PageHeap, 0);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    for _ in 0..50_000 {
                        *COUNT.lock() += 1;
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*COUNT.lock(), 200_000);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "is taken while")]
    fn locks_out_of_order_are_caught() {
        let low = Mutex::new(Rank::Caches, ());
        let high = Mutex::new(Rank::PageHeap, ());
        let _high = high.lock();
        let _low = low.lock();
    }
}

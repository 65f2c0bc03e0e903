//! A small number for each thread that runs: the lowest that no other has.
//!
//! A thread takes its number when it first asks and gives it back when it ends, so numbers stay as small as
//! the most threads that ever ran at once, and an array with a cell a thread can be small. A number has one
//! holder at a time, and the next holder sees all that the one before wrote: giving back releases, taking
//! acquires. That is what lets a cell be written without an atomic read-modify-write.
//!
//! Numbers from [`EXCLUSIVE`] up are not leased but counted on: threads beyond so many share.

use crate::sync::{AtomicU64, Ordering};

/// Numbers below this have one holder at a time.
#[cfg(not(loom))]
pub(crate) const EXCLUSIVE: usize = WORDS * 64;
const WORDS: usize = if cfg!(loom) { 1 } else { 16 };

/// The numbers that are taken, a bit each.
#[derive(Debug)]
pub(crate) struct Leases {
    taken: [AtomicU64; WORDS],
}

impl Leases {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { taken: [const { AtomicU64::new(0) }; WORDS] }
    }

    /// The lowest free number, if there is one.
    pub(crate) fn take(&self) -> Option<usize> {
        self.taken.iter().enumerate().find_map(|(index, word)| take_bit(word).map(|bit| index * 64 + bit))
    }

    /// Gives `number` back, which the caller took.
    pub(crate) fn give_back(&self, number: usize) {
        let bit = 1 << (number % 64);
        let before = self.taken[number / 64].fetch_and(!bit, Ordering::Release);
        debug_assert!(before & bit != 0, "a number is given back by its holder");
    }
}

fn take_bit(word: &AtomicU64) -> Option<usize> {
    let mut taken = word.load(Ordering::Relaxed);
    while taken != u64::MAX {
        let bit = taken.trailing_ones();
        // Acquire: pairs with the release of the thread that had the number before.
        let swapped =
            word.compare_exchange_weak(taken, taken | 1 << bit, Ordering::Acquire, Ordering::Relaxed);
        match swapped {
            Ok(_) => return Some(bit as usize),
            Err(now) => taken = now,
        }
    }
    None
}

#[cfg(all(feature = "std", not(loom)))]
pub use of_thread::thread_index;
#[cfg(all(feature = "std", not(loom)))]
pub(crate) use of_thread::{index, known_index};

#[cfg(all(feature = "std", not(loom)))]
mod of_thread {
    use core::cell::Cell;

    use super::{EXCLUSIVE, Leases};
    use crate::sync::{AtomicUsize, Ordering};

    static LEASES: Leases = Leases::new();
    /// Threads that found no number free, so far.
    static BEYOND: AtomicUsize = AtomicUsize::new(0);

    /// The thread has not asked yet.
    const UNKNOWN: usize = usize::MAX;

    std::thread_local! {
        /// Has no destructor, so that reading it is one instruction, also while the thread ends.
        static INDEX: Cell<usize> = const { Cell::new(UNKNOWN) };
        /// Gives the number back when the thread ends.
        static LEASE: Lease = Lease::take();
    }

    struct Lease(usize);

    impl Lease {
        fn take() -> Self {
            Self(LEASES.take().unwrap_or_else(|| EXCLUSIVE + BEYOND.fetch_add(1, Ordering::Relaxed)))
        }
    }

    impl Drop for Lease {
        fn drop(&mut self) {
            // From here on the thread shares, in destructors that run later.
            INDEX.set(EXCLUSIVE);
            if self.0 < EXCLUSIVE {
                LEASES.give_back(self.0);
            }
        }
    }

    /// The thread's number, or one that no array has a place for when the thread has not asked yet.
    #[inline(always)]
    pub(crate) fn known_index() -> usize {
        INDEX.get()
    }

    /// The thread's number: below [`EXCLUSIVE`] its own, from there up shared.
    #[inline(always)]
    pub(crate) fn index() -> usize {
        let index = INDEX.get();
        if index == UNKNOWN { first_index() } else { index }
    }

    #[cold]
    #[inline(never)]
    fn first_index() -> usize {
        let index = LEASE.try_with(|lease| lease.0).unwrap_or(EXCLUSIVE);
        INDEX.set(index);
        index
    }

    /// A small number that no other running thread has: the lowest that was free when the thread first asked.
    /// It is given back when the thread ends. One instruction after the first call.
    ///
    /// Beyond 1024 threads at once, and in destructors of thread-local values that run after the number was
    /// given back, numbers from 1024 up are handed out, which need not be the thread's own.
    ///
    /// ```
    /// use spandrel_cacheline::thread_index;
    /// let mine = thread_index();
    /// assert_eq!(mine, thread_index());
    /// assert_ne!(mine, std::thread::spawn(thread_index).join().unwrap());
    /// ```
    #[inline]
    #[must_use]
    pub fn thread_index() -> usize {
        index()
    }

    #[cfg(test)]
    mod tests {
        use super::thread_index;
        use std::collections::BTreeSet;
        use std::sync::Barrier;

        #[test]
        fn threads_at_once_have_different_numbers() {
            const THREADS: usize = 50;
            let all_are_here = Barrier::new(THREADS);
            let numbers: BTreeSet<usize> = std::thread::scope(|scope| {
                let ask = || {
                    let number = thread_index();
                    all_are_here.wait();
                    number
                };
                let threads: std::vec::Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
                threads.into_iter().map(|thread| thread.join().expect("it only asks")).collect()
            });
            assert_eq!(numbers.len(), THREADS);
        }

        #[test]
        fn numbers_are_used_again() {
            let highest = (0..2000).map(|_| std::thread::spawn(thread_index).join().expect("it only asks"));
            assert!(highest.max().expect("2000 threads ran") < 200, "other tests run beside");
        }
    }
}

/// The number as a lock: what its holder wrote, the next one sees, and no two hold it.
#[cfg(all(test, loom))]
mod models {
    use super::Leases;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU64;
    use loom::thread;

    #[test]
    fn a_number_has_one_holder() {
        loom::model(|| {
            // One number is left, 63.
            let leases = Arc::new(Leases { taken: [AtomicU64::new(u64::MAX >> 1)] });
            let cell = Arc::new(UnsafeCell::new(0u64));
            let work = |leases: &Leases, cell: &UnsafeCell<u64>| {
                let Some(number) = leases.take() else { return 0 };
                assert_eq!(number, 63);
                cell.with_mut(|count| {
                    // SAFETY: the cell belongs to whoever holds the number; loom checks that.
                    unsafe { *count += 1 };
                });
                leases.give_back(number);
                1
            };
            let threads: [_; 2] = std::array::from_fn(|_| {
                let (leases, cell) = (Arc::clone(&leases), Arc::clone(&cell));
                thread::spawn(move || work(&leases, &cell))
            });
            let own = work(&leases, &cell);
            let worked: u64 = threads.map(|thread| thread.join().expect("no panic")).iter().sum();
            // SAFETY: the threads have ended.
            cell.with(|count| assert_eq!(unsafe { *count }, own + worked));
        });
    }
}

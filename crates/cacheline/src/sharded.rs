//! What all threads write, as a cell a thread.
//!
//! A counter that many threads add to is a line that travels from core to core at every addition. Here each
//! running thread has a cell of its own, by its [`thread_index`](crate::thread_index), on its own line; a
//! reader adds the cells up. Writing is as cheap as to a variable that only the thread knows; reading costs a
//! miss a cell, so it is for what is written often and read now and then.
//!
//! Cells are inline, so a `static` can hold them and nothing is allocated. There are `N` of them (32, if not
//! said): threads beyond `N` at once share cells, which is slower and as correct.

use core::array;
use core::fmt;

use crate::lease;
use crate::padded::CachePadded;
use crate::sync::{AtomicU64, Ordering};

/// `N` values of `T`, each alone on its lines; a thread uses the one that belongs to it.
///
/// The first `N` threads that run at once have a cell each, others share; `T` is therefore reached by `&T`,
/// and brings its own means of being changed (atomics, or a lock that is hardly ever contended).
///
/// **It pays** for what several threads write more often than somebody reads. **It does not** with one
/// writer, and not where every write is followed by a read of all: that costs `N` lines.
///
/// ```
/// use spandrel_cacheline::{CachePadded, Sharded};
/// use std::sync::Mutex;
///
/// static SEEN: Sharded<Mutex<Vec<u32>>, 8> =
///     Sharded::new([const { CachePadded::new(Mutex::new(Vec::new())) }; 8]);
/// std::thread::scope(|scope| {
///     for number in 0..4 {
///         scope.spawn(move || SEEN.local().lock().unwrap().push(number));
///     }
/// });
/// let mut all: Vec<u32> = SEEN.iter().flat_map(|cell| cell.lock().unwrap().clone()).collect();
/// all.sort_unstable();
/// assert_eq!(all, [0, 1, 2, 3]);
/// ```
pub struct Sharded<T, const N: usize = 32> {
    cells: [CachePadded<T>; N],
}

impl<T, const N: usize> Sharded<T, N> {
    const FITS: () = assert!(N > 0 && N <= lease::EXCLUSIVE, "between 1 and 1024 cells");

    /// The cells as they are given: for a `static`.
    #[must_use]
    pub const fn new(cells: [CachePadded<T>; N]) -> Self {
        let () = Self::FITS;
        Self { cells }
    }

    /// A cell for each index, by `make`.
    #[must_use]
    pub fn from_fn(mut make: impl FnMut(usize) -> T) -> Self {
        Self::new(array::from_fn(|index| CachePadded::new(make(index))))
    }

    /// The cell of the calling thread. Constant time; no lock, no atomic instruction.
    #[inline(always)]
    pub fn local(&self) -> &T {
        &self.cells[lease::index() % N]
    }

    /// The cell that this thread alone writes; `None` when it has not asked for its number yet, or shares.
    #[inline(always)]
    fn own(&self) -> Option<&T> {
        self.cells.get(lease::known_index()).map(|cell| &**cell)
    }

    /// All cells, in the order of the threads' indices.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator {
        self.cells.iter().map(|cell| &**cell)
    }

    /// All cells, by somebody who has them alone.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut T> + DoubleEndedIterator {
        self.cells.iter_mut().map(|cell| &mut **cell)
    }
}

impl<T: Default, const N: usize> Default for Sharded<T, N> {
    fn default() -> Self {
        Self::from_fn(|_| T::default())
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Sharded<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A counter that all threads add to at the price of one that only the thread knows.
///
/// The first `N` threads at once (see [`Sharded`]) add by a plain load and store to a word that nobody else
/// writes; threads beyond add atomically to a second word of the same line. Wraps at 2^64.
///
/// **It pays** from two threads on. **It does not** for a counter that one thread uses, or that is read as
/// often as it is written. The sum is not one moment's: threads go on while the cells are read. A signal
/// handler must not add to a counter that the thread which it interrupts may be adding to.
///
/// ```
/// use spandrel_cacheline::ShardedCounter;
///
/// static REQUESTS: ShardedCounter = ShardedCounter::new();
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1000).for_each(|_| REQUESTS.increment()));
///     }
/// });
/// assert_eq!(REQUESTS.sum(), 4000);
/// ```
pub struct ShardedCounter<const N: usize = 32> {
    cells: Sharded<Count, N>,
}

struct Count {
    /// Written by the thread whose index is the cell's; read by all. Relaxed: a sum orders nothing.
    own: AtomicU64,
    /// Written by all threads beyond the cells.
    shared: AtomicU64,
}

impl Count {
    /// Only the thread whose cell it is calls this, so nothing comes between load and store.
    #[inline(always)]
    fn add_as_owner(&self, count: u64) {
        self.own.store(self.own.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }
}

impl<const N: usize> ShardedCounter<N> {
    /// Zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cells: Sharded::new(
                [const { CachePadded::new(Count { own: AtomicU64::new(0), shared: AtomicU64::new(0) }) }; N],
            ),
        }
    }

    /// Adds `count`. Constant time; no atomic instruction while at most `N` threads run.
    #[inline(always)]
    pub fn add(&self, count: u64) {
        match self.cells.own() {
            Some(cell) => cell.add_as_owner(count),
            None => self.add_slowly(count),
        }
    }

    /// The first addition of a thread, and those of threads that share.
    #[cold]
    #[inline(never)]
    fn add_slowly(&self, count: u64) {
        let index = lease::index();
        match self.cells.own() {
            Some(cell) => cell.add_as_owner(count),
            None => _ = self.cells.cells[index % N].shared.fetch_add(count, Ordering::Relaxed),
        }
    }

    /// Adds one.
    #[inline(always)]
    pub fn increment(&self) {
        self.add(1);
    }

    /// What all threads have added. Reads `N` lines. Additions that happened before the call (in the calling
    /// thread, or in threads that were joined) are in it.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let of_cell =
            |cell: &Count| cell.own.load(Ordering::Relaxed).wrapping_add(cell.shared.load(Ordering::Relaxed));
        self.cells.iter().map(of_cell).fold(0, u64::wrapping_add)
    }
}

impl<const N: usize> Default for ShardedCounter<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for ShardedCounter<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShardedCounter").field(&self.sum()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Sharded, ShardedCounter};
    use crate::sync::{AtomicU64, Ordering};
    use core::cell::RefCell;
    use std::sync::Barrier;

    #[test]
    fn nothing_is_lost_by_more_threads_than_cells() {
        static COUNTER: ShardedCounter<4> = ShardedCounter::new();
        let all_are_here = Barrier::new(20);
        std::thread::scope(|scope| {
            for thread in 0..20u64 {
                let all_are_here = &all_are_here;
                scope.spawn(move || {
                    COUNTER.add(thread);
                    all_are_here.wait();
                    (0..10_000).for_each(|_| COUNTER.increment());
                });
            }
        });
        assert_eq!(COUNTER.sum(), 20 * 10_000 + (0..20).sum::<u64>());
    }

    #[test]
    fn nothing_is_lost_by_threads_one_after_the_other() {
        static COUNTER: ShardedCounter<1> = ShardedCounter::new();
        for _ in 0..500 {
            let add = || (0..100).for_each(|_| COUNTER.increment());
            std::thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(add)));
        }
        assert_eq!(COUNTER.sum(), 500 * 2 * 100);
    }

    /// A thread may count while it ends, when its index is already another's.
    #[test]
    fn destructors_of_a_thread_may_count() {
        static COUNTER: ShardedCounter<64> = ShardedCounter::new();
        struct CountsAtTheEnd;
        impl Drop for CountsAtTheEnd {
            fn drop(&mut self) {
                COUNTER.increment();
            }
        }
        std::thread_local! {
            static EARLY: RefCell<Option<CountsAtTheEnd>> = const { RefCell::new(None) };
            static LATE: RefCell<Option<CountsAtTheEnd>> = const { RefCell::new(None) };
        }
        for _ in 0..50 {
            let count = || {
                EARLY.set(Some(CountsAtTheEnd));
                COUNTER.increment();
                LATE.set(Some(CountsAtTheEnd));
            };
            std::thread::spawn(count).join().expect("it only counts");
        }
        assert_eq!(COUNTER.sum(), 150);
    }

    #[test]
    fn cells_are_the_threads_own() {
        let sharded: Sharded<AtomicU64> = Sharded::default();
        let places: [usize; 2] = std::array::from_fn(|_| (&raw const *sharded.local()).addr());
        assert_eq!(places[0], places[1]);
        let beside = || (&raw const *sharded.local()).addr();
        let other = std::thread::scope(|scope| scope.spawn(beside).join().expect("it only looks"));
        assert!(other.abs_diff(places[0]) >= crate::line_bytes());
        sharded.local().fetch_add(3, Ordering::Relaxed);
        assert_eq!(sharded.iter().map(|cell| cell.load(Ordering::Relaxed)).sum::<u64>(), 3);
    }
}

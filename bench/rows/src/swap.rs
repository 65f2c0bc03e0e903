//! Random replacement by threads that exchange objects: about a tenth of them die on another thread.
//!
//! Each thread replaces among its own blocks. Every tenth time it does not free the old block itself, but
//! swaps it into the next slot of an array that all threads share, and frees what it finds there. The array
//! begins with as many blocks of each thread, and a thread walks around it from the end of its own part on,
//! so that it finds what others have put there: its own blocks only if it goes around once while the others
//! stand still. How many blocks were found to be another's is among the row's figures.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::block::Block;
use crate::churn::{Herd, THREAD_OBJS, fresh, thread_replacements};
use crate::mapped::Mapped;
use crate::measurement::{Measurement, Setup, timed_threads};
use crate::random::Random;

/// One replacement in so many goes through the array.
const SWAP_ONE_IN: usize = 10;
/// Slots of the array: more than the swaps of each of eight threads or more.
const SHARED_SLOTS: usize = 16_384;

/// The array: each slot holds a block, as a word, except before the first repetition.
struct Shared {
    slots: Mapped<AtomicU64>,
}

impl Shared {
    fn new() -> Shared {
        Shared { slots: Mapped::filled(SHARED_SLOTS, |_| AtomicU64::new(0)) }
    }

    /// Puts `block` into a slot, and gives what was there.
    fn swap(&self, index: usize, block: Block) -> Option<Block> {
        let word = self.slots[index].swap(block.into_word(), Ordering::AcqRel);
        // SAFETY: only words of blocks are put into slots, and this swap is what takes this one out.
        (word != 0).then(|| unsafe { Block::from_word(word) })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for slot in &mut *self.slots {
            let word = std::mem::take(slot.get_mut());
            if word != 0 {
                // SAFETY: only words of blocks are put into slots, and nobody else can take this one out.
                drop(unsafe { Block::from_word(word) });
            }
        }
    }
}

/// What one thread has: blocks of its own, and its place at the array.
struct Trader<'shared> {
    herd: Herd,
    shared: &'shared Shared,
    next_slot: usize,
    /// What the thread writes into the blocks that it gives away.
    mark: u8,
    /// Blocks freed here that another thread gave away.
    foreign_objs: u64,
}

impl<'shared> Trader<'shared> {
    /// Thread number `thread` of `threads`, which fills its part of the array.
    fn new(setup: &Setup, shared: &'shared Shared, thread: usize, threads: usize) -> Trader<'shared> {
        let part = |thread: usize| SHARED_SLOTS * thread / threads;
        let mark = u8::try_from(thread).expect("fewer than 256 threads");
        let mut random = Random::new(!(thread as u64));
        for slot in part(thread)..part(thread + 1) {
            let mut block = fresh(&mut random);
            block.mark(mark);
            drop(shared.swap(slot, block));
        }
        let herd = Herd::new(setup.scaled(THREAD_OBJS), thread as u64);
        Trader { herd, shared, next_slot: part(thread + 1) % SHARED_SLOTS, mark, foreign_objs: 0 }
    }

    fn replace(&mut self, replacements: usize) {
        for _ in 0..replacements / SWAP_ONE_IN {
            self.herd.replace(SWAP_ONE_IN - 1);
            self.herd.replace_through(|mut block| {
                block.mark(self.mark);
                let found = self.shared.swap(self.next_slot, block).expect("all parts have been filled");
                self.next_slot = (self.next_slot + 1) % SHARED_SLOTS;
                self.foreign_objs += u64::from(found.first() != self.mark);
                found
            });
        }
        self.herd.replace(replacements % SWAP_ONE_IN);
    }
}

/// `THREADS` threads, each with live blocks of its own; wall time over the replacements of all of them.
pub(crate) fn swap<const THREADS: usize>(setup: &Setup) -> Measurement {
    let replacements = thread_replacements(setup, THREADS);
    let shared = Shared::new();
    let (foreign_objs, freed_objs) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut measurement = timed_threads(
        setup,
        THREADS,
        replacements,
        |thread| Trader::new(setup, &shared, thread, THREADS),
        |trader| {
            trader.replace(replacements);
            foreign_objs.fetch_add(trader.foreign_objs, Ordering::Relaxed);
            freed_objs.fetch_add(replacements as u64, Ordering::Relaxed);
        },
    );
    let foreign_share = foreign_objs.into_inner() as f64 / freed_objs.into_inner() as f64;
    measurement.extra.push(("died_elsewhere_percent", 100.0 * foreign_share));
    measurement
}

#[cfg(test)]
mod tests {
    use super::swap;
    use crate::measurement::Setup;

    #[test]
    fn a_tenth_of_the_objects_dies_on_another_thread() {
        let share = |measurement: crate::Measurement| measurement.extra[0].1;
        let setup = Setup::new(true);
        for share in [share(swap::<2>(&setup)), share(swap::<8>(&setup)), share(swap::<64>(&setup))] {
            assert!((9.9..=10.0).contains(&share), "{share}");
        }
        assert_eq!(share(swap::<1>(&setup)), 0.0);
    }
}

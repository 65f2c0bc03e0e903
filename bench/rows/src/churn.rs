//! Random replacement: of many live blocks a random one is freed, and one of a random size allocated instead.

use crate::block::Block;
use crate::mapped::Mapped;
use crate::measurement::{Measurement, Setup, timed_loop, timed_threads};
use crate::random::Random;

const SIZE_MIN: u32 = 8;
const SIZE_MAX: u32 = 256;
/// Replacements before the clock starts, for each live block: until then addresses follow the order of
/// allocation.
const AGEING: usize = 3;
/// Live blocks of each thread.
pub(crate) const THREAD_OBJS: usize = 10_000;
/// Replacements of each of two threads in one repetition.
const THREAD_REPLACEMENTS: usize = 500_000;

/// `live_objs` blocks of random sizes that are being replaced.
pub(crate) struct Herd {
    blocks: Mapped<Option<Block>>,
    random: Random,
}

impl Herd {
    pub(crate) fn new(live_objs: usize, seed: u64) -> Herd {
        let mut random = Random::new(seed);
        let blocks = Mapped::filled(live_objs, |_| Some(fresh(&mut random)));
        let mut herd = Herd { blocks, random };
        herd.replace(AGEING * live_objs);
        herd
    }

    pub(crate) fn replace(&mut self, replacements: usize) {
        let live_objs = self.blocks.len() as u32;
        for _ in 0..replacements {
            let slot = &mut self.blocks[self.random.below(live_objs) as usize];
            drop(slot.take());
            *slot = Some(fresh(&mut self.random));
        }
    }

    /// One replacement, in which `exchange` turns the block to be freed into another one to be freed.
    pub(crate) fn replace_through(&mut self, exchange: impl FnOnce(Block) -> Block) {
        let live_objs = self.blocks.len() as u32;
        let slot = &mut self.blocks[self.random.below(live_objs) as usize];
        drop(slot.take().map(exchange));
        *slot = Some(fresh(&mut self.random));
    }
}

/// A block of a random size.
#[inline(always)]
pub(crate) fn fresh(random: &mut Random) -> Block {
    let mut block = Block::allocate(SIZE_MIN + random.below(SIZE_MAX - SIZE_MIN + 1));
    block.touch_first();
    block
}

/// One thread, `LIVE_OBJS` live blocks.
pub(crate) fn churn<const LIVE_OBJS: usize>(setup: &Setup) -> Measurement {
    let mut herd = Herd::new(setup.scaled(LIVE_OBJS), 1);
    timed_loop(setup, |replacements| herd.replace(replacements))
}

/// `THREADS` threads, each with live blocks of its own; wall time over the replacements of all of them.
///
/// Starting the threads and filling their slots is off the clock, and so is freeing what is left.
pub(crate) fn churn_threads<const THREADS: usize>(setup: &Setup) -> Measurement {
    let replacements = thread_replacements(setup, THREADS);
    timed_threads(
        setup,
        THREADS,
        replacements,
        |thread| Herd::new(setup.scaled(THREAD_OBJS), thread as u64),
        |herd| herd.replace(replacements),
    )
}

/// Replacements of each of `threads` threads in one repetition: together they do as many as two.
pub(crate) fn thread_replacements(setup: &Setup, threads: usize) -> usize {
    setup.scaled(THREAD_REPLACEMENTS * 2 / threads)
}

//! Random replacement: of many live blocks a random one is freed, and one of a random size allocated instead.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use crate::block::Block;
use crate::mapped::Mapped;
use crate::measurement::{Measurement, Setup, timed_by, timed_loop};
use crate::random::Random;

const SIZE_MIN: u32 = 8;
const SIZE_MAX: u32 = 256;
/// Replacements before the clock starts, for each live block: until then addresses follow the order of
/// allocation.
const AGEING: usize = 3;
/// Live blocks of each thread, and its replacements in one repetition.
const THREAD_OBJS: usize = 10_000;
const THREAD_REPLACEMENTS: usize = 500_000;

/// `live_objs` blocks of random sizes that are being replaced.
struct Herd {
    blocks: Mapped<Option<Block>>,
    random: Random,
}

impl Herd {
    fn new(live_objs: usize, seed: u64) -> Herd {
        let mut random = Random::new(seed);
        let blocks = Mapped::filled(live_objs, |_| Some(fresh(&mut random)));
        let mut herd = Herd { blocks, random };
        herd.replace(AGEING * live_objs);
        herd
    }

    fn replace(&mut self, replacements: usize) {
        let live_objs = self.blocks.len() as u32;
        for _ in 0..replacements {
            let slot = &mut self.blocks[self.random.below(live_objs) as usize];
            drop(slot.take());
            *slot = Some(fresh(&mut self.random));
        }
    }
}

#[inline(always)]
fn fresh(random: &mut Random) -> Block {
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
    let replacements = setup.scaled(THREAD_REPLACEMENTS * 2 / THREADS);
    timed_by(setup, THREADS * replacements, || {
        let (start, end) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        thread::scope(|scope| {
            for seed in 0..THREADS {
                let (start, end) = (&start, &end);
                scope.spawn(move || {
                    let mut herd = Herd::new(setup.scaled(THREAD_OBJS), seed as u64);
                    start.wait();
                    herd.replace(replacements);
                    end.wait();
                });
            }
            start.wait();
            let clock = Instant::now();
            end.wait();
            clock.elapsed()
        })
    })
}

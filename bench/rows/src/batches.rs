//! Many blocks of one size are allocated and filled, and then freed in one order or another.

use crate::block::Block;
use crate::mapped::Mapped;
use crate::measurement::{Measurement, Setup, timed_loop};
use crate::random::Random;

const BATCH_OBJS: usize = 10_000;
const SIZE: u32 = 64;

/// Freed in the order in which they were allocated.
pub(crate) fn fifo(setup: &Setup) -> Measurement {
    freed_in(setup, |_| {})
}

/// The last one freed first.
pub(crate) fn lifo(setup: &Setup) -> Measurement {
    freed_in(setup, |order| order.reverse())
}

/// Freed in a random order, the same every time.
pub(crate) fn randfree(setup: &Setup) -> Measurement {
    freed_in(setup, |order| Random::new(1).shuffle(order))
}

fn freed_in(setup: &Setup, arrange: impl FnOnce(&mut [u32])) -> Measurement {
    let mut order = Mapped::filled(BATCH_OBJS, |index| index as u32);
    arrange(&mut order);
    let mut slots = Mapped::filled(BATCH_OBJS, |_| None);
    timed_loop(setup, |pairs| {
        // The last batch is shorter, so that as many pairs are done as are counted.
        for batch_start in (0..pairs).step_by(BATCH_OBJS) {
            let batch_objs = BATCH_OBJS.min(pairs - batch_start);
            for slot in &mut slots[..batch_objs] {
                let mut block = Block::allocate(SIZE);
                block.fill();
                *slot = Some(block);
            }
            for &index in order.iter() {
                drop(slots[index as usize].take());
            }
        }
    })
}

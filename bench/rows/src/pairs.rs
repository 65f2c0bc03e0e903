//! Allocate and free, one after the other: the shortest paths an allocator has.

use crate::block::Block;
use crate::mapped::Mapped;
use crate::measurement::{Measurement, Setup, timed_loop};
use crate::random::Random;

/// Blocks that are live at a time in [`varpair`].
const WINDOW_OBJS: usize = 32;
/// Largest size in [`varpair`].
const VARIED_SIZE_MAX: u32 = 900;

/// Allocate `SIZE` bytes, write the first, free. The compiler knows the size, as it does for a `Box`.
pub(crate) fn pair<const SIZE: u32>(setup: &Setup) -> Measurement {
    timed_loop(setup, |pairs| {
        for _ in 0..pairs {
            Block::allocate(SIZE).touch_first();
        }
    })
}

/// The same with `alloc_zeroed`, and the last byte written, so that the next block there is not zero by
/// chance.
pub(crate) fn zeroed<const SIZE: u32>(setup: &Setup) -> Measurement {
    timed_loop(setup, |pairs| {
        for _ in 0..pairs {
            Block::allocate_zeroed(SIZE).touch_last();
        }
    })
}

/// Random sizes from 1 to [`VARIED_SIZE_MAX`]; each block is freed when [`WINDOW_OBJS`] more have been
/// allocated.
pub(crate) fn varpair(setup: &Setup) -> Measurement {
    let mut random = Random::new(1);
    let mut window = Mapped::filled(WINDOW_OBJS, |_| None);
    timed_loop(setup, |pairs| {
        for index in 0..pairs {
            let slot = &mut window[index % WINDOW_OBJS];
            drop(slot.take());
            let mut block = Block::allocate(1 + random.below(VARIED_SIZE_MAX));
            block.touch_first();
            *slot = Some(block);
        }
    })
}

//! Objects that one thread allocates and another frees, and threads that hardly live.

use std::hint::black_box;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::block::Block;
use crate::measurement::{Measurement, Setup, timed};
use crate::random::Random;

type Parcel = Box<[u8; 64]>;

const PARCELS: usize = 400_000;
const CHANNEL_PARCELS: usize = 1024;
const BATCH_PARCELS: usize = 64;
const THREADS: usize = 500;
const THREAD_OBJS: usize = 32;
const THREAD_SIZE_MAX: u32 = 512;

/// Boxes through a bounded channel, one by one, to a thread that drops them. One operation is one box.
pub(crate) fn handoff(setup: &Setup) -> Measurement {
    let parcels = setup.scaled(PARCELS);
    timed(setup, parcels, || {
        let (sender, receiver) = sync_channel::<Parcel>(CHANNEL_PARCELS);
        thread::scope(|scope| {
            scope.spawn(move || receiver.into_iter().for_each(|parcel| drop(black_box(parcel))));
            for _ in 0..parcels {
                sender.send(parcel()).expect("the consumer lives until the channel closes");
            }
            drop(sender);
        });
    })
}

/// The same with 64 boxes a message, so that it is not the channel that is measured.
pub(crate) fn handoffbatch(setup: &Setup) -> Measurement {
    let batches = setup.scaled(PARCELS / BATCH_PARCELS);
    timed(setup, batches * BATCH_PARCELS, || {
        let (sender, receiver) = sync_channel::<Vec<Parcel>>(CHANNEL_PARCELS / BATCH_PARCELS);
        thread::scope(|scope| {
            scope.spawn(move || receiver.into_iter().for_each(|batch| drop(black_box(batch))));
            for _ in 0..batches {
                let batch = (0..BATCH_PARCELS).map(|_| parcel()).collect();
                sender.send(batch).expect("the consumer lives until the channel closes");
            }
            drop(sender);
        });
    })
}

#[inline(always)]
fn parcel() -> Parcel {
    black_box(Box::new([1; 64]))
}

/// Threads, one after the other, that allocate a little, free it and end. One operation is one thread.
///
/// # Panics
/// When no thread can be started.
pub(crate) fn spawn(setup: &Setup) -> Measurement {
    let threads = setup.scaled(THREADS);
    timed(setup, threads, || {
        for seed in 0..threads {
            thread::spawn(move || live_shortly(seed as u64)).join().expect("the thread ends by itself");
        }
    })
}

fn live_shortly(seed: u64) {
    let mut random = Random::new(seed);
    let mut blocks: [Option<Block>; THREAD_OBJS] = [const { None }; THREAD_OBJS];
    for slot in &mut blocks {
        let mut block = Block::allocate(1 + random.below(THREAD_SIZE_MAX));
        block.touch_first();
        *slot = Some(block);
    }
    black_box(&blocks);
}

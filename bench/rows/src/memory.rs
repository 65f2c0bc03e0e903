//! How much stays resident: after a lot was freed, after threads are gone, and when nothing was done at all.
//!
//! Sizes are like those of a real heap: most objects are small, most bytes are in few large ones. One object
//! in 400 has 1 to 256 KiB, evenly; the others are spread log-normally around 30 bytes, up to 32 KiB. About
//! 70 % of all bytes are in the large ones. Every OS page of an object is touched. Figures leave out the
//! row's own bookkeeping.

use std::f64::consts::TAU;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::block::Block;
use crate::mapped::Mapped;
use crate::measurement::{Measurement, Nanoseconds, Setup};
use crate::process;
use crate::random::Random;

const FRAGMENTED_BYTES: usize = 1 << 30;
const LARGE_ONE_IN: u32 = 400;
const LARGE_SIZE_MIN: u32 = 1 << 10;
const LARGE_SIZE_MAX: u32 = 256 << 10;
const SMALL_SIZE_MEDIAN: f64 = 30.0;
const SMALL_SIZE_MAX: f64 = 32_768.0;
/// Standard deviation of the logarithm of a small size: makes their mean 140 bytes.
const SMALL_SIZE_SIGMA: f64 = 1.76;
const IDLE: Duration = Duration::from_secs(3);
const THREADS: usize = 200;
const THREAD_BYTES: usize = 1 << 20;
const THREAD_ROUNDS: usize = 10;

/// Allocates 1 GiB, frees a random `PERCENT` of the objects, and looks at once and again after 3 s of idling.
///
/// One operation is one object: allocated, touched and perhaps freed.
pub(crate) fn fragmented<const PERCENT: u32>(setup: &Setup) -> Measurement {
    let sizes = mixed_sizes(setup.scaled(FRAGMENTED_BYTES), 1);
    let mut slots = Mapped::filled(sizes.len(), |_| None);
    let own_bytes = sizes.bytes() + slots.bytes();
    let clock = Instant::now();
    let user_before = process::cpu_time().user;
    for (slot, &size) in slots.iter_mut().zip(sizes.iter()) {
        *slot = Some(touched(size));
    }
    let full = process::rss_bytes();
    let mut random = Random::new(2);
    let mut live = 0;
    for (slot, &size) in slots.iter_mut().zip(sizes.iter()) {
        if random.below(100) < PERCENT {
            drop(slot.take());
        } else {
            live += size as usize;
        }
    }
    let ns_per_obj = |time: Duration| time.as_secs_f64() * 1e9 / sizes.len() as f64;
    let wall = ns_per_obj(clock.elapsed());
    let user = ns_per_obj(process::cpu_time().user - user_before);
    let now = process::rss_bytes();
    thread::sleep(setup.scaled_pause(IDLE));
    let idle = process::rss_bytes();
    Measurement {
        ns: Some(Nanoseconds { wall_min: wall, wall_median: wall, user_mean: user }),
        extra: vec![
            ("live_mib", mib(live)),
            ("rss_full_mib", mib(full - own_bytes)),
            ("rss_now_mib", mib(now - own_bytes)),
            ("rss_idle3s_mib", mib(idle - own_bytes)),
        ],
    }
}

/// 200 threads allocate 1 MiB each, free it when all have it, and exit; ten rounds of that.
pub(crate) fn thr200(setup: &Setup) -> Measurement {
    let threads = setup.scaled(THREADS);
    let mut live = 0;
    let mut after = [0; THREAD_ROUNDS];
    for rss in &mut after {
        let (full, looked_at) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
        thread::scope(|scope| {
            for seed in 0..threads {
                let (full, looked_at) = (&full, &looked_at);
                scope.spawn(move || {
                    let sizes = mixed_sizes(THREAD_BYTES, seed as u64);
                    let blocks = Mapped::filled(sizes.len(), |index| touched(sizes[index]));
                    full.wait();
                    looked_at.wait();
                    drop(blocks);
                });
            }
            full.wait();
            live = process::rss_bytes();
            looked_at.wait();
        });
        *rss = process::rss_bytes();
    }
    Measurement {
        ns: None,
        extra: vec![
            ("rss_live_mib", mib(live)),
            ("rss_round1_mib", mib(after[0])),
            ("rss_round10_mib", mib(after[THREAD_ROUNDS - 1])),
        ],
    }
}

/// Nothing: what a process costs that has hardly begun.
pub(crate) fn hello(_setup: &Setup) -> Measurement {
    Measurement { ns: None, extra: vec![("rss_mib", mib(process::rss_bytes()))] }
}

/// A block of which every OS page has been written to.
pub(crate) fn touched(size: u32) -> Block {
    let mut block = Block::allocate(size);
    block.touch_pages();
    block
}

/// Sizes of as many objects as `total_bytes` is enough for.
pub(crate) fn mixed_sizes(total_bytes: usize, seed: u64) -> Mapped<u32> {
    sizes(total_bytes, seed, mixed_size)
}

/// The same without the large ones.
pub(crate) fn small_sizes(total_bytes: usize, seed: u64) -> Mapped<u32> {
    sizes(total_bytes, seed, small_size)
}

fn sizes(total_bytes: usize, seed: u64, size: fn(&mut Random) -> u32) -> Mapped<u32> {
    let mut random = Random::new(seed);
    let (mut objs, mut bytes) = (0, 0);
    while bytes < total_bytes {
        bytes += size(&mut random) as usize;
        objs += 1;
    }
    let mut random = Random::new(seed);
    Mapped::filled(objs, |_| size(&mut random))
}

fn mixed_size(random: &mut Random) -> u32 {
    if random.below(LARGE_ONE_IN) == 0 {
        return LARGE_SIZE_MIN + random.below(LARGE_SIZE_MAX - LARGE_SIZE_MIN + 1);
    }
    small_size(random)
}

fn small_size(random: &mut Random) -> u32 {
    // Box and Muller's way to a normally distributed number; the logarithm is of a number above 0.
    let (radius, angle) = ((-2.0 * (1.0 - random.fraction()).ln()).sqrt(), TAU * random.fraction());
    let size = SMALL_SIZE_MEDIAN * (SMALL_SIZE_SIGMA * radius * angle.cos()).exp();
    size.clamp(1.0, SMALL_SIZE_MAX) as u32
}

pub(crate) fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::mixed_sizes;

    #[test]
    fn sizes_are_spread_as_promised() {
        let sizes = mixed_sizes(256 << 20, 1);
        let mut sorted = sizes.to_vec();
        sorted.sort_unstable();
        let median = sorted[sorted.len() / 2];
        assert!((28..=32).contains(&median), "{median}");
        assert!(sorted[0] == 1 && *sorted.last().expect("sizes") <= 256 << 10);
        let total: usize = sorted.iter().map(|&size| size as usize).sum();
        let large: usize = sorted.iter().rev().take(sorted.len() / 400).map(|&size| size as usize).sum();
        let large_share = large as f64 / total as f64;
        assert!((0.65..0.75).contains(&large_share), "{large_share}");
        assert!((256 << 20..257 << 20).contains(&total), "{total}");
    }
}

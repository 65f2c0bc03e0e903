//! A cache with a budget of bytes whose values change their sizes: does memory of old sizes serve new ones?
//!
//! Each phase puts in values of one range of sizes, twice the budget in all, and throws out values at random
//! until the new one fits. At its end about an eighth of the bytes are still of earlier phases, spread over
//! all the memory that those had.

use std::time::Instant;

use crate::block::Block;
use crate::mapped::Mapped;
use crate::measurement::{Measurement, Nanoseconds, Setup};
use crate::memory::{mib, touched};
use crate::process;
use crate::random::Random;

const BUDGET_BYTES: usize = 64 << 20;
/// Bytes put in during a phase, in budgets.
const PHASE_BUDGETS: usize = 2;
/// The name of each phase's figure, and the least size in it; the largest is twice that.
const PHASES: [(&str, u32); 6] = [
    ("rss_over_live_50b", 50),
    ("rss_over_live_200b", 200),
    ("rss_over_live_5kb", 5000),
    ("rss_over_live_100b", 100),
    ("rss_over_live_40kb", 40_000),
    ("rss_over_live_1kb", 1000),
];
const SIZE_MIN: u32 = 50;

/// The values, at the front of their slots.
struct Cache {
    slots: Mapped<Option<Block>>,
    objs: usize,
    live_bytes: usize,
    budget_bytes: usize,
    random: Random,
}

impl Cache {
    fn new(budget_bytes: usize) -> Cache {
        let slots = Mapped::filled(budget_bytes.div_ceil(SIZE_MIN as usize), |_| None);
        Cache { slots, objs: 0, live_bytes: 0, budget_bytes, random: Random::new(1) }
    }

    /// Puts a value in, for which there is room afterwards.
    fn insert(&mut self, size: u32) {
        while self.live_bytes + size as usize > self.budget_bytes {
            let victim = self.random.below(self.objs as u32) as usize;
            self.objs -= 1;
            self.slots.swap(victim, self.objs);
            let block = self.slots[self.objs].take().expect("values are at the front");
            self.live_bytes -= block.size();
        }
        self.slots[self.objs] = Some(touched(size));
        self.objs += 1;
        self.live_bytes += size as usize;
    }

    /// Puts values of `size_min` to twice that in, as many bytes as a phase has; says how many values.
    fn phase(&mut self, size_min: u32) -> usize {
        let (mut objs, mut bytes) = (0, 0);
        while bytes < PHASE_BUDGETS * self.budget_bytes {
            let size = size_min + self.random.below(size_min + 1);
            self.insert(size);
            objs += 1;
            bytes += size as usize;
        }
        objs
    }
}

/// The cache through all phases. One operation is one value put in, with those thrown out for it.
///
/// Figures: resident over live bytes at the end of each phase, and the peak.
pub(crate) fn cachesizes(setup: &Setup) -> Measurement {
    let mut cache = Cache::new(setup.scaled(BUDGET_BYTES));
    let own_bytes = cache.slots.bytes();
    let mut extra = Vec::with_capacity(PHASES.len() + 1);
    let (mut objs, mut wall_s) = (0, 0.0);
    let user_before = process::cpu_time().user;
    for (name, size_min) in PHASES {
        let clock = Instant::now();
        objs += cache.phase(size_min);
        wall_s += clock.elapsed().as_secs_f64();
        extra.push((name, (process::rss_bytes() - own_bytes) as f64 / cache.live_bytes as f64));
    }
    let user_s = (process::cpu_time().user - user_before).as_secs_f64();
    let peak_bytes = process::peak_rss_kib() as usize * 1024;
    extra.push(("peak_mib", mib(peak_bytes - own_bytes)));
    let ns = |seconds: f64| seconds * 1e9 / objs as f64;
    let ns = Nanoseconds { wall_min: ns(wall_s), wall_median: ns(wall_s), user_mean: ns(user_s) };
    Measurement { ns: Some(ns), extra }
}

#[cfg(test)]
mod tests {
    use super::{Cache, PHASES, SIZE_MIN};

    #[test]
    fn the_cache_is_full_and_keeps_its_budget_and_its_books() {
        let budget_bytes = 1 << 20;
        let mut cache = Cache::new(budget_bytes);
        for (name, size_min) in PHASES {
            assert!(size_min >= SIZE_MIN, "{name}");
            assert!(cache.phase(size_min) >= 2 * budget_bytes / (2 * size_min as usize), "{name}");
            let live_bytes: usize = cache.slots.iter().flatten().map(|block| block.size()).sum();
            assert_eq!(live_bytes, cache.live_bytes, "{name}");
            assert_eq!(cache.slots.iter().flatten().count(), cache.objs, "{name}");
            assert!(live_bytes <= budget_bytes && live_bytes + 80_000 > budget_bytes, "{name} {live_bytes}");
        }
    }
}

//! Whether a pool pays, computed from what it has counted.

use std::hint::black_box;
use std::time::Instant;

use crate::pool::Pool;
use crate::stats::PoolStats;

/// Fewer gets than this say nothing.
const GETS_MIN: u64 = 1000;
const TIMED_OPS: u32 = 1000;

/// What to do with a pool.
///
/// ```
/// use spandrel_pool::{Advice, Pool};
/// let tables = Pool::new(|| (0..1000u32).map(|number| number.to_string()).collect::<Vec<_>>());
/// (0..2000).for_each(|_| drop(tables.get()));
/// assert!(matches!(tables.advice(), Advice::Keep { saves_ns_per_get, .. } if saves_ns_per_get > 100.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Advice {
    /// Too few operations, or no timed `make`.
    TooEarly,
    /// It saves time: keep it.
    Keep {
        /// Nanoseconds that it saves a get, misses included.
        saves_ns_per_get: f64,
        /// The most objects that the depot ever held: a bound beyond this is never reached.
        depot_items: usize,
    },
    /// Making objects costs less than pooling them: remove it.
    Remove {
        /// Nanoseconds that it costs a get, misses included.
        costs_ns_per_get: f64,
    },
}

impl Advice {
    pub(crate) fn of(stats: &PoolStats) -> Self {
        let Some(make_ns) = stats.make_ns().filter(|_| stats.gets() >= GETS_MIN) else {
            return Self::TooEarly;
        };
        Self::from_costs(stats, (make_ns - clock_ns()).max(0.0), hit_ns())
    }

    fn from_costs(stats: &PoolStats, make_ns: f64, hit_ns: f64) -> Self {
        let saves = stats.hit_rate() * make_ns - hit_ns;
        if saves > 0.0 {
            Self::Keep { saves_ns_per_get: saves, depot_items: stats.high_water_items }
        } else {
            Self::Remove { costs_ns_per_get: -saves }
        }
    }
}

fn clock_ns() -> f64 {
    per_op_ns(|| {
        black_box(Instant::now());
    })
}

/// A get and put in a magazine, on this machine: of a pool made for it, so that no count is disturbed.
fn hit_ns() -> f64 {
    let pool: Pool<u64> = Pool::new(|| 0);
    drop(pool.get());
    per_op_ns(|| **black_box(&mut pool.get()) += 1)
}

fn per_op_ns(mut op: impl FnMut()) -> f64 {
    let begin = Instant::now();
    (0..TIMED_OPS).for_each(|_| op());
    begin.elapsed().as_nanos() as f64 / f64::from(TIMED_OPS)
}

#[cfg(test)]
mod tests {
    use super::Advice;
    use crate::stats::PoolStats;

    #[test]
    fn what_saves_stays_and_what_costs_goes() {
        let stats = PoolStats { hits_local: 900, made: 100, high_water_items: 5, ..PoolStats::default() };
        let keep = Advice::from_costs(&stats, 100.0, 2.0);
        assert_eq!(keep, Advice::Keep { saves_ns_per_get: 88.0, depot_items: 5 });
        let remove = Advice::from_costs(&stats, 1.0, 2.0);
        assert!(matches!(remove, Advice::Remove { costs_ns_per_get } if costs_ns_per_get > 1.0));
        assert_eq!(Advice::of(&stats), Advice::TooEarly, "no timed make");
    }
}

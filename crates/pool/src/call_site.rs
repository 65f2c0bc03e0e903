//! What the buffers of one place in the program are really used for.
//!
//! A buffer of which a site was told that it has come back adds its length to the site's histogram: the first
//! time, and then each eighth. From that the site knows how long the next should be. Counts are halved now
//! and then, so that what was long ago weighs less.

use spandrel_platform::sync::{AtomicU32, Ordering::Relaxed};

use crate::lengths::{STEPS, step_bytes, step_of};

/// One return of a buffer in so many is recorded.
pub(crate) const RECORD_PERIOD: u32 = 8;

/// Every so many records the site looks at its histogram; earlier at each power of two.
const CALIBRATION_PERIOD: u32 = 64;

/// Counts are halved when there are so many.
const RECORDS_MAX: u32 = 1024;

/// The share of buffers, in hundredths, that should need no growth.
const PERCENTILE: u32 = 95;

/// A place in the program that asks for buffers, and learns how long they should be.
///
/// Don't share one between places: their lengths would mix. [`site!`](crate::site) makes one of its own.
///
/// ```
/// use spandrel_pool::{BufPool, CallSite};
/// static BODIES: CallSite = CallSite::new();
/// let pool = BufPool::new();
/// for _ in 0..100 {
///     pool.get_at(&BODIES).extend_from_slice(&[7; 1000]);
/// }
/// assert_eq!(BODIES.wanted_bytes(), 1024);
/// assert!(pool.get_at(&BODIES).capacity() >= 1024);
/// ```
#[derive(Debug)]
pub struct CallSite {
    /// Records by step. Any thread adds, and halves; all relaxed: an estimate may miss some.
    counts: [AtomicU32; STEPS],
    records: AtomicU32,
    /// The step that most need: the lowest before the first record, 0 where most are longer than any. Written
    /// by whoever calibrates, relaxed: any value will do.
    step: AtomicU32,
}

impl Default for CallSite {
    fn default() -> Self {
        Self::new()
    }
}

impl CallSite {
    /// A site that knows nothing yet.
    ///
    /// ```
    /// static SITE: spandrel_pool::CallSite = spandrel_pool::CallSite::new();
    /// assert!(spandrel_pool::BufPool::new().get_at(&SITE).is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            counts: [const { AtomicU32::new(0) }; STEPS],
            records: AtomicU32::new(0),
            step: AtomicU32::new(step_of(0) as u32),
        }
    }

    /// The room that 95 of a hundred buffers need: the least while nothing is known, 0 if it is over 1 MiB.
    ///
    /// ```
    /// use spandrel_pool::{BufPool, CallSite};
    /// static SITE: CallSite = CallSite::new();
    /// BufPool::new().get_at(&SITE).extend_from_slice(&[7; 100]);
    /// assert_eq!(SITE.wanted_bytes(), 112);
    /// ```
    #[must_use]
    #[inline]
    pub fn wanted_bytes(&self) -> usize {
        step_bytes(self.step())
    }

    #[inline]
    pub(crate) fn step(&self) -> usize {
        self.step.load(Relaxed) as usize
    }

    #[cold]
    pub(crate) fn record(&self, bytes: usize) {
        self.counts[step_of(bytes)].fetch_add(1, Relaxed);
        let records = self.records.fetch_add(1, Relaxed) + 1;
        if records.is_power_of_two() || records.is_multiple_of(CALIBRATION_PERIOD) {
            self.calibrate();
        }
        if records >= RECORDS_MAX {
            self.counts.iter().for_each(|count| count.store(count.load(Relaxed) / 2, Relaxed));
            self.records.store(records / 2, Relaxed);
        }
    }

    fn calibrate(&self) {
        let counts = self.counts.each_ref().map(|count| u64::from(count.load(Relaxed)));
        let mut beyond = counts.iter().sum::<u64>() * u64::from(100 - PERCENTILE) / 100;
        // Step 0 is the longest of all.
        for step in std::iter::once(0).chain((1..STEPS).rev()) {
            match beyond.checked_sub(counts[step]) {
                Some(left) => beyond = left,
                None => return self.step.store(step as u32, Relaxed),
            }
        }
    }
}

/// A [`CallSite`] of the place where it stands.
///
/// ```
/// static POOL: spandrel_pool::BufPool = spandrel_pool::BufPool::new();
/// for line in ["a", "line"] {
///     let mut buffer = POOL.get_at(spandrel_pool::site!());
///     buffer.extend_from_slice(line.as_bytes());
/// }
/// ```
#[macro_export]
macro_rules! site {
    () => {{
        static SITE: $crate::CallSite = $crate::CallSite::new();
        &SITE
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_wants_what_all_but_a_twentieth_need() {
        let site = CallSite::new();
        assert_eq!(site.wanted_bytes(), 8);
        for at in 0..960 {
            site.record(if at % 25 == 0 { 50_000 } else { 100 + at % 25 });
        }
        assert_eq!(site.wanted_bytes(), 128);
    }

    #[test]
    fn a_site_forgets() {
        let site = CallSite::new();
        (0..2000).for_each(|_| site.record(10_000));
        assert_eq!(site.wanted_bytes(), 10_240);
        (0..6000).for_each(|_| site.record(100));
        assert_eq!(site.wanted_bytes(), 112);
    }

    #[test]
    fn giants_are_wanted_by_nobody() {
        let site = CallSite::new();
        (0..100).for_each(|_| site.record(10 << 20));
        assert_eq!(site.wanted_bytes(), 0);
    }
}

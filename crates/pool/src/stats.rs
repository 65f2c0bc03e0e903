//! What a pool has counted, and what follows from it.

/// Counts of a pool since it was made, merged from all threads when they are read.
///
/// While other threads work the figures are those of about now; while none does, these hold exactly:
/// `gets = hits_local + hits_depot + made`, and
/// `idle_items = kept - hits_local - hits_depot - dropped_full - dropped_stale`.
///
/// ```
/// let pool = spandrel_pool::Pool::new(|| [0u8; 64]);
/// drop(pool.get());
/// drop(pool.get());
/// let stats = pool.stats();
/// assert_eq!((stats.gets(), stats.made, stats.idle_items), (2, 1, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Objects found in the thread's own magazine.
    pub hits_local: u64,
    /// Objects found in the depot.
    pub hits_depot: u64,
    /// Objects made because none was idle (the misses).
    pub made: u64,
    /// Objects that came back and were kept.
    pub kept: u64,
    /// Objects dropped because the depot was full, by items or by bytes.
    pub dropped_full: u64,
    /// Objects dropped because nobody had needed them for an epoch, or by `trim`.
    pub dropped_stale: u64,
    /// Objects dropped on return because they weighed too much.
    pub dropped_giant: u64,
    /// Objects dropped on return because the policy called them useless.
    pub dropped_invalid: u64,
    /// Objects dropped on return because their thread was panicking.
    pub dropped_panic: u64,
    /// Objects that left the pool for good.
    pub detached: u64,
    /// Objects idle now.
    pub idle_items: usize,
    /// Bytes of the objects idle now.
    pub idle_bytes: usize,
    /// The most objects that the depot has held.
    pub high_water_items: usize,
    /// Nanoseconds of those calls of `make` that were timed (one in sixteen).
    pub made_sample_ns: u64,
    /// How many calls of `make` were timed.
    pub made_samples: u64,
}

impl PoolStats {
    /// Each count under the name that it has in `/metrics`, and whether it only grows. `spandrel::publish`
    /// takes them as they are.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// drop(pool.get());
    /// assert!(pool.stats().figures().contains(&("pool_made_total", true, 1)));
    /// ```
    #[must_use]
    pub const fn figures(&self) -> [(&'static str, bool, u64); 13] {
        [
            ("pool_hits_local_total", true, self.hits_local),
            ("pool_hits_depot_total", true, self.hits_depot),
            ("pool_made_total", true, self.made),
            ("pool_kept_total", true, self.kept),
            ("pool_dropped_full_total", true, self.dropped_full),
            ("pool_dropped_stale_total", true, self.dropped_stale),
            ("pool_dropped_giant_total", true, self.dropped_giant),
            ("pool_dropped_invalid_total", true, self.dropped_invalid),
            ("pool_dropped_panic_total", true, self.dropped_panic),
            ("pool_detached_total", true, self.detached),
            ("pool_idle_items", false, self.idle_items as u64),
            ("pool_idle_bytes", false, self.idle_bytes as u64),
            ("pool_high_water_items", false, self.high_water_items as u64),
        ]
    }

    /// The counts of two pools together.
    pub(crate) const fn plus(&self, other: &Self) -> Self {
        Self {
            hits_local: self.hits_local + other.hits_local,
            hits_depot: self.hits_depot + other.hits_depot,
            made: self.made + other.made,
            kept: self.kept + other.kept,
            dropped_full: self.dropped_full + other.dropped_full,
            dropped_stale: self.dropped_stale + other.dropped_stale,
            dropped_giant: self.dropped_giant + other.dropped_giant,
            dropped_invalid: self.dropped_invalid + other.dropped_invalid,
            dropped_panic: self.dropped_panic + other.dropped_panic,
            detached: self.detached + other.detached,
            idle_items: self.idle_items + other.idle_items,
            idle_bytes: self.idle_bytes + other.idle_bytes,
            high_water_items: self.high_water_items + other.high_water_items,
            made_sample_ns: self.made_sample_ns + other.made_sample_ns,
            made_samples: self.made_samples + other.made_samples,
        }
    }

    /// Objects asked for.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// (0..4).for_each(|_| drop(pool.get()));
    /// assert_eq!(pool.stats().gets(), 4);
    /// ```
    #[must_use]
    pub const fn gets(&self) -> u64 {
        self.hits_local + self.hits_depot + self.made
    }

    /// Objects that came back.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// (0..4).for_each(|_| drop(pool.get()));
    /// assert_eq!(pool.stats().puts(), 4);
    /// ```
    #[must_use]
    pub const fn puts(&self) -> u64 {
        self.kept + self.dropped_giant + self.dropped_invalid + self.dropped_panic
    }

    /// The part of all gets that found an object, 0 to 1; 0 before the first.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// (0..4).for_each(|_| drop(pool.get()));
    /// assert_eq!(pool.stats().hit_rate(), 0.75);
    /// ```
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let gets = self.gets().max(1) as f64;
        (self.hits_local + self.hits_depot) as f64 / gets
    }

    /// Nanoseconds that one `make` takes, if any was timed. Includes the clock's own time, some 20 to 50 ns.
    ///
    /// ```
    /// let pool = spandrel_pool::Pool::new(|| 1u8);
    /// (0..4).for_each(|_| drop(pool.get()));
    /// assert!(pool.stats().make_ns().is_some_and(|ns| ns < 1e9));
    /// ```
    #[must_use]
    pub fn make_ns(&self) -> Option<f64> {
        (self.made_samples > 0).then(|| self.made_sample_ns as f64 / self.made_samples as f64)
    }
}

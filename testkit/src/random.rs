//! A small seeded generator (SplitMix64): the same seed gives the same run on every machine.

/// A stream of pseudo-random numbers that its seed alone determines.
///
/// ```
/// use spandrel_testkit::Random;
/// let (mut a, mut b) = (Random::new(7), Random::new(7));
/// assert_eq!(a.next(), b.next());
/// assert!(a.below(10) < 10);
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A stream for `seed`; any seed is as good as any other.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number in `0..bound`.
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "no number is below zero");
        (self.next() % bound as u64) as usize
    }

    /// A number in `low..=high`.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        assert!(low <= high, "{low}..={high} is empty");
        low + self.below(high - low + 1)
    }

    /// A number in `low..=high` whose logarithm is uniform: every power of two is as likely as the next.
    ///
    /// # Panics
    /// If `low` is zero or the range is empty.
    pub fn log_between(&mut self, low: usize, high: usize) -> usize {
        assert!(low > 0, "zero has no logarithm");
        let bits = self.between(low.ilog2() as usize, high.ilog2() as usize);
        let floor = 1 << bits;
        self.between(floor.max(low), (floor | (floor - 1)).min(high))
    }

    /// True once in `n` draws on average.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// An index into `weights`, as likely as its weight.
    ///
    /// # Panics
    /// If all weights are zero.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: usize = weights.iter().map(|&weight| weight as usize).sum();
        let mut point = self.below(total);
        for (index, &weight) in weights.iter().enumerate() {
            if point < weight as usize {
                return index;
            }
            point -= weight as usize;
        }
        unreachable!("the point lies below the total")
    }
}

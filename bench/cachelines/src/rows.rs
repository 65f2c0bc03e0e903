//! The rows: a question each, and the variants that answer it.

mod counters;
mod lists;
mod rings;
mod scans;
mod searches;
mod sharing;

/// How much work there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Full,
    Quick,
    /// For cachegrind, which is fifty times slower.
    Misses,
}

impl Scale {
    /// As many of a million.
    pub(crate) fn millions(self, millions: usize) -> usize {
        let part = match self {
            Self::Full => 1,
            Self::Quick => 100,
            Self::Misses => 5,
        };
        millions * 1_000_000 / part
    }
}

/// Does the work and tells how many operations that were.
pub(crate) type Work = Box<dyn FnMut() -> usize>;

pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) prepare: fn(Scale) -> Work,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What an operation is.
    pub(crate) what: &'static str,
    /// Whether one thread does it, so that its misses can be simulated.
    pub(crate) is_single: bool,
    pub(crate) variants: &'static [Variant],
}

pub(crate) const ROWS: [Row; 14] = [
    sharing::GAPS,
    sharing::BOXES,
    counters::TWO_THREADS,
    counters::ONE_THREAD,
    counters::BARE,
    rings::HANDOVER,
    rings::PAIRS,
    scans::ONE_FIELD,
    scans::RANDOM_ROWS,
    searches::THOUSAND,
    searches::MILLION,
    searches::EIGHT_MILLION,
    lists::WALK,
    lists::BUILD,
];

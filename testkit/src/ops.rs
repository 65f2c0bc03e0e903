//! Operations on a heap, and where random sequences of them come from.
//!
//! Every operation makes sense whatever came before it: one that picks a block picks among those that are
//! live, and does nothing when there are none. So any subsequence of a failing sequence is a valid one, which
//! is what makes failures shrinkable (see [`minimize`](crate::walk::minimize)).
//!
//! Sequences are drawn *swarm* fashion. A generator whose choices are all equally likely visits the same
//! average heap every time; instead each seed first draws a [`Swarm`], which forbids some operations outright
//! and skews sizes, alignments and the order of frees wildly, and only then the operations. One seed becomes
//! a stack of tiny blocks, another a churn of page-aligned megabytes.
#![forbid(unsafe_code)]

use crate::random::Random;
use crate::sizes::{CLASS_BYTES, KIB, MIB, OS_PAGE_BYTES};

/// Which live block an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The one allocated last: a stack.
    Newest,
    /// The one allocated first: a queue.
    Oldest,
    /// The one at this index, modulo their number.
    At(u32),
}

/// One step of a random walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Allocate.
    Alloc {
        /// Size in bytes.
        bytes: usize,
        /// Alignment in bytes.
        align: usize,
    },
    /// Allocate zeroed memory.
    AllocZeroed {
        /// Size in bytes.
        bytes: usize,
        /// Alignment in bytes.
        align: usize,
    },
    /// Resize a block.
    Realloc {
        /// Which one.
        pick: Pick,
        /// Its new size in bytes.
        new_bytes: usize,
    },
    /// Free a block.
    Free {
        /// Which one.
        pick: Pick,
    },
    /// Check the contents of a block.
    Verify {
        /// Which one.
        pick: Pick,
    },
}

/// Number of variants of [`Operation`], of [`Pick`], of the bands of sizes and of alignments.
const OPERATIONS: usize = 5;
const PICKS: usize = 3;
const SIZE_BANDS: usize = 6;
const ALIGN_BANDS: usize = 5;

/// How likely everything is in one run.
///
/// ```
/// use spandrel_testkit::ops::Swarm;
/// let mut swarm = Swarm::new(1);
/// let operations: Vec<_> = (0..1000).map(|_| swarm.operation()).collect();
/// assert_eq!(operations[0], Swarm::new(1).operation());
/// ```
#[derive(Clone, Debug)]
pub struct Swarm {
    random: Random,
    operations: [u32; OPERATIONS],
    picks: [u32; PICKS],
    sizes: [u32; SIZE_BANDS],
    aligns: [u32; ALIGN_BANDS],
}

/// Weights from 1 to 64, a third of them zero, at least one of them not.
fn skewed<const N: usize>(random: &mut Random) -> [u32; N] {
    let mut weights = [0; N];
    for weight in &mut weights {
        *weight = if random.one_in(3) { 0 } else { 1 << random.below(7) };
    }
    let kept = random.below(N);
    weights[kept] = weights[kept].max(1);
    weights
}

impl Swarm {
    /// The swarm of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut operations: [u32; OPERATIONS] = skewed(&mut random);
        // A walk in which nothing is allocated tests nothing.
        operations[0] = operations[0].max(1);
        Self {
            operations,
            picks: skewed(&mut random),
            sizes: skewed(&mut random),
            aligns: skewed(&mut random),
            random,
        }
    }

    /// Draws the next operation.
    pub fn operation(&mut self) -> Operation {
        match self.random.weighted(&self.operations) {
            0 => Operation::Alloc { bytes: self.bytes(), align: self.align() },
            1 => Operation::AllocZeroed { bytes: self.bytes(), align: self.align() },
            2 => Operation::Realloc { pick: self.pick(), new_bytes: self.bytes() },
            3 => Operation::Free { pick: self.pick() },
            _ => Operation::Verify { pick: self.pick() },
        }
    }

    fn pick(&mut self) -> Pick {
        match self.random.weighted(&self.picks) {
            0 => Pick::Newest,
            1 => Pick::Oldest,
            _ => Pick::At(self.random.next() as u32),
        }
    }

    /// A size in bytes, never zero.
    fn bytes(&mut self) -> usize {
        let random = &mut self.random;
        match random.weighted(&self.sizes) {
            0 => random.between(1, 64),
            1 => random.between(65, KIB),
            2 => random.log_between(KIB, 32 * KIB),
            3 => beside(random, CLASS_BYTES[random.clone().below(CLASS_BYTES.len())]),
            4 => {
                let pages = random.between(1, 32);
                beside(random, pages * OS_PAGE_BYTES)
            }
            // Large blocks are dear to fill: one in 16 of a band is enough.
            _ if random.one_in(16) => random.log_between(32 * KIB, 8 * MIB),
            _ => random.between(1, 2 * KIB),
        }
    }

    /// An alignment in bytes.
    fn align(&mut self) -> usize {
        let random = &mut self.random;
        match random.weighted(&self.aligns) {
            0 => 8,
            1 => 1 << random.between(0, 4),
            2 => 1 << random.between(5, 9),
            3 => 1 << random.between(10, 16),
            _ if random.one_in(16) => MIB,
            _ => 16,
        }
    }
}

/// `edge` or a neighbour of it.
fn beside(random: &mut Random, edge_bytes: usize) -> usize {
    edge_bytes - 1 + random.below(3)
}

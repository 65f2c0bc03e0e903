//! Two threads that each write a word of their own, so many bytes apart.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use spandrel_cacheline::{CachePadded, Isolated, Line64, Line128, alloc_isolated};

use super::{Row, Scale, Variant, Work};

pub(crate) const GAPS: Row = Row {
    name: "sharing",
    what: "two threads, each adds atomically to its own word; an addition",
    is_single: false,
    variants: &[
        Variant { name: "8 bytes apart", prepare: |scale| words::<[AtomicU64; 2]>(scale) },
        Variant { name: "56 bytes apart", prepare: |scale| words::<SevenApart>(scale) },
        Variant { name: "64 bytes apart: `CachePadded`", prepare: |scale| words::<Padded64>(scale) },
        Variant { name: "128 bytes apart: with `Line128`", prepare: |scale| words::<Padded128>(scale) },
    ],
};

pub(crate) const BOXES: Row = Row {
    name: "boxes",
    what: "two threads, each adds atomically to its own allocation, made one after the other; an addition",
    is_single: false,
    variants: &[
        Variant { name: "`Box`", prepare: boxes },
        Variant { name: "`alloc_isolated`", prepare: isolated },
    ],
};

/// Two words, and how far apart they are.
trait Pair: Default + Sync + Send + 'static {
    fn word(&self, index: usize) -> &AtomicU64;
}

impl Pair for [AtomicU64; 2] {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self[index]
    }
}

/// On one line, at its two ends.
#[derive(Default)]
#[repr(align(64))]
struct SevenApart([AtomicU64; 8]);

impl Pair for SevenApart {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0[7 * index]
    }
}

type Padded64 = [CachePadded<AtomicU64, Line64>; 2];

impl Pair for Padded64 {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self[index]
    }
}

type Padded128 = [CachePadded<AtomicU64, Line128>; 2];

impl Pair for Padded128 {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self[index]
    }
}

fn words<P: Pair>(scale: Scale) -> Work {
    // Lines of its own, so that the first word begins one in every variant.
    let pair: Isolated<P> = alloc_isolated(P::default());
    Box::new(move || two_threads(scale, |index| pair.word(index)))
}

fn boxes(scale: Scale) -> Work {
    // A run of neighbours; the pair in the middle lies on one line.
    let boxes: Vec<Box<AtomicU64>> = (0..64).map(|_| Box::default()).collect();
    let line = |word: &AtomicU64| (&raw const *word).addr() / 64;
    let at = (16..62).find(|&at| line(&boxes[at]) == line(&boxes[at + 1])).unwrap_or(16);
    Box::new(move || two_threads(scale, |index| &boxes[at + index]))
}

fn isolated(scale: Scale) -> Work {
    let boxes: Vec<Isolated<AtomicU64>> = (0..64).map(|_| alloc_isolated(AtomicU64::default())).collect();
    Box::new(move || two_threads(scale, |index| &boxes[16 + index]))
}

fn two_threads<'a>(scale: Scale, word: impl Fn(usize) -> &'a AtomicU64) -> usize {
    let additions = scale.millions(10);
    let (first, second) = (word(0), word(1));
    let add = |word: &AtomicU64| {
        for _ in 0..additions {
            word.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| add(first));
        scope.spawn(|| add(second));
    });
    // Of each thread: with two free cores, perfect scaling is the time of one.
    additions
}

//! Counters that threads share, or have each for itself.
//!
//! An operation is a step of a random generator and an addition: nobody counts without doing something. The
//! bare additions are a row of their own.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use spandrel_cacheline::{CachePadded, ShardedCounter};

use super::{Row, Scale, Variant, Work};
use crate::random::Random;

pub(crate) const TWO_THREADS: Row = Row {
    name: "counters",
    what: "two threads count the steps of a random generator; a step of each",
    is_single: false,
    variants: &[
        Variant {
            name: "a thread-private counter (`thread_local!`)",
            prepare: |scale| steps(scale, 2, private),
        },
        Variant { name: "`ShardedCounter`", prepare: |scale| steps(scale, 2, sharded) },
        Variant { name: "padded `AtomicU64`s, one a thread", prepare: |scale| steps(scale, 2, padded) },
        Variant { name: "an array of `AtomicU64`, one a thread", prepare: |scale| steps(scale, 2, in_array) },
        Variant { name: "one `AtomicU64`", prepare: |scale| steps(scale, 2, shared) },
        Variant { name: "no counter", prepare: |scale| steps(scale, 2, |_, _| {}) },
    ],
};

pub(crate) const ONE_THREAD: Row = Row {
    name: "counter1",
    what: "one thread counts the steps of a random generator; a step",
    is_single: true,
    variants: &[
        Variant {
            name: "a thread-private counter (`thread_local!`)",
            prepare: |scale| steps(scale, 1, private),
        },
        Variant { name: "`ShardedCounter`", prepare: |scale| steps(scale, 1, sharded) },
        Variant { name: "one `AtomicU64`", prepare: |scale| steps(scale, 1, shared) },
        Variant { name: "no counter", prepare: |scale| steps(scale, 1, |_, _| {}) },
    ],
};

pub(crate) const BARE: Row = Row {
    name: "bare",
    what: "one thread adds and does nothing else; an addition",
    is_single: true,
    variants: &[
        Variant { name: "a thread-private counter (`thread_local!`)", prepare: |scale| bare(scale, private) },
        Variant { name: "`ShardedCounter`", prepare: |scale| bare(scale, sharded) },
        Variant { name: "one `AtomicU64`", prepare: |scale| bare(scale, shared) },
    ],
};

thread_local! {
    static PRIVATE: Cell<u64> = const { Cell::new(0) };
}
static SHARDED: ShardedCounter = ShardedCounter::new();
static SHARED: AtomicU64 = AtomicU64::new(0);
static PADDED: [CachePadded<AtomicU64>; 2] = [const { CachePadded::new(AtomicU64::new(0)) }; 2];
static ARRAY: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

/// A counter: the thread that adds, and how much.
trait Add: Fn(usize, u64) + Copy + Send + 'static {}
impl<F: Fn(usize, u64) + Copy + Send + 'static> Add for F {}

fn steps(scale: Scale, threads: usize, add: impl Add) -> Work {
    let additions = scale.millions(20);
    let walk = move |thread| {
        let mut random = Random::new();
        for _ in 0..additions {
            add(thread, random.next() & 1);
        }
        black_box(random.next());
    };
    Box::new(move || {
        if threads == 1 {
            walk(0);
        } else {
            thread::scope(|scope| (0..threads).for_each(|thread| _ = scope.spawn(move || walk(thread))));
        }
        additions
    })
}

/// What is added is hidden from the compiler, which else adds all at once.
fn bare(scale: Scale, add: impl Add) -> Work {
    let additions = scale.millions(20);
    Box::new(move || {
        for _ in 0..additions {
            add(0, black_box(1));
        }
        additions
    })
}

/// Among other work a counter is loaded and stored at each addition; in a small loop the compiler would keep
/// it in a register, if it were not shown the cell each time.
fn private(_: usize, count: u64) {
    PRIVATE.with(|counter| {
        let counter = black_box(counter);
        counter.set(counter.get() + count);
    });
}

fn sharded(_: usize, count: u64) {
    SHARDED.add(count);
}

fn shared(_: usize, count: u64) {
    SHARED.fetch_add(count, Ordering::Relaxed);
}

fn padded(thread: usize, count: u64) {
    PADDED[thread].fetch_add(count, Ordering::Relaxed);
}

fn in_array(thread: usize, count: u64) {
    ARRAY[thread].fetch_add(count, Ordering::Relaxed);
}

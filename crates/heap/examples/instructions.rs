//! Short sequences whose instructions `cargo xtask instructions` counts: `instructions SEQUENCE COUNT`.
//!
//! A sequence is a loop of `COUNT` rounds. Two runs that differ in `COUNT` alone differ by the instructions
//! of the rounds; the same for `empty`, or `sizes`, is what the loop itself costs.

use std::hint::black_box;
use std::ptr;

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

/// Sizes of several classes, among them none that the compiler is told.
const SIZES: [usize; 8] = [24, 200, 33, 64, 500, 16, 120, 900];
/// Boxes that are live at once in `batch64`.
const BATCH_OBJS: usize = 1000;

type Object = [u8; 64];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, sequence, count] = &args[..] else { panic!("usage: instructions SEQUENCE COUNT") };
    let count = count.parse().expect("COUNT is a number");
    match sequence.as_str() {
        "empty" => empty(count),
        "sizes" => sizes(count),
        "pair64" => pair64(count),
        "zeroed64" => zeroed64(count),
        "varied" => varied(count),
        "batch64" => batch64(count),
        other => panic!("no sequence `{other}`"),
    }
}

/// The loop of the others, with an address shown to the optimiser as they show theirs.
#[inline(never)]
fn empty(count: usize) {
    for _ in 0..count {
        black_box(ptr::dangling_mut::<Object>());
    }
}

/// The same with a size taken from the table.
#[inline(never)]
fn sizes(count: usize) {
    for index in 0..count {
        black_box(ptr::without_provenance_mut::<u8>(black_box(SIZES[index % SIZES.len()])));
    }
}

/// A box, allocated and dropped.
#[inline(never)]
fn pair64(count: usize) {
    for _ in 0..count {
        black_box(Box::<Object>::new_uninit().as_mut_ptr());
    }
}

/// 64 zeros, allocated and dropped.
#[inline(never)]
fn zeroed64(count: usize) {
    for _ in 0..count {
        black_box(vec![0u8; 64].as_mut_ptr());
    }
}

/// Room of a size that only the running program knows, allocated and dropped.
#[inline(never)]
fn varied(count: usize) {
    for index in 0..count {
        black_box(Vec::<u8>::with_capacity(black_box(SIZES[index % SIZES.len()])).as_mut_ptr());
    }
}

/// Boxes allocated until 1000 are live, then dropped in order: what overflows the thread's hot list.
#[inline(never)]
fn batch64(count: usize) {
    let mut batch = Vec::with_capacity(BATCH_OBJS);
    for _ in 0..count / BATCH_OBJS {
        for _ in 0..BATCH_OBJS {
            batch.push(Box::<Object>::new_uninit());
        }
        black_box(batch.as_mut_ptr());
        batch.clear();
    }
}

//! Patterns of bumpalo's own benches, and some that arenas are used for: the same code for both arenas.

use std::alloc::Layout;
use std::hint::black_box;

use allocator_api2::vec::Vec as VecIn;
use bumpalo::Bump;
use spandrel_pool::{Arena, ArenaString};

use super::Row;

/// Operations of a run.
const OPERATIONS: usize = 1000;

#[derive(Default)]
struct Small(#[expect(dead_code, reason = "it is there to be moved")] u8);

#[derive(Default)]
struct Big(#[expect(dead_code, reason = "it is there to be moved")] [usize; 32]);

/// One run: a fresh arena with room for all, as in bumpalo's benches; each operation sees an arena that may
/// be any.
macro_rules! run {
    ($arena:ident, $bytes:expr, |$lent:ident| $operation:expr) => {
        || {
            let arena = $arena::with_capacity(OPERATIONS * $bytes);
            for _ in 0..OPERATIONS {
                let $lent = black_box(&arena);
                black_box($operation);
            }
        }
    };
}

/// A row: the same operation in both.
macro_rules! row {
    ($name:literal, $bytes:expr, |$lent:ident| $operation:expr) => {
        Row {
            name: $name,
            operations: OPERATIONS,
            variants: vec![
                ("spandrel-pool", run!(Arena, $bytes, |$lent| $operation)),
                ("bumpalo", run!(Bump, $bytes, |$lent| $operation)),
            ],
        }
    };
}

/// A row whose runs are written out.
macro_rules! written {
    ($name:literal, $operations:expr, |$arena:ident| $run:expr) => {{
        fn ours() {
            type $arena = Arena;
            $run
        }
        fn theirs() {
            type $arena = Bump;
            $run
        }
        Row {
            name: $name,
            operations: $operations,
            variants: vec![("spandrel-pool", ours), ("bumpalo", theirs)],
        }
    }};
}

pub(super) fn rows() -> Vec<Row> {
    [values(), slices(), growth(), rounds()].into_iter().flatten().collect()
}

#[allow(clippy::result_large_err, reason = "that is what is measured")]
fn made<T: Default>() -> Result<T, Big> {
    black_box(Ok(T::default()))
}

#[allow(clippy::result_large_err, reason = "that is what is measured")]
fn failed<T: Default>() -> Result<T, Big> {
    black_box(Err(Big::default()))
}

fn values() -> Vec<Row> {
    const SMALL: usize = size_of::<Small>();
    const BIG: usize = size_of::<Big>();
    // A result, and room for its alignment.
    const RESULT: usize = BIG + 16;
    vec![
        row!("alloc-small", SMALL, |arena| arena.alloc(black_box(Small::default()))),
        row!("alloc-word", 8, |arena| arena.alloc(black_box(1u64))),
        row!("alloc-big", BIG, |arena| arena.alloc(black_box(Big::default()))),
        row!("alloc-with-small", SMALL, |arena| arena.alloc_with(|| black_box(Small::default()))),
        row!("alloc-with-big", BIG, |arena| arena.alloc_with(|| black_box(Big::default()))),
        row!("alloc-with-big-in-place", BIG, |arena| arena.alloc_with(Big::default)),
        row!("alloc-try-with-small", RESULT, |arena| arena.alloc_try_with(made::<Small>).is_ok()),
        row!("alloc-try-with-big", RESULT, |arena| arena.alloc_try_with(made::<Big>).is_ok()),
        row!("alloc-try-with-small-err", RESULT, |arena| arena.alloc_try_with(failed::<Small>).is_ok()),
        row!("alloc-try-with-big-err", RESULT, |arena| arena.alloc_try_with(failed::<Big>).is_ok()),
        row!("try-alloc-small", SMALL, |arena| arena.try_alloc(black_box(Small::default())).is_ok()),
        row!("try-alloc-big", BIG, |arena| arena.try_alloc(black_box(Big::default())).is_ok()),
        row!("try-alloc-with-big", BIG, |arena| arena.try_alloc_with(|| black_box(Big::default())).is_ok()),
        row!("try-alloc-try-with-small", RESULT, |arena| arena.try_alloc_try_with(made::<Small>).is_ok()),
        row!("try-alloc-try-with-big", RESULT, |arena| arena.try_alloc_try_with(made::<Big>).is_ok()),
        row!("try-alloc-try-with-big-err", RESULT, |arena| arena.try_alloc_try_with(failed::<Big>).is_ok()),
        row!("alloc-layout", 64, |arena| {
            let layout = Layout::from_size_align(black_box(24), black_box(8)).expect("a layout");
            arena.alloc_layout(layout)
        }),
    ]
}

fn slices() -> Vec<Row> {
    const WORDS: &[u32] = &[7; 25];
    const TEXT: &str = "a line of text that somebody has written";
    vec![
        row!("slice-copy", 100, |arena| arena.alloc_slice_copy(black_box(WORDS))),
        row!("slice-clone", 100, |arena| arena.alloc_slice_clone(black_box(WORDS))),
        row!("slice-fill-copy", 200, |arena| arena.alloc_slice_fill_copy(black_box(25), 7u64)),
        row!("slice-fill-with", 200, |arena| arena.alloc_slice_fill_with(black_box(25), |at| at)),
        row!("slice-fill-iter", 200, |arena| arena.alloc_slice_fill_iter(0..black_box(25usize))),
        row!("str", TEXT.len(), |arena| arena.alloc_str(black_box(TEXT))),
    ]
}

/// What grows: 20 vectors of 50 numbers, strings of many parts, one after the other and in turns.
fn growth() -> Vec<Row> {
    let bumpalos_vec = || {
        let arena = Bump::with_capacity(OPERATIONS * 100);
        for _ in 0..OPERATIONS / 50 {
            let mut vec = bumpalo::collections::Vec::new_in(black_box(&arena));
            (0..50u64).for_each(|at| vec.push(at));
            black_box(vec);
        }
    };
    let mut push = written!("vec-push", OPERATIONS, |Bumps| {
        let arena = Bumps::with_capacity(OPERATIONS * 100);
        for _ in 0..OPERATIONS / 50 {
            let mut vec = VecIn::new_in(black_box(&arena));
            (0..50u64).for_each(|at| vec.push(at));
            black_box(vec);
        }
    });
    push.variants.push(("bumpalo's own Vec", bumpalos_vec));
    let turns = written!("vec-push-in-turns", OPERATIONS, |Bumps| {
        let arena = Bumps::with_capacity(OPERATIONS * 100);
        let mut vecs: [_; 4] = std::array::from_fn(|_| VecIn::new_in(black_box(&arena)));
        (0..OPERATIONS).for_each(|at| vecs[at % 4].push(at));
        black_box(vecs);
    });
    let push_str = Row {
        name: "push-str",
        operations: OPERATIONS,
        variants: vec![
            ("spandrel-pool", || {
                let arena = Arena::with_capacity(OPERATIONS * 20);
                let mut text = ArenaString::new_in(black_box(&arena));
                (0..OPERATIONS).for_each(|_| text.push_str(black_box("0123456789")));
                black_box(text);
            }),
            ("bumpalo's own String", || {
                let arena = Bump::with_capacity(OPERATIONS * 20);
                let mut text = bumpalo::collections::String::new_in(black_box(&arena));
                (0..OPERATIONS).for_each(|_| text.push_str(black_box("0123456789")));
                black_box(text);
            }),
        ],
    };
    let format = Row {
        name: "format",
        operations: OPERATIONS / 10,
        variants: vec![
            ("spandrel-pool", || {
                let arena = Arena::with_capacity(OPERATIONS * 10);
                for at in 0..OPERATIONS / 10 {
                    black_box(arena.alloc_fmt(format_args!("Hello {:.*} {at}", black_box(5), "World! ")));
                }
            }),
            ("bumpalo", || {
                let arena = Bump::with_capacity(OPERATIONS * 10);
                for at in 0..OPERATIONS / 10 {
                    black_box(bumpalo::format!(in &arena, "Hello {:.*} {at}", black_box(5), "World! "));
                }
            }),
        ],
    };
    vec![push, turns, push_str, format]
}

/// Arenas that begin and end: fresh ones, and one that is reset.
fn rounds() -> Vec<Row> {
    vec![
        written!("grow-from-nothing", OPERATIONS, |Bumps| {
            let arena = Bumps::new();
            for at in 0..OPERATIONS {
                black_box(black_box(&arena).alloc([at; 8]));
            }
        }),
        written!("fresh-arenas", OPERATIONS / 20, |Bumps| {
            for _ in 0..OPERATIONS / 20 {
                let arena = Bumps::new();
                for at in 0..20 {
                    black_box(black_box(&arena).alloc([at; 4]));
                }
            }
        }),
        written!("reset", OPERATIONS, |Bumps| {
            let mut arena = Bumps::new();
            for _ in 0..10 {
                for at in 0..OPERATIONS / 10 {
                    black_box(arena.alloc(at));
                    black_box(arena.alloc_str(black_box("a word")));
                }
                arena.reset();
            }
        }),
        written!("reset-long-rounds", 10 * OPERATIONS, |Bumps| {
            let mut arena = Bumps::new();
            for _ in 0..10 {
                for at in 0..OPERATIONS {
                    black_box(arena.alloc([at; 8]));
                }
                arena.reset();
            }
        }),
    ]
}

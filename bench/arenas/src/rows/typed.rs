//! `TypedArena` and typed-arena's: the same code for both.

use std::hint::black_box;

use super::Row;

/// Operations of a run.
const OPERATIONS: usize = 1000;

macro_rules! row {
    ($name:literal, $operations:expr, |$arena:ident| $run:expr) => {{
        fn ours() {
            use spandrel_pool::TypedArena as $arena;
            $run
        }
        fn theirs() {
            use typed_arena::Arena as $arena;
            $run
        }
        let variants: Vec<(_, super::Run)> = vec![("spandrel-pool", ours), ("typed-arena", theirs)];
        Row { name: $name, operations: $operations, variants }
    }};
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("typed-alloc", OPERATIONS, |Typed| {
            let arena = Typed::with_capacity(OPERATIONS);
            for at in 0..OPERATIONS {
                black_box(black_box(&arena).alloc(at));
            }
        }),
        row!("typed-grow-and-drop", OPERATIONS, |Typed| {
            let arena = Typed::new();
            for at in 0..OPERATIONS {
                black_box(black_box(&arena).alloc((at, Vec::<u8>::new())));
            }
        }),
        row!("typed-extend", OPERATIONS, |Typed| {
            let arena = Typed::with_capacity(OPERATIONS);
            for at in 0..OPERATIONS / 20 {
                black_box(black_box(&arena).alloc_extend(at..at + 20));
            }
        }),
        row!("typed-iterate", OPERATIONS, |Typed| {
            let mut arena = Typed::new();
            for at in 0..OPERATIONS {
                arena.alloc(at);
            }
            black_box(arena.iter_mut().map(|value| *value).sum::<usize>());
        }),
    ]
}

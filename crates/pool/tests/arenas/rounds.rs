//! Rounds: reset, rewind, scopes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use spandrel_pool::Arena;

use super::tracked::Tracked;

fn round(arena: &Arena<&Tracked>, blocks: usize) {
    for at in 0..blocks {
        arena.alloc([at; 16]);
    }
}

#[test]
fn like_rounds_meet_the_allocator_once() {
    let tracked = Tracked::new();
    let mut arena = Arena::new_in(&tracked);
    round(&arena, 1000);
    arena.reset();
    let calls = tracked.calls.get();
    for _ in 0..100 {
        round(&arena, 1000);
        arena.reset();
    }
    assert_eq!(tracked.calls.get(), calls);
}

#[test]
fn a_peak_is_kept_for_some_rounds_and_then_given_back() {
    let tracked = Tracked::new();
    let mut arena = Arena::new_in(&tracked);
    round(&arena, 10_000);
    arena.reset();
    let (peak, calls) = (arena.allocated_bytes(), tracked.calls.get());
    for _ in 0..8 {
        round(&arena, 10);
        arena.reset();
    }
    assert_eq!((arena.allocated_bytes(), tracked.calls.get()), (peak, calls), "a peak may come again");
    for _ in 0..100 {
        round(&arena, 10);
        arena.reset();
    }
    assert!(arena.allocated_bytes() <= 32 << 10, "{} bytes are kept", arena.allocated_bytes());
    assert!(tracked.calls.get() < calls + 6);
}

#[test]
fn a_capacity_that_was_asked_for_outlives_a_reset() {
    let mut arena = Arena::with_capacity(1 << 20);
    let before = arena.allocated_bytes();
    arena.reset();
    assert_eq!(arena.allocated_bytes(), before);
}

#[test]
fn a_scope_gives_its_memory_back() {
    let mut arena = Arena::with_capacity(100);
    let before = (arena.allocated_bytes(), arena.checkpoint());
    for _ in 0..100 {
        arena.scoped(|arena| {
            arena.alloc([0u8; 10_000]);
        });
    }
    let panics = |arena: &Arena| -> u8 {
        arena.alloc([0u8; 10_000]);
        panic!("inside")
    };
    assert!(catch_unwind(AssertUnwindSafe(|| arena.scoped(panics))).is_err());
    assert_eq!((arena.allocated_bytes(), arena.checkpoint()), before);
}

#[test]
fn a_checkpoint_from_elsewhere_is_just_a_length() {
    let (mut long, mut short) = (Arena::new(), Arena::new());
    for _ in 0..1000 {
        long.alloc([0u8; 100]);
    }
    short.alloc_str("short");
    let (far, near) = (long.checkpoint(), short.checkpoint());
    short.rewind(far);
    assert_eq!(short.checkpoint(), near);
    long.rewind(near);
    assert_eq!(long.checkpoint(), near);
    long.reset();
    long.rewind(far);
    assert_eq!(*long.alloc(1), 1);
    let mut empty = Arena::new();
    empty.rewind(far);
    assert_eq!(*empty.alloc(1), 1);
}

#[test]
fn chunks_are_walked_from_the_youngest() {
    let mut arena = Arena::new();
    for at in 0..100_000u32 {
        arena.alloc(at);
    }
    let mut all = Vec::new();
    for chunk in arena.iter_allocated_chunks() {
        // SAFETY: only `u32`s were allocated, in order, and their alignment leaves no gaps.
        let (before, values, after) = unsafe { chunk.align_to::<u32>() };
        assert!(before.is_empty() && after.is_empty());
        all.splice(0..0, values.iter().copied());
    }
    assert!(all.into_iter().eq(0..100_000));
}

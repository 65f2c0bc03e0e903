//! Limits, and allocators that refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use spandrel_pool::{Arena, TryInitError};

use super::tracked::Tracked;

#[test]
fn a_limit_holds_and_can_be_lifted() {
    let arena = Arena::new();
    assert_eq!(arena.allocation_limit(), None);
    arena.set_allocation_limit(Some(0));
    assert!(arena.try_alloc(5).is_err());
    arena.set_allocation_limit(Some(10_000));
    assert_eq!(arena.allocation_limit(), Some(10_000));
    while arena.try_alloc([0u8; 100]).is_ok() {
        assert!(arena.allocated_bytes() <= 10_000);
    }
    assert!(arena.allocated_bytes() > 9_900, "what is left is used: {}", arena.allocated_bytes());
    arena.set_allocation_limit(Some(5_000));
    assert!(arena.try_alloc([0u8; 100]).is_err());
    arena.set_allocation_limit(None);
    assert!(arena.try_alloc([0u8; 100]).is_ok());
}

#[test]
fn every_way_in_tells_of_the_limit() {
    let arena = Arena::new();
    arena.set_allocation_limit(Some(0));
    assert!(arena.try_alloc_with(|| unreachable!("no memory") as u8).is_err());
    let made = arena.try_alloc_try_with(|| unreachable!("no memory") as Result<u8, ()>);
    assert!(matches!(made, Err(TryInitError::Alloc(_))));
    let made = arena.try_alloc_slice_try_fill_with(1, |_| unreachable!("no memory") as Result<u8, ()>);
    assert!(matches!(made, Err(TryInitError::Alloc(_))));
    assert!(arena.try_alloc_slice_copy(&[1]).is_err());
    assert!(arena.try_alloc_slice_clone(&[1]).is_err());
    assert!(arena.try_alloc_slice_fill_with(1, |_| 1).is_err());
    assert!(arena.try_alloc_slice_fill_copy(1, 1).is_err());
    assert!(arena.try_alloc_slice_fill_clone(1, &1).is_err());
    assert!(arena.try_alloc_slice_fill_default::<u8>(1).is_err());
    assert!(arena.try_alloc_slice_fill_iter([1]).is_err());
    assert!(arena.try_alloc_str("a").is_err());
    assert!(arena.try_alloc_drop(vec![1]).is_err());
    let panic = catch_unwind(AssertUnwindSafe(|| *arena.alloc(1u8))).expect_err("no memory");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert_eq!(message, "1 bytes don't fit into an arena limited to 0");
}

#[test]
fn where_a_long_chunk_is_refused_a_short_one_will_do() {
    let tracked = Tracked::new();
    let arena = Arena::new_in(&tracked);
    arena.alloc([0u8; 4000]);
    tracked.bound_bytes.set(tracked.live_bytes.get() + 1000);
    assert!(arena.try_alloc([0u8; 900]).is_ok());
    assert!(arena.try_alloc([0u8; 900]).is_err());
}

#[test]
fn a_reset_without_memory_leaves_an_empty_arena() {
    let tracked = Tracked::new();
    let mut arena = Arena::new_in(&tracked);
    for _ in 0..100 {
        arena.alloc([0u8; 1000]);
    }
    tracked.bound_bytes.set(0);
    arena.reset();
    assert_eq!((arena.allocated_bytes(), tracked.live_bytes.get()), (0, 0));
    tracked.bound_bytes.set(usize::MAX);
    assert_eq!(*arena.alloc(5), 5);
}

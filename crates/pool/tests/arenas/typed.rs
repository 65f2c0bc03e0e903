//! `TypedArena` against a plain vector.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use proptest::prelude::{any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use spandrel_pool::TypedArena;

proptest! {
    #[test]
    fn it_holds_what_a_vector_does(
        capacity in 0usize..700,
        parts in collection::vec((any::<bool>(), collection::vec(any::<u32>(), 0..90)), 0..60),
    ) {
        let shared = Rc::new(());
        let mut arena = TypedArena::with_capacity(capacity);
        for _ in 0..2 {
            let mut plain = Vec::new();
            let mut lent: Vec<&mut (u32, Rc<()>)> = Vec::new();
            for (together, part) in &parts {
                plain.extend_from_slice(part);
                let values = part.iter().map(|&value| (value, Rc::clone(&shared)));
                if *together {
                    lent.extend(arena.alloc_extend(values));
                } else {
                    lent.extend(values.map(|value| arena.alloc(value)));
                }
            }
            prop_assert!(lent.iter_mut().map(|(value, _)| *value).eq(plain.iter().copied()));
            prop_assert_eq!(arena.len(), plain.len());
            prop_assert!(arena.iter_mut().map(|(value, _)| *value).eq(plain.iter().copied()));
            prop_assert_eq!(Rc::strong_count(&shared), plain.len() + 1);
            arena.clear();
            prop_assert_eq!(Rc::strong_count(&shared), 1);
        }
        arena.alloc((1, Rc::clone(&shared)));
        prop_assert_eq!(arena.into_vec().len(), 1);
        prop_assert_eq!(Rc::strong_count(&shared), 1);
    }
}

#[test]
fn an_iterator_may_allocate_or_panic_here() {
    let arena = TypedArena::new();
    let slice = arena.alloc_extend((0..1000).inspect(|value| {
        arena.alloc(value + 10_000);
    }));
    assert!(slice.iter().copied().eq(0..1000));
    let panics = || arena.alloc_extend((0..3).map(|at| if at < 2 { at } else { panic!("the third") })).len();
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(arena.len(), 2000);
}

#[test]
fn values_without_size_are_counted_and_dropped() {
    thread_local!(static DROPPED: Cell<usize> = const { Cell::new(0) });
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPPED.set(DROPPED.get() + 1);
        }
    }
    let mut arena = TypedArena::new();
    arena.alloc(Nothing);
    arena.alloc_extend([Nothing, Nothing]);
    assert_eq!((arena.len(), arena.iter_mut().count()), (3, 3));
    drop(arena);
    assert_eq!(DROPPED.get(), 3);
}

#[test]
fn large_and_aligned_values_fit() {
    #[repr(align(256))]
    struct Large([u8; 10_000]);
    let arena = TypedArena::new();
    for at in 0..20 {
        let large = arena.alloc(Large([at; 10_000]));
        assert!(large.0.as_ptr().addr().is_multiple_of(256) && large.0[9_999] == at);
    }
}

/// An iterator that says that it has fewer or more values than it has.
struct Says(std::ops::Range<u32>, usize);

impl Iterator for Says {
    type Item = Box<u32>;
    fn next(&mut self) -> Option<Box<u32>> {
        self.0.next().map(Box::new)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

#[test]
fn an_iterator_that_lies_is_taken_whole() {
    let arena = TypedArena::with_capacity(4);
    for says in [0, 3, 10, 700, 5000] {
        let slice = arena.alloc_extend(Says(0..700, says));
        assert!(slice.iter().map(|value| **value).eq(0..700), "{says}");
    }
    assert_eq!(arena.len(), 3500);
}

#[test]
fn lent_values_stay_while_others_are_added() {
    let arena = TypedArena::new();
    let mut slices = Vec::new();
    for at in 0..100u32 {
        slices.push(arena.alloc_extend((0..at).filter(|value| value % 2 == 0).map(Box::new)));
        slices.push(arena.alloc_extend((0..at).map(Box::new)));
    }
    for (at, pair) in (0..100u32).zip(slices.chunks(2)) {
        assert!(pair[0].iter().map(|value| **value).eq((0..at).filter(|value| value % 2 == 0)));
        assert!(pair[1].iter().map(|value| **value).eq(0..at));
    }
}

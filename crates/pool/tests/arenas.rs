//! Arenas against plain vectors.

use allocator_api2::vec::Vec as VecIn;
use proptest::prelude::{any, proptest};
use proptest::{collection, prop_assert_eq};
use spandrel_pool::{Arena, IndexArena};

proptest! {
    /// What lies in an arena stays as it was written, aligned, through any mix of sizes and two rounds.
    #[test]
    fn an_arena_keeps_what_it_was_given(values in collection::vec(any::<(u8, u64, Vec<u16>)>(), 0..300)) {
        let mut arena = Arena::new();
        for _ in 0..2 {
            let kept: Vec<_> = values
                .iter()
                .map(|(a, b, c)| (arena.alloc(*a), arena.alloc(*b), arena.alloc_slice_copy(c)))
                .collect();
            for ((a, b, c), (kept_a, kept_b, kept_c)) in values.iter().zip(&kept) {
                prop_assert_eq!((a, b, c.as_slice()), (&**kept_a, &**kept_b, &**kept_c));
                prop_assert_eq!(std::ptr::from_ref::<u64>(kept_b).addr() % align_of::<u64>(), 0);
            }
            arena.reset();
        }
    }

    /// Vectors in an arena, several growing in turn, hold what plain ones do.
    #[test]
    fn vectors_grow_in_an_arena(pushes in collection::vec((0usize..4, any::<u32>()), 0..2000)) {
        let arena = Arena::new();
        let mut plain = vec![Vec::new(); 4];
        let mut inside: Vec<_> = (0..4).map(|_| VecIn::new_in(&arena)).collect();
        for (at, value) in pushes {
            plain[at].push(value);
            inside[at].push(value);
            if value % 16 == 0 {
                plain[at] = Vec::new();
                inside[at] = VecIn::new_in(&arena);
            }
        }
        for (plain, inside) in plain.iter().zip(&inside) {
            prop_assert_eq!(plain.as_slice(), inside.as_slice());
        }
    }

    /// Ids find what a map of all ever inserted says.
    #[test]
    fn ids_find_theirs_and_no_others(ops in collection::vec(any::<(bool, usize)>(), 0..500)) {
        let mut arena = IndexArena::new();
        let mut ever = Vec::new();
        for (insert, at) in ops {
            if insert || ever.is_empty() {
                ever.push((arena.insert(at), Some(at)));
            } else {
                let index = at % ever.len();
                let (id, value) = &mut ever[index];
                prop_assert_eq!(arena.remove(*id), value.take());
            }
            prop_assert_eq!(arena.len(), ever.iter().filter(|(_, value)| value.is_some()).count());
        }
        for (id, value) in &ever {
            prop_assert_eq!(arena.get(*id), value.as_ref());
        }
    }
}

#[test]
fn a_scope_gives_its_memory_back() {
    let mut arena = Arena::with_capacity(100);
    let before = arena.allocated_bytes();
    for _ in 0..100 {
        arena.scoped(|arena| {
            arena.alloc([0u8; 10_000]);
        });
    }
    assert_eq!(arena.allocated_bytes(), before);
}

#[test]
fn ids_are_small() {
    assert_eq!(size_of::<Option<spandrel_pool::Id>>(), 8);
}

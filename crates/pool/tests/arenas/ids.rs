//! `IndexArena` against all that was ever inserted.

use proptest::prelude::{any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use spandrel_pool::{Id, IndexArena};

proptest! {
    /// Ids find what a map of all ever inserted says.
    #[test]
    fn ids_find_theirs_and_no_others(ops in collection::vec(any::<(bool, usize)>(), 0..500)) {
        let mut arena = IndexArena::new();
        let mut ever = Vec::new();
        for (insert, at) in ops {
            if insert || ever.is_empty() {
                ever.push((arena.insert(at), Some(at)));
            } else if at % 64 == 0 {
                arena.retain(|_, value| *value % 3 == 0);
                ever.iter_mut().for_each(|(_, value)| {
                    value.take_if(|value| *value % 3 != 0);
                });
            } else {
                let index = at % ever.len();
                let (id, value) = &mut ever[index];
                prop_assert_eq!(arena.remove(*id), value.take());
            }
            prop_assert_eq!(arena.len(), ever.iter().filter(|(_, value)| value.is_some()).count());
        }
        for (id, value) in &ever {
            prop_assert_eq!(arena.get(*id), value.as_ref());
            prop_assert_eq!(Id::from_bits(id.to_bits()), Some(*id));
        }
        let mut alive: Vec<_> = ever.into_iter().filter_map(|(id, value)| Some((id, value?))).collect();
        alive.sort_by_key(|(id, _)| id.index());
        prop_assert!(arena.iter_mut().map(|(id, value)| (id, *value)).eq(alive));
    }
}

#[test]
fn ids_are_small() {
    assert_eq!(size_of::<Option<Id>>(), 8);
}

#[test]
fn two_are_changed_at_a_time() {
    let mut arena = IndexArena::with_capacity(2);
    let (a, b) = (arena.insert(1), arena.insert(2));
    assert!(arena.get2_mut(a, a).is_none());
    arena.remove(b);
    assert!(arena.get2_mut(a, b).is_none());
    let c = arena.insert(3);
    assert_eq!(arena.get2_mut(a, c), Some((&mut 1, &mut 3)));
    assert_eq!((c.index(), Id::from_bits(7)), (b.index(), None));
}

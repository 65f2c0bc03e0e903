//! `IndexArena` against all that was ever inserted.

use proptest::prelude::{any, proptest};
use proptest::{collection, prop_assert_eq};
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
fn ids_are_small() {
    assert_eq!(size_of::<Option<Id>>(), 8);
}

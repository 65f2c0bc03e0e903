//! Sorted maps beside a `BTreeMap`.

use std::collections::BTreeMap;

use proptest::prelude::{Strategy, any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use spandrel_cacheline::{EytzingerMap, IndexTree, NodeOrder};

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u32),
    Remove(u8),
    Change(u8),
    Layout(NodeOrder),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), any::<u8>(), any::<u32>()).prop_map(|(kind, key, value)| match kind % 32 {
        0..=15 => Step::Insert(key, value),
        16..=27 => Step::Remove(key),
        28 | 29 => Step::Change(key),
        30 => Step::Layout(NodeOrder::Sorted),
        _ => Step::Layout(NodeOrder::VanEmdeBoas),
    });
    collection::vec(step, 0..400)
}

fn entries() -> impl Strategy<Value = Vec<(u16, String)>> {
    collection::vec((any::<u16>(), any::<String>()), 0..300)
}

proptest! {
    #[test]
    fn a_tree_is_a_map(steps in steps(), from in any::<u8>()) {
        let (mut tree, mut model) = (IndexTree::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(tree.insert(key, value), model.insert(key, value));
                }
                Step::Remove(key) => prop_assert_eq!(tree.remove(&key), model.remove(&key)),
                Step::Change(key) => {
                    prop_assert_eq!(tree.get_mut(&key).is_some(), model.contains_key(&key));
                    tree.get_mut(&key).into_iter().chain(model.get_mut(&key)).for_each(|value| *value ^= 1);
                }
                Step::Layout(order) => tree.relayout(order),
            }
            prop_assert_eq!(tree.len(), model.len());
        }
        prop_assert!(tree.iter().eq(&model));
        prop_assert!(tree.iter_from(&from).eq(model.range(from..)));
        prop_assert_eq!(tree.first(), model.first_key_value());
        prop_assert_eq!(tree.last(), model.last_key_value());
        prop_assert!((0..=u8::MAX).all(|key| tree.get(&key) == model.get(&key)));
        let copy = tree.clone();
        tree.clear();
        prop_assert!(tree.is_empty() && tree.iter().next().is_none() && copy.iter().eq(&model));
    }

    #[test]
    fn an_eytzinger_map_is_a_map(entries in entries(), from: u16) {
        let model: BTreeMap<u16, String> = entries.iter().cloned().collect();
        let mut map: EytzingerMap<u16, String> = entries.iter().cloned().collect();
        prop_assert!(map.iter().eq(&model));
        prop_assert_eq!(map.first_from(&from), model.range(from..).next());
        for (key, _) in &entries {
            prop_assert_eq!(map.get(key), model.get(key));
            prop_assert_eq!(map.contains_key(&key.wrapping_add(1)), model.contains_key(&key.wrapping_add(1)));
        }
        map.values_mut().for_each(|value| value.push('!'));
        prop_assert!(map.values().all(|value| value.ends_with('!')));
        prop_assert_eq!(&map.clone(), &map);
    }

    #[test]
    fn strings_are_found_by_slices(words in collection::btree_set("[a-e]{0,4}", 0..60)) {
        let map: EytzingerMap<String, usize> = words.iter().cloned().zip(0..).collect();
        let tree: IndexTree<String, usize> = words.iter().cloned().zip(0..).collect();
        for (rank, word) in words.iter().enumerate() {
            prop_assert_eq!((map.get(word.as_str()), tree.get(word.as_str())), (Some(&rank), Some(&rank)));
        }
    }
}

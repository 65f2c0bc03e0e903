//! Lookups of random keys in sorted maps from `u32` to `u32`.

use std::collections::BTreeMap;
use std::hint::black_box;

use spandrel_cacheline::{EytzingerMap, IndexTree, NodeOrder};

use super::{Row, Scale, Variant, Work};
use crate::random::Random;

/// The variants for a map of so many thousands.
macro_rules! row {
    ($constant:ident, $name:literal, $what:literal, $thousands:literal) => {
        pub(crate) const $constant: Row = Row {
            name: $name,
            what: $what,
            is_single: true,
            variants: &[
                Variant { name: "`slice::binary_search`", prepare: |scale| binary(scale, $thousands) },
                Variant { name: "`EytzingerMap`", prepare: |scale| eytzinger(scale, $thousands) },
                Variant { name: "`BTreeMap`", prepare: |scale| btree(scale, $thousands) },
                Variant {
                    name: "`IndexTree` as it was built",
                    prepare: |scale| tree(scale, $thousands, None),
                },
                Variant {
                    name: "`IndexTree`, sorted",
                    prepare: |scale| tree(scale, $thousands, Some(NodeOrder::Sorted)),
                },
                Variant {
                    name: "`IndexTree`, van Emde Boas",
                    prepare: |scale| tree(scale, $thousands, Some(NodeOrder::VanEmdeBoas)),
                },
            ],
        };
    };
}

row!(THOUSAND, "search1k", "a lookup among a thousand keys; a lookup", 1);
row!(MILLION, "search1m", "a lookup among a million keys (200,000 where misses are counted); a lookup", 1000);
/// Without the trees, whose building alone would take minutes.
pub(crate) const EIGHT_MILLION: Row = Row {
    name: "search8m",
    what: "a lookup among 8 million keys (1,600,000 where misses are counted); a lookup",
    is_single: true,
    variants: &[
        Variant { name: "`slice::binary_search`", prepare: |scale| binary(scale, 8000) },
        Variant { name: "`EytzingerMap`", prepare: |scale| eytzinger(scale, 8000) },
        Variant { name: "`BTreeMap`", prepare: |scale| btree(scale, 8000) },
    ],
};

fn len(scale: Scale, thousands: usize) -> usize {
    if thousands == 1 { 1000 } else { scale.millions(1) * thousands / 1000 }
}

/// Keys in the order in which they come.
fn keys(scale: Scale, thousands: usize) -> Vec<u32> {
    let mut keys: Vec<u32> = (0..len(scale, thousands) as u32).map(|key| 2 * key).collect();
    Random::new().shuffle(&mut keys);
    keys
}

fn sorted(scale: Scale, thousands: usize) -> Vec<(u32, u32)> {
    (0..len(scale, thousands) as u32).map(|key| (2 * key, key)).collect()
}

/// Half of the keys that are looked for are there.
fn search<M: 'static>(scale: Scale, thousands: usize, map: M, find: fn(&M, u32) -> Option<u32>) -> Work {
    let limit = 2 * len(scale, thousands);
    let mut random = Random::new();
    let wanted: Vec<u32> = (0..scale.millions(1)).map(|_| random.below(limit) as u32).collect();
    Box::new(move || {
        let map = black_box(&map);
        black_box(wanted.iter().filter_map(|&key| find(map, key)).map(u64::from).sum::<u64>());
        wanted.len()
    })
}

fn binary(scale: Scale, thousands: usize) -> Work {
    let (keys, values): (Vec<u32>, Vec<u32>) = sorted(scale, thousands).into_iter().unzip();
    search(scale, thousands, (keys, values), |(keys, values), key| {
        keys.binary_search(&key).ok().map(|index| values[index])
    })
}

fn eytzinger(scale: Scale, thousands: usize) -> Work {
    let map = EytzingerMap::from_sorted(sorted(scale, thousands));
    search(scale, thousands, map, |map, key| map.get(&key).copied())
}

fn btree(scale: Scale, thousands: usize) -> Work {
    let map: BTreeMap<u32, u32> = keys(scale, thousands).into_iter().zip(0..).collect();
    search(scale, thousands, map, |map, key| map.get(&key).copied())
}

fn tree(scale: Scale, thousands: usize, order: Option<NodeOrder>) -> Work {
    let mut map: IndexTree<u32, u32> = keys(scale, thousands).into_iter().zip(0..).collect();
    if let Some(order) = order {
        map.relayout(order);
    }
    search(scale, thousands, map, |map, key| map.get(&key).copied())
}

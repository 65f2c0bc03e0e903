//! `Slab` and `IndexArena`, slab's and slotmap's.

use std::hint::black_box;

use super::{Row, Run};

/// Operations of a run.
const OPERATIONS: usize = 1000;

/// Keys that are far apart, as such keys come to be.
fn scattered(at: usize) -> usize {
    at * 619 % OPERATIONS
}

macro_rules! variants {
    (|$name:ident| $run:expr) => {{
        fn slab() {
            use spandrel_pool::Slab as $name;
            $run
        }
        fn ids() {
            use spandrel_pool::IndexArena as $name;
            $run
        }
        fn theirs() {
            use slab::Slab as $name;
            $run
        }
        fn slotmap() {
            type $name<T> = slotmap::SlotMap<slotmap::DefaultKey, T>;
            $run
        }
        let variants: Vec<(&'static str, Run)> = vec![
            ("spandrel-pool Slab", slab),
            ("slab", theirs),
            ("spandrel-pool IndexArena", ids),
            ("slotmap", slotmap),
        ];
        variants
    }};
}

/// A map of a thousand numbers, and their keys.
macro_rules! filled {
    ($name:ident) => {{
        let mut map = $name::with_capacity(OPERATIONS);
        let keys: Vec<_> = (0..OPERATIONS).map(|at| map.insert(at as u64)).collect();
        (map, keys)
    }};
}

pub(super) fn rows() -> Vec<Row> {
    let insert = variants!(|Map| {
        black_box(filled!(Map));
    });
    let churn = variants!(|Map| {
        let (mut map, mut keys) = filled!(Map);
        for at in 0..10 * OPERATIONS {
            let key = &mut keys[scattered(at)];
            black_box(map.remove(*key));
            *key = map.insert(at as u64);
        }
    });
    let get = variants!(|Map| {
        let (map, keys) = filled!(Map);
        let mut sum = 0;
        for at in 0..10 * OPERATIONS {
            sum += map.get(keys[scattered(at)]).copied().unwrap_or(0);
        }
        black_box(sum);
    });
    let iterate = variants!(|Map| {
        let (map, _) = filled!(Map);
        for _ in 0..10 {
            black_box(black_box(&map).iter().map(Number::number).sum::<u64>());
        }
    });
    vec![
        Row { name: "slab-insert", operations: OPERATIONS, variants: insert },
        Row { name: "slab-churn", operations: 10 * OPERATIONS, variants: churn },
        Row { name: "slab-get", operations: 10 * OPERATIONS, variants: get },
        Row { name: "slab-iterate", operations: 10 * OPERATIONS, variants: iterate },
    ]
}

/// What the maps' iterators give, with a key or without.
trait Number {
    fn number(self) -> u64;
}

impl Number for &u64 {
    fn number(self) -> u64 {
        *self
    }
}

impl<K> Number for (K, &u64) {
    fn number(self) -> u64 {
        *self.1
    }
}

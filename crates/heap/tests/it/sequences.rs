//! Any sequence of operations leaves the heap as the shadow heap has it; proptest shrinks those that don't.

use proptest::prelude::*;
use spandrel_testkit::ops::{Operation, Pick};
use spandrel_testkit::walk;

use crate::SPANDREL;

/// Sizes around the edges of classes, pages, and the ways of serving large objects.
fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 1..=1100usize,
        3 => 1..=40_000usize,
        1 => (13..=22u32, -8..=8isize).prop_map(|(shift, off)| (1usize << shift).saturating_add_signed(off)),
        1 => (4usize << 20)..=(9usize << 20),
    ]
}

fn align() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(8usize), 2 => Just(16), 2 => (0..=16u32).prop_map(|shift| 1 << shift)]
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![Just(Pick::Newest), Just(Pick::Oldest), any::<u32>().prop_map(Pick::At)]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (bytes(), align()).prop_map(|(bytes, align)| Operation::Alloc { bytes, align }),
        1 => (bytes(), align()).prop_map(|(bytes, align)| Operation::AllocZeroed { bytes, align }),
        2 => (pick(), bytes()).prop_map(|(pick, new_bytes)| Operation::Realloc { pick, new_bytes }),
        3 => pick().prop_map(|pick| Operation::Free { pick }),
        1 => pick().prop_map(|pick| Operation::Verify { pick }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sequences_agree_with_the_shadow_heap(operations in prop::collection::vec(operation(), 1..400)) {
        walk::replay(&SPANDREL, &operations);
    }
}

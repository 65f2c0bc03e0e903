//! Lists of a million numbers, shuffled by their edits.

use std::collections::LinkedList;
use std::hint::black_box;

use spandrel_cacheline::IndexList;

use super::{Row, Scale, Variant, Work};
use crate::random::Random;

pub(crate) const WALK: Row = Row {
    name: "walk",
    what: "the sum over a list of a million `u32` whose nodes lie in random order; an item",
    is_single: true,
    variants: &[
        Variant { name: "boxes with two pointers", prepare: boxes },
        Variant { name: "`IndexList`", prepare: |scale| walk(shuffled(scale)) },
        Variant { name: "`IndexList`, compacted", prepare: compacted },
        Variant { name: "`Vec`", prepare: vector },
    ],
};

pub(crate) const BUILD: Row = Row {
    name: "build",
    what: "a list of a million `u32` is appended to and dropped; an item",
    is_single: true,
    variants: &[
        Variant {
            name: "`LinkedList`",
            prepare: |scale| build(scale, |numbers| drop(black_box(numbers.collect::<LinkedList<u32>>()))),
        },
        Variant {
            name: "`IndexList`",
            prepare: |scale| build(scale, |numbers| drop(black_box(numbers.collect::<IndexList<u32>>()))),
        },
        Variant {
            name: "`Vec`",
            prepare: |scale| build(scale, |numbers| drop(black_box(numbers.collect::<Vec<u32>>()))),
        },
    ],
};

/// Items in a random order of their nodes' places: each is put into the list where chance wants it.
fn shuffled(scale: Scale) -> IndexList<u32> {
    let mut random = Random::new();
    let mut list = IndexList::with_capacity(scale.millions(1));
    let mut ids = vec![list.push_back(0)];
    for number in 1..scale.millions(1) as u32 {
        let neighbour = ids[random.below(ids.len())];
        ids.push(list.insert_after(neighbour, number).expect("it is there"));
    }
    list
}

fn walk(list: IndexList<u32>) -> Work {
    Box::new(move || {
        black_box(black_box(&list).iter().map(|&number| u64::from(number)).sum::<u64>());
        list.len()
    })
}

fn compacted(scale: Scale) -> Work {
    let mut list = shuffled(scale);
    list.compact(|_, _| {});
    walk(list)
}

fn vector(scale: Scale) -> Work {
    let numbers: Vec<u32> = shuffled(scale).iter().copied().collect();
    Box::new(move || {
        black_box(black_box(&numbers).iter().map(|&number| u64::from(number)).sum::<u64>());
        numbers.len()
    })
}

/// `std` has no list with edits in its middle: nodes that were allocated in one order are chained in another.
fn boxes(scale: Scale) -> Work {
    let mut nodes: Vec<LinkedList<u32>> =
        (0..scale.millions(1) as u32).map(|number| LinkedList::from([number])).collect();
    let order: Vec<u32> = shuffled(scale).iter().copied().collect();
    let mut list = LinkedList::new();
    for number in order {
        list.append(&mut nodes[number as usize]);
    }
    drop(nodes);
    Box::new(move || {
        black_box(black_box(&list).iter().map(|&number| u64::from(number)).sum::<u64>());
        list.len()
    })
}

fn build(scale: Scale, once: fn(&mut dyn Iterator<Item = u32>)) -> Work {
    let numbers = scale.millions(1);
    Box::new(move || {
        once(&mut (0..numbers as u32));
        numbers
    })
}

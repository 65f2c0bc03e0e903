//! The conformance suite: what must hold of every allocator, one function a property.
//!
//! Each function runs its property over a shadow heap and panics on the first fault, naming the property, the
//! operation and the seed. [`conformance`] runs them all on the calling thread; what needs threads is in
//! [`threads`](crate::threads) and [`fork`](crate::fork), what C promises beyond this in
//! [`c_conformance`](crate::c_conformance).
#![forbid(unsafe_code)]

use crate::random::Random;
use crate::shadow::{Key, Shadow};
use crate::sizes::{CLASS_BYTES, KIB, LARGE_EDGES_BYTES, MIB, OS_PAGE_BYTES, around};
use crate::subject::Subject;
use crate::walk::random_walk;

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Seconds in a debug build.
    Quick,
    /// About ten times that.
    Full,
}

impl Scale {
    /// `quick` or `full`.
    pub fn choose<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// A property of allocators: a name for messages, and the function that checks it.
pub type Property = (&'static str, fn(&dyn Subject, Scale));

/// All properties that one thread can check, cheapest first.
pub const PROPERTIES: [Property; 12] = [
    ("zero sizes", zero_sizes),
    ("zeroed memory is zero", zeroed_memory_is_zero),
    ("every size", every_size),
    ("every alignment", every_alignment),
    ("impossible requests are refused", impossible_requests_are_refused),
    ("orders of free", orders_of_free),
    ("realloc at class edges", realloc_at_class_edges),
    ("realloc at large edges", realloc_at_large_edges),
    ("realloc in small steps", realloc_in_small_steps),
    ("large blocks come and go", large_blocks_come_and_go),
    ("random walks", random_walks),
    ("many live blocks", many_live_blocks),
];

/// Runs every property.
///
/// # Panics
/// On the first fault of the subject.
pub fn conformance(subject: &dyn Subject, scale: Scale) {
    for (_, check) in PROPERTIES {
        check(subject, scale);
    }
}

/// Blocks of no bytes, where they are allowed, are distinct and can be freed.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn zero_sizes(subject: &dyn Subject, _scale: Scale) {
    if !subject.allows_zero_size() {
        return;
    }
    let mut shadow = Shadow::new(subject, "zero sizes", 0);
    for align in [1, 8, 16, 64, OS_PAGE_BYTES] {
        for _ in 0..100 {
            shadow.alloc(0, align);
            shadow.alloc_zeroed(0, align);
        }
    }
    let grown = shadow.alloc(0, 1);
    shadow.realloc(grown, 100);
    shadow.free_all();
}

/// Every size from 1 byte to past the largest class can be had, among live neighbours of like size.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn every_size(subject: &dyn Subject, scale: Scale) {
    let neighbours = scale.choose(8, 64);
    let mut shadow = Shadow::new(subject, "every size", 0);
    let mut live = std::collections::VecDeque::new();
    for bytes in 1..=33_000 {
        live.push_back(shadow.alloc(bytes, 1));
        if live.len() > neighbours {
            shadow.free(live.pop_front().expect("there are more than none"));
        }
    }
    shadow.free_all();
}

/// Every alignment up to 4 MiB (64 MiB at full scale) is honoured at small, odd, page and large sizes.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn every_alignment(subject: &dyn Subject, scale: Scale) {
    let mut shadow = Shadow::new(subject, "every alignment", 0);
    for align in (0..=scale.choose(22, 26)).map(|bits| 1 << bits) {
        let sizes = [1, 8, 24, 40, 100, OS_PAGE_BYTES - 1, 8 * KIB, 33_000, 200_000, MIB + 1];
        let copies = if align <= MIB { 3 } else { 1 };
        for bytes in sizes {
            for _ in 0..copies {
                shadow.alloc(bytes, align);
                let zeroed = shadow.alloc_zeroed(bytes, align);
                shadow.realloc(zeroed, bytes + bytes / 2 + 1);
                let shrunk = shadow.alloc(bytes, align);
                shadow.realloc(shrunk, bytes.div_ceil(3));
            }
        }
        shadow.free_all();
    }
}

/// Zeroed memory is zero at every class edge and for large blocks, also where dirty blocks were just freed.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn zeroed_memory_is_zero(subject: &dyn Subject, scale: Scale) {
    let copies = scale.choose(8, 100);
    let mut shadow = Shadow::new(subject, "zeroed memory is zero", 0);
    let large = [40 * KIB, 100_000, 300_000, MIB, MIB + 1, 5 * MIB].map(|bytes| (bytes, 3));
    let small = around(&CLASS_BYTES).map(|bytes| (bytes, copies));
    for (bytes, copies) in small.chain(large) {
        // The first round finds memory as the OS gave it; the later ones what these left behind.
        for round in 0..3 {
            let align = [8, 64, 1][round % 3];
            let dirty: Vec<Key> = (0..copies).map(|_| shadow.alloc(bytes, align)).collect();
            dirty.into_iter().for_each(|key| shadow.free(key));
            let zeroed: Vec<Key> = (0..copies).map(|_| shadow.alloc_zeroed(bytes, align)).collect();
            zeroed.into_iter().for_each(|key| shadow.free(key));
        }
    }
}

/// What no address space can hold is refused, and the heap and its blocks survive the question.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn impossible_requests_are_refused(subject: &dyn Subject, _scale: Scale) {
    const LARGEST: usize = isize::MAX as usize;
    let mut shadow = Shadow::new(subject, "impossible requests are refused", 0);
    let small = shadow.alloc(100, 8);
    let large = shadow.alloc(100_000, 8);
    for align in [1, 8, 16, 64, OS_PAGE_BYTES, MIB, 1 << 30] {
        // A layout's size, rounded up to its alignment, may be isize::MAX at most.
        let most = (LARGEST + 1) - align;
        for bytes in [most, most - 1, most - OS_PAGE_BYTES, most / 2, 1 << 48, 1 << 47] {
            shadow.refuses(bytes, align);
            shadow.verify(small);
        }
    }
    for align_bits in [47, 48, 61, 62] {
        shadow.refuses(1, 1 << align_bits);
        shadow.refuses(100_000, 1 << align_bits);
    }
    for key in [small, large] {
        for bytes in [LARGEST - 7, LARGEST - OS_PAGE_BYTES, LARGEST / 2, 1 << 48, 1 << 47] {
            shadow.refuses_realloc(key, bytes);
        }
    }
    shadow.alloc(100, 8);
    shadow.alloc(3 * MIB, 8);
    shadow.free_all();
}

/// Blocks can be freed newest first, oldest first, every second one first, and at random, and their memory
/// serves again.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn orders_of_free(subject: &dyn Subject, scale: Scale) {
    let blocks = scale.choose(500, 5_000);
    let mut random = Random::new(1);
    let mut shadow = Shadow::new(subject, "orders of free", 1);
    for bytes in [8, 16, 24, 100, 1000, 8 * KIB, 30_000, 40_000] {
        let blocks = blocks.min(8 * MIB / bytes);
        for order in ["newest first", "oldest first", "every second first", "random"] {
            let mut keys: Vec<Key> = (0..blocks).map(|_| shadow.alloc(bytes, 8)).collect();
            match order {
                "newest first" => keys.reverse(),
                "every second first" => {
                    let (even, odd): (Vec<_>, Vec<_>) =
                        keys.iter().enumerate().partition(|(index, _)| index % 2 == 0);
                    keys = even.into_iter().chain(odd).map(|(_, &key)| key).collect();
                }
                "random" => (1..keys.len()).for_each(|last| keys.swap(last, random.below(last + 1))),
                _ => {}
            }
            keys.into_iter().for_each(|key| shadow.free(key));
        }
    }
}

/// Growing and shrinking from each side of every class edge to the other side, to the neighbouring classes
/// and to the ends keeps contents, and what was resized in place is later freed as what it has become.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn realloc_at_class_edges(subject: &dyn Subject, _scale: Scale) {
    let mut shadow = Shadow::new(subject, "realloc at class edges", 0);
    for (class, &edge) in CLASS_BYTES.iter().enumerate() {
        let below = if class == 0 { 1 } else { CLASS_BYTES[class - 1] };
        let above = CLASS_BYTES.get(class + 1).copied().unwrap_or(40 * KIB);
        let sizes = [1, below, edge - 1, edge, edge + 1, above, 2 * edge, 33_000];
        for align in [1, 8, 16, 64, OS_PAGE_BYTES] {
            for (from, to) in pairs(&sizes) {
                resize_and_reuse(&mut shadow, from, to, align);
            }
        }
    }
}

/// The same across the edges of large blocks: 32 KiB, 1 MiB, 2 MiB, 4 MiB and 64 MiB, the last only up and
/// down the whole ladder of sizes unless the scale is full.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn realloc_at_large_edges(subject: &dyn Subject, scale: Scale) {
    let mut shadow = Shadow::new(subject, "realloc at large edges", 0);
    let pairs_bytes_max = scale.choose(4 * MIB, 64 * MIB);
    for edge in LARGE_EDGES_BYTES.into_iter().filter(|&edge| edge <= pairs_bytes_max) {
        let sizes = [edge - 1, edge, edge + 8 * KIB + 1, edge - 8 * KIB, edge + 1];
        for align in [8, 16 * KIB] {
            for (from, to) in pairs(&sizes[..scale.choose(3, 5)]) {
                resize_and_reuse(&mut shadow, from, to, align);
            }
        }
    }
    let ladder = [100, 20_000, 40_000, 900_000, 3 * MIB, 5 * MIB, 63 * MIB, 65 * MIB];
    for align in [8, 64 * KIB] {
        let mut key = shadow.alloc(10, align);
        for bytes in ladder.into_iter().chain(ladder.into_iter().rev()) {
            key = shadow.realloc(key, bytes);
        }
        shadow.free(key);
    }
    for (from, to) in [(10, 5 * MIB), (5 * MIB, 10), (40_000, 65 * MIB), (65 * MIB, 40_000)] {
        resize_and_reuse(&mut shadow, from, to, 8);
    }
}

/// Two blocks that grow in turn by an eighth, as vectors do, and then shrink to nothing, keep their contents.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn realloc_in_small_steps(subject: &dyn Subject, scale: Scale) {
    let bytes_max = scale.choose(8 * MIB, 128 * MIB);
    let mut shadow = Shadow::new(subject, "realloc in small steps", 0);
    let mut keys = [shadow.alloc(1, 1), shadow.alloc_zeroed(1, 8)];
    let mut bytes = 1;
    while bytes < bytes_max {
        bytes += bytes / 8 + 1;
        keys = keys.map(|key| shadow.realloc(key, bytes));
    }
    while bytes > 1 {
        bytes -= bytes / 4 + 1;
        keys = keys.map(|key| shadow.realloc(key, bytes.max(1)));
    }
    shadow.free_all();
}

/// Large blocks of changing sizes, allocated and freed in turn, stay intact.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn large_blocks_come_and_go(subject: &dyn Subject, scale: Scale) {
    let mut random = Random::new(2);
    let mut shadow = Shadow::new(subject, "large blocks come and go", 2);
    let mut live = Vec::new();
    for _ in 0..scale.choose(300, 3_000) {
        let bytes = random.log_between(32 * KIB, 8 * MIB);
        live.push(if random.one_in(4) { shadow.alloc_zeroed(bytes, 16) } else { shadow.alloc(bytes, 16) });
        while shadow.live_bytes() > 48 * MIB {
            shadow.free(live.swap_remove(random.below(live.len())));
        }
    }
    shadow.free_all();
}

/// Many small blocks live at once, a quarter of them replaced at random.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn many_live_blocks(subject: &dyn Subject, scale: Scale) {
    let mut random = Random::new(3);
    let mut shadow = Shadow::new(subject, "many live blocks", 3);
    let blocks = scale.choose(200_000, 1_000_000);
    let mut keys: Vec<Key> = (0..blocks).map(|_| shadow.alloc(random.between(1, 200), 8)).collect();
    for _ in 0..blocks / 4 {
        let key = &mut keys[random.below(blocks)];
        shadow.free(*key);
        *key = shadow.alloc(random.log_between(1, 1000), 8);
    }
    shadow.free_all();
}

/// Random walks, each with a seed and so a mood of its own.
///
/// # Panics
/// On a fault of the subject, like every property.
pub fn random_walks(subject: &dyn Subject, scale: Scale) {
    for seed in 0..scale.choose(40, 400) {
        random_walk(subject, seed, scale.choose(1_500, 10_000));
    }
}

/// All ordered pairs of different sizes.
fn pairs(sizes_bytes: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let pairs = sizes_bytes.iter().flat_map(move |&from| sizes_bytes.iter().map(move |&to| (from, to)));
    pairs.filter(|(from, to)| from != to)
}

/// Resizes a block between neighbours, frees it, and asks for blocks of both sizes: one that was filed under
/// the wrong size would now be too short.
fn resize_and_reuse(shadow: &mut Shadow<'_>, from_bytes: usize, to_bytes: usize, align: usize) {
    let resized = shadow.alloc(from_bytes, align);
    shadow.alloc(from_bytes, align);
    let resized = shadow.realloc(resized, to_bytes);
    shadow.alloc(to_bytes, align);
    shadow.free(resized);
    for bytes in [from_bytes, to_bytes] {
        shadow.alloc(bytes, align);
        shadow.alloc(bytes, align);
    }
    shadow.free_all();
}

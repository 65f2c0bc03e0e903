//! What programs do with an allocator without thinking of one: growing, formatting, trees and tables.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::hint::black_box;

use crate::block::Block;
use crate::measurement::{Measurement, Setup, timed, timed_loop};
use crate::random::Random;

const GROW_FIRST_SIZE: u32 = 16;
const GROW_LAST_SIZE: u32 = 64 << 10;
const PUSHES: usize = 10_000_000;
const FORMATTED: usize = 100_000;
const TREE_KEYS: usize = 200_000;
const TABLE_KEYS: usize = 300_000;
/// Keys have between `KEY_LEN_MIN` and `KEY_LEN_MIN + KEY_LEN_SPREAD` bytes, values up to `VALUE_LEN_MAX`.
const KEY_LEN_MIN: usize = 8;
const KEY_LEN_SPREAD: u32 = 16;
const VALUE_LEN_MAX: u32 = 96;

/// The standard hash without its random seed, so that all processes build the same table.
type FixedState = BuildHasherDefault<DefaultHasher>;

/// `realloc` in doubling steps from 16 B to 64 KiB. One operation is one step.
///
/// Two blocks take turns, as buffers in programs have neighbours: a block alone at the end of a fresh heap
/// would grow in place for ever.
pub(crate) fn grow(setup: &Setup) -> Measurement {
    timed_loop(setup, |steps| {
        let mut left = steps;
        while left > 0 {
            let mut blocks = [first_of_growing(), first_of_growing()];
            let mut size = GROW_FIRST_SIZE;
            while size < GROW_LAST_SIZE {
                size *= 2;
                for block in &mut blocks[..left.min(2)] {
                    left -= 1;
                    block.resize(size);
                    block.touch_last();
                }
            }
        }
    })
}

fn first_of_growing() -> Block {
    let mut block = Block::allocate(GROW_FIRST_SIZE);
    block.fill();
    block
}

/// A `Vec<u64>` that is not told how long it will be. One operation is one push.
pub(crate) fn vecpush(setup: &Setup) -> Measurement {
    let pushes = setup.scaled(PUSHES);
    timed(setup, pushes, || {
        let mut numbers = Vec::new();
        for number in 0..pushes as u64 {
            numbers.push(number);
        }
        black_box(&numbers);
    })
}

/// Formatted strings, all kept until the last is made. One operation is one string.
pub(crate) fn format(setup: &Setup) -> Measurement {
    let strings = setup.scaled(FORMATTED);
    timed(setup, strings, || {
        let mut random = Random::new(1);
        let mut kept = Vec::new();
        for index in 0..strings {
            kept.push(format!("object {index} of {} bytes", random.below(100_000)));
        }
        black_box(&kept);
    })
}

/// A map is built key by key and dropped. One operation is one key.
pub(crate) fn btreemap(setup: &Setup) -> Measurement {
    let keys = setup.scaled(TREE_KEYS);
    timed(setup, keys, || {
        let mut random = Random::new(1);
        let mut map = BTreeMap::new();
        for value in 0..keys {
            map.insert(key(&mut random), value);
        }
        black_box(&map);
    })
}

/// The same with a hash table, and a vector for each value.
pub(crate) fn hashmap(setup: &Setup) -> Measurement {
    let keys = setup.scaled(TABLE_KEYS);
    timed(setup, keys, || {
        let mut random = Random::new(1);
        let mut map: HashMap<String, Vec<u8>, FixedState> = HashMap::default();
        for _ in 0..keys {
            let key = key(&mut random);
            map.insert(key, vec![1; 1 + random.below(VALUE_LEN_MAX) as usize]);
        }
        black_box(&map);
    })
}

/// A key with random digits and a random length, made without the cost of formatting.
fn key(random: &mut Random) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = KEY_LEN_MIN + random.below(KEY_LEN_SPREAD + 1) as usize;
    let mut bits = random.number();
    let mut key = String::with_capacity(length);
    for _ in 0..length {
        key.push(char::from(DIGITS[(bits & 15) as usize]));
        bits = bits.rotate_right(4);
    }
    key
}

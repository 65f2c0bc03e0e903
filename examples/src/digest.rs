//! A number that stands for an output: FNV-1a over its bytes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

/// A map with the standard library's hash, and the same seed in every run, so that counts are the same too.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn add_number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0100_0000_01b3);
    }

    pub(crate) const fn value(&self) -> u64 {
        self.0
    }
}

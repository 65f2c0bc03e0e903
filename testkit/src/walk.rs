//! Random walks: sequences of operations applied to a shadow heap, and their reduction when one fails.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use crate::ops::{Operation, Pick, Swarm};
use crate::shadow::{Key, Shadow};
use crate::subject::Subject;

/// The requested bytes that a walk holds at most; above it the oldest blocks go first.
const LIVE_BYTES_MAX: usize = 64 << 20;

/// A heap in the middle of a walk: its shadow, and its live blocks from oldest to newest.
#[derive(Debug)]
pub struct Walk<'s> {
    shadow: Shadow<'s>,
    keys: VecDeque<Key>,
}

impl<'s> Walk<'s> {
    /// An empty heap.
    pub fn new(subject: &'s dyn Subject, seed: u64) -> Self {
        Self { shadow: Shadow::new(subject, "random walk", seed), keys: VecDeque::new() }
    }

    /// Takes one step.
    ///
    /// # Panics
    /// On a fault of the subject.
    pub fn step(&mut self, operation: Operation) {
        match operation {
            Operation::Alloc { bytes, align } => {
                self.make_room(bytes);
                let key = self.shadow.alloc(bytes, align);
                self.keys.push_back(key);
            }
            Operation::AllocZeroed { bytes, align } => {
                self.make_room(bytes);
                let key = self.shadow.alloc_zeroed(bytes, align);
                self.keys.push_back(key);
            }
            Operation::Realloc { pick, new_bytes } => {
                if let Some(key) = self.take(pick) {
                    self.make_room(new_bytes);
                    let key = self.shadow.realloc(key, new_bytes);
                    self.keys.push_back(key);
                }
            }
            Operation::Free { pick } => {
                if let Some(key) = self.take(pick) {
                    self.shadow.free(key);
                }
            }
            Operation::Verify { pick } => {
                if let Some(key) = self.take(pick) {
                    self.shadow.verify(key);
                    self.keys.push_back(key);
                }
            }
        }
    }

    /// Checks and frees everything that is left.
    ///
    /// # Panics
    /// On a fault of the subject.
    pub fn finish(mut self) {
        self.shadow.free_all();
    }

    fn take(&mut self, pick: Pick) -> Option<Key> {
        match pick {
            Pick::Newest => self.keys.pop_back(),
            Pick::Oldest => self.keys.pop_front(),
            Pick::At(_) if self.keys.is_empty() => None,
            Pick::At(index) => self.keys.swap_remove_back(index as usize % self.keys.len()),
        }
    }

    fn make_room(&mut self, bytes: usize) {
        while self.shadow.live_bytes() + bytes > LIVE_BYTES_MAX
            && let Some(key) = self.keys.pop_front()
        {
            self.shadow.free(key);
        }
    }
}

/// Applies `operations` in order to an empty heap, then frees what is left.
///
/// # Panics
/// On a fault of the subject.
pub fn replay(subject: &dyn Subject, operations: &[Operation]) {
    let mut walk = Walk::new(subject, 0);
    operations.iter().for_each(|&operation| walk.step(operation));
    walk.finish();
}

/// The sequence that a seed stands for.
pub fn operations(seed: u64, count: usize) -> Vec<Operation> {
    let mut swarm = Swarm::new(seed);
    (0..count).map(|_| swarm.operation()).collect()
}

/// Walks `count` operations that `seed` determines.
///
/// # Panics
/// On a fault of the subject; the message names the seed.
pub fn random_walk(subject: &dyn Subject, seed: u64, count: usize) {
    let mut swarm = Swarm::new(seed);
    let mut walk = Walk::new(subject, seed);
    (0..count).for_each(|_| walk.step(swarm.operation()));
    walk.finish();
}

/// Removes operations for as long as `fails` still says yes, and returns a sequence from which no single one
/// can be left out. Calls `fails` O(n²) times at worst, O(n log n) times where few operations matter.
///
/// ```
/// use spandrel_testkit::{ops::Operation, walk};
/// let all = walk::operations(3, 500);
/// let large = |operation: &Operation| matches!(operation, Operation::Alloc { bytes, .. } if *bytes > 8);
/// let few = walk::minimize(&all, |some| some.iter().any(large));
/// assert_eq!(few.len(), 1);
/// ```
pub fn minimize(operations: &[Operation], mut fails: impl FnMut(&[Operation]) -> bool) -> Vec<Operation> {
    let mut kept = operations.to_vec();
    let mut cut_operations = kept.len().div_ceil(2);
    loop {
        let mut start = 0;
        let mut removed = false;
        while start < kept.len() {
            let end = (start + cut_operations).min(kept.len());
            let rest = [&kept[..start], &kept[end..]].concat();
            if fails(&rest) {
                kept = rest;
                removed = true;
            } else {
                start = end;
            }
        }
        if cut_operations <= 1 && !removed {
            return kept;
        }
        cut_operations = cut_operations.div_ceil(2).max(1);
    }
}

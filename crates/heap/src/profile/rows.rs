//! The rows of the profile: what was sampled, by call stack, size, thread and labels; and a record for each
//! sampled object that is in use.
//!
//! Every sample carries its own weight (`sampling_law.rs`), so a row adds weights and never scales a sum.
//!
//! **The peak** is the state at the moment when the sampled bytes in use were at their highest. It is not
//! copied when that happens: each new height has a number, and a row that changes for the first time after
//! it keeps what it had. A row that has not changed since is as it was then.
//!
//! **Bounds.** When there is no room for a row, those without an object in use are dropped, and what they
//! have counted is added to one sum that the profile tells of; the same happens to samples for which nothing
//! can be dropped.

use crate::config::{LIFETIMES, RECORDS_MAX, RECORDS_STEP, ROW_CHAINS, ROWS_MAX, ROWS_STEP};
use crate::profile::slab::{Entry, Slab, Table};
use crate::profile::stacks::Stacks;
use crate::profile::texts::Texts;

/// What makes samples belong together, with the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The bytes requested.
    pub(crate) bytes: u64,
    /// The bytes of the object.
    pub(crate) object_bytes: u64,
    /// The thread's name, a text's number.
    pub(crate) name: u32,
    /// A set of labels.
    pub(crate) labels: u32,
    /// What the compiler called the allocation; 0: nothing.
    pub(crate) token: u64,
}

/// Samples that belong together.
#[repr(C)]
pub(crate) struct Row {
    pub(crate) stack: u32,
    /// The next in its chain, or the next unused one.
    next: u32,
    pub(crate) key: KeyCell,
    /// Samples, and those whose objects are in use.
    pub(crate) samples: u64,
    pub(crate) live_samples: u64,
    /// What they stand for: all objects, those in use, and the variance of the number of all.
    pub(crate) allocs: f64,
    pub(crate) live: f64,
    pub(crate) variance: f64,
    /// Objects that are not in use any more, by who freed them (0: the thread that allocated them, 1: another
    /// one) and by the class of their lifetimes.
    pub(crate) freed: [[f64; LIFETIMES]; 2],
    /// Objects in use at the height of this number.
    peak: f64,
    height: u64,
}

/// A [`Key`] for which all zero is a value.
pub(crate) type KeyCell = Key;

// SAFETY: plain numbers.
unsafe impl Entry for Row {
    fn link(&mut self) -> &mut u32 {
        &mut self.next
    }
}

/// A sampled object in use.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) row: u32,
    /// The next unused one.
    next: u32,
    /// The thread that allocated it.
    pub(crate) thread: u32,
    _padding: u32,
    pub(crate) born_ns: u64,
    pub(crate) weight: f64,
}

// SAFETY: plain numbers.
unsafe impl Entry for Record {
    fn link(&mut self) -> &mut u32 {
        &mut self.next
    }
}

/// What could not be kept apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dropped {
    pub(crate) samples: u64,
    pub(crate) objs: f64,
    pub(crate) bytes: f64,
}

/// A sample to enter.
pub(crate) struct Sample<'a> {
    pub(crate) frames: &'a [usize],
    pub(crate) key: Key,
    /// The probability by which it was drawn.
    pub(crate) probability: f64,
    pub(crate) thread: u32,
    pub(crate) now_ns: u64,
}

/// The profile.
pub(crate) struct Rows {
    rows: Slab<Row, { ROWS_MAX / ROWS_STEP }>,
    chains: Table<u32, ROW_CHAINS>,
    records: Slab<Record, { RECORDS_MAX / RECORDS_STEP }>,
    pub(crate) stacks: Stacks,
    pub(crate) texts: Texts,
    /// Sampled bytes in use, at their highest, and the number of that height.
    live_bytes: f64,
    peak_bytes: f64,
    height: u64,
    pub(crate) dropped: Dropped,
    /// Samples ever taken.
    pub(crate) samples: u64,
    /// All objects and bytes that samples stand for, and the variance of the bytes.
    pub(crate) objs: f64,
    pub(crate) bytes: f64,
    pub(crate) variance: f64,
}

impl Rows {
    pub(crate) const EMPTY: Self = Self {
        rows: Slab::new(ROWS_STEP),
        chains: Table::new(),
        records: Slab::new(RECORDS_STEP),
        stacks: Stacks::EMPTY,
        texts: Texts::EMPTY,
        live_bytes: 0.0,
        peak_bytes: 0.0,
        height: 0,
        dropped: Dropped { samples: 0, objs: 0.0, bytes: 0.0 },
        samples: 0,
        objs: 0.0,
        bytes: 0.0,
        variance: 0.0,
    };

    /// Rows with something in them, and the sampled objects in use.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.rows.used(), self.records.used())
    }

    /// All rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> {
        (1..self.rows.end()).map(|number| self.rows.get(number)).filter(|row| row.samples > 0)
    }

    /// Objects of a row at the peak.
    pub(crate) fn peak_of(&self, row: &Row) -> f64 {
        if row.height == self.height { row.peak } else { row.live }
    }

    /// Enters a sample; the number of the object's record, 0 if it is counted but not followed.
    pub(crate) fn begin(&mut self, sample: &Sample<'_>) -> u32 {
        let weight = 1.0 / sample.probability;
        let object_bytes = sample.key.object_bytes as f64;
        let variance = self.count(sample);
        let row = self.row(sample);
        let record = if row == 0 { 0 } else { self.records.take() };
        if record == 0 {
            self.drop_one(weight, object_bytes);
            return 0;
        }
        *self.records.get_mut(record) =
            Record { row, next: 0, thread: sample.thread, _padding: 0, born_ns: sample.now_ns, weight };
        let it = self.changing(row);
        it.samples += 1;
        it.live_samples += 1;
        it.allocs += weight;
        it.live += weight;
        it.variance += variance;
        self.live_bytes += weight * object_bytes;
        if self.live_bytes > self.peak_bytes {
            self.peak_bytes = self.live_bytes;
            self.height += 1;
        }
        record
    }

    /// Counts a sample whose object can't be followed.
    pub(crate) fn miss(&mut self, sample: &Sample<'_>) {
        self.count(sample);
        self.drop_one(1.0 / sample.probability, sample.key.object_bytes as f64);
    }

    fn drop_one(&mut self, weight: f64, object_bytes: f64) {
        self.dropped.samples += 1;
        self.dropped.objs += weight;
        self.dropped.bytes += weight * object_bytes;
    }

    /// Adds a sample to the sums; the variance of the number of objects that it stands for.
    fn count(&mut self, sample: &Sample<'_>) -> f64 {
        let weight = 1.0 / sample.probability;
        let object_bytes = sample.key.object_bytes as f64;
        let variance = (1.0 - sample.probability) * weight * weight;
        self.samples += 1;
        self.objs += weight;
        self.bytes += weight * object_bytes;
        self.variance += variance * object_bytes * object_bytes;
        variance
    }

    /// An object is not in use any more; the bytes that were requested for it.
    pub(crate) fn end(&mut self, number: u32, thread: u32, now_ns: u64) -> u64 {
        let record = *self.records.get(number);
        self.records.give(number);
        let lifetime = lifetime_class(now_ns.saturating_sub(record.born_ns));
        let it = self.changing(record.row);
        it.live_samples -= 1;
        // No error of rounding outlives the last object.
        it.live = if it.live_samples == 0 { 0.0 } else { it.live - record.weight };
        it.freed[usize::from(record.thread != thread)][lifetime] += record.weight;
        let Key { bytes, object_bytes, .. } = it.key;
        self.live_bytes -= record.weight * object_bytes as f64;
        bytes
    }

    /// A row that is about to change: what it had at the last height is kept.
    fn changing(&mut self, number: u32) -> &mut Row {
        let height = self.height;
        let row = self.rows.get_mut(number);
        if row.height != height {
            row.peak = row.live;
            row.height = height;
        }
        row
    }

    /// The row of a sample; 0 if there is no room.
    fn row(&mut self, sample: &Sample<'_>) -> u32 {
        if !self.chains.make() {
            return 0;
        }
        let mut stack = self.stacks.take(sample.frames);
        if stack == 0 {
            self.drop_rows();
            stack = self.stacks.take(sample.frames);
            if stack == 0 {
                return 0;
            }
        }
        let chain = chain(stack, &sample.key);
        let mut number = self.chains[chain];
        while number != 0 {
            let row = self.rows.get(number);
            if row.stack == stack && row.key == sample.key {
                self.stacks.give(stack);
                return number;
            }
            number = row.next;
        }
        number = self.rows.take();
        if number == 0 {
            self.drop_rows();
            number = self.rows.take();
        }
        if number == 0 {
            self.stacks.give(stack);
            return 0;
        }
        let (height, next) = (self.height, self.chains[chain]);
        let row = self.rows.get_mut(number);
        (row.stack, row.key, row.next, row.height) = (stack, sample.key, next, height);
        self.chains[chain] = number;
        number
    }

    /// Drops the rows without an object in use.
    #[cold]
    fn drop_rows(&mut self) {
        for chain in 0..self.chains.len() {
            let mut kept = 0;
            let mut next = self.chains[chain];
            while next != 0 {
                let number = next;
                let row = self.rows.get_mut(number);
                next = row.next;
                if row.live_samples > 0 {
                    row.next = kept;
                    kept = number;
                    continue;
                }
                let (stack, samples, objs, key) = (row.stack, row.samples, row.allocs, row.key);
                row.samples = 0;
                self.dropped.samples += samples;
                self.dropped.objs += objs;
                self.dropped.bytes += objs * key.object_bytes as f64;
                self.stacks.give(stack);
                self.rows.give(number);
            }
            self.chains[chain] = kept;
        }
    }
}

fn chain(stack: u32, key: &Key) -> usize {
    let words = [key.bytes, key.object_bytes, key.token, u64::from(key.name) << 32 | u64::from(key.labels)];
    words.iter().fold(stack.into(), |hash, word| super::mix(hash ^ word)) as usize % ROW_CHAINS
}

/// The class of a lifetime.
fn lifetime_class(lifetime_ns: u64) -> usize {
    ((lifetime_ns / 100).max(1).ilog10() as usize).min(LIFETIMES - 1)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Key, LIFETIMES, Rows, Sample, lifetime_class};
    use std::boxed::Box;

    fn empty() -> Box<Rows> {
        let mut rows = Box::<Rows>::new_uninit();
        // SAFETY: the value is copied into a place of its own; a large one, which must not go over the stack.
        unsafe {
            static EMPTY: Rows = Rows::EMPTY;
            core::ptr::copy_nonoverlapping(&raw const EMPTY, rows.as_mut_ptr(), 1);
            rows.assume_init()
        }
    }

    // SAFETY: the one value of this type is only ever copied.
    unsafe impl Sync for Rows {}

    fn sample(frames: &[usize], bytes: u64) -> Sample<'_> {
        let key = Key { bytes, object_bytes: bytes.next_multiple_of(16), name: 0, labels: 0, token: 0 };
        Sample { frames, key, probability: 0.5, thread: 1, now_ns: 1_000 }
    }

    #[test]
    fn lifetimes_have_classes() {
        let classes = [0, 999, 1_000, 9_999, 1_000_000, 9_999_999_999, 10_000_000_000, u64::MAX];
        assert_eq!(classes.map(lifetime_class), [0, 0, 1, 1, 4, 7, 8, LIFETIMES - 1]);
    }

    #[test]
    fn samples_begin_and_end() {
        let mut rows = empty();
        let first = rows.begin(&sample(&[1, 2, 3], 20));
        let second = rows.begin(&sample(&[1, 2, 3], 20));
        let third = rows.begin(&sample(&[1, 2], 20));
        assert_eq!(rows.counts(), (2, 3));
        assert_eq!(rows.end(first, 1, 1_500), 20);
        assert_eq!(rows.end(third, 2, 3_000_000), 20);
        let by_depth = |depth: usize| {
            let row = rows.iter().find(|row| rows.stacks.frames(row.stack).len() == depth).unwrap();
            (row.allocs, row.live, row.freed[0][0], row.freed[1][4], rows.peak_of(row))
        };
        assert_eq!(by_depth(3), (4.0, 2.0, 2.0, 0.0, 4.0));
        assert_eq!(by_depth(2), (2.0, 0.0, 0.0, 2.0, 2.0));
        rows.end(second, 1, 0);
        assert_eq!((rows.counts(), rows.live_bytes), ((2, 0), 0.0));
        rows.drop_rows();
        assert_eq!((rows.counts(), rows.dropped.objs, rows.stacks.used()), ((0, 0), 6.0, 0));
        assert_eq!(rows.dropped.bytes, 6.0 * 32.0);
    }

    /// The peak is what a copy at each new height would have been.
    #[test]
    fn the_peak_is_that_of_copies() {
        let mut rows = empty();
        let frames: std::vec::Vec<[usize; 1]> = (0..7).map(|frame| [frame]).collect();
        let mut live: std::vec::Vec<(u32, usize)> = std::vec::Vec::new();
        let mut copy = [0.0; 7];
        let (mut state, mut highest) = (1, 0.0);
        for _ in 0..5_000 {
            let bits;
            (state, bits) = crate::sampling_law::next_random(state);
            if bits % 100 < 52 || live.is_empty() {
                let site = bits as usize >> 8 & 0xff;
                let site = site % 7;
                live.push((rows.begin(&sample(&frames[site], 16)), site));
            } else {
                let (record, _) = live.swap_remove(bits as usize >> 8 & 0xffff & (live.len() - 1).min(0xff));
                rows.end(record, 1, 0);
            }
            if live.len() as f64 > highest {
                highest = live.len() as f64;
                copy = [0.0; 7];
                live.iter().for_each(|&(_, site)| copy[site] += 2.0);
            }
        }
        for row in rows.iter() {
            assert_eq!(rows.peak_of(row), copy[rows.stacks.frames(row.stack)[0]]);
        }
    }
}

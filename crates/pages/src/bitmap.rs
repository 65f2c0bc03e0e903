//! 512 bits, one a page of a chunk, and what can be asked about runs of set bits.
//!
//! Bit `i` is bit `i % 64` of word `i / 64`, so a lower bit is a lower page. The one idea is the **window**:
//! the bitmap of all places where `len` set bits in a row start. It is made by shift-and doubling in
//! log2(len) steps, whatever the bits are; its lowest bit is the first fit, its highest bit the last.

use core::ops::{BitOr, Not};

const WORD_BITS: usize = 64;
const WORDS: usize = crate::CHUNK_PAGES / WORD_BITS;

/// One bit for each page of a chunk.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bitmap([u64; WORDS]);

/// How many set bits a bitmap starts with, has in its longest run, and ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Runs {
    pub(crate) start: usize,
    pub(crate) max: usize,
    pub(crate) end: usize,
}

impl Bitmap {
    pub(crate) const EMPTY: Bitmap = Bitmap([0; WORDS]);
    pub(crate) const FULL: Bitmap = Bitmap([u64::MAX; WORDS]);

    /// The lowest set bit.
    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        let word = self.0.iter().position(|&bits| bits != 0)?;
        Some(word * WORD_BITS + self.0[word].trailing_zeros() as usize)
    }

    /// The highest set bit below `end`.
    #[inline]
    fn last_below(&self, end: usize) -> Option<usize> {
        let (mut word, kept_bits) = (end / WORD_BITS, end % WORD_BITS);
        let mut bits = if word < WORDS { self.0[word] & !(u64::MAX << kept_bits) } else { 0 };
        while bits == 0 {
            word = word.checked_sub(1)?;
            bits = self.0[word];
        }
        Some(word * WORD_BITS + bits.ilog2() as usize)
    }

    /// The lowest place where `len` set bits in a row start.
    #[inline]
    pub(crate) fn lowest_run(self, len: usize) -> Option<usize> {
        self.windows(len).first()
    }

    /// The highest run of at least `len_min` set bits, whole: where it starts, and its length.
    pub(crate) fn highest_run(self, len_min: usize) -> Option<(usize, usize)> {
        // Were the bit above the last window set, the window one place higher would be there too.
        let window = self.windows(len_min).last_below(crate::CHUNK_PAGES)?;
        let first = (!self).last_below(window).map_or(0, |clear| clear + 1);
        Some((first, window + len_min - first))
    }

    /// The bitmap of all `i` for which the bits `i .. i + len` are set. `len` is at least 1.
    #[inline]
    fn windows(mut self, len: usize) -> Bitmap {
        let mut window_len = 1;
        while window_len < len {
            let step = window_len.min(len - window_len);
            self.and_with_higher(step);
            window_len += step;
        }
        self
    }

    /// `self &= self >> distance`: keeps a bit where the bit `distance` places higher is set too.
    #[inline]
    fn and_with_higher(&mut self, distance: usize) {
        let (words, bits) = (distance / WORD_BITS, distance % WORD_BITS);
        // Two shifts, so that a distance of whole words takes nothing from the higher word.
        let join = |low: u64, high: u64| (low >> bits) | (high << 1 << (WORD_BITS - 1 - bits));
        if words == 0 {
            // No index depends on the distance: eight words in vector registers.
            for index in 0..WORDS - 1 {
                self.0[index] &= join(self.0[index], self.0[index + 1]);
            }
            self.0[WORDS - 1] &= join(self.0[WORDS - 1], 0);
        } else {
            let word = |bitmap: &Bitmap, index: usize| bitmap.0.get(index).copied().unwrap_or(0);
            for index in 0..WORDS {
                let low = word(self, index + words);
                self.0[index] &= join(low, word(self, index + words + 1));
            }
        }
    }

    /// Sets the bits `first .. first + len`.
    #[inline]
    pub(crate) fn set(&mut self, first: usize, len: usize) {
        masks(first, len).for_each(|(word, mask)| self.0[word] |= mask);
    }

    /// Clears the bits `first .. first + len`; returns how many of them were set.
    #[inline]
    pub(crate) fn clear(&mut self, first: usize, len: usize) -> usize {
        let mut cleared = 0;
        for (word, mask) in masks(first, len) {
            cleared += (self.0[word] & mask).count_ones() as usize;
            self.0[word] &= !mask;
        }
        cleared
    }

    /// Are all the bits `first .. first + len` set?
    #[inline]
    pub(crate) fn all_set(&self, first: usize, len: usize) -> bool {
        masks(first, len).all(|(word, mask)| self.0[word] & mask == mask)
    }

    /// The runs of set bits, summed up.
    pub(crate) fn runs(&self) -> Runs {
        let (mut start, mut max, mut run) = (crate::CHUNK_PAGES, 0, 0);
        for (index, &word) in self.0.iter().enumerate() {
            if word == u64::MAX {
                run += WORD_BITS;
                continue;
            }
            run += word.trailing_ones() as usize;
            max = max.max(run);
            start = start.min(index * WORD_BITS + word.trailing_ones() as usize);
            run = word.leading_ones() as usize;
        }
        max = max.max(run);
        // A run that touches neither end of its word was not seen above; it is at most 62 long.
        if max < WORD_BITS - 2 {
            max = self.0.iter().fold(max, |max, &word| longest_inside(word, max));
        }
        Runs { start, max, end: run }
    }
}

/// The longest run of set bits in `word`, if it is longer than `len`; else `len`.
#[inline]
fn longest_inside(word: u64, mut len: usize) -> usize {
    let mut windows = word;
    let mut window_len = 1;
    while windows != 0 && window_len <= len {
        let step = window_len.min(len + 1 - window_len);
        windows &= windows >> step;
        window_len += step;
    }
    while windows != 0 {
        len += 1;
        windows &= windows >> 1;
    }
    len
}

/// The words that the bits `first .. first + len` touch, each with the mask of those bits.
#[inline]
fn masks(first: usize, len: usize) -> impl Iterator<Item = (usize, u64)> {
    let (mut bit, end) = (first, first + len);
    core::iter::from_fn(move || {
        if bit >= end {
            return None;
        }
        let (word, low) = (bit / WORD_BITS, bit % WORD_BITS);
        let bits = (WORD_BITS - low).min(end - bit);
        bit += bits;
        Some((word, (u64::MAX >> (WORD_BITS - bits)) << low))
    })
}

impl Not for Bitmap {
    type Output = Bitmap;
    #[inline]
    fn not(self) -> Bitmap {
        Bitmap(self.0.map(|word| !word))
    }
}

impl BitOr for Bitmap {
    type Output = Bitmap;
    #[inline]
    fn bitor(self, other: Bitmap) -> Bitmap {
        Bitmap(core::array::from_fn(|index| self.0[index] | other.0[index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CHUNK_PAGES;
    use crate::model::XorShift;

    /// The runs of a bitmap by looking at one bit after the other: (first, length), ascending.
    fn naive_runs(bitmap: &Bitmap) -> Vec<(usize, usize)> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for bit in 0..CHUNK_PAGES {
            if bitmap.0[bit / WORD_BITS] >> (bit % WORD_BITS) & 1 == 1 {
                match runs.last_mut() {
                    Some((first, len)) if *first + *len == bit => *len += 1,
                    _ => runs.push((bit, 1)),
                }
            }
        }
        runs
    }

    fn check(bitmap: Bitmap, lens: impl Iterator<Item = usize>) {
        let runs = naive_runs(&bitmap);
        assert_eq!(bitmap.first(), runs.first().map(|run| run.0));
        let mut ends = runs.iter().map(|run| run.0 + run.1);
        assert_eq!(bitmap.last_below(CHUNK_PAGES), ends.next_back().map(|end| end - 1));
        let naive = Runs {
            start: runs.first().map_or(0, |run| if run.0 == 0 { run.1 } else { 0 }),
            max: runs.iter().map(|run| run.1).max().unwrap_or(0),
            end: runs.last().map_or(0, |run| if run.0 + run.1 == CHUNK_PAGES { run.1 } else { 0 }),
        };
        assert_eq!(bitmap.runs(), naive, "{bitmap:x?}");
        for len in lens {
            let lowest = runs.iter().find(|run| run.1 >= len).map(|run| run.0);
            assert_eq!(bitmap.lowest_run(len), lowest, "lowest {len} of {bitmap:x?}");
            let highest = runs.iter().rfind(|run| run.1 >= len).copied();
            assert_eq!(bitmap.highest_run(len), highest, "highest {len} of {bitmap:x?}");
        }
    }

    #[test]
    fn every_pattern_of_twelve_bits_at_every_kind_of_place() {
        // At the bottom, inside a word, across a word's border, at the top; in a clear and in a set sea.
        for place in [0, 20, 58, 250, CHUNK_PAGES - 12] {
            for pattern in 0..1_u64 << 12 {
                let mut clear_sea = Bitmap::EMPTY;
                let mut set_sea = Bitmap::FULL;
                for bit in 0..12 {
                    if pattern >> bit & 1 == 1 {
                        clear_sea.set(place + bit, 1);
                    } else {
                        assert_eq!(set_sea.clear(place + bit, 1), 1);
                    }
                }
                check(clear_sea, 1..=13);
                if pattern % 16 == 5 {
                    check(set_sea, [1, 2, 12, 63, 64, 65, 200, 254, 490, 500, 512].into_iter());
                }
            }
        }
    }

    #[test]
    fn every_single_run() {
        for first in 0..CHUNK_PAGES {
            for len in (1..=CHUNK_PAGES - first).filter(|len| len % 7 == 1 || first + len == CHUNK_PAGES) {
                let mut bitmap = Bitmap::EMPTY;
                bitmap.set(first, len);
                assert_eq!(bitmap.lowest_run(len), Some(first));
                assert_eq!(bitmap.lowest_run(len + 1), None);
                assert_eq!(bitmap.highest_run(len), Some((first, len)));
                assert_eq!(bitmap.highest_run(len + 1), None);
                assert_eq!(bitmap.runs().max, len);
                assert!(bitmap.all_set(first, len));
                assert!(first == 0 || !bitmap.all_set(first - 1, len + 1));
                assert!(first + len == CHUNK_PAGES || !bitmap.all_set(first, len + 1));
                assert_eq!(bitmap.clear(0, CHUNK_PAGES), len);
                assert_eq!(bitmap, Bitmap::EMPTY);
            }
        }
    }

    #[test]
    fn random_runs_of_all_sizes() {
        let mut random = XorShift::new(1);
        for round in 0..2000 {
            let mut bitmap = if round % 2 == 0 { Bitmap::EMPTY } else { Bitmap::FULL };
            for _ in 0..random.below(30) {
                let len = random.size(9);
                let first = random.below(CHUNK_PAGES - len);
                if random.below(2) == 0 {
                    bitmap.set(first, len);
                } else {
                    bitmap.clear(first, len);
                }
            }
            let lens: Vec<usize> = (0..8).map(|_| random.size(11)).collect();
            check(bitmap, lens.into_iter());
        }
    }

    #[test]
    fn a_run_inside_a_word_longer_by_one_than_the_rest() {
        for len in 1..=WORD_BITS - 2 {
            let mut bitmap = Bitmap::EMPTY;
            bitmap.set(0, len - 1);
            bitmap.set(3 * WORD_BITS + 1, len);
            check(bitmap, 1..=63);
        }
    }

    #[test]
    fn the_ends() {
        check(Bitmap::EMPTY, 1..=3);
        check(Bitmap::FULL, 1..=600);
    }
}

//! Bytes and bits of a record that belong to no member.
//!
//! A *hole* lies before a member, *padding* behind the last one. Where a bit-field ends or begins inside of a
//! byte, the rest of that byte is a bit hole, or bit padding, and is counted apart from whole bytes:
//!
//! ```text
//!   |aaabbbbb|bb......|........|cccccccc|ddd.....|
//!              '-----' '------'             '---'
//!             bit hole   hole            bit padding
//! ```
//!
//! Members may overlap: those of a union do, and in C++ a member may lie in the padding of a base.

use crate::model::{Record, RecordKind, Type};

/// A run of bits that no member has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins, in bits from the start of the record.
    pub start_bits: u64,
    /// Where it ends.
    pub end_bits: u64,
    /// Whether it is behind the last member.
    pub is_padding: bool,
}

/// All gaps of a record, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// The gaps; a run of bits and the run of bytes that follows it are two.
    pub gaps: Vec<Gap>,
}

impl Gap {
    /// Its length in bits.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.end_bits - self.start_bits
    }

    /// Whether it consists of whole bytes.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        self.start_bits.is_multiple_of(8) && self.end_bits.is_multiple_of(8)
    }
}

impl Gaps {
    /// The gaps of a record; those of a union are none, since its members begin at the same byte.
    #[must_use]
    pub fn of(found: &Type, record: &Record) -> Self {
        let bits = found.bytes.and_then(|bytes| bytes.checked_mul(8)).unwrap_or(0);
        if record.variants.is_some() || record.members.is_empty() {
            // An empty C++ class has a byte only to have an address.
            let is_bare = record.variants.is_none() && (bits > 8 || record.kind == RecordKind::Variant);
            return if is_bare { Self::between(std::iter::empty(), bits) } else { Self::default() };
        }
        let ranges =
            record.members.iter().filter_map(|member| Some((member.offset_bits?, member.end_bits()?)));
        Self::between(ranges, bits)
    }

    /// The gaps that ranges of bits leave in `bits`.
    pub(crate) fn between(ranges: impl Iterator<Item = (u64, u64)>, bits: u64) -> Self {
        let mut ranges: Vec<(u64, u64)> = ranges.filter(|(start, end)| start < end).collect();
        ranges.sort_unstable();
        let mut gaps = Self::default();
        let mut covered = 0;
        for (start, end) in ranges {
            gaps.push(covered, start.min(bits), false);
            covered = covered.max(end);
        }
        gaps.push(covered, bits, true);
        gaps
    }

    /// Adds a gap, split where bits end and bytes begin.
    fn push(&mut self, start: u64, end: u64, is_padding: bool) {
        let first_byte = start.next_multiple_of(8).min(end);
        let last_byte = (end / 8 * 8).max(first_byte);
        for (start_bits, end_bits) in [(start, first_byte), (first_byte, last_byte), (last_byte, end)] {
            if start_bits < end_bits {
                self.gaps.push(Gap { start_bits, end_bits, is_padding });
            }
        }
    }

    fn sum(&self, is_padding: bool, is_bytes: bool) -> u64 {
        self.matching(is_padding, is_bytes).map(Gap::bits).sum()
    }

    fn matching(&self, is_padding: bool, is_bytes: bool) -> impl Iterator<Item = Gap> + '_ {
        let matches = move |gap: &Gap| gap.is_padding == is_padding && gap.is_bytes() == is_bytes;
        self.gaps.iter().copied().filter(matches)
    }

    /// Holes of whole bytes.
    #[must_use]
    pub fn holes(&self) -> usize {
        self.matching(false, true).count()
    }

    /// The bytes of all holes.
    #[must_use]
    pub fn hole_bytes(&self) -> u64 {
        self.sum(false, true) / 8
    }

    /// Holes of less than a byte.
    #[must_use]
    pub fn bit_holes(&self) -> usize {
        self.matching(false, false).count()
    }

    /// The bits of these.
    #[must_use]
    pub fn bit_hole_bits(&self) -> u64 {
        self.sum(false, false)
    }

    /// The bytes behind the last member.
    #[must_use]
    pub fn padding_bytes(&self) -> u64 {
        self.sum(true, true) / 8
    }

    /// The bits behind the last member, before these bytes.
    #[must_use]
    pub fn padding_bits(&self) -> u64 {
        self.sum(true, false)
    }

    /// All bits that no member has.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.bits()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Gaps;

    #[test]
    fn bits_and_bytes_are_counted_apart() {
        let gaps = Gaps::between([(0, 10), (32, 35)].into_iter(), 64);
        assert_eq!((gaps.holes(), gaps.hole_bytes()), (1, 2));
        assert_eq!((gaps.bit_holes(), gaps.bit_hole_bits()), (1, 6));
        assert_eq!((gaps.padding_bytes(), gaps.padding_bits()), (3, 5));
        assert_eq!(gaps.bits(), 64 - 13);
    }

    #[test]
    fn members_may_overlap_and_hold_nothing() {
        let gaps = Gaps::between([(8, 32), (0, 16), (24, 24), (64, 200)].into_iter(), 96);
        assert_eq!((gaps.holes(), gaps.hole_bytes(), gaps.padding_bytes()), (1, 4, 0));
    }
}

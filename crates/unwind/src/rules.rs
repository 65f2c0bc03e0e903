//! How to get from a function to its caller, at one address: the row of an unwind table, in one word.

/// Which register an address is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The stack pointer.
    Sp,
    /// The frame pointer.
    Fp,
}

/// Where the caller's frame begins: the canonical frame address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `base + offset`...
    pub base: Base,
    /// ...in bytes...
    pub offset: i32,
    /// ...or the word that lies there.
    pub indirect: bool,
}

/// Where a register of the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It was not touched.
    Same,
    /// At this offset from the frame address.
    AtFrame(i16),
    /// At this offset from the stack pointer.
    AtSp(i16),
    /// Nobody knows.
    Lost,
}

/// The row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The caller's stack pointer.
    pub frame: Frame,
    /// Its frame pointer.
    pub fp: Saved,
    /// The return address; [`Saved::Same`] never occurs, [`Saved::Lost`] ends the walk: there is no caller.
    pub pc: Saved,
    /// Whether this is the frame of a signal, whose caller was interrupted where it was.
    pub is_signal: bool,
}

const IS_RULE: u64 = 1 << 63;
const IS_SIGNAL: u64 = 1 << 62;
const IS_INDIRECT: u64 = 1 << 61;
const FROM_FP: u64 = 1 << 60;
const FRAME_BITS: u32 = 24;
const SAVED_BITS: u32 = 18;

impl Rule {
    /// The rule as a word that is not 0; `None` if an offset is too large for it.
    #[must_use]
    pub fn pack(self) -> Option<u64> {
        let limit = 1 << (FRAME_BITS - 1);
        if !(-limit..limit).contains(&self.frame.offset) {
            return None;
        }
        let offset = u64::from(self.frame.offset.cast_unsigned()) & ((1 << FRAME_BITS) - 1);
        let flags = [
            (IS_SIGNAL, self.is_signal),
            (IS_INDIRECT, self.frame.indirect),
            (FROM_FP, self.frame.base == Base::Fp),
        ];
        let flags = flags.iter().filter(|flag| flag.1).fold(IS_RULE, |word, flag| word | flag.0);
        Some(flags | offset << (2 * SAVED_BITS) | pack(self.fp) << SAVED_BITS | pack(self.pc))
    }

    /// The rule of a word that [`pack`](Self::pack) made.
    #[must_use]
    pub fn unpack(word: u64) -> Option<Self> {
        if word & IS_RULE == 0 {
            return None;
        }
        let shifted = (word >> (2 * SAVED_BITS)) as u32;
        let offset = (shifted << (32 - FRAME_BITS)).cast_signed() >> (32 - FRAME_BITS);
        let base = if word & FROM_FP == 0 { Base::Sp } else { Base::Fp };
        Some(Self {
            frame: Frame { base, offset, indirect: word & IS_INDIRECT != 0 },
            fp: unpack(word >> SAVED_BITS),
            pc: unpack(word),
            is_signal: word & IS_SIGNAL != 0,
        })
    }
}

fn pack(saved: Saved) -> u64 {
    let (kind, offset) = match saved {
        Saved::Same => (0, 0),
        Saved::AtFrame(offset) => (1, offset),
        Saved::AtSp(offset) => (2, offset),
        Saved::Lost => (3, 0),
    };
    kind << 16 | u64::from(offset.cast_unsigned())
}

fn unpack(word: u64) -> Saved {
    let offset = (word as u16).cast_signed();
    match word >> 16 & 3 {
        0 => Saved::Same,
        1 => Saved::AtFrame(offset),
        2 => Saved::AtSp(offset),
        _ => Saved::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::{Base, Frame, Rule, Saved};

    #[test]
    fn words_hold_rules() {
        let saved =
            [Saved::Same, Saved::AtFrame(-16), Saved::AtSp(i16::MAX), Saved::AtFrame(i16::MIN), Saved::Lost];
        for base in [Base::Sp, Base::Fp] {
            for offset in [0, 8, -8, (1 << 23) - 1, -(1 << 23)] {
                for fp in saved {
                    for pc in saved {
                        for flag in [false, true] {
                            let frame = Frame { base, offset, indirect: flag };
                            let rule = Rule { frame, fp, pc, is_signal: !flag };
                            assert_eq!(Rule::unpack(rule.pack().unwrap()), Some(rule));
                        }
                    }
                }
            }
        }
        assert_eq!(Rule::unpack(0), None);
        let frame = Frame { base: Base::Sp, offset: 1 << 23, indirect: false };
        let rule = Rule { frame, fp: Saved::Same, pc: Saved::AtFrame(-8), is_signal: false };
        assert_eq!(rule.pack(), None);
    }
}

//! Unwind tables: the sections `.eh_frame_hdr` and `.eh_frame` of a loaded file, as bytes.
//!
//! The first is a sorted list from addresses of functions to entries of the second. An entry is a small
//! program that says, from the start of the function on, where the caller's registers are; it is run up to
//! the address in question. What is read here are the parts that say where the stack pointer, the frame
//! pointer and the return address are; the form is that of the Linux Standard Base, 10.6, and of DWARF 5,
//! 6.4.
//!
//! Nothing is assumed about the bytes: any that make no sense give no rule.

use crate::rules::{Base, Frame, Rule, Saved};

/// The read-only segment of a loaded file that holds its tables.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The bytes...
    pub bytes: &'a [u8],
    /// ...and the address of the first.
    pub address: usize,
}

/// Registers as the tables number them on x86-64.
const FP: u64 = 6;
const SP: u64 = 7;
const RETURN: u64 = 16;

/// Encodings of addresses: the low half is the form, the high half what it is relative to.
mod encoding {
    pub(super) const OMITTED: u8 = 0xff;
    pub(super) const ABSOLUTE: u8 = 0x00;
    pub(super) const U4: u8 = 0x03;
    pub(super) const U8: u8 = 0x04;
    pub(super) const I4: u8 = 0x0b;
    pub(super) const I8: u8 = 0x0c;
    pub(super) const FORM: u8 = 0x0f;
    pub(super) const RELATIVE: u8 = 0x70;
    pub(super) const TO_ITSELF: u8 = 0x10;
    /// Relative to the list itself, four bytes: what all linkers write there.
    pub(super) const TO_LIST_I4: u8 = 0x3b;
}

/// The rule for an address of code; `header` is the address of the list. `None` if the tables have none that
/// is understood.
#[must_use]
pub fn find_rule(segment: Segment<'_>, header: usize, pc: usize) -> Option<Rule> {
    let entry = find_entry(segment, header, pc)?;
    let entry = Entry::read(segment, entry)?;
    if pc.wrapping_sub(entry.start) >= entry.length {
        return None;
    }
    entry.rule_at(pc)
}

/// Looks up the address of the entry for an address of code.
fn find_entry(segment: Segment<'_>, header: usize, pc: usize) -> Option<usize> {
    let mut reader = Reader::at(segment, header)?;
    let [version, pointer, count, table] = [reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?];
    if version != 1 || count != encoding::U4 || table != encoding::TO_LIST_I4 {
        return None;
    }
    reader.address(pointer)?;
    let count = reader.u32()? as usize;
    let rows = reader.rest().get(..count.checked_mul(8)?)?;
    let row = |index: usize| {
        let row: [u8; 8] = rows[8 * index..8 * index + 8].try_into().unwrap_or_default();
        let part = |at: usize| i32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        (header.wrapping_add_signed(part(0) as isize), header.wrapping_add_signed(part(4) as isize))
    };
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if row(middle).0 <= pc {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Some(row(low.checked_sub(1)?).1)
}

/// What an entry shares with others.
#[derive(Clone, Copy)]
struct Common<'a> {
    code_step: u64,
    data_step: i64,
    encoding: u8,
    has_augmentation: bool,
    is_signal: bool,
    program: Reader<'a>,
}

/// The entry of a piece of code.
struct Entry<'a> {
    common: Common<'a>,
    start: usize,
    length: usize,
    program: Reader<'a>,
}

impl<'a> Entry<'a> {
    fn read(segment: Segment<'a>, address: usize) -> Option<Self> {
        let mut reader = Reader::at(segment, address)?.block()?;
        let here = reader.address;
        let distance = reader.u32()? as usize;
        let common = Common::read(segment, here.checked_sub(distance).filter(|_| distance != 0)?)?;
        let start = reader.address(common.encoding)?;
        let length = reader.address(common.encoding & encoding::FORM)?;
        if common.has_augmentation {
            let bytes = reader.uleb()?;
            reader.skip(bytes)?;
        }
        Some(Self { common, start, length, program: reader })
    }

    fn rule_at(&self, pc: usize) -> Option<Rule> {
        let mut program = Program {
            common: &self.common,
            row: Row::FIRST,
            first: Row::FIRST,
            kept: [Row::FIRST; KEPT_ROWS],
            kept_len: 0,
            at: self.start,
        };
        program.run(self.common.program, usize::MAX)?;
        program.first = program.row;
        program.at = self.start;
        program.run(self.program, pc)?;
        let Row { base, offset, indirect, fp, pc } = program.row;
        let frame = Frame { base: base?, offset: i32::try_from(offset).ok()?, indirect };
        Some(Rule { frame, fp, pc, is_signal: self.common.is_signal })
    }
}

impl<'a> Common<'a> {
    fn read(segment: Segment<'a>, address: usize) -> Option<Self> {
        let mut reader = Reader::at(segment, address)?.block()?;
        if reader.u32()? != 0 {
            return None;
        }
        let version = reader.u8()?;
        let augmentation = reader.text()?;
        let (code_step, data_step) = (reader.uleb()?, reader.sleb()?);
        let register = if version == 1 { u64::from(reader.u8()?) } else { reader.uleb()? };
        if !matches!(version, 1 | 3) || register != RETURN {
            return None;
        }
        let mut common = Self {
            code_step,
            data_step,
            encoding: encoding::ABSOLUTE,
            has_augmentation: augmentation.first() == Some(&b'z'),
            is_signal: false,
            program: reader,
        };
        if common.has_augmentation {
            let bytes = reader.uleb()?;
            common.read_augmentation(reader, &augmentation[1..])?;
            reader.skip(bytes)?;
        } else if !augmentation.is_empty() {
            return None;
        }
        common.program = reader;
        Some(common)
    }

    fn read_augmentation(&mut self, mut reader: Reader<'a>, letters: &[u8]) -> Option<()> {
        for letter in letters {
            match letter {
                b'R' => self.encoding = reader.u8()?,
                b'P' => {
                    let form = reader.u8()?;
                    reader.address(form & encoding::FORM)?;
                }
                b'L' => {
                    reader.u8()?;
                }
                b'S' => self.is_signal = true,
                b'B' => {}
                _ => return None,
            }
        }
        Some(())
    }
}

/// Where things are at one address.
#[derive(Clone, Copy)]
struct Row {
    /// See [`Frame`]; without a base while another register is the base.
    base: Option<Base>,
    offset: i64,
    indirect: bool,
    fp: Saved,
    pc: Saved,
}

impl Row {
    const FIRST: Self = Self { base: None, offset: 0, indirect: false, fp: Saved::Same, pc: Saved::Lost };

    fn set(&mut self, register: u64, saved: Saved) {
        match register {
            FP => self.fp = saved,
            RETURN => self.pc = saved,
            _ => {}
        }
    }

    fn restore(&mut self, register: u64, first: &Self) {
        match register {
            FP => self.fp = first.fp,
            RETURN => self.pc = first.pc,
            _ => {}
        }
    }
}

/// Rows that a program may keep aside at once.
const KEPT_ROWS: usize = 8;

/// A program that runs.
struct Program<'a> {
    common: &'a Common<'a>,
    row: Row,
    first: Row,
    kept: [Row; KEPT_ROWS],
    kept_len: usize,
    at: usize,
}

impl Program<'_> {
    /// Runs the instructions that hold at `pc`.
    fn run(&mut self, mut code: Reader<'_>, pc: usize) -> Option<()> {
        while let Some(instruction) = code.u8() {
            let low = u64::from(instruction & 0x3f);
            match instruction >> 6 {
                0 => {
                    if !self.extended(instruction, &mut code, pc)? {
                        return Some(());
                    }
                }
                1 => {
                    if !self.advance(low, pc) {
                        return Some(());
                    }
                }
                2 => {
                    let offset = code.uleb()?.cast_signed();
                    self.row.set(low, self.at_frame(offset));
                }
                _ => self.row.restore(low, &self.first),
            }
        }
        Some(())
    }

    /// An instruction that is a whole byte; whether to go on.
    fn extended(&mut self, instruction: u8, code: &mut Reader<'_>, pc: usize) -> Option<bool> {
        match instruction {
            0x00 => {}
            0x01 => {
                self.at = code.address(self.common.encoding)?;
                return Some(self.at <= pc);
            }
            0x02 => return Some(self.advance(code.u8()?.into(), pc)),
            0x03 => return Some(self.advance(u16::from_le_bytes([code.u8()?, code.u8()?]).into(), pc)),
            0x04 => return Some(self.advance(code.u32()?.into(), pc)),
            0x0a => {
                *self.kept.get_mut(self.kept_len)? = self.row;
                self.kept_len += 1;
            }
            0x0b => {
                self.kept_len = self.kept_len.checked_sub(1)?;
                self.row = self.kept[self.kept_len];
            }
            0x0c..=0x0f | 0x12 | 0x13 => self.frame_address(instruction, code)?,
            0x2e => {
                code.uleb()?;
            }
            _ => self.register(instruction, code)?,
        }
        Some(true)
    }

    /// An instruction that says where the frame begins.
    fn frame_address(&mut self, instruction: u8, code: &mut Reader<'_>) -> Option<()> {
        let row = &mut self.row;
        let scaled = |offset: i64| offset.checked_mul(self.common.data_step);
        row.indirect = false;
        match instruction {
            0x0c => (row.base, row.offset) = (base_of(code.uleb()?), code.uleb()?.cast_signed()),
            0x12 => (row.base, row.offset) = (base_of(code.uleb()?), scaled(code.sleb()?)?),
            0x0d => row.base = base_of(code.uleb()?),
            0x0e => row.offset = code.uleb()?.cast_signed(),
            0x13 => row.offset = scaled(code.sleb()?)?,
            _ => {
                let bytes = code.uleb()?;
                let frame = expression_frame(code.take(bytes)?);
                row.base = frame.map(|frame| frame.base);
                if let Some(frame) = frame {
                    (row.offset, row.indirect) = (frame.offset.into(), frame.indirect);
                }
            }
        }
        Some(())
    }

    /// An instruction that says where a register is.
    fn register(&mut self, instruction: u8, code: &mut Reader<'_>) -> Option<()> {
        let register = code.uleb()?;
        let saved = match instruction {
            0x05 => self.at_frame(code.uleb()?.cast_signed()),
            0x11 => self.at_frame(code.sleb()?),
            0x2f => self.at_frame(code.uleb()?.cast_signed().wrapping_neg()),
            0x06 => {
                self.row.restore(register, &self.first);
                return Some(());
            }
            0x07 => Saved::Lost,
            0x08 => Saved::Same,
            0x09 | 0x14 => {
                code.uleb()?;
                Saved::Lost
            }
            0x15 => {
                code.sleb()?;
                Saved::Lost
            }
            0x10 => {
                let bytes = code.uleb()?;
                let saved = match expression_frame(code.take(bytes)?) {
                    Some(Frame { base: Base::Sp, offset, indirect: false }) => i16::try_from(offset).ok(),
                    _ => None,
                };
                saved.map_or(Saved::Lost, Saved::AtSp)
            }
            0x16 => {
                let bytes = code.uleb()?;
                code.skip(bytes)?;
                Saved::Lost
            }
            _ => return None,
        };
        self.row.set(register, saved);
        Some(())
    }

    /// An offset that is too large for a rule counts as lost.
    fn at_frame(&self, offset: i64) -> Saved {
        let offset = offset.checked_mul(self.common.data_step).and_then(|it| i16::try_from(it).ok());
        offset.map_or(Saved::Lost, Saved::AtFrame)
    }

    /// Goes on in the code; whether what follows still holds at `pc`.
    fn advance(&mut self, steps: u64, pc: usize) -> bool {
        self.at = self.at.saturating_add(steps.saturating_mul(self.common.code_step) as usize);
        self.at <= pc
    }
}

fn base_of(register: u64) -> Option<Base> {
    match register {
        SP => Some(Base::Sp),
        FP => Some(Base::Fp),
        _ => None,
    }
}

/// The expressions that occur in practice: a register and an offset, or the word there.
fn expression_frame(mut expression: Reader<'_>) -> Option<Frame> {
    const REGISTER_0: u8 = 0x70;
    const DEREFERENCE: u8 = 0x06;
    let base = base_of(u64::from(expression.u8()?.checked_sub(REGISTER_0)?))?;
    let offset = i32::try_from(expression.sleb()?).ok()?;
    match expression.u8() {
        None => Some(Frame { base, offset, indirect: false }),
        Some(DEREFERENCE) if expression.rest().is_empty() => Some(Frame { base, offset, indirect: true }),
        Some(_) => None,
    }
}

/// Reads bytes from the front, and knows where it is.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    address: usize,
}

impl<'a> Reader<'a> {
    fn at(segment: Segment<'a>, address: usize) -> Option<Self> {
        let bytes = segment.bytes.get(address.checked_sub(segment.address)?..)?;
        Some(Self { bytes, address })
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    fn take(&mut self, bytes: u64) -> Option<Self> {
        let (taken, rest) = self.bytes.split_at_checked(usize::try_from(bytes).ok()?)?;
        let reader = Self { bytes: taken, address: self.address };
        *self = Self { bytes: rest, address: self.address.wrapping_add(taken.len()) };
        Some(reader)
    }

    fn skip(&mut self, bytes: u64) -> Option<()> {
        self.take(bytes).map(|_| ())
    }

    /// The block that begins here with its length.
    fn block(&mut self) -> Option<Self> {
        let length = self.u32()?;
        // A larger number announces a long form, which no linker writes here.
        if length >= 0xffff_fff0 { None } else { self.take(length.into()) }
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.bytes.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.bytes.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.bytes.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes.iter().position(|&byte| byte == 0)?;
        let text = self.take(length as u64)?.bytes;
        self.u8()?;
        Some(text)
    }

    fn uleb(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn sleb(&mut self) -> Option<i64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let unused = 64u32.saturating_sub(shift + 7);
                return Some((value << unused).cast_signed() >> unused);
            }
        }
        None
    }

    /// An address in one of the encodings.
    fn address(&mut self, encoding: u8) -> Option<usize> {
        if encoding == encoding::OMITTED {
            return Some(0);
        }
        let here = self.address;
        let value = match encoding & encoding::FORM {
            encoding::ABSOLUTE | encoding::U8 | encoding::I8 => self.u64()? as usize,
            encoding::U4 => self.u32()? as usize,
            encoding::I4 => self.u32()?.cast_signed() as isize as usize,
            _ => return None,
        };
        match encoding & encoding::RELATIVE {
            0 => Some(value),
            encoding::TO_ITSELF => Some(here.wrapping_add(value)),
            _ => None,
        }
    }
}

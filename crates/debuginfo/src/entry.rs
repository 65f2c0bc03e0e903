//! One entry of the debug information, with what its attributes say.

use gimli::{AttributeValue, DwAt, DwTag, Operation};

use crate::{Reader, Unit};

/// The place of an entry in the debug information of a program: unique in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) u64);

impl EntryId {
    /// Parts of a package begin at multiples of this; their offsets have 32 bits.
    const PART: u64 = 1 << 33;
    /// Set in the place of an entry in `.debug_types`.
    pub(crate) const TYPES: u64 = 1 << 62;
    /// Set in the place of an entry of the supplementary file.
    pub(crate) const SUPPLEMENT: u64 = 1 << 63;

    /// The entry at an offset of `.debug_info`, in the supplementary file if `is_supplement`.
    #[must_use]
    pub fn in_info(offset: usize, is_supplement: bool) -> Self {
        Self(offset as u64 | if is_supplement { Self::SUPPLEMENT } else { 0 })
    }

    /// The start of a unit, which is before all its entries.
    #[must_use]
    pub fn in_unit(header: &gimli::UnitHeader<Reader<'_>>, is_supplement: bool) -> Self {
        let is_types = header.section() == gimli::SectionId::DebugTypes;
        let section = if is_types { Self::TYPES } else { 0 };
        Self(Self::in_info(header.offset().0, is_supplement).0 | section)
    }

    /// Where the identities of a part of a package begin.
    pub(crate) fn part_base(part: u32) -> u64 {
        (u64::from(part) * Self::PART) & (Self::TYPES - 1)
    }

    /// Whether the entry lies in the supplementary file.
    #[must_use]
    pub fn is_supplement(self) -> bool {
        self.0 & Self::SUPPLEMENT != 0
    }
}

/// Where a member lies in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Place {
    /// Not said: at the start, in a union.
    #[default]
    Unsaid,
    /// So many bytes from the start.
    Bytes(u64),
    /// So many bits from the start.
    Bits(u64),
    /// In a bit-field of the old form: bytes from the start of the record, then bits from the most
    /// significant bit of the storage unit, which may be negative.
    OldBits {
        /// Where the storage unit begins.
        unit_bytes: u64,
        /// Bits from its most significant end.
        from_top: i64,
    },
    /// Found at run time: a virtual base.
    Computed,
}

/// What an entry is besides its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags {
    /// A declaration whose definition is elsewhere.
    pub is_declaration: bool,
    /// Made by the compiler.
    pub is_artificial: bool,
    /// Visible outside of its unit; a static member.
    pub is_external: bool,
    /// An array that is a vector register.
    pub is_vector: bool,
    /// A Go field that is embedded.
    pub is_embedded: bool,
    /// A base that is virtual.
    pub is_virtual: bool,
}

/// One entry. Fields that an entry of this tag does not have are empty.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Where it is.
    pub id: EntryId,
    /// What it is.
    pub tag: DwTag,
    /// The index of the entry that it lies in.
    pub parent: Option<u32>,
    /// The index behind its last descendant.
    pub end: u32,
    /// Its name; empty for none.
    pub name: &'a [u8],
    /// The entry of its type, or of the discriminant of a variant part.
    pub type_id: Option<EntryId>,
    /// The entry that it completes: its declaration, its abstract origin, or the unit of its type.
    pub origin: Option<EntryId>,
    /// Its size.
    pub byte_size: Option<u64>,
    /// The width of a bit-field.
    pub bit_size: Option<u64>,
    /// Its alignment, where the compiler says one.
    pub align: Option<u64>,
    /// Where a member lies.
    pub place: Place,
    /// The value of a discriminant; the number of elements of a dimension; of an enumeration the number of
    /// its enumerators.
    pub value: Option<i64>,
    /// The smallest and the largest enumerator of an enumeration.
    pub range: (i64, i64),
    /// The encoding of a base type, or Go's kind.
    pub encoding: u8,
    /// The file of its declaration, as a number of the unit's line table; 0 for none.
    pub decl_file: u32,
    /// The line of its declaration; 0 for none.
    pub decl_line: u32,
    /// The rest.
    pub flags: Flags,
}

impl<'a> Entry<'a> {
    pub(crate) fn empty(id: EntryId, tag: DwTag) -> Self {
        Self {
            id,
            tag,
            parent: None,
            end: 0,
            name: &[],
            type_id: None,
            origin: None,
            byte_size: None,
            bit_size: None,
            align: None,
            place: Place::Unsaid,
            value: None,
            range: (0, 0),
            encoding: 0,
            decl_file: 0,
            decl_line: 0,
            flags: Flags::default(),
        }
    }

    /// Takes over an attribute that needs no other section.
    pub(crate) fn set(&mut self, name: DwAt, value: &AttributeValue<Reader<'a>>, unit: &Unit<'a>) {
        let is_true = || matches!(value, AttributeValue::Flag(true));
        match name {
            gimli::DW_AT_byte_size => self.byte_size = value.udata_value(),
            gimli::DW_AT_bit_size => self.bit_size = value.udata_value(),
            gimli::DW_AT_alignment => self.align = value.udata_value(),
            gimli::DW_AT_data_bit_offset => {
                self.place = value.udata_value().map_or(Place::Computed, Place::Bits);
            }
            gimli::DW_AT_data_member_location if !matches!(self.place, Place::Bits(_)) => {
                self.place = place(value, unit);
            }
            gimli::DW_AT_count => self.value = signed(value),
            gimli::DW_AT_upper_bound => {
                // gcc writes the bound of `[0]` as the largest number of its form.
                let bound = signed(value).filter(|&bound| !is_all_ones(value, bound));
                self.value = bound.map(|bound| bound.saturating_add(1)).or(self.value);
                if bound.is_none() && value.udata_value().is_some() {
                    self.value = Some(0);
                }
            }
            gimli::DW_AT_discr_value | gimli::DW_AT_const_value => {
                self.value = Some(signed(value).unwrap_or(i64::MAX));
            }
            gimli::DW_AT_encoding => self.encoding = encoding(value),
            gimli::DW_AT_decl_file => self.decl_file = small(value),
            gimli::DW_AT_decl_line => self.decl_line = small(value),
            gimli::DW_AT_declaration => self.flags.is_declaration = is_true(),
            gimli::DW_AT_artificial => self.flags.is_artificial = is_true(),
            gimli::DW_AT_external => self.flags.is_external = is_true(),
            gimli::DW_AT_GNU_vector => self.flags.is_vector = is_true(),
            gimli::DW_AT_virtuality => self.flags.is_virtual = value.udata_value() != Some(0),
            DwAt(GO_KIND) if self.encoding == 0 => self.encoding = encoding(value),
            DwAt(GO_EMBEDDED_FIELD) => self.flags.is_embedded = is_true(),
            _ => {}
        }
    }
}

/// Go's own attributes.
const GO_KIND: u16 = 0x2900;
const GO_EMBEDDED_FIELD: u16 = 0x2903;

fn small(value: &AttributeValue<Reader<'_>>) -> u32 {
    match value {
        AttributeValue::FileIndex(index) => u32::try_from(*index).unwrap_or(0),
        value => value.udata_value().and_then(|value| u32::try_from(value).ok()).unwrap_or(0),
    }
}

fn encoding(value: &AttributeValue<Reader<'_>>) -> u8 {
    match value {
        AttributeValue::Encoding(encoding) => encoding.0,
        value => value.udata_value().and_then(|value| u8::try_from(value).ok()).unwrap_or(0),
    }
}

/// A number that may be negative, in any form; forms of fixed length hold signed numbers too.
pub(crate) fn signed(value: &AttributeValue<Reader<'_>>) -> Option<i64> {
    Some(match value {
        AttributeValue::Data1(value) => i64::from(*value),
        AttributeValue::Data2(value) => i64::from(*value),
        AttributeValue::Data4(value) => i64::from(*value),
        AttributeValue::Data8(value) | AttributeValue::Udata(value) => *value as i64,
        AttributeValue::Sdata(value) => *value,
        _ => return None,
    })
}

fn is_all_ones(value: &AttributeValue<Reader<'_>>, bound: i64) -> bool {
    match value {
        AttributeValue::Data4(_) => bound == i64::from(u32::MAX),
        _ => bound == -1,
    }
}

/// A constant, or an expression that adds one.
fn place(value: &AttributeValue<Reader<'_>>, unit: &Unit<'_>) -> Place {
    if let Some(bytes) = value.udata_value() {
        return Place::Bytes(bytes);
    }
    let expression = match value {
        AttributeValue::Exprloc(expression) => *expression,
        AttributeValue::Block(bytes) => gimli::Expression(*bytes),
        _ => return Place::Computed,
    };
    let mut operations = expression.operations(unit.encoding());
    match (operations.next(), operations.next()) {
        (Ok(Some(Operation::PlusConstant { value } | Operation::UnsignedConstant { value })), Ok(None)) => {
            Place::Bytes(value)
        }
        _ => Place::Computed,
    }
}

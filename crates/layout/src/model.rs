//! What a type is: its size, its alignment, its members and where they lie.
//!
//! A [`Type`] stands for all types of a program that have the same name and the same shape, in however many
//! units they occur. Offsets are in bits, so that bit-fields are members like others.

use std::fmt;
use std::sync::Arc;

/// A type in [`Types`](crate::Types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub(crate) u32);

/// The language that a type was declared in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// C.
    C,
    /// C++.
    Cpp,
    /// Rust.
    Rust,
    /// Go.
    Go,
    /// Another one.
    Other,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Other => "other",
        })
    }
}

/// An alignment, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Align {
    /// So many bytes.
    Known(u64),
    /// At most so many: the record is packed, and debug information does not say how.
    AtMost(u64),
}

impl Align {
    /// The bytes, known or at most.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::Known(bytes) | Self::AtMost(bytes) => bytes,
        }
    }
}

/// Where a type was declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The file, as the compiler was given it, made absolute by the folder that it ran in.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

/// One type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// The name with its scope: `a::b::C`.
    pub name: Arc<str>,
    /// The language of the first unit that has it.
    pub language: Language,
    /// Its size; none for what is only declared.
    pub bytes: Option<u64>,
    /// Its alignment.
    pub align: Align,
    /// Where it was declared, if the debug information says so.
    pub source: Option<Source>,
    /// What it is made of.
    pub shape: Shape,
}

/// What a type is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Nothing smaller.
    Scalar(Scalar),
    /// Elements side by side.
    Array {
        /// The type of an element.
        element: TypeId,
        /// How many; none for a flexible array.
        count: Option<u64>,
    },
    /// Members.
    Record(Record),
    /// Declared and never defined.
    Opaque,
}

/// A type without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// Integers, characters.
    Integer,
    /// Two values.
    Bool,
    /// A Unicode scalar value, as in Rust.
    Char,
    /// Floating point, decimal or complex too.
    Float,
    /// An address, also of a function, a map, a channel.
    Pointer,
    /// An address that is never null.
    Reference,
    /// A vector register.
    Vector,
    /// One of a list of names.
    Enumeration {
        /// How many names.
        count: u64,
        /// The smallest value.
        low: i64,
        /// The largest value.
        high: i64,
    },
    /// Something else.
    Other,
}

/// What kind of record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A struct, in any language; a tuple.
    Struct,
    /// A C++ class.
    Class,
    /// A union.
    Union,
    /// An enum whose variants have fields.
    Enum,
    /// The fields of one variant.
    Variant,
    /// What a closure captures.
    Closure,
    /// The state of an async function, async block or coroutine.
    Future,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Struct => "struct",
            Self::Class => "class",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::Variant => "variant",
            Self::Closure => "closure",
            Self::Future => "future",
        })
    }
}

/// A type with members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// What kind it is.
    pub kind: RecordKind,
    /// The members in the order of their declaration.
    pub members: Vec<Member>,
    /// The variants of an enum or a future.
    pub variants: Option<Variants>,
    /// Some member lies where its own alignment would not let it.
    pub is_packed: bool,
    /// The alignment that the source asks for, where the compiler passes that on.
    pub asked_align: Option<u64>,
    /// Nobody wrote it: a closure, a tuple, a slice, Go's strings.
    pub is_generated: bool,
}

/// A member of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its name; empty for an anonymous one.
    pub name: Arc<str>,
    /// Its type as the source has it.
    pub type_name: Arc<str>,
    /// Its type, without names and qualifiers.
    pub type_id: TypeId,
    /// What it is.
    pub role: Role,
    /// Bits from the start of the record; none for a virtual base, whose place is found at run time.
    pub offset_bits: Option<u64>,
    /// Its size in bits; none for a type that is only declared.
    pub bits: Option<u64>,
    /// Its alignment in bytes.
    pub align: u64,
    /// The alignment that the source asks for, on the member or on the name of its type.
    pub asked_align: Option<u64>,
    /// Whether it is atomic, in C.
    pub is_atomic: bool,
    /// The line of its declaration; 0 if unknown.
    pub line: u32,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A field of the source.
    Field,
    /// A field in a part of a word.
    BitField,
    /// A base class, or a field that Go embeds.
    Base,
    /// A base class whose place is found at run time.
    VirtualBase,
    /// The pointer to the table of virtual functions.
    Vptr,
    /// An array of no fixed length, at the end.
    Flexible,
}

/// The variants of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variants {
    /// Where the discriminant lies: bits from the start, size in bits. None with a single variant.
    pub tag: Option<(u64, u64)>,
    /// The variants.
    pub variants: Vec<Variant>,
}

/// One variant of an enum, or one state of a future.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Its name.
    pub name: Arc<str>,
    /// The value of the discriminant; none for the one that holds all other values (a niche), and for a
    /// single variant.
    pub value: Option<i64>,
    /// The record with its fields, which has the size of the whole enum.
    pub body: TypeId,
    /// The line of its declaration; 0 if unknown.
    pub line: u32,
}

impl Type {
    /// The record, if it is one.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match &self.shape {
            Shape::Record(record) => Some(record),
            _ => None,
        }
    }
}

impl Member {
    /// Where the member ends, in bits; none where that is unknown.
    #[must_use]
    pub fn end_bits(&self) -> Option<u64> {
        self.offset_bits?.checked_add(self.bits?)
    }

    /// Whether it is a bit-field.
    #[must_use]
    pub fn is_bit_field(&self) -> bool {
        self.role == Role::BitField
    }
}

impl Record {
    /// Whether some member lies at an offset that is unknown.
    #[must_use]
    pub fn has_virtual_base(&self) -> bool {
        self.members.iter().any(|member| member.offset_bits.is_none())
    }
}

impl Variants {
    /// The discriminant has no bytes of its own: it lies inside a field of a variant that has no value for
    /// it, and so holds values that the field never has.
    #[must_use]
    pub fn is_niche(&self) -> bool {
        self.tag.is_some() && self.variants.iter().any(|variant| variant.value.is_none())
    }
}

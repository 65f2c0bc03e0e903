//! The JSON of `spandrel layout --json`.
//!
//! Within a version fields are only ever added. Offsets and sizes whose names end in `bits` are bits, all
//! others bytes.

use serde::Serialize;

/// The name of the schema below.
pub const LAYOUT_SCHEMA: &str = "spandrel.layout";
/// The version of the schema below.
pub const LAYOUT_VERSION: u64 = 1;

/// The types of a program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayoutReport {
    /// [`LAYOUT_SCHEMA`].
    pub schema: &'static str,
    /// [`LAYOUT_VERSION`].
    pub version: u64,
    /// The file that was read.
    pub binary: String,
    /// Records that the program has, those that are not listed too.
    pub records: usize,
    /// The types that were asked for, or all that somebody wrote.
    pub types: Vec<TypeReport>,
    /// Units that could not be read, and why.
    pub problems: Vec<String>,
    /// How much of a heap profile could be given to types; null without a profile.
    pub heap: Option<HeapReport>,
}

/// How much of a heap profile could be given to types.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeapReport {
    /// Bytes in use.
    pub live_bytes: u64,
    /// Of these, bytes of a type that the profile names.
    pub attributed_bytes: u64,
    /// Of these, bytes of a type that was inferred from package and size.
    pub inferred_bytes: u64,
    /// Of these, bytes of no known type.
    pub unattributed_bytes: u64,
}

/// One type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TypeReport {
    /// The name with its scope.
    pub name: String,
    /// `struct`, `class`, `union`, `enum`, `variant`, `closure` or `future`.
    pub kind: String,
    /// `C`, `C++`, `Rust`, `Go` or `other`.
    pub language: String,
    /// Whether somebody wrote it in the source of the program: not its compiler or a library of the system.
    pub is_own: bool,
    /// In how many units it occurs.
    pub units: u32,
    /// Its size; null if it is unknown.
    pub bytes: Option<u64>,
    /// Its alignment.
    pub align: u64,
    /// Whether the alignment may be less: the type is packed, and debug information does not say how.
    pub is_align_bound: bool,
    /// Where it was declared; null if that is unknown.
    pub source: Option<PlaceReport>,
    /// The members in the order of their declaration.
    pub members: Vec<MemberReport>,
    /// The variants of an enum, the states of a future.
    pub variants: Vec<VariantReport>,
    /// Where the discriminant of an enum lies; null if it has none.
    pub tag: Option<TagReport>,
    /// Runs of bits that no member has.
    pub gaps: Vec<GapReport>,
    /// Bytes of holes.
    pub hole_bytes: u64,
    /// Bytes behind the last member.
    pub padding_bytes: u64,
    /// Bits that nothing ever uses, in members of members too.
    pub deep_padding_bits: u64,
    /// Cache lines of 64 bytes that an object touches, if it begins where a line does.
    pub lines: u64,
    /// The best order; null where there is none, see `obstacle`.
    pub best: Option<BestReport>,
    /// Why there is no best order; null if there is one.
    pub obstacle: Option<String>,
    /// What an object costs on the heap.
    pub cost: CostReport,
    /// What stands out, the most valuable first.
    pub findings: Vec<FindingReport>,
    /// Objects in a real heap; null without a profile.
    pub weight: Option<WeightReport>,
}

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceReport {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The text of the line, if the file is at hand.
    #[serde(skip)]
    pub text: Option<String>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberReport {
    /// Its name; empty for an anonymous one.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// `field`, `bit-field`, `base`, `virtual-base`, `vptr` or `flexible`.
    pub role: &'static str,
    /// Where it begins; null for a virtual base.
    pub offset_bits: Option<u64>,
    /// Its size; null if it is unknown.
    pub bits: Option<u64>,
    /// Its alignment.
    pub align: u64,
    /// Bits inside of it that nothing ever uses.
    pub deep_padding_bits: u64,
    /// The line of its declaration; null if that is unknown.
    pub line: Option<u32>,
}

/// A variant of an enum, or a state of a future.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantReport {
    /// Its name.
    pub name: String,
    /// The discriminant; null for the variant that has all other values, and for a single one.
    pub value: Option<i64>,
    /// Bytes of its fields.
    pub used_bytes: u64,
    /// Bytes that neither the discriminant nor its fields use.
    pub wasted_bytes: u64,
    /// The size of the whole, if its fields were in a box; an estimate.
    pub bytes_if_boxed: u64,
    /// Its fields.
    pub members: Vec<MemberReport>,
}

/// The discriminant of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagReport {
    /// Where it begins.
    pub offset_bits: u64,
    /// Its size.
    pub bits: u64,
    /// It has no bytes of its own: it is in values that a field of the largest variant never has.
    pub is_niche: bool,
}

/// Bits that no member has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapReport {
    /// Where they begin.
    pub offset_bits: u64,
    /// How many.
    pub bits: u64,
    /// Whether they are behind the last member.
    pub is_padding: bool,
}

/// The best order of members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BestReport {
    /// The size in that order.
    pub bytes: u64,
    /// The bytes that it saves.
    pub saved_bytes: u64,
    /// Whether no order is smaller.
    pub is_proven: bool,
    /// The names of the members in that order; empty where the present one is best.
    pub order: Vec<String>,
    /// Bytes that Go's collector scans, now.
    pub pointer_bytes_now: u64,
    /// The same in the best order.
    pub pointer_bytes: u64,
    /// `safe`, `review` or `forbidden`; null where the present order is best.
    pub verdict: Option<&'static str>,
    /// What speaks against the change.
    pub reasons: Vec<String>,
}

/// What an object costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CostReport {
    /// The allocator.
    pub allocator: String,
    /// Bytes on the heap.
    pub heap_bytes: u64,
    /// Bytes on the heap in the best order.
    pub heap_bytes_best: u64,
    /// Bytes that could be added without any cost.
    pub head_room: u64,
    /// The largest size that costs less; 0 if there is none.
    pub next_cheaper: u64,
}

/// Something that stands out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingReport {
    /// Its kind; the names are stable.
    pub kind: &'static str,
    /// `warning` or `note`.
    pub level: &'static str,
    /// One sentence.
    pub message: String,
    /// Heap bytes that each object would save.
    pub saved_bytes: u64,
    /// The member that it is about; null for the type as a whole.
    pub member: Option<String>,
}

/// Objects of a type in a real heap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightReport {
    /// Objects in use.
    pub live_objects: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Objects ever allocated.
    pub allocated_objects: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
    /// Of the live bytes, those whose type was inferred.
    pub inferred_bytes: u64,
    /// Heap bytes that the program would get back with the best order.
    pub saved_bytes: u64,
}

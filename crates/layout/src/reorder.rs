//! Whether the members of a record could lie better, and whether they may.
//!
//! [`Reorder::of`] lays the record out anew with the rules of its language and gives the best order that it
//! finds. What must not move does not: bases and the pointer to virtual functions stay in front, a flexible
//! array at the end, bit-fields that follow each other stay together. Where the rules leave nothing to
//! choose, or debug information does not tell enough, there is an [`Obstacle`] instead of an order.
//!
//! A smaller record is not always a good one: other code may know the order. The verdict says what
//! speaks against a change.

use std::fmt;

use crate::model::{Language, Member, Record, RecordKind, Role, Scalar, Shape, Type, TypeId};
use crate::order::{self, Frame, Item};
use crate::types::Types;

/// Why a record has no better order, or none that can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obstacle {
    /// Members of a union all begin at its start.
    Union,
    /// The compiler places the fields of variants.
    Variants,
    /// Nobody wrote the record, so nobody can change it.
    Generated,
    /// A virtual base lies where only the running program knows.
    VirtualBase,
    /// A packed record has no holes that an order could fill.
    Packed,
    /// Members share bytes, by rules that debug information does not tell.
    Overlap,
    /// Bit-fields begin in the word of another member: elsewhere they would be placed differently.
    BitFields,
    /// The size of the record or of a member is unknown, or makes no sense.
    Unknown,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Union => "the members of a union lie over each other",
            Self::Variants => "the compiler places the fields of an enum",
            Self::Generated => "the compiler makes this type",
            Self::VirtualBase => "a virtual base has no fixed place",
            Self::Packed => "it is packed",
            Self::Overlap => "members share bytes",
            Self::BitFields => "its bit-fields share a word with another member",
            Self::Unknown => "a size is unknown",
        })
    }
}

/// A better order, or the proof that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reorder {
    /// The members in the best order, by their indices in [`Record::members`].
    pub order: Vec<usize>,
    /// The size now.
    pub bytes_now: u64,
    /// The size in the best order; never more.
    pub bytes_best: u64,
    /// Whether no order gives a smaller one.
    pub is_best: bool,
    /// The bytes that Go's collector scans, now.
    pub pointer_bytes_now: u64,
    /// The same in the best order.
    pub pointer_bytes_best: u64,
}

/// A piece that moves as one: a member, or bit-fields that follow each other.
#[derive(Debug)]
struct Piece {
    members: std::ops::Range<usize>,
    item: Item,
}

impl Reorder {
    /// The best order of the members of a type.
    ///
    /// # Errors
    /// There is nothing to choose, or not enough is known.
    pub fn of(types: &Types, id: TypeId) -> Result<Self, Obstacle> {
        let found = types.get(id);
        let record = found.record().ok_or(Obstacle::Unknown)?;
        let bytes_now = found.bytes.ok_or(Obstacle::Unknown)?;
        check(types, found, record)?;
        let placed = by_place(found, record);
        let (fixed, rest) =
            placed.split_at(placed.iter().take_while(|member| is_fixed(found, member)).count());
        let (rest, flexible) = rest.split_at(rest.len() - usize::from(ends_flexible(rest)));
        let frame = frame(found, fixed, rest, flexible)?;
        let pieces = pieces(types, found, rest)?;
        let items: Vec<Item> = pieces.iter().map(|piece| piece.item).collect();
        let best = order::best(&items, frame).ok_or(Obstacle::Unknown)?;
        let present: Vec<usize> = (0..items.len()).collect();
        // A model that does not reach the size that the compiler gave, or goes beyond it, knows too little.
        let model = order::size_of(&items, &present, frame).ok_or(Obstacle::Unknown)?;
        if found.language != Language::Rust && model > bytes_now {
            return Err(Obstacle::Overlap);
        }
        let prefix = |order: &[usize]| order::pointer_prefix(&items, order);
        let (now, then) = (prefix(&present), prefix(&best.order));
        // What has no bytes to move has no better order: an empty C++ class has a byte all the same.
        let is_movable = items.iter().any(|item| item.bytes > 0);
        let bytes_best = if is_movable { best.bytes.min(bytes_now) } else { bytes_now };
        let is_better = bytes_best < bytes_now || bytes_best == bytes_now && then < now;
        let chosen = if is_better { &best.order } else { &present };
        Ok(Self {
            order: indices(record, fixed, rest, flexible, &pieces, chosen),
            bytes_now,
            bytes_best,
            is_best: best.is_best || bytes_best >= bytes_now,
            pointer_bytes_now: now,
            pointer_bytes_best: if is_better { then } else { now },
        })
    }

    /// The bytes that the best order saves in each object, apart from any allocator.
    #[must_use]
    pub fn saved_bytes(&self) -> u64 {
        self.bytes_now - self.bytes_best
    }
}

fn check(types: &Types, found: &Type, record: &Record) -> Result<(), Obstacle> {
    match record.kind {
        RecordKind::Union => return Err(Obstacle::Union),
        RecordKind::Enum | RecordKind::Future | RecordKind::Variant => return Err(Obstacle::Variants),
        RecordKind::Closure | RecordKind::Struct | RecordKind::Class => {}
    }
    if has_virtual_base(types, record, 0) {
        return Err(Obstacle::VirtualBase);
    }
    if record.is_packed {
        return Err(Obstacle::Packed);
    }
    let is_known = |member: &Member| member.bits.is_some() && member.align.is_power_of_two();
    if !record.members.iter().all(is_known) || !found.align.bytes().is_power_of_two() {
        return Err(Obstacle::Unknown);
    }
    Ok(())
}

/// Whether the record or one of its bases has a virtual base, which is no part of that base here.
fn has_virtual_base(types: &Types, record: &Record, depth: u32) -> bool {
    const DEPTH_MAX: u32 = 64;
    let bases = record.members.iter().filter(|member| member.role == Role::Base);
    let mut bases = bases.filter_map(|member| types.get(member.type_id).record());
    record.has_virtual_base()
        || depth < DEPTH_MAX && bases.any(|base| has_virtual_base(types, base, depth + 1))
}

/// The members in the order of their places: the order of the source, but for Rust.
fn by_place<'record>(found: &Type, record: &'record Record) -> Vec<&'record Member> {
    let mut members: Vec<&Member> = record.members.iter().collect();
    if found.language == Language::Rust {
        members.sort_by_key(|member| (member.offset_bits, member.bits));
    }
    members
}

fn is_fixed(found: &Type, member: &Member) -> bool {
    matches!(member.role, Role::Base | Role::Vptr) && found.language != Language::Go
}

fn ends_flexible(members: &[&Member]) -> bool {
    members.last().is_some_and(|member| member.role == Role::Flexible)
}

/// Whether the start of what may move is where the fixed part ends.
fn frame(found: &Type, fixed: &[&Member], rest: &[&Member], flexible: &[&Member]) -> Result<Frame, Obstacle> {
    let ends = fixed.iter().filter_map(|member| member.end_bits());
    let mut start_bits = ends.max().unwrap_or(0);
    let first =
        rest.iter().filter(|member| member.bits != Some(0)).filter_map(|member| member.offset_bits).min();
    if let Some(first) = first.filter(|&first| first < start_bits) {
        // An empty base has no bytes, and a base with constructors lends its padding.
        start_bits = first;
    }
    let mut ranges: Vec<(u64, u64)> = rest
        .iter()
        .filter_map(|member| Some((member.offset_bits?, member.end_bits()?)))
        .filter(|(start, end)| start < end)
        .collect();
    ranges.sort_unstable();
    if ranges.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(Obstacle::Overlap);
    }
    Ok(Frame {
        start_bytes: start_bits / 8,
        align: found.align.bytes(),
        pads_empty_end: found.language == Language::Go,
        end_align: flexible.first().map_or(1, |member| member.align),
    })
}

fn pieces(types: &Types, found: &Type, rest: &[&Member]) -> Result<Vec<Piece>, Obstacle> {
    let mut pieces = Vec::new();
    let mut next = 0;
    while next < rest.len() {
        let run = rest[next..].iter().take_while(|member| member.is_bit_field()).count();
        if run > 0 {
            pieces.push(Piece { members: next..next + run, item: bit_fields(&rest[next..next + run])? });
            next += run;
            continue;
        }
        let member = rest[next];
        let bits = member.bits.ok_or(Obstacle::Unknown)?;
        let pointer_bytes = match found.language {
            Language::Go => pointer_bytes(types, member.type_id),
            _ => 0,
        };
        let item = Item { bytes: bits / 8, align: member.align, pointer_bytes };
        pieces.push(Piece { members: next..next + 1, item });
        next += 1;
    }
    Ok(pieces)
}

/// Bit-fields that follow each other, as one piece that is aligned as the largest of their words.
fn bit_fields(run: &[&Member]) -> Result<Item, Obstacle> {
    let start = run.iter().filter_map(|member| member.offset_bits).min().ok_or(Obstacle::Unknown)? / 8;
    let end = run.iter().filter_map(|member| member.end_bits()).max().ok_or(Obstacle::Unknown)?;
    let align = run.iter().map(|member| member.align).max().unwrap_or(1);
    if !start.is_multiple_of(align) {
        return Err(Obstacle::BitFields);
    }
    Ok(Item { bytes: end.div_ceil(8).saturating_sub(start), align, pointer_bytes: 0 })
}

/// Bytes from the start of a value to the end of its last pointer.
pub(crate) fn pointer_bytes(types: &Types, id: TypeId) -> u64 {
    let found = types.get(id);
    match &found.shape {
        Shape::Scalar(Scalar::Pointer | Scalar::Reference) => found.bytes.unwrap_or(0),
        Shape::Scalar(_) | Shape::Opaque => 0,
        Shape::Array { element, count } => match (pointer_bytes(types, *element), count.unwrap_or(0)) {
            (0, _) | (_, 0) => 0,
            (inner, count) => {
                let stride = types.get(*element).bytes.unwrap_or(0);
                stride.saturating_mul(count - 1).saturating_add(inner)
            }
        },
        Shape::Record(record) => {
            let ends = record.members.iter().filter_map(|member| {
                let inner = pointer_bytes(types, member.type_id);
                (inner > 0).then_some((member.offset_bits? / 8).saturating_add(inner))
            });
            ends.max().unwrap_or(0)
        }
    }
}

/// The chosen order as indices of members.
fn indices(
    record: &Record,
    fixed: &[&Member],
    rest: &[&Member],
    flexible: &[&Member],
    pieces: &[Piece],
    chosen: &[usize],
) -> Vec<usize> {
    let index = |member: &Member| {
        let at = record.members.iter().position(|other| std::ptr::eq(other, member));
        at.expect("all members are the record's")
    };
    let moved = chosen.iter().flat_map(|&piece| &rest[pieces[piece].members.clone()]);
    fixed.iter().chain(moved).chain(flexible).map(|member| index(member)).collect()
}

//! Enums and futures: what each variant needs, and what the largest one costs all others.
//!
//! Every value of an enum is as large as its largest variant. When one variant is much larger than the rest
//! and rare, it is cheaper to keep its fields behind a pointer: the enum shrinks to the next largest variant.
//! The size then is an estimate, as the compiler chooses the places; it is never below the truth by more than
//! the pointer could hide a discriminant.

use crate::gaps::Gaps;
use crate::model::{Member, Record, RecordKind, Scalar, Shape, Type, TypeId, Variants};
use crate::types::Types;

/// What one variant needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantNeed {
    /// Its index in [`Variants::variants`].
    pub index: usize,
    /// Bytes of its fields.
    pub used_bytes: u64,
    /// Where its last field ends, in bytes from the start.
    pub end_bytes: u64,
    /// Bytes that neither the discriminant nor a field of this variant uses.
    pub wasted_bytes: u64,
    /// The size of the whole, if this variant kept its fields behind a pointer.
    pub bytes_if_boxed: u64,
}

/// The needs of all variants, in their order.
#[must_use]
pub fn needs(types: &Types, found: &Type, variants: &Variants) -> Vec<VariantNeed> {
    let bytes = found.bytes.unwrap_or(0);
    let all: Vec<(u64, u64, u64, u64)> =
        variants.variants.iter().map(|variant| extent(types, variant.body, variants.tag, bytes)).collect();
    let pointer_bytes = types.pointer_bytes();
    let tag_end = variants.tag.map_or(0, |(start, bits)| (start + bits).div_ceil(8));
    all.iter()
        .enumerate()
        .map(|(index, &(used_bytes, end_bytes, wasted_bytes, _))| {
            let others = all.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, need)| need);
            let others_end = others.clone().map(|need| need.1).max().unwrap_or(0);
            let align = others.map(|need| need.3).max().unwrap_or(1).max(pointer_bytes);
            // The pointer comes behind the discriminant, as if there were no niche for that.
            let boxed_end = tag_end.max(1).next_multiple_of(pointer_bytes.max(1)) + pointer_bytes;
            let boxed = others_end.max(boxed_end).next_multiple_of(align.max(1));
            VariantNeed { index, used_bytes, end_bytes, wasted_bytes, bytes_if_boxed: boxed.min(bytes) }
        })
        .collect()
}

/// Used bytes, end, wasted bytes and alignment of the fields of a variant.
fn extent(types: &Types, body: TypeId, tag: Option<(u64, u64)>, bytes: u64) -> (u64, u64, u64, u64) {
    let Some(record) = types.get(body).record() else { return (0, 0, bytes, 1) };
    let fields = || record.members.iter().filter(|member| member.bits.is_some_and(|bits| bits > 0));
    let ranges = fields().filter_map(|member| Some((member.offset_bits?, member.end_bits()?)));
    let used = fields().filter_map(|member| member.bits).sum::<u64>().div_ceil(8);
    let end = fields().filter_map(Member::end_bits).max().unwrap_or(0).div_ceil(8);
    let tag = tag.map(|(start, bits)| (start, start + bits));
    let wasted = Gaps::between(ranges.chain(tag), bytes.saturating_mul(8)).bits() / 8;
    (used, end, wasted, fields().map(|member| member.align).max().unwrap_or(1))
}

/// The bytes that a type has only to tell `None` from `Some`; none if it is no such type, or needs none.
///
/// An `Option` of a type without invalid values has a discriminant of its own, and as much padding as the
/// alignment of the value asks for.
#[must_use]
pub fn option_price(types: &Types, id: TypeId) -> Option<(u64, TypeId)> {
    let found = types.get(id);
    let record = found.record().filter(|record| record.kind == RecordKind::Enum)?;
    let variants = record.variants.as_ref().filter(|variants| variants.variants.len() == 2)?;
    if variants.is_niche() || variants.tag.is_none() {
        return None;
    }
    let body = |index: usize| types.get(variants.variants[index].body).record();
    let (one, other) = (body(0)?, body(1)?);
    let full = match (one.members.len(), other.members.len()) {
        (0, 1) => &other.members[0],
        (1, 0) => &one.members[0],
        _ => return None,
    };
    Some((found.bytes?.checked_sub(full.bits? / 8)?, full.type_id))
}

/// The number of values that a type can never have, which an enum around it may use for its own variants.
///
/// `None` where debug information does not tell.
///
/// ```no_run
/// # fn f(types: &spandrel_layout::Types, id: spandrel_layout::TypeId) {
/// // 254 for `bool`, 1 for a reference, 0 for `u32`.
/// println!("{:?}", spandrel_layout::variants::niches(types, id));
/// # }
/// ```
#[must_use]
pub fn niches(types: &Types, id: TypeId) -> Option<u128> {
    let found = types.get(id);
    let values = |bytes: u64| 1_u128.checked_shl(u32::try_from(bytes.checked_mul(8)?).ok()?);
    match &found.shape {
        Shape::Scalar(Scalar::Bool) => Some(254),
        Shape::Scalar(Scalar::Char) => Some((1 << 32) - 0x11_0000),
        Shape::Scalar(Scalar::Enumeration { count, low, high }) => {
            let span = u128::try_from(i128::from(*high) - i128::from(*low) + 1).ok()?;
            if *count == 0 { None } else { values(found.bytes?)?.checked_sub(span) }
        }
        Shape::Scalar(Scalar::Reference) => Some(1),
        Shape::Scalar(Scalar::Integer | Scalar::Float) => Some(0),
        Shape::Record(record) if record.variants.is_none() => record
            .members
            .iter()
            .map(|member| niches(types, member.type_id))
            .try_fold(0, |most, next| Some(u128::max(most, next?))),
        _ => None,
    }
}

/// The number of values that a member of a Rust type can never have; none where that is unknown.
///
/// Of pointers, debug information tells only by their names which are never null.
fn member_niches(types: &Types, member: &Member) -> Option<u128> {
    const NEVER_NULL: [&str; 5] =
        ["&", "alloc::boxed::Box<", "alloc::rc::Rc<", "alloc::sync::Arc<", "core::ptr::non_null::NonNull<"];
    let name = &*member.type_name;
    if NEVER_NULL.iter().any(|start| name.starts_with(start)) || name.starts_with("core::num::nonzero::") {
        return Some(1);
    }
    if name.starts_with("alloc::vec::Vec<") || name == "alloc::string::String" {
        // No capacity is larger than `isize::MAX`.
        return Some(1 << (types.pointer_bytes() * 8 - 1));
    }
    niches(types, member.type_id)
}

/// The size that an enum would have if its discriminant lay in values that a field never has.
///
/// That is possible where a single variant has fields, and one of them has as many values to spare as there
/// are other variants. The compiler does it by itself, unless `repr(C)` or `repr(u8)` forbid it.
#[must_use]
pub fn bytes_in_niche(types: &Types, found: &Type, variants: &Variants) -> Option<u64> {
    let tag = variants.tag.filter(|_| !variants.is_niche())?;
    let bodies = variants.variants.iter().filter_map(|variant| types.get(variant.body).record());
    let mut full = bodies.filter(|body| body.members.iter().any(|member| member.bits > Some(0)));
    let (body, None) = (full.next()?, full.next()) else { return None };
    let others = variants.variants.len() as u128 - 1;
    let has_room = body
        .members
        .iter()
        .any(|member| member_niches(types, member).is_some_and(|niches| niches >= others && others > 0));
    // Fields lie behind the discriminant, which repr puts first; without it they begin where it did.
    let start = body.members.iter().filter_map(|member| member.offset_bits).min()?;
    let end = body.members.iter().filter_map(Member::end_bits).max()?;
    let align = body.members.iter().map(|member| member.align).max()?;
    let bytes = (end - start).div_ceil(8).next_multiple_of(align);
    (has_room && tag.0 == 0 && Some(bytes) < found.bytes).then_some(bytes)
}

/// What one state of a future keeps while it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its index in [`Variants::variants`].
    pub index: usize,
    /// Bytes of everything that lives across this point.
    pub live_bytes: u64,
    /// What is kept, the largest first: indices of members of the body.
    pub kept: Vec<usize>,
    /// Names that are kept twice: as an argument and as a variable that it was moved to, for example.
    pub twice: Vec<usize>,
}

/// The states of a future.
#[must_use]
pub fn states(types: &Types, variants: &Variants) -> Vec<State> {
    let state = |(index, body): (usize, &Record)| {
        let mut kept: Vec<usize> = (0..body.members.len()).collect();
        kept.sort_by_key(|&member| std::cmp::Reverse(body.members[member].bits));
        let live_bits: u64 = body.members.iter().filter_map(|member| member.bits).sum();
        let is_twice = |&member: &usize| {
            let this = &body.members[member];
            let earlier = body.members[..member].iter();
            this.bits > Some(0)
                && earlier.into_iter().any(|other| other.name == this.name && other.type_id == this.type_id)
        };
        let twice = (0..body.members.len()).filter(is_twice).collect();
        State { index, live_bytes: live_bits / 8, kept, twice }
    };
    let bodies = variants.variants.iter().enumerate();
    let bodies = bodies.filter_map(|(index, variant)| Some((index, types.get(variant.body).record()?)));
    bodies.map(state).collect()
}

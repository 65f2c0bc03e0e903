//! Deep padding: what is lost in a type and in everything inside of it.
//!
//! The deep padding of a type are the bits that nothing ever uses: no scalar of any member of any alternative
//! lies there. In a record it is its own gaps and the deep padding of its members; in an array it is that of
//! an element, as often as there are elements. Alternatives (a union's members, an enum's variants) lie over
//! each other, so there only what none of them uses is lost.

use std::collections::HashMap;

use crate::gaps::Gaps;
use crate::model::{Record, RecordKind, Shape, TypeId};
use crate::types::Types;

/// Ranges of bits that are kept for alternatives; a larger type counts as used where its parts are.
const RANGES_MAX: usize = 1 << 14;

/// Answers how much deep padding types have, each once.
#[derive(Debug)]
pub struct Deep<'types> {
    types: &'types Types,
    known: HashMap<TypeId, u64>,
}

impl<'types> Deep<'types> {
    /// For these types.
    #[must_use]
    pub fn new(types: &'types Types) -> Self {
        Self { types, known: HashMap::new() }
    }

    /// The bits of `id` that nothing ever uses.
    pub fn bits(&mut self, id: TypeId) -> u64 {
        if let Some(&bits) = self.known.get(&id) {
            return bits;
        }
        let bits = self.compute(id);
        self.known.insert(id, bits);
        bits
    }

    fn compute(&mut self, id: TypeId) -> u64 {
        let found = self.types.get(id);
        match &found.shape {
            Shape::Scalar(_) | Shape::Opaque => 0,
            Shape::Array { element, count } => self.bits(*element).saturating_mul(count.unwrap_or(0)),
            Shape::Record(record) if has_overlap(record) => {
                let mut ranges = Vec::new();
                self.collect(id, 0, &mut ranges);
                let bits = found.bytes.unwrap_or(0).saturating_mul(8);
                Gaps::between(ranges.into_iter(), bits).bits()
            }
            Shape::Record(record) => {
                let inner = record.members.iter().map(|member| match member.is_bit_field() {
                    true => 0,
                    false => self.bits(member.type_id),
                });
                let inner = inner.fold(0, u64::saturating_add);
                Gaps::of(found, record).bits().saturating_add(inner)
            }
        }
    }

    /// The ranges of bits that something uses, in a type that begins at bit `at`.
    fn collect(&self, id: TypeId, at: u64, ranges: &mut Vec<(u64, u64)>) {
        let found = self.types.get(id);
        let bits = found.bytes.unwrap_or(0).saturating_mul(8);
        let whole = (at, at.saturating_add(bits));
        match &found.shape {
            _ if ranges.len() >= RANGES_MAX => ranges.push(whole),
            Shape::Scalar(_) | Shape::Opaque => ranges.push(whole),
            Shape::Array { element, count } => {
                let stride = self.types.get(*element).bytes.unwrap_or(0).saturating_mul(8);
                let is_solid =
                    !matches!(self.types.get(*element).shape, Shape::Record(_) | Shape::Array { .. });
                if is_solid || stride == 0 {
                    return ranges.push(whole);
                }
                for index in 0..count.unwrap_or(0) {
                    if ranges.len() >= RANGES_MAX {
                        return ranges.push(whole);
                    }
                    self.collect(*element, at.saturating_add(index.saturating_mul(stride)), ranges);
                }
            }
            Shape::Record(record) => self.collect_record(record, at, ranges),
        }
    }

    fn collect_record(&self, record: &Record, at: u64, ranges: &mut Vec<(u64, u64)>) {
        for member in &record.members {
            match (member.offset_bits, member.bits) {
                (Some(offset), Some(bits)) if member.is_bit_field() => {
                    let start = at.saturating_add(offset);
                    ranges.push((start, start.saturating_add(bits)));
                }
                (Some(offset), Some(_)) => self.collect(member.type_id, at.saturating_add(offset), ranges),
                _ => {}
            }
        }
        if let Some(variants) = &record.variants {
            ranges.extend(variants.tag.map(|(start, bits)| {
                let start = at.saturating_add(start);
                (start, start.saturating_add(bits))
            }));
            for variant in &variants.variants {
                self.collect(variant.body, at, ranges);
            }
        }
    }
}

/// Whether parts of the record lie over each other.
fn has_overlap(record: &Record) -> bool {
    if record.kind == RecordKind::Union || record.variants.is_some() {
        return true;
    }
    let ranges = record.members.iter().filter_map(|member| Some((member.offset_bits?, member.end_bits()?)));
    let mut ranges: Vec<(u64, u64)> = ranges.filter(|(start, end)| start < end).collect();
    ranges.sort_unstable();
    ranges.windows(2).any(|pair| pair[1].0 < pair[0].1)
}

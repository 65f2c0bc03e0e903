//! The entries of a unit that say something about types, in one flat list.
//!
//! DWARF is a tree of entries with attributes by the dozen; who asks about types needs a tenth of it. One
//! pass over a unit keeps that tenth as a list of [`Entry`]s in the order of the file: an entry is followed
//! by its children, so a subtree is a range, and the list is sorted by [`EntryId`], so a reference is
//! resolved by binary search. Names stay slices of the section. Functions and blocks are kept only where a
//! type was declared inside of them, as its scope, or where they have template parameters.
//!
//! Cost: one pass, about 150 bytes for each entry that is kept.

use std::collections::HashMap;

use gimli::{Abbreviation, AttributeValue, DwTag, EntriesRaw};

use crate::entry::{Entry, EntryId, Place, signed};
use crate::{Dwarf, Reader, Unit};

/// The kept entries of one unit, or of several.
#[derive(Debug, Default)]
pub struct Entries<'a> {
    entries: Vec<Entry<'a>>,
    /// Of type units: the entry of the type for each signature.
    signatures: HashMap<u64, EntryId>,
    /// References to type units that were met.
    wanted_signatures: Vec<(u32, u64)>,
    /// Types that functions take or return which are visible outside of their unit.
    exported: Vec<EntryId>,
}

impl<'a> Entries<'a> {
    /// Reads a unit.
    ///
    /// # Errors
    /// The unit is damaged.
    pub fn of(dwarf: &Dwarf<'a>, unit: &Unit<'a>, is_supplement: bool) -> gimli::Result<Self> {
        let mut pass = Pass::new(dwarf, unit, is_supplement);
        pass.run()?;
        Ok(pass.entries)
    }

    /// Reads a unit that a package has as a part of its own: the identities of its entries are unique among
    /// parts of other numbers.
    ///
    /// # Errors
    /// The unit is damaged.
    pub fn of_part(dwarf: &Dwarf<'a>, unit: &Unit<'a>, part: u32) -> gimli::Result<Self> {
        let mut pass = Pass::new(dwarf, unit, false);
        pass.base += EntryId::part_base(part);
        pass.run()?;
        Ok(pass.entries)
    }

    /// Appends the entries of another unit, which must lie behind all that are here.
    ///
    /// # Panics
    /// It does not lie behind them.
    pub fn append(&mut self, other: Self) {
        let base = u32::try_from(self.entries.len()).expect("fewer than 2^32 entries");
        if let (Some(last), Some(first)) = (self.entries.last(), other.entries.first()) {
            assert!(last.id < first.id, "units come in their order");
        }
        self.entries.extend(other.entries.into_iter().map(|mut entry| {
            entry.parent = entry.parent.map(|parent| parent + base);
            entry.end += base;
            entry
        }));
        self.signatures.extend(other.signatures);
        self.exported.extend(other.exported);
        let wanted = other.wanted_signatures.into_iter();
        self.wanted_signatures.extend(wanted.map(|(index, signature)| (index + base, signature)));
    }

    /// Makes references to type units point at their entries. Call it when all units are here.
    pub fn link_signatures(&mut self) {
        for (index, signature) in std::mem::take(&mut self.wanted_signatures) {
            let entry = &mut self.entries[index as usize];
            let target = self.signatures.get(&signature).copied();
            if matches!(entry.tag, gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type)
                || entry.tag == gimli::DW_TAG_union_type
                || entry.tag == gimli::DW_TAG_enumeration_type
            {
                entry.origin = target;
            } else {
                entry.type_id = target;
            }
        }
    }

    /// Signatures of type units that entries refer to and that are not here.
    pub fn missing_signatures(&self) -> impl Iterator<Item = u64> + '_ {
        self.wanted_signatures().filter(|signature| !self.signatures.contains_key(signature))
    }

    /// Signatures of type units that entries refer to.
    pub fn wanted_signatures(&self) -> impl Iterator<Item = u64> + '_ {
        self.wanted_signatures.iter().map(|(_, signature)| *signature)
    }

    /// All entries that these entries refer to, here or in other units, but for type units.
    pub fn references(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.entries.iter().flat_map(|entry| [entry.type_id, entry.origin]).flatten()
    }

    /// The types that functions take or return which are visible outside of their unit.
    #[must_use]
    pub fn exported(&self) -> &[EntryId] {
        &self.exported
    }

    /// All of them, in the order of the file.
    #[must_use]
    pub fn as_slice(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// The index of an entry.
    #[must_use]
    pub fn index_of(&self, id: EntryId) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    /// The indices of the children of an entry.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.entries[index].end as usize;
        let mut next = index + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.entries[child].end as usize;
            Some(child)
        })
    }
}

/// One pass over a unit.
struct Pass<'a, 'unit> {
    dwarf: &'unit Dwarf<'a>,
    unit: &'unit Unit<'a>,
    /// The place of the unit, as the start of an identity.
    base: u64,
    is_supplement: bool,
    entries: Entries<'a>,
    /// The way down to where the pass is.
    path: Vec<Step<'a>>,
    /// The entries on the way that are kept, by their indices.
    kept: Vec<u32>,
    /// The scopes on the way that are pending, by their places in it.
    pending: Vec<usize>,
    /// The type unit that the entry just read refers to.
    signature: Option<u64>,
}

/// An entry on the way down.
enum Step<'a> {
    Kept(u32),
    /// A scope that is kept when something inside of it is.
    Pending(Entry<'a>),
    Skipped,
}

impl<'a, 'unit> Pass<'a, 'unit> {
    fn new(dwarf: &'unit Dwarf<'a>, unit: &'unit Unit<'a>, is_supplement: bool) -> Self {
        let base = EntryId::in_unit(&unit.header, is_supplement).0;
        Self {
            dwarf,
            unit,
            base,
            is_supplement,
            entries: Entries::default(),
            path: Vec::new(),
            kept: Vec::new(),
            pending: Vec::new(),
            signature: None,
        }
    }

    fn run(&mut self) -> gimli::Result<()> {
        let unit = self.unit;
        let mut raw = unit.entries_raw(None)?;
        if let gimli::UnitType::Type { type_signature, type_offset }
        | gimli::UnitType::SplitType { type_signature, type_offset } = unit.header.type_()
        {
            self.entries.signatures.insert(type_signature.0, EntryId(self.base + type_offset.0 as u64));
        }
        while !raw.is_empty() {
            let offset = raw.next_offset();
            let depth = usize::try_from(raw.next_depth()).unwrap_or(0);
            self.close(depth);
            let Some(abbreviation) = raw.read_abbreviation()? else { continue };
            let id = EntryId(self.base + offset.0 as u64);
            let step = self.entry(id, abbreviation, &mut raw)?;
            if abbreviation.has_children() {
                match step {
                    Step::Kept(index) => self.kept.push(index),
                    Step::Pending(_) => self.pending.push(self.path.len()),
                    Step::Skipped => {}
                }
                self.path.push(step);
            }
        }
        self.close(0);
        Ok(())
    }

    /// Leaves all entries on the way that are deeper than `depth`.
    fn close(&mut self, depth: usize) {
        let end = self.entries.entries.len() as u32;
        while self.path.len() > depth {
            match self.path.pop() {
                Some(Step::Kept(index)) => {
                    self.entries.entries[index as usize].end = end;
                    self.kept.pop();
                }
                Some(Step::Pending(_)) => _ = self.pending.pop(),
                Some(Step::Skipped) | None => {}
            }
        }
    }

    fn entry(
        &mut self,
        id: EntryId,
        abbreviation: &Abbreviation,
        raw: &mut EntriesRaw<'_, Reader<'a>>,
    ) -> gimli::Result<Step<'a>> {
        let treatment = treatment(abbreviation.tag());
        let is_unread = treatment == Treatment::Parameter && !self.is_in_exported();
        if treatment == Treatment::Skip || is_unread {
            raw.skip_attributes(abbreviation.attributes())?;
            return Ok(Step::Skipped);
        }
        let entry = self.read(id, abbreviation, raw)?;
        Ok(match treatment {
            Treatment::Keep => Step::Kept(self.keep(entry)),
            Treatment::Scope => {
                if entry.flags.is_external {
                    self.entries.exported.extend(entry.type_id);
                }
                Step::Pending(entry)
            }
            Treatment::Parameter => {
                self.entries.exported.extend(entry.type_id);
                Step::Skipped
            }
            Treatment::Fold => {
                self.fold(&entry);
                Step::Skipped
            }
            Treatment::Skip => Step::Skipped,
        })
    }

    /// Whether the pass is directly inside of a function that is visible outside of its unit.
    fn is_in_exported(&self) -> bool {
        match self.path.last() {
            Some(Step::Pending(scope)) => scope.flags.is_external,
            Some(Step::Kept(index)) => {
                let scope = &self.entries.entries[*index as usize];
                scope.tag == gimli::DW_TAG_subprogram && scope.flags.is_external
            }
            _ => false,
        }
    }

    /// Keeps an entry, and the scopes that it lies in.
    fn keep(&mut self, mut entry: Entry<'a>) -> u32 {
        let entries = &mut self.entries.entries;
        // No kept entry lies inside of a pending scope: it would have kept it.
        for place in self.pending.drain(..) {
            let step = &mut self.path[place];
            if let Step::Pending(scope) = step {
                scope.parent = self.kept.last().copied();
                entries.push(*scope);
                let index = entries.len() as u32 - 1;
                *step = Step::Kept(index);
                self.kept.push(index);
            }
        }
        entry.parent = self.kept.last().copied();
        let index = entries.len() as u32;
        entry.end = index + 1;
        entries.push(entry);
        let signature = self.signature.take();
        self.entries.wanted_signatures.extend(signature.map(|signature| (index, signature)));
        index
    }

    /// Counts an enumerator in its enumeration.
    fn fold(&mut self, enumerator: &Entry<'a>) {
        let Some(Step::Kept(parent)) = self.path.last() else { return };
        let parent = &mut self.entries.entries[*parent as usize];
        let value = enumerator.value.unwrap_or(0);
        let (low, high) = if parent.value.is_some() { parent.range } else { (value, value) };
        parent.range = (low.min(value), high.max(value));
        parent.value = Some(parent.value.unwrap_or(0) + 1);
    }

    fn read(
        &mut self,
        id: EntryId,
        abbreviation: &Abbreviation,
        raw: &mut EntriesRaw<'_, Reader<'a>>,
    ) -> gimli::Result<Entry<'a>> {
        let mut entry = Entry::empty(id, abbreviation.tag());
        let mut from_top = None;
        self.signature = None;
        for &specification in abbreviation.attributes() {
            let attribute = raw.read_attribute(specification)?;
            let value = attribute.raw_value();
            match attribute.name() {
                gimli::DW_AT_name => {
                    entry.name = self.dwarf.attr_string(self.unit, value)?.slice();
                }
                gimli::DW_AT_type | gimli::DW_AT_discr => entry.type_id = self.reference(&value),
                gimli::DW_AT_specification | gimli::DW_AT_abstract_origin | gimli::DW_AT_signature => {
                    entry.origin = self.reference(&value);
                }
                gimli::DW_AT_bit_offset => from_top = attribute.sdata_value().or(signed(&value)),
                name => entry.set(name, &value, self.unit),
            }
        }
        if let Some(from_top) = from_top {
            let unit_bytes = match entry.place {
                Place::Bytes(bytes) => bytes,
                _ => 0,
            };
            entry.place = Place::OldBits { unit_bytes, from_top };
        }
        Ok(entry)
    }

    fn reference(&mut self, value: &AttributeValue<Reader<'a>>) -> Option<EntryId> {
        match value {
            AttributeValue::UnitRef(offset) => Some(EntryId(self.base + offset.0 as u64)),
            AttributeValue::DebugInfoRef(offset) => Some(EntryId::in_info(offset.0, self.is_supplement)),
            AttributeValue::DebugInfoRefSup(offset) => Some(EntryId::in_info(offset.0, true)),
            AttributeValue::DebugTypesRef(signature) => {
                self.signature = Some(signature.0);
                None
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Keep,
    /// Kept when something inside is.
    Scope,
    /// Counted in its parent.
    Fold,
    /// Its type is noted, if its function is visible.
    Parameter,
    /// Neither it nor its name matters, but types may lie inside.
    Skip,
}

fn treatment(tag: DwTag) -> Treatment {
    match tag {
        gimli::DW_TAG_base_type
        | gimli::DW_TAG_structure_type
        | gimli::DW_TAG_class_type
        | gimli::DW_TAG_interface_type
        | gimli::DW_TAG_union_type
        | gimli::DW_TAG_enumeration_type
        | gimli::DW_TAG_pointer_type
        | gimli::DW_TAG_reference_type
        | gimli::DW_TAG_rvalue_reference_type
        | gimli::DW_TAG_ptr_to_member_type
        | gimli::DW_TAG_typedef
        | gimli::DW_TAG_const_type
        | gimli::DW_TAG_volatile_type
        | gimli::DW_TAG_restrict_type
        | gimli::DW_TAG_atomic_type
        | gimli::DW_TAG_packed_type
        | gimli::DW_TAG_immutable_type
        | gimli::DW_TAG_array_type
        | gimli::DW_TAG_subrange_type
        | gimli::DW_TAG_subroutine_type
        | gimli::DW_TAG_unspecified_type
        | gimli::DW_TAG_variant_part
        | gimli::DW_TAG_variant
        | gimli::DW_TAG_member
        | gimli::DW_TAG_inheritance
        | gimli::DW_TAG_template_type_parameter
        | gimli::DW_TAG_template_value_parameter => Treatment::Keep,
        gimli::DW_TAG_namespace
        | gimli::DW_TAG_module
        | gimli::DW_TAG_subprogram
        | gimli::DW_TAG_lexical_block => Treatment::Scope,
        gimli::DW_TAG_enumerator => Treatment::Fold,
        gimli::DW_TAG_formal_parameter => Treatment::Parameter,
        _ => Treatment::Skip,
    }
}

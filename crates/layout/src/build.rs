//! From entries of debug information to [`Types`].
//!
//! Types are built from the inside out: first those of the members, then the record. Each entry is built
//! once. Debug information may be damaged, so a type that contains itself, or lies too deep, is opaque.

use std::sync::Arc;

use spandrel_debuginfo::{Entries, Entry, EntryId, Machine, Place, gimli};

use crate::machine::{Class, natural_align};
use crate::model::{
    Align, Language, Member, Record, RecordKind, Role, Scalar, Shape, Source, Type, TypeId, Variant, Variants,
};
use crate::pack::{self, Packing};
use crate::types::Types;

/// Types that lie deeper than this in each other are opaque; no source has them.
const DEPTH_MAX: u32 = 100;

/// What the entries of one unit have in common.
#[derive(Debug)]
pub(crate) struct UnitFacts {
    /// The index behind its last entry.
    pub(crate) end: usize,
    pub(crate) language: Language,
    /// The files of its line table.
    pub(crate) files: Vec<Arc<str>>,
    /// The number of the first file: 0 from DWARF 5 on, 1 before.
    pub(crate) first_file: u32,
}

/// A type behind names and qualifiers.
#[derive(Clone, Copy, Debug)]
struct Resolved {
    id: TypeId,
    /// The alignment that a name on the way asks for.
    asked_align: Option<u64>,
    is_atomic: bool,
}

#[derive(Clone, Copy, Debug)]
enum Memo {
    New,
    Open,
    Done(Resolved),
}

/// Builds the types of some units.
pub(crate) struct Builder<'build, 'a> {
    entries: &'build Entries<'a>,
    units: &'build [UnitFacts],
    machine: Machine,
    types: &'build mut Types,
    memo: Vec<Memo>,
    /// Names of anonymous records, by the name for them that is met first.
    names: Vec<Option<Arc<str>>>,
}

impl<'build, 'a> Builder<'build, 'a> {
    pub(crate) fn new(
        entries: &'build Entries<'a>,
        units: &'build [UnitFacts],
        machine: Machine,
        types: &'build mut Types,
    ) -> Self {
        let len = entries.as_slice().len();
        Self { entries, units, machine, types, memo: vec![Memo::New; len], names: vec![None; len] }
    }

    /// Builds every record and enumeration, and what they are made of.
    pub(crate) fn run(&mut self) {
        let typedefs = self.entries.as_slice().iter().enumerate();
        for (index, _) in typedefs.filter(|(_, entry)| entry.tag == gimli::DW_TAG_typedef) {
            self.name_anonymous(index);
        }
        for index in 0..self.entries.as_slice().len() {
            if is_record(self.entry(index)) || self.entry(index).tag == gimli::DW_TAG_enumeration_type {
                self.resolve_index(index, 0);
            }
        }
    }

    /// Marks the records that exported functions take or return, by value or by address.
    pub(crate) fn mark_exported(&mut self) {
        for &id in self.entries.exported() {
            let mut next = Some(id);
            for _ in 0..DEPTH_MAX {
                let Some(index) = next.and_then(|id| self.entries.index_of(id)) else { break };
                let entry = self.entry(index);
                if is_record(entry) {
                    let resolved = self.resolve_index(index, 0);
                    self.types.mark_exported(resolved.id);
                    break;
                }
                next = entry.type_id;
            }
        }
    }

    fn entry(&self, index: usize) -> &'build Entry<'a> {
        &self.entries.as_slice()[index]
    }

    fn unit(&self, index: usize) -> &'build UnitFacts {
        let at = self.units.partition_point(|unit| unit.end <= index);
        &self.units[at.min(self.units.len() - 1)]
    }

    /// An anonymous record is called as the first typedef calls it.
    fn name_anonymous(&mut self, typedef: usize) {
        let target = self.entry(typedef).type_id.and_then(|id| self.entries.index_of(id));
        let Some(target) = target.filter(|&target| self.entry(target).name.is_empty()) else { return };
        if is_record(self.entry(target)) && self.names[target].is_none() {
            let name = self.entries.qualified_name(typedef);
            self.names[target] = Some(self.types.intern(&name));
        }
    }

    fn resolve(&mut self, id: Option<EntryId>, depth: u32) -> Resolved {
        match id.and_then(|id| self.entries.index_of(id)) {
            Some(index) => self.resolve_index(index, depth),
            // `void`, or a type of a unit that is not here.
            None => self.opaque(if id.is_some() { "?" } else { "void" }, Language::Other),
        }
    }

    fn opaque(&mut self, name: &str, language: Language) -> Resolved {
        let name = self.types.intern(name);
        let shape = Shape::Opaque;
        let opaque = Type { name, language, bytes: None, align: Align::AtMost(1), source: None, shape };
        Resolved { id: self.types.add(opaque, 0), asked_align: None, is_atomic: false }
    }

    fn resolve_index(&mut self, index: usize, depth: u32) -> Resolved {
        match self.memo[index] {
            Memo::Done(resolved) => return resolved,
            Memo::Open => return self.opaque("(contains itself)", Language::Other),
            Memo::New if depth > DEPTH_MAX => return self.opaque("(too deep)", Language::Other),
            Memo::New => self.memo[index] = Memo::Open,
        }
        let resolved = self.build(index, depth + 1);
        self.memo[index] = Memo::Done(resolved);
        resolved
    }

    fn build(&mut self, index: usize, depth: u32) -> Resolved {
        let entry = self.entry(index);
        match entry.tag {
            gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_packed_type
            | gimli::DW_TAG_immutable_type
            | gimli::DW_TAG_atomic_type => {
                let mut inner = self.resolve(entry.type_id, depth);
                inner.asked_align = entry.align.or(inner.asked_align);
                inner.is_atomic |= entry.tag == gimli::DW_TAG_atomic_type;
                inner
            }
            gimli::DW_TAG_array_type => self.array(index, depth),
            _ if is_record(entry) => match self.definition(index) {
                Some(definition) => self.resolve_index(definition, depth),
                None if entry.flags.is_declaration => {
                    let name = self.entries.qualified_name(index);
                    self.opaque(&name, self.unit(index).language)
                }
                None => self.record(index, depth),
            },
            _ => self.scalar(index, depth),
        }
    }

    /// The entry that a mere reference to another one stands for, a type unit for example.
    fn definition(&self, index: usize) -> Option<usize> {
        let entry = self.entry(index);
        let is_reference = entry.flags.is_declaration || entry.byte_size.is_none();
        entry.origin.filter(|_| is_reference).and_then(|id| self.entries.index_of(id))
    }

    fn add(&mut self, new: Type) -> Resolved {
        Resolved { id: self.types.add(new, 1), asked_align: None, is_atomic: false }
    }

    fn scalar(&mut self, index: usize, depth: u32) -> Resolved {
        let (entry, language) = (self.entry(index), self.unit(index).language);
        let scalar = scalar_of(entry);
        let class = match scalar {
            Scalar::Float if is_complex(entry) => Class::Complex,
            Scalar::Float => Class::Float,
            Scalar::Pointer | Scalar::Reference => Class::Pointer,
            _ => Class::Integer,
        };
        let underlying = entry.type_id.filter(|_| entry.tag == gimli::DW_TAG_enumeration_type);
        let bytes = match scalar {
            Scalar::Pointer | Scalar::Reference => {
                Some(entry.byte_size.unwrap_or(u64::from(self.machine.pointer_bytes)))
            }
            _ if entry.byte_size.is_none() && underlying.is_some() => {
                let inner = self.resolve(underlying, depth);
                self.types.get(inner.id).bytes
            }
            _ => entry.byte_size,
        };
        let natural = natural_align(self.machine, language, class, bytes.unwrap_or(0));
        let name = match scalar {
            Scalar::Pointer | Scalar::Reference => self.types.intern("*"),
            _ => {
                let name = self.entries.qualified_name(index);
                self.types.intern(&name)
            }
        };
        let align = Align::Known(entry.align.unwrap_or(natural));
        let source = self.source(index);
        self.add(Type { name, language, bytes, align, source, shape: Shape::Scalar(scalar) })
    }

    fn array(&mut self, index: usize, depth: u32) -> Resolved {
        let (entry, language) = (self.entry(index), self.unit(index).language);
        let element = self.resolve(entry.type_id, depth);
        let found = self.types.get(element.id);
        let (element_bytes, element_align) = (found.bytes, found.align);
        // A dimension without a length makes the array flexible, wherever it stands.
        let dimensions = self.entries.children(index).map(|child| self.entry(child).value);
        let mut dimensions = dimensions.map(|value| value.and_then(|value| u64::try_from(value).ok()));
        let count = dimensions.try_fold(1, |product: u64, next| product.checked_mul(next?));
        let is_dimensioned = self.entry(index).end as usize > index + 1;
        let count =
            count.filter(|_| is_dimensioned).or_else(|| Some(entry.byte_size? / element_bytes?.max(1)));
        let bytes = entry.byte_size.or_else(|| element_bytes?.checked_mul(count?));
        let name = self.entries.type_name(Some(entry.id));
        let name = self.types.intern(&name);
        let (align, shape) = if entry.flags.is_vector {
            (bytes.map_or(element_align, Align::Known), Shape::Scalar(Scalar::Vector))
        } else {
            (
                element.asked_align.map_or(element_align, Align::Known),
                Shape::Array { element: element.id, count },
            )
        };
        let align = entry.align.map_or(align, Align::Known);
        let built = self.add(Type { name, language, bytes, align, source: None, shape });
        Resolved { is_atomic: element.is_atomic, ..built }
    }

    fn source(&self, index: usize) -> Option<Source> {
        let (entry, unit) = (self.entry(index), self.unit(index));
        let file = entry.decl_file.checked_sub(unit.first_file)? as usize;
        let file = unit.files.get(file).filter(|_| entry.decl_line > 0)?;
        Some(Source { file: file.clone(), line: entry.decl_line })
    }

    fn record(&mut self, index: usize, depth: u32) -> Resolved {
        let entry = self.entry(index);
        let language = self.unit(index).language;
        let name = match self.names[index].take() {
            Some(name) => name,
            None => {
                let name = self.entries.qualified_name(index);
                self.types.intern(&name)
            }
        };
        self.names[index] = Some(name.clone());
        let members = self.members(index, depth);
        let variants = self.variants(index, depth);
        let kind = self.kind(index, &name, variants.is_some());
        let asked = entry.align.filter(|_| language != Language::Rust);
        let inner_align = self.variants_align(variants.as_ref());
        let said = entry.align.or(go_marker_align(language, entry));
        let Packing { is_packed, align } = pack::packing(&members, entry.byte_size, said, inner_align);
        let is_generated = is_made_by_compiler(language, entry, kind, &name);
        let record = Record { kind, members, variants, is_packed, asked_align: asked, is_generated };
        let shape = Shape::Record(record);
        let source = self.source(index).or_else(|| self.source_of_members(index));
        self.add(Type { name, language, bytes: entry.byte_size, align, source, shape })
    }

    /// Rust says no place for most types, and Go for none; a member's may be there.
    fn source_of_members(&self, index: usize) -> Option<Source> {
        self.entries.children(index).find_map(|child| self.source(child))
    }

    fn kind(&self, index: usize, name: &str, has_variants: bool) -> RecordKind {
        let entry = self.entry(index);
        let last = name.rsplit("::").next().unwrap_or(name);
        let parent_is_variant = entry.parent.is_some_and(|parent| {
            let parent = self.entry(parent as usize);
            is_record(parent) && self.variant_bodies(parent.id).any(|body| body == Some(entry.id))
        });
        match entry.tag {
            gimli::DW_TAG_union_type => RecordKind::Union,
            _ if last.starts_with("{closure_env#") => RecordKind::Closure,
            _ if last.starts_with("{async_")
                || last.starts_with("{coroutine_env#")
                || last.starts_with("{gen_") =>
            {
                RecordKind::Future
            }
            _ if has_variants => RecordKind::Enum,
            _ if parent_is_variant => RecordKind::Variant,
            gimli::DW_TAG_class_type => RecordKind::Class,
            _ => RecordKind::Struct,
        }
    }

    fn members(&mut self, index: usize, depth: u32) -> Vec<Member> {
        let children: Vec<usize> = self.entries.children(index).collect();
        let is_field = |child: &usize| {
            let child = self.entry(*child);
            let is_static = child.flags.is_external || child.flags.is_declaration;
            matches!(child.tag, gimli::DW_TAG_member | gimli::DW_TAG_inheritance) && !is_static
        };
        let fields: Vec<usize> = children.into_iter().filter(is_field).collect();
        let is_union = self.entry(index).tag == gimli::DW_TAG_union_type;
        fields.into_iter().map(|child| self.member(index, child, is_union, depth)).collect()
    }

    fn member(&mut self, record: usize, index: usize, is_union: bool, depth: u32) -> Member {
        let entry = self.entry(index);
        self.name_inner(record, entry.type_id);
        let inner = self.resolve(entry.type_id, depth);
        let found = self.types.get(inner.id);
        let is_flexible = matches!(found.shape, Shape::Array { count: None | Some(0), .. })
            && found.bytes.unwrap_or(0) == 0
            && self.unit(index).language != Language::Go
            && self.unit(index).language != Language::Rust;
        let bytes = found.bytes.or(is_flexible.then_some(0));
        let natural = inner.asked_align.unwrap_or(found.align.bytes());
        let bits = entry.bit_size.or_else(|| bytes?.checked_mul(8));
        let offset_bits = self.offset_bits(entry, bytes, is_union);
        let role = match entry.tag {
            gimli::DW_TAG_inheritance if entry.flags.is_virtual || offset_bits.is_none() => Role::VirtualBase,
            gimli::DW_TAG_inheritance => Role::Base,
            _ if entry.flags.is_embedded => Role::Base,
            _ if entry.name.starts_with(b"_vptr") => Role::Vptr,
            _ if entry.bit_size.is_some() => Role::BitField,
            _ if is_flexible => Role::Flexible,
            _ => Role::Field,
        };
        let offset_bits = offset_bits.filter(|_| role != Role::VirtualBase);
        let type_name = self.entries.type_name(entry.type_id);
        let name = String::from_utf8_lossy(entry.name);
        Member {
            name: self.types.intern(&name),
            type_name: self.types.intern(&type_name),
            type_id: inner.id,
            role,
            offset_bits,
            bits,
            align: entry.align.unwrap_or(natural).max(1),
            asked_align: entry.align.or(inner.asked_align),
            is_atomic: inner.is_atomic,
            line: entry.decl_line,
        }
    }

    /// An anonymous record inside of another is called after that.
    fn name_inner(&mut self, record: usize, inner: Option<EntryId>) {
        let Some(inner) = inner.and_then(|id| self.entries.index_of(id)) else { return };
        let entry = self.entry(inner);
        if !is_record(entry) || !entry.name.is_empty() || self.names[inner].is_some() {
            return;
        }
        if let Some(outer) = &self.names[record] {
            let name = format!("{outer}::<anon@{}>", entry.decl_line);
            self.names[inner] = Some(self.types.intern(&name));
        }
    }

    fn offset_bits(&self, entry: &Entry<'_>, bytes: Option<u64>, is_union: bool) -> Option<u64> {
        match entry.place {
            Place::Unsaid => (is_union || entry.tag != gimli::DW_TAG_inheritance).then_some(0),
            Place::Bytes(bytes) => bytes.checked_mul(8),
            Place::Bits(bits) => Some(bits),
            Place::Computed => None,
            Place::OldBits { unit_bytes, from_top } => {
                let unit_bits = i64::try_from(entry.byte_size.or(bytes)?.checked_mul(8)?).ok()?;
                let start = i64::try_from(unit_bytes.checked_mul(8)?).ok()?;
                let inside = match self.machine.endian {
                    gimli::RunTimeEndian::Big => from_top,
                    gimli::RunTimeEndian::Little => {
                        unit_bits.checked_sub(from_top)?.checked_sub(i64::try_from(entry.bit_size?).ok()?)?
                    }
                };
                u64::try_from(start.checked_add(inside)?).ok()
            }
        }
    }

    fn variant_part(&self, index: usize) -> Option<usize> {
        self.entries.children(index).find(|&child| self.entry(child).tag == gimli::DW_TAG_variant_part)
    }

    /// The entries of the bodies of a record's variants.
    fn variant_bodies(&self, record: EntryId) -> impl Iterator<Item = Option<EntryId>> + '_ {
        let part = self.entries.index_of(record).and_then(|index| self.variant_part(index));
        part.into_iter().flat_map(|part| self.entries.children(part)).filter_map(|variant| {
            let member = self.entries.children(variant).next()?;
            (self.entry(variant).tag == gimli::DW_TAG_variant).then(|| self.entry(member).type_id)
        })
    }

    fn variants(&mut self, index: usize, depth: u32) -> Option<Variants> {
        let part = self.variant_part(index)?;
        let children: Vec<usize> = self.entries.children(part).collect();
        let tag_id = self.entry(part).type_id;
        let tag = children.iter().copied().find(|&child| Some(self.entry(child).id) == tag_id);
        let tag = tag.and_then(|tag| {
            let tag = self.member(index, tag, false, depth);
            Some((tag.offset_bits?, tag.bits?))
        });
        let mut variants = Vec::new();
        for child in children {
            if self.entry(child).tag != gimli::DW_TAG_variant {
                continue;
            }
            let Some(member) = self.entries.children(child).next() else { continue };
            let entry = self.entry(member);
            let body = self.resolve(entry.type_id, depth);
            let body_entry = entry.type_id.and_then(|id| self.entries.index_of(id));
            let body_name = body_entry.map_or(&b""[..], |body| self.entry(body).name);
            let name = if is_number(entry.name) || entry.name.is_empty() { body_name } else { entry.name };
            let name = String::from_utf8_lossy(name);
            let name = self.types.intern(&name);
            variants.push(Variant {
                name,
                value: self.entry(child).value,
                body: body.id,
                line: entry.decl_line,
            });
        }
        Some(Variants { tag, variants })
    }

    fn variants_align(&self, variants: Option<&Variants>) -> u64 {
        let bodies = variants.iter().flat_map(|variants| &variants.variants);
        bodies.map(|variant| self.types.get(variant.body).align.bytes()).max().unwrap_or(1)
    }
}

/// States of a future are called by their numbers; their bodies have names.
fn is_number(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_digit)
}

fn is_record(entry: &Entry<'_>) -> bool {
    matches!(
        entry.tag,
        gimli::DW_TAG_structure_type
            | gimli::DW_TAG_class_type
            | gimli::DW_TAG_interface_type
            | gimli::DW_TAG_union_type
    )
}

/// Go's kinds, as its runtime numbers them.
const GO_STRUCT: u8 = 25;

/// Whether nobody wrote the record: a closure, a future, a tuple, a slice, Go's strings.
fn is_made_by_compiler(language: Language, entry: &Entry<'_>, kind: RecordKind, name: &str) -> bool {
    match language {
        Language::Go => entry.encoding != GO_STRUCT || name.contains('<') || name.starts_with("noalg."),
        Language::Rust => {
            let last = entry.name;
            matches!(kind, RecordKind::Closure | RecordKind::Future | RecordKind::Variant)
                || last.starts_with(b"(")
                || last.starts_with(b"&")
                || last.starts_with(b"*")
                || last.starts_with(b"{")
        }
        _ => false,
    }
}

/// Go's compiler aligns what has a member of these marker types, and says so nowhere.
fn go_marker_align(language: Language, entry: &Entry<'_>) -> Option<u64> {
    let is_marker = language == Language::Go && entry.name.ends_with(b"/atomic.align64");
    is_marker.then_some(8)
}

fn is_complex(entry: &Entry<'_>) -> bool {
    entry.encoding == gimli::DW_ATE_complex_float.0
}

fn scalar_of(entry: &Entry<'_>) -> Scalar {
    match entry.tag {
        gimli::DW_TAG_pointer_type | gimli::DW_TAG_subroutine_type => Scalar::Pointer,
        gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => Scalar::Reference,
        gimli::DW_TAG_enumeration_type => Scalar::Enumeration {
            count: entry.value.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
            low: entry.range.0,
            high: entry.range.1,
        },
        gimli::DW_TAG_base_type => match gimli::DwAte(entry.encoding) {
            gimli::DW_ATE_boolean => Scalar::Bool,
            gimli::DW_ATE_UTF if entry.name == b"char" => Scalar::Char,
            gimli::DW_ATE_float
            | gimli::DW_ATE_complex_float
            | gimli::DW_ATE_imaginary_float
            | gimli::DW_ATE_decimal_float => Scalar::Float,
            gimli::DW_ATE_address => Scalar::Pointer,
            _ => Scalar::Integer,
        },
        _ => Scalar::Other,
    }
}

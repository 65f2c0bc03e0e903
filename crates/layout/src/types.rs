//! All types of a program, each once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use spandrel_debuginfo::Machine;

use crate::model::{Member, Record, Shape, Type, TypeId, Variant};

/// The types of a program: each name and shape once.
#[derive(Debug, Default)]
pub struct Types {
    types: Vec<Type>,
    /// In how many units each type occurs.
    units: Vec<u32>,
    by_shape: HashMap<u64, Vec<TypeId>>,
    names: HashSet<Arc<str>>,
    /// What was wrong with single units, which were left out.
    problems: Vec<String>,
    /// Files by the crate or package whose source they are.
    roots: BTreeMap<String, Vec<Arc<str>>>,
    pointer_bytes: u64,
    /// Types that exported functions take or return.
    exported: HashSet<TypeId>,
}

/// No type, or no single type, has the name that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindError {
    /// None has; some whose names are similar.
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that come near.
        similar: Vec<String>,
    },
    /// Several have.
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Their names in full, with size and place.
        candidates: Vec<String>,
    },
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, similar } if similar.is_empty() => write!(f, "there is no type `{name}`"),
            Self::Unknown { name, similar } => {
                write!(f, "there is no type `{name}`; there is {}", similar.join(", "))
            }
            Self::Ambiguous { name, candidates } => {
                write!(f, "`{name}` can mean {} types: {}", candidates.len(), candidates.join(", "))
            }
        }
    }
}

impl std::error::Error for FindError {}

/// Names that an error lists, at most.
const NAMES_TOLD_MAX: usize = 8;

impl Types {
    /// The type.
    #[must_use]
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// All of them, with their names for each other.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &Type)> + '_ {
        (0..).map(TypeId).zip(&self.types)
    }

    /// The records, the bodies of variants left out.
    pub fn records(&self) -> impl Iterator<Item = (TypeId, &Type, &Record)> + '_ {
        self.iter().filter_map(|(id, found)| Some((id, found, found.record()?)))
    }

    /// How many types there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// In how many units the type occurs.
    #[must_use]
    pub fn units(&self, id: TypeId) -> u32 {
        self.units[id.0 as usize]
    }

    /// What was wrong with single units; their types are missing.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Bytes of a pointer of the machine that the program is for.
    #[must_use]
    pub fn pointer_bytes(&self) -> u64 {
        self.pointer_bytes
    }

    pub(crate) fn set_machine(&mut self, machine: Machine) {
        self.pointer_bytes = u64::from(machine.pointer_bytes);
    }

    /// Whether a function that other programs can call takes or returns the type.
    #[must_use]
    pub fn is_exported(&self, id: TypeId) -> bool {
        self.exported.contains(&id)
    }

    pub(crate) fn mark_exported(&mut self, id: TypeId) {
        self.exported.insert(id);
    }

    /// Files of the source of a crate (its first one; several where crates share a name) or of a Go package
    /// (all).
    #[must_use]
    pub fn root(&self, name: &str) -> &[Arc<str>] {
        self.roots.get(name).map_or(&[], Vec::as_slice)
    }

    /// Says where the first file of a crate is, for crates that debug information does not name: those of
    /// which nothing but types is used.
    pub fn set_root(&mut self, crate_name: &str, file: &str) {
        self.add_root(crate_name.to_string(), vec![Arc::from(file)]);
    }

    pub(crate) fn add_root(&mut self, name: String, files: Vec<Arc<str>>) {
        let known = self.roots.entry(name).or_default();
        for file in files {
            if !known.contains(&file) {
                known.push(file);
            }
        }
    }

    pub(crate) fn add_problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// The records that a name can mean: those with exactly this name; else those whose name ends in it
    /// behind `::` or `.`, as `Node` for `app::tree::Node`.
    ///
    /// # Errors
    /// There is no such record, or there are several.
    pub fn find(&self, name: &str) -> Result<TypeId, FindError> {
        let is_exact = |found: &Type| &*found.name == name;
        let is_end = |found: &Type| {
            let scope = found.name.strip_suffix(name);
            scope.is_some_and(|scope| scope.ends_with("::") || scope.ends_with('.'))
        };
        for matches in [&is_exact as &dyn Fn(&Type) -> bool, &is_end] {
            let mut all = self.records().filter(|(_, found, _)| matches(found));
            if let Some((first, ..)) = all.next() {
                let others: Vec<TypeId> = all.map(|(id, ..)| id).collect();
                return if others.is_empty() { Ok(first) } else { Err(self.ambiguous(name, first, &others)) };
            }
        }
        let wanted = name.to_lowercase();
        let near = self.records().filter(|(_, found, _)| found.name.to_lowercase().contains(&wanted));
        let similar = near.take(NAMES_TOLD_MAX).map(|(_, found, _)| format!("`{}`", found.name)).collect();
        Err(FindError::Unknown { name: name.to_string(), similar })
    }

    fn ambiguous(&self, name: &str, first: TypeId, others: &[TypeId]) -> FindError {
        let describe = |id: &TypeId| {
            let found = self.get(*id);
            let bytes = found.bytes.map_or("?".to_string(), |bytes| bytes.to_string());
            let place = found.source.as_ref().map(|source| format!(" at {}:{}", source.file, source.line));
            format!("`{}` ({bytes} B{})", found.name, place.unwrap_or_default())
        };
        let mut candidates: Vec<String> = std::iter::once(&first).chain(others).map(describe).collect();
        candidates.sort();
        FindError::Ambiguous { name: name.to_string(), candidates }
    }

    /// The one copy of a text.
    pub(crate) fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(found) = self.names.get(text) {
            return found.clone();
        }
        let new: Arc<str> = Arc::from(text);
        self.names.insert(new.clone());
        new
    }

    /// Adds a type, unless it is here: the same name and shape.
    pub(crate) fn add(&mut self, new: Type, units: u32) -> TypeId {
        let key = shape_key(&new);
        let known = self.by_shape.entry(key).or_default();
        let same = known.iter().find(|id| is_same(&self.types[id.0 as usize], &new));
        if let Some(&id) = same {
            self.units[id.0 as usize] += units;
            return id;
        }
        let id = TypeId(u32::try_from(self.types.len()).expect("fewer than 2^32 types"));
        known.push(id);
        self.types.push(new);
        self.units.push(units);
        id
    }

    /// Takes over all types of another collection.
    ///
    /// Members come before the records that have them, so one pass suffices.
    pub(crate) fn merge(&mut self, other: Self) {
        let mut ids: Vec<TypeId> = Vec::with_capacity(other.types.len());
        for (mut new, units) in other.types.into_iter().zip(other.units) {
            let moved = |id: &mut TypeId| *id = ids[id.0 as usize];
            match &mut new.shape {
                Shape::Array { element, .. } => moved(element),
                Shape::Record(record) => {
                    record.members.iter_mut().for_each(|member| moved(&mut member.type_id));
                    let variants = record.variants.iter_mut().flat_map(|variants| &mut variants.variants);
                    variants.for_each(|variant| moved(&mut variant.body));
                    self.share_names(record);
                }
                Shape::Scalar(_) | Shape::Opaque => {}
            }
            new.name = self.intern(&new.name);
            ids.push(self.add(new, units));
        }
        self.exported.extend(other.exported.iter().map(|id| ids[id.0 as usize]));
        self.problems.extend(other.problems);
        other.roots.into_iter().for_each(|(name, files)| self.add_root(name, files));
    }

    fn share_names(&mut self, record: &mut Record) {
        for member in &mut record.members {
            member.name = self.intern(&member.name);
            member.type_name = self.intern(&member.type_name);
        }
        for variant in record.variants.iter_mut().flat_map(|variants| &mut variants.variants) {
            variant.name = self.intern(&variant.name);
        }
    }
}

/// A number that is equal for equal shapes.
fn shape_key(found: &Type) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let members = found.record().map(|record| record.members.iter().map(|member| member.offset_bits));
    hasher.hash_one((&found.name, found.bytes, members.map(Iterator::collect::<Vec<_>>)))
}

/// Whether two types are one: equal but for where they were declared.
fn is_same(one: &Type, other: &Type) -> bool {
    one.name == other.name
        && one.bytes == other.bytes
        && one.align == other.align
        && match (&one.shape, &other.shape) {
            (Shape::Record(one), Shape::Record(other)) => is_same_record(one, other),
            (one, other) => one == other,
        }
}

fn is_same_record(one: &Record, other: &Record) -> bool {
    let is_same_member = |(one, other): (&Member, &Member)| {
        one.name == other.name
            && one.type_id == other.type_id
            && one.offset_bits == other.offset_bits
            && one.bits == other.bits
    };
    let is_same_variant = |(one, other): (&Variant, &Variant)| {
        one.name == other.name && one.value == other.value && one.body == other.body
    };
    let is_same_variants = match (&one.variants, &other.variants) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            one.tag == other.tag
                && one.variants.len() == other.variants.len()
                && one.variants.iter().zip(&other.variants).all(is_same_variant)
        }
        _ => false,
    };
    one.kind == other.kind
        && one.members.len() == other.members.len()
        && one.members.iter().zip(&other.members).all(is_same_member)
        && is_same_variants
}

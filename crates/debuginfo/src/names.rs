//! How the source calls things: scopes, names, template parameters.

use gimli::{DwTag, UnitOffset};

use crate::entries::Entries;
use crate::entry::{Entry, EntryId};
use crate::{Dwarf, Unit};

/// The names of one unit.
///
/// ```no_run
/// # fn f(dwarf: &spandrel_debuginfo::Dwarf<'_>, unit: &spandrel_debuginfo::Unit<'_>,
/// #     inlined: spandrel_debuginfo::gimli::UnitOffset) -> spandrel_debuginfo::gimli::Result<()> {
/// use spandrel_debuginfo::Names;
///
/// let names = Names::of(dwarf, unit)?;
/// // The function that was inlined, say `alloc::boxed::Box<T>::new`, and `T = my_crate::Node`.
/// println!("{:?} {:?}", names.qualified(inlined), names.template_parameters(inlined));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Names<'a> {
    entries: Entries<'a>,
    base: UnitBase,
}

/// Turns offsets in a unit into identities.
#[derive(Clone, Copy, Debug)]
struct UnitBase(usize);

/// A parameter of a template or a generic, and its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateParameter {
    /// The parameter: `T`.
    pub name: String,
    /// The type that it stands for, with its scope.
    pub type_name: String,
    /// The size of that type.
    pub type_bytes: Option<u64>,
}

/// Chains of references that are longer than this are cut; no source has them.
const DEPTH_MAX: u32 = 64;
/// Scopes further out are left out of a name.
const SCOPES_MAX: usize = 128;
/// A name is put together from at most so many types: damaged templates can name each other without end.
const PARTS_MAX: u32 = 1000;

impl<'a> Names<'a> {
    /// Reads the names of a unit.
    ///
    /// # Errors
    /// The unit is damaged.
    pub fn of(dwarf: &Dwarf<'a>, unit: &Unit<'a>) -> gimli::Result<Self> {
        let entries = Entries::of(dwarf, unit, false)?;
        Ok(Self { entries, base: UnitBase(unit.header.offset().0) })
    }

    /// The number of entries with a meaning for types.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.as_slice().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn index_of(&self, offset: UnitOffset) -> Option<usize> {
        self.entries.index_of(EntryId::in_info(self.base.0.checked_add(offset.0)?, false))
    }

    /// The name of a type, or of a function with template parameters, with all its scopes: `a::b::C`.
    #[must_use]
    pub fn qualified(&self, offset: UnitOffset) -> Option<String> {
        let index = self.index_of(offset)?;
        Some(self.entries.type_name(Some(self.entries.as_slice()[index].id)))
    }

    /// The template parameters of a type or function, in their order.
    #[must_use]
    pub fn template_parameters(&self, offset: UnitOffset) -> Vec<TemplateParameter> {
        let Some(index) = self.index_of(offset) else { return Vec::new() };
        let children = self.entries.children(index).map(|child| &self.entries.as_slice()[child]);
        let parameters = children.filter(|child| child.tag == gimli::DW_TAG_template_type_parameter);
        parameters
            .map(|parameter| TemplateParameter {
                name: String::from_utf8_lossy(parameter.name).into_owned(),
                type_name: self.entries.type_name(parameter.type_id),
                type_bytes: self.entries.byte_size(parameter.type_id),
            })
            .collect()
    }
}

impl Entries<'_> {
    /// The name of the scope that an entry lies in, with `::` behind it; empty for the outermost.
    #[must_use]
    pub fn scope_of(&self, index: usize) -> String {
        let mut parts = Vec::new();
        let mut next = self.as_slice()[index].parent;
        for _ in 0..SCOPES_MAX {
            let Some(parent) = next else { break };
            let parent = &self.as_slice()[parent as usize];
            let named = self.origin_of(parent);
            match parent.tag {
                gimli::DW_TAG_subprogram => parts.push(format!("{}()", text(named.name))),
                gimli::DW_TAG_namespace | gimli::DW_TAG_module if parent.name.is_empty() => {
                    parts.push("(anonymous namespace)".to_string());
                }
                tag if is_record(tag) && named.name.is_empty() => {
                    parts.push(format!("<anon@{}>", parent.decl_line));
                }
                tag if is_record(tag) || tag == gimli::DW_TAG_namespace || tag == gimli::DW_TAG_module => {
                    parts.push(text(named.name));
                }
                _ => {}
            }
            next = parent.parent;
        }
        let mut scope = String::new();
        for part in parts.iter().rev() {
            scope.push_str(part);
            scope.push_str("::");
        }
        scope
    }

    /// The entry that gives `entry` its name: itself, its declaration or its abstract origin.
    fn origin_of<'entries>(&'entries self, entry: &'entries Entry<'entries>) -> &'entries Entry<'entries> {
        let mut found = entry;
        for _ in 0..DEPTH_MAX {
            let origin = found.origin.filter(|_| found.name.is_empty()).and_then(|id| self.index_of(id));
            match origin {
                Some(index) => found = &self.as_slice()[index],
                None => break,
            }
        }
        found
    }

    /// The name of a type as its language would write it; `void` for none.
    #[must_use]
    pub fn type_name(&self, id: Option<EntryId>) -> String {
        self.name_of_type(id, 0, &mut { PARTS_MAX })
    }

    fn name_of_type(&self, id: Option<EntryId>, depth: u32, parts: &mut u32) -> String {
        let Some(id) = id else { return "void".to_string() };
        let found = self.index_of(id).filter(|_| depth < DEPTH_MAX && *parts > 0);
        let Some(index) = found else { return "?".to_string() };
        *parts -= 1;
        let entry = &self.as_slice()[index];
        if !entry.name.is_empty() {
            return self.name_of_entry(index, depth, parts);
        }
        let mut inner = || self.name_of_type(entry.type_id, depth + 1, parts);
        match entry.tag {
            gimli::DW_TAG_pointer_type => format!("{} *", inner()),
            gimli::DW_TAG_reference_type => format!("{} &", inner()),
            gimli::DW_TAG_rvalue_reference_type => format!("{} &&", inner()),
            gimli::DW_TAG_ptr_to_member_type => format!("{} ::*", inner()),
            gimli::DW_TAG_const_type => format!("const {}", inner()),
            gimli::DW_TAG_volatile_type => format!("volatile {}", inner()),
            gimli::DW_TAG_restrict_type => format!("{} restrict", inner()),
            gimli::DW_TAG_atomic_type => format!("_Atomic {}", inner()),
            gimli::DW_TAG_array_type => {
                let bounds = self.children(index).map(|child| self.as_slice()[child].value);
                let bounds = bounds.map(|bound| bound.map_or("[]".to_string(), |len| format!("[{len}]")));
                format!("{}{}", inner(), bounds.collect::<String>())
            }
            gimli::DW_TAG_subroutine_type => format!("{}()", inner()),
            _ if entry.origin.is_some() => self.name_of_type(entry.origin, depth + 1, parts),
            _ => self.name_of_entry(index, depth, parts),
        }
    }

    /// The name of a named or anonymous entry with its scope.
    #[must_use]
    pub fn qualified_name(&self, index: usize) -> String {
        self.name_of_entry(index, 0, &mut { PARTS_MAX })
    }

    fn name_of_entry(&self, index: usize, depth: u32, parts: &mut u32) -> String {
        let entry = &self.as_slice()[index];
        let mut name = self.scope_of(index);
        if entry.name.is_empty() {
            name.push_str(&format!("<anon@{}>", entry.decl_line));
            return name;
        }
        name.push_str(&text(entry.name));
        if is_record(entry.tag) && !entry.name.ends_with(b">") && !entry.name.contains(&b'{') {
            self.push_template_arguments(index, &mut name, depth, parts);
        }
        name
    }

    /// Adds the arguments of a template whose name the compiler left bare, to save space.
    fn push_template_arguments(&self, index: usize, name: &mut String, depth: u32, parts: &mut u32) {
        let mut arguments = Vec::new();
        for child in self.children(index).map(|child| &self.as_slice()[child]) {
            match child.tag {
                gimli::DW_TAG_template_type_parameter => {
                    arguments.push(self.name_of_type(child.type_id, depth + 1, parts));
                }
                gimli::DW_TAG_template_value_parameter => {
                    arguments.extend(child.value.map(|value| value.to_string()));
                }
                _ => {}
            }
        }
        if !arguments.is_empty() {
            name.push_str(&format!("<{}>", arguments.join(", ")));
        }
    }

    /// The size of a type, through names and qualifiers.
    #[must_use]
    pub fn byte_size(&self, id: Option<EntryId>) -> Option<u64> {
        let mut next = id;
        for _ in 0..DEPTH_MAX {
            let entry = &self.as_slice()[self.index_of(next?)?];
            if entry.byte_size.is_some() {
                return entry.byte_size;
            }
            next = entry.type_id;
        }
        None
    }
}

fn is_record(tag: DwTag) -> bool {
    matches!(tag, gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type)
        || matches!(tag, gimli::DW_TAG_enumeration_type | gimli::DW_TAG_interface_type)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

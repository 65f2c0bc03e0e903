//! What changed between two builds.

use std::collections::BTreeMap;

use crate::gaps::Gaps;
use crate::model::{Record, RecordKind, Type, TypeId};
use crate::types::Types;

/// A difference between two builds of a program, in one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name.
    pub name: String,
    /// The type in the old build; none if it is new.
    pub old: Option<TypeId>,
    /// The type in the new build; none if it is gone.
    pub new: Option<TypeId>,
    /// What happened to its members, in the order of the new build.
    pub members: Vec<MemberChange>,
}

/// A difference in one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// Its name.
    pub name: String,
    /// Where it was and how large, in bits.
    pub old: Option<(Option<u64>, Option<u64>)>,
    /// Where it is and how large, in bits.
    pub new: Option<(Option<u64>, Option<u64>)>,
}

/// The records that differ, by name.
///
/// Records of one name are told apart by their order of size; those that are the same in both builds are
/// left out.
#[must_use]
pub fn changes(old: &Types, new: &Types) -> Vec<Change> {
    let (before, after) = (by_name(old), by_name(new));
    let names: std::collections::BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let mut changes = Vec::new();
    for name in names {
        let (mut gone, mut come) =
            (before.get(name).cloned().unwrap_or_default(), after.get(name).cloned().unwrap_or_default());
        gone.retain(|&one| {
            let same = come.iter().position(|&other| is_same(old.get(one), new.get(other)));
            same.map(|at| come.remove(at)).is_none()
        });
        for at in 0..gone.len().max(come.len()) {
            let (one, other) = (gone.get(at).copied(), come.get(at).copied());
            let members = match (one, other) {
                (Some(one), Some(other)) => member_changes(old.get(one), new.get(other)),
                _ => Vec::new(),
            };
            changes.push(Change { name: name.to_string(), old: one, new: other, members });
        }
    }
    changes
}

fn by_name(types: &Types) -> BTreeMap<&str, Vec<TypeId>> {
    let mut names: BTreeMap<&str, Vec<TypeId>> = BTreeMap::new();
    for (id, found, record) in types.records() {
        if record.kind != RecordKind::Variant {
            names.entry(&found.name).or_default().push(id);
        }
    }
    names.values_mut().for_each(|ids| ids.sort_by_key(|&id| types.get(id).bytes));
    names
}

fn record(found: &Type) -> &Record {
    found.record().expect("only records are compared")
}

/// Whether two types of one name are laid out alike. Types of members are compared by what is seen of them.
fn is_same(old: &Type, new: &Type) -> bool {
    let gaps = |found: &Type| Gaps::of(found, record(found));
    old.bytes == new.bytes
        && old.align == new.align
        && gaps(old) == gaps(new)
        && member_changes(old, new).is_empty()
}

fn member_changes(old: &Type, new: &Type) -> Vec<MemberChange> {
    let (before, after) = (&record(old).members, &record(new).members);
    let find = |members: &[crate::model::Member], name: &str| {
        members.iter().find(|member| *member.name == *name).map(|member| (member.offset_bits, member.bits))
    };
    let mut changes = Vec::new();
    for member in after {
        let (was, is) = (find(before, &member.name), find(after, &member.name));
        if was != is {
            changes.push(MemberChange { name: member.name.to_string(), old: was, new: is });
        }
    }
    for member in before.iter().filter(|member| find(after, &member.name).is_none()) {
        let was = find(before, &member.name);
        changes.push(MemberChange { name: member.name.to_string(), old: was, new: None });
    }
    changes
}

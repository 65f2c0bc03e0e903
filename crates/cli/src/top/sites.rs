//! What the heap profile says: bytes by site and by type.
//!
//! A site is the innermost function that is not of a standard library: who called `push`, not `push`.

use spandrel_profile::{
    Coverage, Group, Profile, Sample, TYPE_LABEL, Text, group, group_by_label, type_coverage,
};

use crate::endpoint::Endpoint;
use crate::profiles::Loader;

/// The view of one moment.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    pub(super) by_site: Vec<Row>,
    pub(super) by_type: Vec<Row>,
    pub(super) coverage: Coverage,
    /// With names, for whoever saves it.
    pub(super) profile: Profile,
}

/// Objects and bytes of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: Text,
    pub(super) objects: i64,
    pub(super) bytes: i64,
    pub(super) alloc_bytes: i64,
}

impl Sites {
    /// Asks for the profile, and looks names and types up.
    pub(super) fn fetch(endpoint: &Endpoint, loader: &mut Loader<'_>) -> Result<Self, String> {
        let bytes = endpoint.get("/debug/pprof/heap")?;
        let profile = loader.of_bytes(&bytes).map_err(|reason| format!("{endpoint}: {reason}"))?;
        Self::of(profile)
    }

    pub(super) fn of(profile: Profile) -> Result<Self, String> {
        let index = |name| profile.sample_index(Some(name));
        let (bytes, objects, alloc) = (index("inuse_space")?, index("inuse_objects")?, index("alloc_space")?);
        let rows = |groups: Vec<Group>| {
            let row = |group: Group| Row {
                objects: group.values[objects],
                bytes: group.values[bytes],
                alloc_bytes: group.values[alloc],
                name: if group.name.is_empty() { "(unknown)".into() } else { group.name },
            };
            groups.into_iter().map(row).collect()
        };
        Ok(Self {
            by_site: rows(group(&profile, bytes, |sample| site(&profile, sample))),
            by_type: rows(group_by_label(&profile, bytes, TYPE_LABEL)),
            coverage: type_coverage(&profile, bytes),
            profile,
        })
    }
}

/// The site of a sample: function, file and line.
fn site(profile: &Profile, sample: &Sample) -> Option<Text> {
    let lines = || sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
    let own = lines().find(|line| !is_library(&profile.function(line.function).name));
    let line = own.or_else(|| lines().next());
    line.map(|line| {
        let function = profile.function(line.function);
        let file = function.file.rsplit('/').next().filter(|file| !file.is_empty());
        match file {
            Some(file) if line.line > 0 => format!("{} {file}:{}", function.name, line.line).into(),
            _ => function.name.clone(),
        }
    })
}

/// Whether a function is of a standard library, or of an allocator.
fn is_library(name: &str) -> bool {
    const PREFIXES: [&str; 9] = [
        "alloc::",
        "core::",
        "std::",
        "hashbrown::",
        "__gnu_cxx::",
        "operator new",
        "spandrel::",
        "__rust_",
        "__rdl_",
    ];
    let name = name.trim_start_matches(['<', '&']);
    matches!(name, "malloc" | "calloc" | "realloc") || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::{Sites, is_library};
    use spandrel_profile::{Builder, ValueType};

    #[test]
    fn library_functions() {
        for name in
            ["alloc::raw_vec::finish_grow", "<alloc::vec::Vec<T>>::push", "operator new(unsigned long)"]
        {
            assert!(is_library(name), "{name}");
        }
        for name in ["main", "app::alloc::x", "parse", "mallocs_own"] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn a_profile_of_something_else() {
        let profile = Builder::new(&[ValueType::new("cpu", "nanoseconds")]).finish();
        assert!(Sites::of(profile).is_err());
    }
}

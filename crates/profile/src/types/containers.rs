//! The containers of Rust's library and of well-known crates: how their functions tell what they hold.
//!
//! A function is known by the file that its source lies in, because the smallest debug information keeps
//! files and names, and no scopes. Of its type parameters the first one or two are those of the container,
//! with few exceptions.

use super::claim::{Claim, Form};
use crate::symbols::{FunctionFacts, TypeParameter};

/// A container of a program's own, or of a crate that is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// A part of the path of its source: `/my_pool/src/arena.rs`.
    pub file: String,
    /// What people call it: `Arena`.
    pub name: String,
}

/// Files of sources, the first match counts, and what is in them.
const KNOWN: [(&str, &str, Form); 31] = [
    ("/alloc/src/boxed.rs", "Box", Form::One),
    ("/alloc/src/boxed/", "Box", Form::One),
    ("/alloc/src/rc.rs", "Rc", Form::Counted),
    ("/alloc/src/sync.rs", "Arc", Form::Counted),
    ("/alloc/src/raw_vec", "Vec", Form::Many),
    ("/alloc/src/vec/", "Vec", Form::Many),
    ("/alloc/src/slice.rs", "Vec", Form::Many),
    ("/alloc/src/string.rs", "String", Form::Bytes),
    ("/alloc/src/str.rs", "String", Form::Bytes),
    ("/alloc/src/fmt.rs", "String", Form::Bytes),
    ("/alloc/src/ffi/c_str.rs", "CString", Form::Bytes),
    ("/alloc/src/bstr.rs", "ByteString", Form::Bytes),
    ("/std/src/ffi/os_str.rs", "OsString", Form::Bytes),
    ("/std/src/sys/os_str/", "OsString", Form::Bytes),
    ("/std/src/path.rs", "PathBuf", Form::Bytes),
    ("/alloc/src/collections/vec_deque/", "VecDeque", Form::Many),
    ("/alloc/src/collections/binary_heap/", "BinaryHeap", Form::Many),
    ("/alloc/src/collections/linked_list.rs", "LinkedList", Form::Nodes),
    ("/alloc/src/collections/btree/set.rs", "BTreeSet", Form::Nodes),
    ("/alloc/src/collections/btree/", "BTreeMap", Form::Tree),
    ("/std/src/collections/hash/map.rs", "HashMap", Form::HashMap),
    ("/std/src/collections/hash/set.rs", "HashSet", Form::HashSet),
    ("/src/raw/mod.rs", "RawTable", Form::RawTable),
    ("/src/raw.rs", "RawTable", Form::RawTable),
    ("/src/table.rs", "HashTable", Form::RawTable),
    ("/src/set.rs", "HashSet", Form::HashSet),
    ("/hashbrown", "HashMap", Form::HashMap),
    ("/smallvec", "SmallVec", Form::Array),
    ("/indexmap", "IndexMap", Form::HashMap),
    ("/bytes-", "Bytes", Form::Bytes),
    ("/thin-vec", "ThinVec", Form::Many),
];

/// Parts of paths of code that calls back and allocates on behalf of its caller.
const LIBRARY: [&str; 9] = [
    "/include/c++/",
    "/library/alloc/src/",
    "/library/core/src/",
    "/library/std/src/",
    "/hashbrown-",
    "/smallvec-",
    "/indexmap-",
    "/bytes-",
    "/thin-vec-",
];

/// The same by name, for functions whose file is not known.
const LIBRARY_CRATES: [&str; 4] = ["alloc::", "core::", "std::", "hashbrown::"];

/// Allocators, by what their linker's names or the paths of their sources hold.
const ALLOCATOR_NAMES: [&str; 14] = [
    "operator new",
    "operator new[]",
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rdl_alloc",
];

/// Whether a frame belongs to an allocator rather than to who called it.
pub(super) fn is_allocator(name: &str, file: &str) -> bool {
    let bare = name.rsplit("::").next().unwrap_or(name);
    ALLOCATOR_NAMES.contains(&bare)
        || name.contains("GlobalAlloc")
        || name.starts_with("__rustc")
        || file.ends_with("/alloc/src/alloc.rs")
        || file.ends_with("/std/src/alloc.rs")
        || file.contains("/std/src/sys/alloc/")
}

/// Whether a function of the first file, called by a container of the second, always handles the elements of
/// that container: it is the container's own part, or makes it grow, or the container does no more than to
/// pass on its calls.
pub(super) fn is_part(bare_name: &str, inner: &str, outer: &str) -> bool {
    const PARTS: [(&str, &str); 6] = [
        ("/alloc/src/raw_vec", ""),
        ("/src/raw/mod.rs", ""),
        ("/src/raw.rs", ""),
        ("/hashbrown", "/std/src/collections/hash/"),
        ("/collections/btree/node.rs", "/collections/btree/map"),
        ("/collections/btree/node.rs", "/collections/btree/node.rs"),
    ];
    /// Containers whose nodes and cells are boxes.
    const BOXING: [&str; 4] = [
        "/collections/btree/node.rs",
        "/collections/linked_list.rs",
        "/alloc/src/rc.rs",
        "/alloc/src/sync.rs",
    ];
    let makes_grow = bare_name.starts_with("grow") || bare_name.starts_with("reserve");
    let makes_box = bare_name.contains("new") && inner.ends_with("/alloc/src/boxed.rs");
    makes_grow && KNOWN.iter().any(|(part, ..)| is_in(inner, part) && is_in(outer, part))
        || makes_box && BOXING.iter().any(|container| outer.ends_with(container))
        || PARTS.iter().any(|(part, container)| is_in(inner, part) && outer.contains(container))
}

/// Whether a frame belongs to a library that allocates on behalf of its caller.
pub(super) fn is_library(name: &str, file: &str, containers: &[Container]) -> bool {
    if super::cpp::is_library(name) {
        return true;
    }
    if file.is_empty() {
        let path = name.trim_start_matches(['<', '&', '[']);
        return LIBRARY_CRATES.iter().any(|it| path.starts_with(it));
    }
    LIBRARY.iter().any(|part| file.contains(part)) || containers.iter().any(|it| file.contains(&it.file))
}

/// What a function in a file says; nothing if it has no type parameters of the container's.
pub(super) fn claim(facts: &FunctionFacts, file: &str, containers: &[Container]) -> Option<Claim> {
    let own = containers.iter().find(|it| file.contains(&it.file));
    let (name, form) = match own {
        Some(own) => (own.name.as_str(), Form::Many),
        None => KNOWN.iter().find(|(part, ..)| is_in(file, part)).map(|(_, name, form)| (*name, *form))?,
    };
    if form == Form::Bytes {
        return Some(Claim::new(name, form, "u8", Some(1)));
    }
    let parameters = &facts.parameters[first_parameter(&facts.bare_name, &facts.parameters)..];
    let first = parameters.first().filter(|it| is_element(&it.type_name))?;
    let second = parameters.get(1).map_or("()", |it| it.type_name.as_str());
    let (type_name, bytes) = (first.type_name.as_str(), bytes_of(first));
    let claim = match form {
        Form::HashSet => Claim::new(name, form, &format!("({type_name}, ())"), None),
        Form::Array => {
            let element = type_name.trim_start_matches('[').split(';').next().unwrap_or_default();
            Claim::new(name, form, element, None)
        }
        Form::HashMap | Form::Tree => {
            let pair = format!("({type_name}, {second})");
            return Some(Claim::new(name, form, &pair, None).with_arguments(&[type_name, second]));
        }
        Form::One | Form::Counted => match slice_element(type_name) {
            Some((element, bytes)) => Claim::new(name, form, element, bytes).of_slice(),
            None if facts.bare_name.contains("slice") => Claim::new(name, form, type_name, bytes).of_slice(),
            None => Claim::new(name, form, type_name, bytes),
        },
        _ => Claim::new(name, form, type_name, bytes),
    };
    Some(claim.with_arguments(&[type_name]))
}

/// The element of a slice, and its size if that is always the same.
fn slice_element(type_name: &str) -> Option<(&str, Option<u64>)> {
    let element = match type_name {
        "str" => "u8",
        slice => slice.strip_prefix('[')?.strip_suffix(']').filter(|it| !it.contains(';'))?,
    };
    Some((element, primitive_bytes(element)))
}

/// The files of `hashbrown` have common names, so the crate must match as well.
fn is_in(file: &str, part: &str) -> bool {
    file.contains(part) && (!part.starts_with("/src/") || file.contains("/hashbrown"))
}

/// Functions whose first parameter is not the container's.
fn first_parameter(bare_name: &str, parameters: &[TypeParameter]) -> usize {
    let is_iterator_first =
        bare_name.starts_with("from_iter_in_place") || bare_name.starts_with("try_from_fn");
    usize::from(is_iterator_first).min(parameters.len())
}

/// Whether a parameter can be what a container holds: not its allocator, its hasher, or a closure it calls.
fn is_element(type_name: &str) -> bool {
    let is_allocator = type_name.ends_with("::Global") || type_name.ends_with("::System");
    !is_allocator && !type_name.ends_with("RandomState") && !type_name.is_empty()
}

/// The size of a value, if it is told or always the same.
fn bytes_of(parameter: &TypeParameter) -> Option<u64> {
    parameter.bytes.or_else(|| primitive_bytes(&parameter.type_name))
}

fn primitive_bytes(name: &str) -> Option<u64> {
    Some(match name {
        "u8" | "i8" | "bool" => 1,
        "u16" | "i16" => 2,
        "u32" | "i32" | "f32" | "char" => 4,
        "u64" | "i64" | "f64" | "usize" | "isize" => 8,
        "u128" | "i128" => 16,
        "alloc::string::String" => 24,
        "&str" => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{FunctionFacts, TypeParameter, claim};

    fn told(name: &str, types: &[&str], file: &str) -> Option<String> {
        let parameters = types.iter().map(|it| TypeParameter { type_name: (*it).to_string(), bytes: None });
        let facts = FunctionFacts { bare_name: name.to_string(), parameters: parameters.collect() };
        claim(&facts, file, &[]).map(|claim| claim.name())
    }

    #[test]
    fn allocators_and_hashers_are_no_elements() {
        let raw = "/deps/hashbrown-0.17.0/src/raw.rs";
        assert_eq!(told("new_uninitialized", &["hashbrown::alloc::inner::Global"], raw), None);
        assert_eq!(
            told("with_capacity_in", &["alloc::alloc::Global"], "/library/alloc/src/raw_vec/mod.rs"),
            None
        );
        let types = ["usize", "hashbrown::alloc::inner::Global"];
        assert_eq!(
            told("entry", &types, "/deps/hashbrown-0.17.0/src/table.rs").as_deref(),
            Some("HashTable<usize>")
        );
    }

    #[test]
    fn files_tell_containers() {
        let cases = [
            (
                "insert",
                &["u32", "Order", "S"][..],
                "/deps/hashbrown-0.17.0/src/map.rs",
                "HashMap<u32, Order>",
            ),
            ("insert", &["u32", "S"], "/deps/hashbrown-0.17.0/src/set.rs", "HashSet<u32>"),
            ("insert", &["u32", "Order"], "/library/std/src/collections/hash/map.rs", "HashMap<u32, Order>"),
            (
                "from_iter_in_place",
                &["I", "Order"],
                "/library/alloc/src/vec/in_place_collect.rs",
                "Vec<Order>",
            ),
            ("from", &["str"], "/library/alloc/src/boxed/convert.rs", "Box<str>"),
            ("from_slice", &["u8"], "/library/alloc/src/sync.rs", "Arc<[u8]>"),
            ("try_grow", &["[u8; 16]"], "/deps/smallvec-1.15.0/src/lib.rs", "SmallVec<[u8; 16]>"),
            ("push_str", &[], "/library/alloc/src/string.rs", "String"),
        ];
        for (name, types, file, expected) in cases {
            assert_eq!(told(name, types, file).as_deref(), Some(expected), "{name} {file}");
        }
        assert_eq!(told("new", &["Order"], "/home/me/src/set.rs"), None);
    }
}

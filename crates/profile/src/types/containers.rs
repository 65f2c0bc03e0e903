//! The containers of Rust's library and of well-known crates: how their functions tell what they hold.
//!
//! A function is known by the file that its source lies in, because the smallest debug information keeps
//! files and names, and no scopes. Of its type parameters the first one or two are those of the container,
//! with few exceptions.

use crate::symbols::{FunctionFacts, TypeParameter};

/// A container of a program's own, or of a crate that is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// A part of the path of its source: `/my_pool/src/arena.rs`.
    pub file: String,
    /// What people call it: `Arena`.
    pub name: String,
}

/// What a container makes of its type parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One object: `Box<T>`.
    One,
    /// One object behind two counters: `Rc<T>`, `Arc<T>`.
    Counted,
    /// Elements side by side: `Vec<T>`.
    Many,
    /// Bytes, whatever the parameters are: `String`.
    Bytes,
    /// A table of keys and values with a byte of control for each, and 16 more: `HashMap<K, V>`.
    HashMap,
    /// The same of keys: `HashSet<T>`.
    HashSet,
    /// The table itself, whose parameter is a pair of key and value.
    RawTable,
    /// Nodes of keys and values: `BTreeMap<K, V>`.
    Tree,
    /// Nodes of elements: `BTreeSet<T>`, `LinkedList<T>`.
    Nodes,
    /// Arrays, of which the parameter is one: `SmallVec<[T; 8]>`.
    Array,
    /// A container of C++, of which nothing but the element is known.
    Foreign,
}

/// Files of sources, the first match counts, and what is in them.
const KNOWN: [(&str, &str, Form); 30] = [
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

/// What a frame says of the memory that is allocated in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// The type as people call it: `Vec<Order>`.
    pub(super) name: String,
    form: Form,
    /// What the memory consists of.
    element: String,
    /// The size of an element.
    pub(super) element_bytes: Option<u64>,
}

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
        let (name, element) = (name.to_string(), "u8".to_string());
        return Some(Claim { name, form, element, element_bytes: Some(1) });
    }
    let parameters = &facts.parameters[first_parameter(&facts.bare_name, &facts.parameters)..];
    let first = parameters.first().filter(|it| is_element(&it.type_name))?;
    let second = parameters.get(1).map_or("()", |it| it.type_name.as_str());
    let one = |element: String, element_bytes| Claim {
        name: format!("{name}<{}>", short(&first.type_name)),
        form,
        element,
        element_bytes,
    };
    let element_bytes = bytes_of(first);
    Some(match form {
        Form::Bytes
        | Form::One
        | Form::Many
        | Form::Counted
        | Form::RawTable
        | Form::Nodes
        | Form::Foreign => one(first.type_name.clone(), element_bytes),
        Form::HashSet => one(format!("({}, ())", first.type_name), None),
        Form::Array => {
            let element = first.type_name.trim_start_matches('[').split(';').next().unwrap_or_default();
            one(element.to_string(), None)
        }
        Form::HashMap | Form::Tree => Claim {
            name: format!("{name}<{}, {}>", short(&first.type_name), short(second)),
            form,
            element: format!("({}, {second})", first.type_name),
            element_bytes: None,
        },
    })
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
    let is_allocator = type_name.ends_with("alloc::Global") || type_name.ends_with("::System");
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

/// A type without the allocators and hashers that nobody sets.
fn short(name: &str) -> String {
    name.replace(", alloc::alloc::Global>", ">").replace(", std::hash::random::RandomState>", ">")
}

impl Claim {
    /// What an allocator of C++ says that it allocates, for a container if that is known.
    pub(super) fn of_cpp(element: String, container: Option<String>) -> Self {
        Self {
            name: container.unwrap_or_else(|| element.clone()),
            form: Form::Foreign,
            element,
            element_bytes: None,
        }
    }

    /// The element of a container of C++.
    pub(super) fn cpp_element(&self) -> Option<&str> {
        (self.form == Form::Foreign).then_some(&*self.element)
    }

    /// Whether this, told further out, is a container of what `inner` tells: made of the same elements, in
    /// memory of the same form.
    pub(super) fn holds(&self, inner: &Self) -> bool {
        use Form::{Array, Bytes, Counted, Foreign, HashMap, HashSet, Many, Nodes, One, RawTable, Tree};
        let inside: &[Form] = match self.form {
            One => &[One, Many, Bytes],
            Counted => &[One, Many, Bytes, Counted],
            Many => &[Many],
            Bytes => &[Many, Bytes],
            Array => &[Many, Array],
            HashMap | HashSet | RawTable => &[HashMap, HashSet, RawTable],
            Tree => &[One, Tree],
            Nodes => &[One, Tree, Nodes],
            Foreign => &[],
        };
        inside.contains(&inner.form) && (inner.element == self.element || self.is_inside(&inner.element))
    }

    /// Whether the inner element is a node or a counted cell of this one's elements.
    fn is_inside(&self, inner: &str) -> bool {
        let arguments = super::generics::split(inner).1;
        match self.form {
            Form::Counted => arguments == [self.element.as_str()],
            Form::Tree => format!("({})", arguments.join(", ")) == self.element,
            Form::Nodes => {
                let first = arguments.first().is_some_and(|first| *first == self.element);
                first || inner.starts_with(&format!("({},", self.element))
            }
            _ => false,
        }
    }

    /// This container around what was told further in, which knows the element better.
    pub(super) fn around(self, inner: &Self) -> Self {
        let form = if inner.form == Form::RawTable { Form::RawTable } else { self.form };
        let own_bytes = self.element_bytes.filter(|_| self.element == inner.element);
        let element_bytes = inner.element_bytes.or(own_bytes);
        Self { form, element: inner.element.clone(), element_bytes, ..self }
    }

    /// Whether an object of so many bytes can be this; `None` if the size of an element is unknown.
    pub(super) fn fits(&self, object_bytes: u64) -> Option<bool> {
        /// Bytes of control at the end of a hash table, one group.
        const GROUP_BYTES: u64 = 16;
        let element = self.element_bytes?;
        Some(match self.form {
            Form::RawTable | Form::HashMap | Form::HashSet => (2..48).any(|power| {
                let buckets = 1_u64 << power;
                let values = buckets.checked_mul(element).map(|it| it.next_multiple_of(GROUP_BYTES));
                values.and_then(|it| it.checked_add(buckets + GROUP_BYTES)) == Some(object_bytes)
            }),
            Form::One => element == object_bytes,
            // Two counters stand before the value, unless the element has them already.
            Form::Counted => element == object_bytes || element + 16 == object_bytes,
            _ => element == 0 || object_bytes.is_multiple_of(element),
        })
    }
}

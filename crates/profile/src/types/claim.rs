//! What one frame says of the memory that is allocated in it, and whether another one agrees.

use super::generics::split;

/// What a container makes of its type parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
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

/// What a frame says of the memory that is allocated in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// `Vec`; empty for what has no container.
    container: String,
    /// What stands in its brackets.
    arguments: String,
    form: Form,
    /// What the memory consists of.
    element: String,
    /// The size of an element.
    pub(super) element_bytes: Option<u64>,
    /// Whether a container of one object holds a slice of elements instead.
    is_slice: bool,
}

impl Claim {
    /// A container of elements.
    pub(super) fn new(container: &str, form: Form, element: &str, element_bytes: Option<u64>) -> Self {
        Self {
            container: container.to_string(),
            arguments: String::new(),
            form,
            element: element.to_string(),
            element_bytes,
            is_slice: false,
        }
    }

    /// What an allocator of C++ says that it allocates, for a container if that is known.
    pub(super) fn of_cpp(element: &str, container: Option<String>) -> Self {
        Self::new(container.as_deref().unwrap_or(element), Form::Foreign, element, None)
    }

    /// The same with what people read in the brackets.
    pub(super) fn with_arguments(self, arguments: &[&str]) -> Self {
        let shown: Vec<String> = arguments.iter().map(|it| short(it)).collect();
        Self { arguments: shown.join(", "), ..self }
    }

    /// The same of a slice of elements.
    pub(super) fn of_slice(self) -> Self {
        Self { is_slice: true, ..self }
    }

    /// The type as people call it: `Vec<Order>`.
    pub(super) fn name(&self) -> String {
        let arguments = match &*self.arguments {
            "" => return self.container.clone(),
            slice if slice == "str" || slice.starts_with('[') && self.is_slice => slice.to_string(),
            element if self.is_slice => format!("[{element}]"),
            arguments => arguments.to_string(),
        };
        format!("{}<{arguments}>", self.container)
    }

    /// The element of a container of C++.
    pub(super) fn cpp_element(&self) -> Option<&str> {
        (self.form == Form::Foreign).then_some(&*self.element)
    }

    /// Calls a container of C++ by another name.
    pub(super) fn rename(&mut self, container: String) {
        self.container = container;
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
        let arguments = split(inner).1;
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
        let holds_many = self.form == Form::One && matches!(inner.form, Form::Many | Form::Bytes);
        Self {
            form,
            element: inner.element.clone(),
            element_bytes: inner.element_bytes.or(own_bytes),
            is_slice: self.is_slice || inner.is_slice || holds_many,
            ..self
        }
    }

    /// The same container of the elements of another one.
    pub(super) fn of_elements(&self, other: &Self) -> Self {
        Self { element: other.element.clone(), element_bytes: other.element_bytes, ..self.clone() }
    }

    /// Whether an object of so many bytes can be this; `None` if the size of an element is unknown.
    pub(super) fn fits(&self, object_bytes: u64) -> Option<bool> {
        /// Bytes of control at the end of a hash table, one group.
        const GROUP_BYTES: u64 = 16;
        /// The two counters before a shared value.
        const COUNTERS_BYTES: u64 = 16;
        /// What shared values are aligned to, at least.
        const WORD_BYTES: u64 = 8;
        let element = self.element_bytes?;
        let is_multiple = |bytes: u64| element == 0 || bytes.is_multiple_of(element);
        Some(match self.form {
            Form::RawTable | Form::HashMap | Form::HashSet => (2..48).any(|power| {
                let buckets = 1_u64 << power;
                let values = buckets.checked_mul(element);
                let values = values.and_then(|it| it.checked_next_multiple_of(GROUP_BYTES));
                values.and_then(|it| it.checked_add(buckets + GROUP_BYTES)) == Some(object_bytes)
            }),
            // The end is filled up to a whole word.
            Form::Counted if self.is_slice => object_bytes.checked_sub(COUNTERS_BYTES).is_some_and(|bytes| {
                (0..WORD_BYTES.min(bytes + 1)).any(|filled| is_multiple(bytes - filled))
            }),
            // The element may have the counters already.
            Form::Counted => {
                element == object_bytes || element.saturating_add(COUNTERS_BYTES) == object_bytes
            }
            Form::One if !self.is_slice => element == object_bytes,
            _ => is_multiple(object_bytes),
        })
    }
}

/// A type without the allocators and hashers that nobody sets.
fn short(name: &str) -> String {
    name.replace(", alloc::alloc::Global>", ">").replace(", std::hash::random::RandomState>", ">")
}

#[cfg(test)]
mod tests {
    use super::{Claim, Form};

    fn claim(container: &str, form: Form, element: &str) -> Claim {
        Claim::new(container, form, element, Some(8)).with_arguments(&[element])
    }

    #[test]
    fn slices_keep_their_brackets() {
        let vec = claim("Vec", Form::Many, "u64");
        assert_eq!(claim("Box", Form::One, "u64").around(&vec).name(), "Box<[u64]>");
        assert_eq!(claim("Box", Form::One, "u64").name(), "Box<u64>");
        let shared = claim("Arc", Form::Counted, "u64").of_slice();
        assert_eq!(claim("Arc", Form::Counted, "u64").around(&shared).name(), "Arc<[u64]>");
        assert_eq!(claim("Box", Form::One, "str").of_slice().name(), "Box<str>");
    }

    #[test]
    fn containers_hold_elements_in_memory_of_their_form() {
        let vec = claim("Vec", Form::Many, "u64");
        assert!(claim("VecDeque", Form::Many, "u64").holds(&vec));
        assert!(!claim("VecDeque", Form::Many, "u32").holds(&vec));
        assert!(!claim("BTreeSet", Form::Nodes, "u64").holds(&vec), "gathered before it becomes a tree");
        let node = claim("Box", Form::One, "alloc::collections::linked_list::Node<u64>");
        assert!(claim("LinkedList", Form::Nodes, "u64").holds(&node));
        assert!(!claim("LinkedList", Form::Nodes, "u32").holds(&node));
    }

    #[test]
    fn sizes_confirm_forms() {
        let fits = |form, bytes| claim("C", form, "u64").fits(bytes);
        assert_eq!((fits(Form::Many, 80), fits(Form::Many, 81)), (Some(true), Some(false)));
        assert_eq!((fits(Form::One, 8), fits(Form::One, 16)), (Some(true), Some(false)));
        assert_eq!((fits(Form::Counted, 24), fits(Form::Counted, 16)), (Some(true), Some(false)));
        // 16 buckets of 8 bytes, 16 bytes of control and a group.
        assert_eq!((fits(Form::RawTable, 160), fits(Form::RawTable, 152)), (Some(true), Some(false)));
        let huge = Claim::new("C", Form::RawTable, "x", Some(u64::MAX));
        assert_eq!(huge.fits(u64::MAX), Some(false));
        let slice = claim("Arc", Form::Counted, "u64").of_slice();
        assert_eq!((slice.fits(40), slice.fits(8)), (Some(true), Some(false)));
    }
}

//! The containers of C++'s library: their functions carry their types in their names.
//!
//! Every container asks its allocator for memory, `new_allocator<Node>::allocate`, which names what the
//! memory consists of. The function of the container that wanted it follows further out. Plain `new` and
//! `malloc` say nothing.

use super::generics::arguments;

/// What people call the containers, and what the library calls them.
const CONTAINERS: [(&str, &str); 15] = [
    ("std::vector<", "std::vector"),
    ("std::deque<", "std::deque"),
    ("std::map<", "std::map"),
    ("std::multimap<", "std::multimap"),
    ("std::set<", "std::set"),
    ("std::multiset<", "std::multiset"),
    ("std::__cxx11::list<", "std::list"),
    ("std::forward_list<", "std::forward_list"),
    ("std::unordered_map<", "std::unordered_map"),
    ("std::unordered_set<", "std::unordered_set"),
    ("std::unordered_multimap<", "std::unordered_multimap"),
    ("std::__cxx11::basic_string<", "std::string"),
    ("std::shared_ptr<", "std::shared_ptr"),
    ("std::make_shared<", "std::make_shared"),
    ("std::function<", "std::function"),
];

/// Whether a function belongs to C++'s library.
pub(super) fn is_library(name: &str) -> bool {
    ["std::", "__gnu_cxx::", "void std::", "operator new"].iter().any(|start| name.starts_with(start))
}

/// What a function allocates: `std::_List_node<Order>`. Strings are compiled into the library, where nothing
/// is left but their own functions.
pub(super) fn element(name: &str) -> Option<String> {
    first_argument(name, "std::__cxx11::basic_string<").or_else(|| allocated(name))
}

/// What an allocator's function allocates.
fn allocated(name: &str) -> Option<String> {
    let class = name.strip_suffix("::allocate")?;
    first_argument(class, "std::allocator_traits<std::allocator<").or_else(|| {
        let class = class.trim_start_matches("std::__").trim_start_matches("__gnu_cxx::");
        first_argument(class, "new_allocator<")
    })
}

/// The first argument of a class whose name, up to its arguments, a name begins with.
fn first_argument(name: &str, class: &str) -> Option<String> {
    let list = inside(name.strip_prefix(class)?)?;
    arguments(list).first().map(|it| (*it).to_string())
}

/// What a function asks the one that it calls for, if that is a part of it that handles `element`: an
/// allocator, or what a container has for itself. A part may be a copy that was compiled for another element.
pub(super) fn asked_for(part: &str, whole: &str, element: &str) -> Option<String> {
    const CLASSES: [&str; 8] = [
        "std::vector<",
        "std::_Vector_base<",
        "std::deque<",
        "std::_Deque_base<",
        "std::__cxx11::list<",
        "std::forward_list<",
        "std::_Rb_tree<",
        "std::_Hashtable<",
    ];
    if allocated(part).is_some_and(|it| it == element) {
        return allocated(whole);
    }
    let part = part.trim_start_matches("void ");
    let held = CLASSES.iter().find_map(|class| first_argument(part, class))?;
    if !part.contains(">::_M_") || !is_about(element, &held) {
        return None;
    }
    CONTAINERS.iter().find_map(|(start, _)| first_argument(whole, start))
}

/// Whether an element, or a node or a bucket of elements, is about what a container holds.
fn is_about(element: &str, held: &str) -> bool {
    let held = held.trim_end_matches(" const");
    element == held || element.contains(&format!("<{held}"))
}

/// The container of a function, if it can hold `element`: `std::vector<Order>`.
pub(super) fn container(name: &str, element: &str) -> Option<String> {
    let (start, known) = CONTAINERS.iter().find(|(start, _)| name.starts_with(start))?;
    let inner = inside(&name[start.len()..])?;
    let types = arguments(inner);
    let first = types.first()?;
    if *known == "std::string" {
        return (*first == element).then(|| (*known).to_string());
    }
    // A string's characters are never those of what holds the string.
    let shown = types.iter().filter(|it| !is_policy(it)).map(|it| simple(it));
    is_about(element, first).then(|| format!("{known}<{}>", shown.collect::<Vec<_>>().join(", ")))
}

/// What stands before the bracket that closes the list.
fn inside(list: &str) -> Option<&str> {
    let mut depth = 0_i32;
    for (at, character) in list.char_indices() {
        match character {
            '<' | '(' => depth += 1,
            '>' | ')' if depth == 0 => return Some(list[..at].trim_end()),
            '>' | ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether a parameter only says how, not what: comparison, hash, allocator.
fn is_policy(parameter: &str) -> bool {
    ["std::allocator<", "std::less<", "std::hash<", "std::equal_to<", "std::char_traits<"]
        .iter()
        .any(|start| parameter.starts_with(start))
}

fn simple(name: &str) -> String {
    let string = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >";
    name.replace(string, "std::string")
}

#[cfg(test)]
mod tests {
    use super::{asked_for, container, element};

    #[test]
    fn allocators_name_their_elements() {
        assert_eq!(element("std::__new_allocator<Order>::allocate").as_deref(), Some("Order"));
        let node = "__gnu_cxx::new_allocator<std::_Rb_tree_node<std::pair<int const, Order> > >::allocate";
        assert_eq!(element(node).as_deref(), Some("std::_Rb_tree_node<std::pair<int const, Order> >"));
        let traits = "std::allocator_traits<std::allocator<Order> >::allocate";
        assert_eq!(element(traits).as_deref(), Some("Order"));
        assert_eq!(element("operator new"), None);
    }

    #[test]
    fn a_whole_knows_better_than_its_parts() {
        let asked = |part, whole| asked_for(part, whole, "Order");
        let allocate = "std::__new_allocator<Order>::allocate";
        let traits = "std::allocator_traits<std::allocator<Parcel> >::allocate";
        assert_eq!(asked(allocate, traits).as_deref(), Some("Parcel"));
        let grow = "void std::vector<Order, std::allocator<Order> >::_M_realloc_insert<Order>";
        let push = "std::vector<Parcel, std::allocator<Parcel> >::push_back";
        assert_eq!(asked(grow, push).as_deref(), Some("Parcel"));
        // Elements may allocate on their own account.
        assert_eq!(asked("std::vector<Order, std::allocator<Order> >::vector", push), None);
        assert_eq!(asked(grow, "main"), None);
        assert_eq!(asked_for(grow, push, "char"), None);
    }

    #[test]
    fn containers_hold_what_was_allocated() {
        let vector = "std::vector<Order, std::allocator<Order> >::push_back";
        assert_eq!(container(vector, "Order").as_deref(), Some("std::vector<Order>"));
        assert_eq!(container(vector, "char"), None);
        let map =
            "std::map<int, Order, std::less<int>, std::allocator<std::pair<int const, Order> > >::operator[]";
        let node = "std::_Rb_tree_node<std::pair<int const, Order> >";
        assert_eq!(container(map, node).as_deref(), Some("std::map<int, Order>"));
        let string =
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_create";
        assert_eq!(container(string, "char").as_deref(), Some("std::string"));
        let strings =
            format!("std::vector<{}, std::allocator<int> >::push_back", &string[..string.len() - 11]);
        assert_eq!(container(&strings, "char"), None, "a string inside of a vector is a string");
    }
}

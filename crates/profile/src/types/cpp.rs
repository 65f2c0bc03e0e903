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

/// What an allocator's function allocates: `std::_List_node<Order>`. Strings are compiled into the library,
/// where nothing is left but their own functions.
pub(super) fn element(name: &str) -> Option<String> {
    if let Some(characters) = name.strip_prefix("std::__cxx11::basic_string<").and_then(inside) {
        return arguments(characters).first().map(|it| (*it).to_string());
    }
    let class = name.strip_suffix("::allocate")?;
    let class = class.trim_start_matches("std::__").trim_start_matches("__gnu_cxx::");
    let inner = class.strip_prefix("new_allocator<")?.strip_suffix('>')?;
    arguments(inner).first().map(|it| (*it).to_string())
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
    // A node or a bucket names what it holds; a string's characters are never those of what holds the string.
    let held = first.trim_end_matches(" const");
    let is_about = element == held || element.contains(&format!("<{held}"));
    let shown = types.iter().filter(|it| !is_policy(it)).map(|it| simple(it));
    is_about.then(|| format!("{known}<{}>", shown.collect::<Vec<_>>().join(", ")))
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
    use super::{container, element};

    #[test]
    fn allocators_name_their_elements() {
        assert_eq!(element("std::__new_allocator<Order>::allocate").as_deref(), Some("Order"));
        let node = "__gnu_cxx::new_allocator<std::_Rb_tree_node<std::pair<int const, Order> > >::allocate";
        assert_eq!(element(node).as_deref(), Some("std::_Rb_tree_node<std::pair<int const, Order> >"));
        assert_eq!(element("operator new"), None);
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

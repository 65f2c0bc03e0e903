//! Names of functions for people.
//!
//! A linker's name holds what people want to read and more: a hash, the types of the arguments, the return
//! type. Type parameters stay, they tell what was allocated; the rest goes. That is what the `pprof`
//! command does when it is told to keep templates. Names that somebody took apart before stay as they are.

use cpp_demangle::DemangleOptions;

use crate::model::{Profile, Text};

/// The name of a function for people, if `symbol` is the linker's name of a Rust or C++ function.
///
/// ```
/// use spandrel_profile::demangle;
/// assert_eq!(demangle("_ZN4core3fmt5write17h01234567890abcdeE").as_deref(), Some("core::fmt::write"));
/// assert_eq!(demangle("_ZN5Order3addERKi").as_deref(), Some("Order::add"));
/// assert_eq!(demangle("malloc"), None);
/// ```
#[must_use]
pub fn demangle(symbol: &str) -> Option<String> {
    if let Ok(name) = rustc_demangle::try_demangle(symbol) {
        return Some(format!("{name:#}"));
    }
    if !symbol.starts_with("_Z") && !symbol.starts_with("__Z") {
        return None;
    }
    let parsed = cpp_demangle::Symbol::new(symbol).ok()?;
    parsed.demangle_with_options(&DemangleOptions::new().no_params().no_return_type()).ok()
}

/// Gives every function a name for people, where only the linker's name is known.
///
/// ```
/// use spandrel_profile::{Builder, Function, simplify_names};
/// let mut builder = Builder::new(&[]);
/// let name = "Order::add(int const&)";
/// builder.function(Function { name: name.into(), system_name: name.into(), ..Function::default() });
/// let mut profile = builder.finish();
/// simplify_names(&mut profile);
/// assert_eq!(&*profile.functions[0].name, "Order::add");
/// ```
pub fn simplify_names(profile: &mut Profile) {
    for function in &mut profile.functions {
        if function.name.is_empty() || function.name == function.system_name {
            function.name = simplified(&function.system_name);
        }
    }
}

fn simplified(symbol: &Text) -> Text {
    if let Some(name) = demangle(symbol) {
        return name.into();
    }
    if looks_demangled(symbol) {
        return without_parentheses(symbol).map_or_else(|| symbol.clone(), Into::into);
    }
    symbol.clone()
}

/// Whether a name reads like one of C++ or Rust rather than of C, Java (`A.<init>`) or Go (`A[..]).f`).
fn looks_demangled(name: &str) -> bool {
    let is_foreign = name.contains(".<") || name.contains("]).");
    !is_foreign && (name.contains(['<', '>', '[', ']']) || name.contains("::"))
}

/// The name without everything in parentheses; `None` if they don't match.
fn without_parentheses(name: &str) -> Option<String> {
    let mut kept = String::with_capacity(name.len());
    let mut depth = 0_u32;
    for character in name.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    (depth == 0).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::{demangle, simplified};

    #[test]
    fn names_that_are_taken_apart_lose_their_arguments() {
        let cases = [
            ("f<int>(std::vector<int>, int)", "f<int>"),
            ("ns::f(int", "ns::f(int"),
            ("main.(*store).handle", "main.(*store).handle"),
            (
                "sync.OnceValue[go.shape.interface { Error() string }]",
                "sync.OnceValue[go.shape.interface { Error string }]",
            ),
            (
                "internal/sync.(*HashTrieMap[go.shape.int]).Load",
                "internal/sync.(*HashTrieMap[go.shape.int]).Load",
            ),
            ("A.<init>(int)", "A.<init>(int)"),
        ];
        for (name, expected) in cases {
            assert_eq!(&*simplified(&name.into()), expected);
        }
    }

    #[test]
    fn both_manglings_of_rust_and_that_of_cpp() {
        let v0 = "_RNvNtCs1234_7mycrate3foo3bar";
        assert_eq!(demangle(v0).as_deref(), Some("mycrate::foo::bar"));
        assert_eq!(
            demangle("_ZNSt6vectorIiSaIiEE9push_backERKi").as_deref(),
            Some("std::vector<int, std::allocator<int> >::push_back")
        );
        assert_eq!(demangle("main"), None);
    }
}

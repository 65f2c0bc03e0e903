//! The names of Rust types and functions, taken apart at their angle brackets.

/// `push<a::Order, Global>` is `push` and its arguments; a name without any is itself and nothing.
pub(crate) fn split(name: &str) -> (&str, Vec<&str>) {
    let whole = (name, Vec::new());
    let Some(inner) = name.strip_suffix('>') else { return whole };
    let Some(open) = name.find('<').filter(|&open| open > 0) else { return whole };
    (&name[..open], arguments(&inner[open + 1..]))
}

/// Splits at the commas that stand in no brackets.
pub(crate) fn arguments(list: &str) -> Vec<&str> {
    let mut arguments = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    let mut previous = ' ';
    for (at, character) in list.char_indices() {
        match character {
            '<' | '(' | '[' | '{' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if previous == '-' => {}
            '>' | ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        previous = character;
    }
    let last = list[start..].trim();
    if !last.is_empty() {
        arguments.push(last);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::{arguments, split};

    #[test]
    fn names_are_split_at_the_outer_brackets() {
        assert_eq!(split("push<a::Order, Global>"), ("push", vec!["a::Order", "Global"]));
        assert_eq!(split("main"), ("main", vec![]));
        assert_eq!(split("operator->"), ("operator->", vec![]));
        assert_eq!(split("insert<u32, (a, b), S<x, y>>"), ("insert", vec!["u32", "(a, b)", "S<x, y>"]));
        assert_eq!(split("{closure#0}<T>"), ("{closure#0}", vec!["T"]));
    }

    #[test]
    fn arrows_are_no_brackets() {
        assert_eq!(arguments("fn(a, b) -> c, d"), ["fn(a, b) -> c", "d"]);
        assert_eq!(arguments("dyn Fn(u8) -> Box<u8>, u16"), ["dyn Fn(u8) -> Box<u8>", "u16"]);
        assert_eq!(arguments(""), [""; 0]);
    }
}

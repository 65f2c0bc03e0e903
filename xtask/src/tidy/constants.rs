//! The numbers of the heap stand in its `config.rs`, where the relations between them are asserted.

use std::ops::Range;

use super::Finding;
use super::tree::{File, Tree, find_word};

const HEAP_SOURCES: &str = "crates/heap/src/";
const CONFIG: &str = "crates/heap/src/config.rs";
const TYPES: [&str; 4] = ["usize", "u64", "u32", "u16"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| is_checked(&file.path)) {
        let tests = lines_of_tests(file);
        for (number, line) in file.code().filter(|(number, _)| !tests.contains(number)) {
            if let Some(name) = literal_constant(line) {
                let what = format!("`{name}` is a number outside the configuration");
                findings.push(Finding::new(&file.path, number, what, format!("move it to {CONFIG}")));
            }
        }
    }
    findings
}

fn is_checked(path: &str) -> bool {
    path.starts_with(HEAP_SOURCES) && path != CONFIG && !path.ends_with("/tests.rs")
}

/// The lines of the tests' module, from its attribute to the brace in the first column; empty without one.
fn lines_of_tests(file: &File) -> Range<usize> {
    let lines: Vec<&str> = file.masked.code.lines().collect();
    let begins = |pair: &[&str]| {
        pair[0].starts_with("#[cfg(")
            && find_word(pair[0], "test").is_some()
            && find_word(pair[1], "mod").is_some()
            && pair[1].ends_with('{')
    };
    let Some(begin) = lines.windows(2).position(begins) else { return 0..0 };
    let len = lines[begin..].iter().take_while(|line| **line != "}").count();
    begin + 1..begin + 1 + len
}

/// The name in `const NAME: usize = 1 << 4;`: an integer whose value names no other constant.
fn literal_constant(line: &str) -> Option<&str> {
    let (_, declaration) = line.split_once("const ")?;
    let (name, rest) = declaration.split_once(':')?;
    let (kind, value) = rest.split_once('=')?;
    let value = value.trim().strip_suffix(';')?;
    let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    (is_name && TYPES.contains(&kind.trim()) && is_arithmetic(value)).then_some(name)
}

/// Whether each word of the expression is a number.
fn is_arithmetic(expression: &str) -> bool {
    let mut words =
        expression.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.all(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::tree::Tree;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn numbers_are_found() {
        let text = "//! A.\nconst A: usize = 4;\n    pub const B_MAX: u32 = (1 << 4) * 8_192;\n\
            const C: u64 = 0xff_u64;\n";
        assert_eq!(lines("crates/heap/src/a.rs", text), [2, 3, 4]);
        assert_eq!(lines("crates/heap/src/config.rs", text), [0; 0]);
        assert_eq!(lines("crates/pages/src/a.rs", text), [0; 0]);
    }

    #[test]
    fn what_follows_from_others_may_stand_anywhere() {
        let text = "//! A.\nconst A: usize = 2 * config::B;\n\
            const C: usize = size_of::<u64>();\nconst fn f() -> usize { 4 }\n";
        assert_eq!(lines("crates/heap/src/a.rs", text), [0; 0]);
    }

    #[test]
    fn tests_may_have_their_numbers() {
        let text = "//! A.\n#[cfg(all(test, not(loom)))]\nmod tests {\n    const A: usize = 4;\n}\n";
        assert_eq!(lines("crates/heap/src/a.rs", text), [0; 0]);
        let behind = format!("{text}const B: usize = 4;\n");
        assert_eq!(lines("crates/heap/src/a.rs", &behind), [6]);
        let import = "//! A.\n#[cfg(test)]\nuse x::y;\nconst A: usize = 4;\n";
        assert_eq!(lines("crates/heap/src/a.rs", import), [4]);
    }
}

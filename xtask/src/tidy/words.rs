//! Words that tell of the machine the project was made on, which is nobody else's.

use super::Finding;
use super::tree::Tree;

/// Put together here, so that this file does not find itself.
const WORDS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/tmp/", "brief"), concat!(".li", "brary")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (number, line) in file.lines() {
            for word in WORDS.iter().filter(|word| names_a_path(line, word)) {
                let what = format!("`{word}` belongs to one machine");
                findings.push(Finding::new(&file.path, number, what, "say it without"));
            }
        }
    }
    findings
}

/// Whether `word` stands in `line` by itself: not as the path of an address, a field or a method.
fn names_a_path(line: &str, word: &str) -> bool {
    let is_name_end = |c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']' | '?');
    line.match_indices(word).any(|(at, _)| {
        let before = &line[..at];
        let is_chained = word.starts_with('.') && before.trim().is_empty();
        !is_chained && !before.ends_with(is_name_end)
    })
}

#[cfg(test)]
mod tests {
    use super::{WORDS, check};
    use crate::tidy::tree::Tree;

    #[test]
    fn each_word_is_found_in_any_file() {
        for word in WORDS {
            let text = format!("//! A.\n// see {word}x\n");
            let paths = [("a.rs", text.as_str()), ("b.json", &text), ("Cargo.lock", &text)];
            let findings = check(&Tree::of(&paths));
            let places: Vec<_> =
                findings.iter().map(|finding| (finding.path.as_str(), finding.line)).collect();
            assert_eq!(places, [("a.rs", 2), ("b.json", 2)]);
        }
    }

    #[test]
    fn a_field_and_an_address_are_fine() {
        let text = format!("self{0}.x(); f(){0};\n    {0};\n https://example.org{1}a\n", WORDS[2], WORDS[0]);
        assert_eq!(check(&Tree::of(&[("a.rs", &text)])), []);
    }
}

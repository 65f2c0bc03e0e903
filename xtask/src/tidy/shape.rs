//! The shape of a file: its opening sentence, its length, its lines.

use super::Finding;
use super::tree::{File, Tree};

const FILE_LINES_MAX: usize = 600;
const LINE_COLUMNS_MAX: usize = 110;
/// Kinds of text files whose white space is checked.
const TEXT_ENDINGS: [&str; 12] =
    [".rs", ".toml", ".md", ".sh", ".py", ".js", ".pl", ".cpp", ".c", ".txt", ".yml", ".ci/run"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if TEXT_ENDINGS.iter().any(|ending| file.path.ends_with(ending)) {
            white_space(file, &mut findings);
        }
        if file.is_rust() {
            rust(file, &mut findings);
        }
    }
    findings
}

/// One clause that names the longest Rust source.
pub(super) fn longest(tree: &Tree) -> String {
    let lines = |file: &&File| file.text.lines().count();
    match tree.rust().max_by_key(lines) {
        Some(file) => format!("the longest source is {} with {} lines", file.path, lines(&file)),
        None => "there is no source".to_owned(),
    }
}

fn rust(file: &File, findings: &mut Vec<Finding>) {
    if !file.text.starts_with("//!") {
        let instead = "begin it with a `//!` sentence that says what it is";
        findings.push(Finding::new(&file.path, 1, "the file does not say what it is", instead));
    }
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, more than {FILE_LINES_MAX}");
        findings.push(Finding::new(&file.path, FILE_LINES_MAX + 1, what, "split it by concept"));
    }
    for (number, line) in file.lines() {
        let columns = line.chars().count();
        if columns > LINE_COLUMNS_MAX && !may_be_long(line) {
            let what = format!("{columns} columns, more than {LINE_COLUMNS_MAX}");
            findings.push(Finding::new(&file.path, number, what, "break the line"));
        }
    }
}

/// An address cannot be broken, and neither can the row of a table in a doc comment.
fn may_be_long(line: &str) -> bool {
    let is_table = |marker: &str| {
        line.trim_start().strip_prefix(marker).is_some_and(|rest| rest.trim_start().starts_with('|'))
    };
    line.contains("https://") || line.contains("http://") || is_table("///") || is_table("//!")
}

fn white_space(file: &File, findings: &mut Vec<Finding>) {
    for (number, line) in file.lines() {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(&file.path, number, "white space at the end", "remove it"));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        let last = file.text.lines().count();
        findings.push(Finding::new(&file.path, last, "the last line has no line break", "add one"));
    }
}

#[cfg(test)]
mod tests {
    use super::{check, longest};
    use crate::tidy::tree::Tree;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_file_in_shape_passes() {
        let table = format!("//! | {} |\n/// https://{}\n", "x".repeat(120), "x".repeat(120));
        assert_eq!(whats("a.rs", &format!("//! A.\n{table}{}", "\n".repeat(597))), [""; 0]);
        assert_eq!(whats("a.tsv", "1\t2\t\n3"), [""; 0]);
    }

    #[test]
    fn every_fault_is_found() {
        assert_eq!(whats("a.rs", "fn f() {}\n"), ["the file does not say what it is"]);
        assert_eq!(whats("a.rs", &format!("//! A.\n{}", "\n".repeat(600))), ["601 lines, more than 600"]);
        assert_eq!(whats("a.rs", &format!("//! {}\n", "x".repeat(107))), ["111 columns, more than 110"]);
        assert_eq!(whats("a.rs", "//! A. \n"), ["white space at the end"]);
        assert_eq!(whats("a.md", "# A"), ["the last line has no line break"]);
    }

    #[test]
    fn the_longest_source_is_named() {
        let tree = Tree::of(&[("a.rs", "//!\n"), ("b.rs", "//!\n\n"), ("c.md", "\n\n\n")]);
        assert_eq!(longest(&tree), "the longest source is b.rs with 2 lines");
    }
}

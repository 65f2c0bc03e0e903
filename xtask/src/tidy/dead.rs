//! Nothing dead: no source that no crate compiles, no drawer for junk, no code in comments, no loose ends.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{File, Tree, find_word, join};

const JUNK_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];
/// Marks of unfinished work, in comments.
const LOOSE_ENDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
/// The same, in code.
const LOOSE_MACROS: [&str; 3] = ["dbg!", "todo!", "unimplemented!"];
/// So many lines of comments in a row that look like statements are code.
const DEAD_LINES_MIN: usize = 3;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = unreachable(tree);
    for file in tree.rust() {
        junk_name(file, &mut findings);
        loose_ends(file, &mut findings);
        commented_out(file, &mut findings);
    }
    findings
}

/// Sources under a `src` folder that no `mod` leads to from `lib.rs`, `main.rs` or `bin/`.
fn unreachable(tree: &Tree) -> Vec<Finding> {
    let sources: Vec<&File> = tree.rust().filter(|file| file.package_of_src().is_some()).collect();
    let mut open: Vec<&File> = sources.iter().copied().filter(|file| is_root(&file.path)).collect();
    let mut reached = BTreeSet::new();
    while let Some(file) = open.pop() {
        if reached.insert(file.path.as_str()) {
            open.extend(children(file).iter().filter_map(|path| tree.get(path)));
        }
    }
    let dead = sources.iter().filter(|file| !reached.contains(file.path.as_str()));
    dead.map(|file| Finding::new(&file.path, 1, "no `mod` leads to this file", "declare it or delete it"))
        .collect()
}

fn is_root(path: &str) -> bool {
    let (_, below) = path.split_once("/src/").expect("a source lies under src");
    below == "lib.rs" || below == "main.rs" || below.starts_with("bin/")
}

/// Paths at which the modules that `file` declares may lie, and files that it includes.
///
/// Modules inside an inline `mod a { .. }` are looked for beside those outside of it.
fn children(file: &File) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').expect("a source lies in a folder");
    let stem = name.trim_end_matches(".rs");
    let module_folder =
        if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut children = Vec::new();
    for (number, code) in file.code() {
        let source = file.text.lines().nth(number - 1).expect("both halves have the same lines");
        if code.contains("#[path") || code.contains("include!") {
            children.extend(source.split('"').nth(1).map(|path| join(folder, path)));
        }
        let declared = find_word(code, "mod").and_then(|at| code[at + 3..].trim().strip_suffix(';'));
        if let Some(module) = declared {
            children.push(format!("{module_folder}/{module}.rs"));
            children.push(format!("{module_folder}/{module}/mod.rs"));
        }
    }
    children
}

fn junk_name(file: &File, findings: &mut Vec<Finding>) {
    let mut parts = file.path.trim_end_matches(".rs").split('/');
    if let Some(part) = parts.find(|part| JUNK_NAMES.contains(part)) {
        let what = format!("`{part}` says nothing about what is inside");
        findings.push(Finding::new(&file.path, 1, what, "name it after its concept"));
    }
}

fn loose_ends(file: &File, findings: &mut Vec<Finding>) {
    for ((number, code), (_, comment)) in file.code().zip(file.comments()) {
        let in_comment = LOOSE_ENDS.iter().find(|word| find_word(comment, word).is_some());
        let in_code = LOOSE_MACROS.iter().find(|word| find_word(code, word).is_some());
        for word in in_comment.into_iter().chain(in_code) {
            findings.push(Finding::new(&file.path, number, format!("`{word}`"), "finish it now"));
        }
    }
}

fn commented_out(file: &File, findings: &mut Vec<Finding>) {
    let mut run_lines = 0;
    for (number, line) in file.comments() {
        run_lines = if is_dead_code(line.trim()) { run_lines + 1 } else { 0 };
        if run_lines == DEAD_LINES_MIN {
            let first = number + 1 - DEAD_LINES_MIN;
            findings.push(Finding::new(&file.path, first, "code in a comment", "delete it; git remembers"));
        }
    }
}

/// A plain comment (documentation has its examples) that ends as a statement or a block does.
fn is_dead_code(comment: &str) -> bool {
    comment.starts_with("//")
        && !comment.starts_with("///")
        && !comment.starts_with("//!")
        && comment.ends_with([';', '{'])
}

#[cfg(test)]
mod tests {
    use super::{LOOSE_ENDS, check};
    use crate::tidy::tree::Tree;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&Tree::of(files));
        findings
            .iter()
            .map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.what))
            .collect()
    }

    #[test]
    fn every_declared_module_is_reached() {
        let files = [
            (
                "a/src/lib.rs",
                "//! A.\nmod b;\n#[path = \"../gen/t.rs\"]\npub(crate) mod table;\n#[cfg(test)] mod tests;\n",
            ),
            ("a/src/b.rs", "//! B.\nmod c;\nmod d;\n"),
            ("a/src/b/c.rs", "//! C.\n"),
            ("a/src/b/d/mod.rs", "//! D.\nmod e;\n"),
            ("a/src/b/d/e.rs", "//! E.\n"),
            ("a/src/tests.rs", "//! T.\n"),
            ("a/src/bin/x.rs", "//! X.\n"),
            ("a/gen/t.rs", "//! Not under src.\n"),
            ("a/tests/it.rs", "//! Not under src.\n"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn a_dead_file_is_found() {
        let files = [
            ("a/src/lib.rs", "//! A.\n// mod b;\nmod c;\n"),
            ("a/src/b.rs", "//! B.\n"),
            ("a/src/c.rs", "//! C.\n"),
            ("a/src/b/c.rs", "//! C.\n"),
        ];
        let expected =
            ["a/src/b.rs:1: no `mod` leads to this file", "a/src/b/c.rs:1: no `mod` leads to this file"];
        assert_eq!(found(&files), expected);
    }

    #[test]
    fn a_drawer_for_junk_is_found() {
        let expected = "a/tests/common/mod.rs:1: `common` says nothing about what is inside";
        assert_eq!(found(&[("a/tests/common/mod.rs", "//! A.\n")]), [expected]);
    }

    #[test]
    fn loose_ends_are_found() {
        for word in LOOSE_ENDS {
            let text = format!("//! A.\n/// {word}: more.\nconst A: &str = \"{word}\"; // not {word}S\n");
            assert_eq!(found(&[("a.rs", &text)]), [format!("a.rs:2: `{word}`")]);
        }
        let text = "//! A.\nfn f() { dbg!(1) }\nfn g() { todo!() }\nfn h() { unimplemented!() }\n";
        assert_eq!(
            found(&[("a.rs", text)]),
            ["a.rs:2: `dbg!`", "a.rs:3: `todo!`", "a.rs:4: `unimplemented!`"]
        );
    }

    #[test]
    fn code_in_comments_is_found() {
        let text = "//! A.\n\n// fn f() {\n//     g();\n//     h();\n// }\n";
        assert_eq!(found(&[("a.rs", text)]), ["a.rs:3: code in a comment"]);
        let prose = "//! A;\n//! b;\n//! c;\n// One thing;\n// another;\n// the end.\n";
        assert_eq!(found(&[("a.rs", prose)]), [""; 0]);
    }
}

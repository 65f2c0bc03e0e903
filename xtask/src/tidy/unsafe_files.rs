//! `unsafe` stands in the listed files alone, each with the one invariant that it relies on.
//!
//! The list is `xtask/unsafe-files.txt`: a path, two spaces or more, the invariant in one sentence. A crate
//! whose sources are not in the list forbids unsafe code in its root, so that the compiler says it too.

use super::Finding;
use super::tree::{Tree, find_word};

const LIST: &str = "xtask/unsafe-files.txt";
const FORBID: &str = "#![forbid(unsafe_code)]";
/// Packages that do without: a file of theirs cannot be listed.
const NEVER: [&str; 7] = [
    "crates/classes/",
    "crates/pages/",
    "crates/profile/",
    "crates/layout/",
    "crates/analysis/",
    "crates/report/",
    "crates/cli/",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listed = listed(tree, &mut findings);
    for file in tree.rust() {
        let first = file.code().find(|(_, line)| find_word(line, "unsafe").is_some());
        let entry = listed.iter().find(|(_, path)| *path == file.path);
        match (first, entry) {
            (Some((number, _)), None) => {
                let instead = format!("do without, or list the file with its invariant in {LIST}");
                findings.push(Finding::new(
                    &file.path,
                    number,
                    "unsafe in a file that is not listed",
                    instead,
                ));
            }
            (None, Some((number, path))) => {
                findings.push(Finding::new(
                    LIST,
                    *number,
                    format!("{path} has no unsafe"),
                    "remove the line",
                ));
            }
            _ => {}
        }
        if is_crate_root(&file.path) {
            let package = file.package_of_src().expect("a crate root lies under src");
            let is_listed = listed.iter().any(|(_, path)| path.starts_with(&format!("{package}/src/")));
            let forbids = file.code().any(|(_, line)| line.trim() == FORBID);
            if !is_listed && !forbids && has_code(&file.masked.code) {
                let what = "the crate has no unsafe file and does not forbid it";
                findings.push(Finding::new(&file.path, 1, what, format!("add `{FORBID}`")));
            }
        }
    }
    findings
}

/// The lines of the list as (line number, path); what is wrong with them goes to `findings`.
fn listed<'tree>(tree: &'tree Tree, findings: &mut Vec<Finding>) -> Vec<(usize, &'tree str)> {
    let mut listed: Vec<(usize, &str)> = Vec::new();
    let lines = tree.get(LIST).into_iter().flat_map(|list| list.lines());
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        let mut report =
            |what: String, instead: &str| findings.push(Finding::new(LIST, number, what, instead));
        let (path, invariant) = line.split_once("  ").unwrap_or((line, ""));
        if invariant.trim().is_empty() {
            report(format!("{path} has no invariant"), "write it behind the path and two spaces");
        }
        if NEVER.iter().any(|package| path.starts_with(package)) {
            report(format!("{path} is in a crate without unsafe"), "do without");
        }
        if listed.iter().any(|(_, earlier)| *earlier == path) {
            report(format!("{path} is listed twice"), "remove one line");
        }
        match tree.get(path) {
            Some(_) => listed.push((number, path)),
            None => report(format!("{path} does not exist"), "remove the line"),
        }
    }
    listed
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")
}

/// A root that declares nothing yet needs no attribute.
fn has_code(code: &str) -> bool {
    ["fn", "mod", "struct", "enum", "const", "use"].iter().any(|word| find_word(code, word).is_some())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::tree::Tree;

    const SAFE_ROOT: &str = "//! A.\n#![forbid(unsafe_code)]\nmod b;\n";

    fn found(list: &str, files: &[(&str, &str)]) -> Vec<String> {
        let mut all = vec![("xtask/unsafe-files.txt", list)];
        all.extend(files);
        check(&Tree::of(&all))
            .iter()
            .map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.what))
            .collect()
    }

    #[test]
    fn listed_unsafe_passes() {
        let files = [
            ("crates/heap/src/lib.rs", "//! A.\nmod b;\n"),
            ("crates/heap/src/b.rs", "//! B.\nfn f() { unsafe { g() } }\n"),
            ("crates/pages/src/lib.rs", SAFE_ROOT),
            (
                "crates/pages/src/b.rs",
                "//! No unsafe here.\nconst UNSAFE: &str = \"unsafe\"; // unsafe_code\n",
            ),
        ];
        assert_eq!(found("# path  invariant\ncrates/heap/src/b.rs  g may be called.\n", &files), [""; 0]);
    }

    #[test]
    fn unlisted_unsafe_is_found() {
        let files = [("crates/heap/tests/b.rs", "//! B.\n\n#[unsafe(no_mangle)]\nfn f() {}\n")];
        assert_eq!(found("", &files), ["crates/heap/tests/b.rs:3: unsafe in a file that is not listed"]);
    }

    #[test]
    fn a_root_that_does_not_forbid_is_found() {
        let files = [("crates/pages/src/lib.rs", "//! A.\n/*\n#![forbid(unsafe_code)]\n*/\nmod b;\n")];
        let expected = "crates/pages/src/lib.rs:1: the crate has no unsafe file and does not forbid it";
        assert_eq!(found("", &files), [expected]);
    }

    #[test]
    fn a_bad_list_is_found() {
        let files = [
            ("crates/heap/src/b.rs", "//! B.\nfn f() {}\n"),
            ("crates/pages/src/c.rs", "//! C.\nunsafe fn f() {}\n"),
        ];
        let list = "crates/heap/src/b.rs  x.\nlost.rs  x.\ncrates/pages/src/c.rs\n";
        let expected = [
            "xtask/unsafe-files.txt:2: lost.rs does not exist",
            "xtask/unsafe-files.txt:3: crates/pages/src/c.rs has no invariant",
            "xtask/unsafe-files.txt:3: crates/pages/src/c.rs is in a crate without unsafe",
            "xtask/unsafe-files.txt:1: crates/heap/src/b.rs has no unsafe",
        ];
        assert_eq!(found(list, &files), expected);
    }
}

//! What the documents name exists: paths in backticks and the targets of links.

use super::Finding;
use super::tree::{File, Tree, join};

const ENDINGS: [&str; 4] = [".rs", ".md", ".toml", ".sh"];
const FOLDERS: [&str; 5] = ["crates/", "docs/", "testkit/", "xtask/", "bench/"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_document(&file.path)) {
        for (number, line) in prose(file) {
            let quoted = line.split('`').skip(1).step_by(2).filter(|text| is_path(text));
            let paths = quoted.map(without_line).map(str::to_owned);
            for path in paths.chain(link_targets(file, line)).filter(|path| !tree.has(path)) {
                let instead = "name what is there now";
                findings.push(Finding::new(&file.path, number, format!("there is no `{path}`"), instead));
            }
        }
    }
    findings
}

fn is_document(path: &str) -> bool {
    matches!(path, "README.md" | "ARCHITECTURE.md") || path.starts_with("docs/") && path.ends_with(".md")
}

/// The lines outside of fenced blocks.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    file.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fence && !is_fenced
    })
}

/// Whether a text in backticks means a file or a folder of this repository.
fn is_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    let path = without_line(text);
    path.contains('/')
        && text.chars().all(is_plain)
        && !path.starts_with('/')
        && (ENDINGS.iter().any(|ending| path.ends_with(ending))
            || FOLDERS.iter().any(|folder| path.starts_with(folder)))
}

/// `a/b.rs:12` and `a/b.rs:name` mean a place in `a/b.rs`.
fn without_line(text: &str) -> &str {
    text.split_once(':').map_or(text, |(path, _)| path)
}

/// The targets of `[text](target)` inside the repository, relative to its root.
fn link_targets<'line>(file: &'line File, line: &'line str) -> impl Iterator<Item = String> + 'line {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let targets = targets.map(|target| target.split_once('#').map_or(target, |(path, _)| path));
    let is_ours = |target: &&str| !target.is_empty() && !target.contains("://");
    targets.filter(is_ours).map(move |target| join(folder, target))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::tree::Tree;

    fn missing(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (path, text),
            ("crates/heap/src/lib.rs", ""),
            ("docs/guide.md", ""),
            ("docs/b/c.md", ""),
        ]);
        check(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn what_exists_passes() {
        let text = "See `crates/heap/src/lib.rs:12`, `crates/heap`, `docs/`, [guide](docs/guide.md#top).\n";
        assert_eq!(missing("README.md", text), [""; 0]);
        assert_eq!(
            missing("docs/b/a.md", "[c](c.md) [guide](../guide.md) [w](https://example.org/a.md)\n"),
            [""; 0]
        );
    }

    #[test]
    fn what_is_no_path_of_ours_passes() {
        let text = "`and/or`, `crates/*/src/lib.rs`, `/etc/a.sh`, `lib.rs`, `cargo test -p x/a.rs`\n\
            ```\n`docs/no.md`\n```\n";
        assert_eq!(missing("README.md", text), [""; 0]);
        assert_eq!(missing("other.md", "`docs/no.md`\n"), [""; 0]);
    }

    #[test]
    fn what_is_gone_is_found() {
        assert_eq!(missing("README.md", "`heap/src/lib.rs`\n"), ["there is no `heap/src/lib.rs`"]);
        assert_eq!(missing("ARCHITECTURE.md", "A `bench/peers` b.\n"), ["there is no `bench/peers`"]);
        assert_eq!(missing("docs/b/a.md", "[d](d.md)\n"), ["there is no `docs/b/d.md`"]);
    }
}

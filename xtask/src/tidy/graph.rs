//! The crate graph: the block in ARCHITECTURE.md says what `cargo metadata` says, and the core stays lean.
//!
//! The block is the one source for readers. Between `<!-- crate-graph -->` and `<!-- /crate-graph -->`
//! stands a fenced block with a line for each package of the workspace, bottom-up: `heap -> classes pages`
//! where there are dependencies, `classes -> nothing` where there are none. A package is called by its
//! folder; its normal dependencies (not those of tests and build scripts) are the packages in the lines
//! above it, in any order.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::Finding;
use super::tree::Tree;

const BOOK: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- crate-graph -->";
const END: &str = "<!-- /crate-graph -->";

/// Packages that run inside `malloc`, and what they may use from outside the workspace.
const CORE: [(&str, &[&str]); 5] =
    [("classes", &[]), ("pages", &[]), ("platform", &["libc"]), ("heap", &["libc"]), ("preload", &["libc"])];

/// What cargo knows of a package of the workspace.
#[derive(Debug)]
pub(super) struct Member {
    /// The name of its folder.
    name: String,
    /// Its manifest, relative to the workspace.
    manifest: String,
    /// Folder names of the packages it uses.
    uses: BTreeSet<String>,
    /// Packages from outside that it uses, except in models.
    external: BTreeSet<String>,
}

/// Asks `cargo metadata` for the packages of the workspace in `root`.
pub(super) fn members(root: &Path) -> Vec<Member> {
    let manifest = root.join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
    let metadata = metadata.unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    metadata.packages.iter().map(|package| member(root, package)).collect()
}

fn member(root: &Path, package: &Package) -> Member {
    let manifest = package.manifest_path.as_std_path();
    let mut member = Member {
        name: folder_name(manifest.parent().expect("a manifest lies in a folder")),
        manifest: manifest.strip_prefix(root).unwrap_or(manifest).display().to_string(),
        uses: BTreeSet::new(),
        external: BTreeSet::new(),
    };
    for dependency in package.dependencies.iter().filter(|used| used.kind == DependencyKind::Normal) {
        let target = dependency.target.as_ref().map(ToString::to_string);
        let is_for_models = matches!(target.as_deref(), Some("cfg(loom)" | "cfg(shuttle)"));
        match &dependency.path {
            Some(path) => _ = member.uses.insert(folder_name(path.as_std_path())),
            None if is_for_models => {}
            None => _ = member.external.insert(dependency.name.clone()),
        }
    }
    member
}

fn folder_name(folder: &Path) -> String {
    folder.file_name().expect("a package has a folder").to_string_lossy().into_owned()
}

pub(super) fn check(tree: &Tree, members: &[Member]) -> Vec<Finding> {
    let mut findings = lean_core(members);
    match block(tree) {
        Ok(lines) => findings.extend(compare(&lines, members)),
        Err(finding) => findings.push(finding),
    }
    findings
}

fn lean_core(members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        let Some((_, allowed)) = CORE.iter().find(|(name, _)| *name == member.name) else {
            continue;
        };
        for external in member.external.iter().filter(|name| !allowed.contains(&name.as_str())) {
            let what = format!("`{}` runs inside malloc and depends on `{external}`", member.name);
            findings.push(Finding::new(&member.manifest, 1, what, "do without it"));
        }
    }
    findings
}

/// A line of the block: its number, the package, what it uses.
type Line = (usize, String, BTreeSet<String>);

fn block(tree: &Tree) -> Result<Vec<Line>, Finding> {
    let absent = || {
        let instead = format!("put it between `{BEGIN}` and `{END}`");
        Finding::new(BOOK, 1, "the crate graph is missing", instead)
    };
    let book = tree.get(BOOK).ok_or_else(absent)?;
    let begin = book.lines().find(|(_, line)| line.trim() == BEGIN).ok_or_else(absent)?.0;
    let end = book.lines().find(|(_, line)| line.trim() == END).ok_or_else(absent)?.0;
    let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with("```");
    book.lines()
        .filter(|(number, line)| (begin + 1..end).contains(number) && is_content(line))
        .map(|(number, line)| parse(line).map(|(name, uses)| (number, name, uses)).ok_or(number))
        .collect::<Result<_, _>>()
        .map_err(|number| {
            Finding::new(BOOK, number, "no line of the graph", "write `a -> b c` or `a -> nothing`")
        })
}

fn parse(line: &str) -> Option<(String, BTreeSet<String>)> {
    let (name, uses) = line.split_once("->")?;
    let uses: BTreeSet<String> = match uses.trim() {
        "" => return None,
        "nothing" => BTreeSet::new(),
        some => some.split_whitespace().map(str::to_owned).collect(),
    };
    Some((name.trim().to_owned(), uses))
}

fn compare(lines: &[Line], members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report =
        |number, what: String, instead: &str| findings.push(Finding::new(BOOK, number, what, instead));
    let mut above = BTreeSet::new();
    for (number, name, uses) in lines {
        match members.iter().find(|member| member.name == *name) {
            None => report(*number, format!("there is no package `{name}`"), "remove the line"),
            Some(member) => {
                for extra in uses.difference(&member.uses) {
                    report(*number, format!("`{name}` does not use `{extra}`"), "remove it from the line");
                }
                for missing in member.uses.difference(uses) {
                    let what = format!("`{name}` uses `{missing}`");
                    report(*number, what, "remove the dependency, or add it to the line if it belongs there");
                }
            }
        }
        for below in uses.iter().filter(|used| !above.contains(used)) {
            report(*number, format!("`{below}` does not stand above `{name}`"), "order the lines bottom-up");
        }
        if !above.insert(name) {
            report(*number, format!("`{name}` stands here twice"), "remove one line");
        }
    }
    for member in members.iter().filter(|member| !above.contains(&member.name)) {
        report(1, format!("the crate graph lacks `{}`", member.name), "add its line");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Member, check};
    use crate::tidy::tree::Tree;

    fn member(name: &str, uses: &[&str], external: &[&str]) -> Member {
        Member {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            uses: uses.iter().map(|&used| used.to_owned()).collect(),
            external: external.iter().map(|&used| used.to_owned()).collect(),
        }
    }

    /// What the check says of a block against a workspace where `heap` uses `classes` and `pages`.
    fn whats(block: &str) -> Vec<String> {
        let members = [
            member("classes", &[], &[]),
            member("pages", &[], &[]),
            member("heap", &["classes", "pages"], &["libc"]),
            member("cli", &[], &["clap"]),
        ];
        let book = format!("# A\n\n<!-- crate-graph -->\n```text\n{block}```\n<!-- /crate-graph -->\n");
        let tree = Tree::of(&[("ARCHITECTURE.md", &book)]);
        check(&tree, &members).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn the_same_graph_passes() {
        let block = "classes -> nothing\npages -> nothing\nheap -> pages classes\ncli  -> nothing\n";
        assert_eq!(whats(block), [""; 0]);
    }

    #[test]
    fn every_difference_is_found() {
        let block = "classes -> nothing\npages -> classes\nheap -> classes\ncli -> nothing\n";
        assert_eq!(whats(block), ["`pages` does not use `classes`", "`heap` uses `pages`"]);
        let block = "classes -> nothing\nheap -> classes pages\npages -> nothing\nlost -> nothing\n";
        let expected = [
            "`pages` does not stand above `heap`",
            "there is no package `lost`",
            "the crate graph lacks `cli`",
        ];
        assert_eq!(whats(block), expected);
        assert_eq!(whats("classes\n"), ["no line of the graph"]);
    }

    #[test]
    fn a_missing_block_is_found() {
        assert_eq!(check(&Tree::of(&[]), &[])[0].what, "the crate graph is missing");
        assert_eq!(
            check(&Tree::of(&[("ARCHITECTURE.md", "# A\n")]), &[])[0].what,
            "the crate graph is missing"
        );
    }

    #[test]
    fn the_core_takes_nothing_from_outside_but_libc() {
        let book = "<!-- crate-graph -->\npages -> nothing\nheap -> nothing\n<!-- /crate-graph -->\n";
        let tree = Tree::of(&[("ARCHITECTURE.md", book)]);
        let findings =
            check(&tree, &[member("pages", &[], &["libc"]), member("heap", &[], &["libc", "log"])]);
        let whats: Vec<_> = findings.iter().map(|finding| finding.what.as_str()).collect();
        let expected = [
            "`pages` runs inside malloc and depends on `libc`",
            "`heap` runs inside malloc and depends on `log`",
        ];
        assert_eq!(whats, expected);
    }
}

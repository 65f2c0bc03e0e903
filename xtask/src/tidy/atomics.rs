//! Atomics come from the platform crate alone, so that loom can stand in for them.

use super::Finding;
use super::tree::Tree;

/// Packages whose threads loom explores.
const PACKAGES: [&str; 4] = ["crates/heap", "crates/preload", "crates/pool", "crates/cacheline"];

/// A file of these that is also built where there is no platform.
const WITHOUT_PLATFORM: &str = "crates/pool/src/sync.rs";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let is_explored = file.package_of_src().is_some_and(|package| PACKAGES.contains(&package));
        if !is_explored || file.path == WITHOUT_PLATFORM {
            continue;
        }
        for (number, line) in file.code().filter(|(_, line)| names_atomics(line)) {
            let path = line.trim();
            let what = format!("atomics past the platform crate: `{path}`");
            findings.push(Finding::new(&file.path, number, what, "use `spandrel_platform::sync`"));
        }
    }
    findings
}

/// `core::sync::atomic` in one piece, or picked from a `core::sync::{..}`.
fn names_atomics(line: &str) -> bool {
    let packed: String = line.split_whitespace().collect();
    ["core::sync::", "std::sync::"].iter().any(|prefix| {
        packed
            .split(prefix)
            .skip(1)
            .any(|rest| rest.starts_with("atomic") || rest.starts_with('{') && rest.contains("atomic"))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::tree::Tree;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn atomics_of_the_standard_library_are_found() {
        let text = "//! A.\nuse core::sync::atomic::AtomicUsize;\nuse std::sync::{Mutex, atomic::fence};\n";
        assert_eq!(lines("crates/heap/src/a.rs", text), [2, 3]);
        assert_eq!(lines("crates/pool/src/a/b.rs", text), [2, 3]);
    }

    #[test]
    fn the_platform_and_other_crates_may() {
        let platform = "//! Not core::sync::atomic.\nuse spandrel_platform::sync::atomic::AtomicUsize;\n";
        assert_eq!(lines("crates/heap/src/a.rs", platform), [0; 0]);
        let text = "//! A.\nuse core::sync::atomic::AtomicUsize;\n";
        assert_eq!(lines("crates/platform/src/a.rs", text), [0; 0]);
        assert_eq!(lines("crates/heap/tests/a.rs", text), [0; 0]);
    }
}

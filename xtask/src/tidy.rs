//! `cargo xtask tidy`: the rules of the source tree that no compiler and no lint enforces.
//!
//! Each rule is a function from the [`Tree`] (all tracked text files, in memory) to its [`Finding`]s, so a
//! test needs a few strings and no disk. A rule without an enforcer is a wish; a rule here has a test that
//! plants a violation and sees it found.

mod atomics;
mod constants;
mod dead;
mod graph;
mod markdown;
mod mask;
mod shape;
mod tree;
mod unsafe_files;
mod words;

use std::fmt;
use std::path::Path;

use tree::Tree;

/// One violation of a rule, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1; 1 too where the file as a whole is meant.
    line: usize,
    what: String,
    instead: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), instead: instead.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.what, self.instead)
    }
}

/// Checks the workspace in `root`, prints what it found, and tells whether that was nothing.
pub(crate) fn run(root: &Path) -> bool {
    let tree = Tree::read(root);
    let mut findings = graph::check(&tree, &graph::members(root));
    for rule in [
        unsafe_files::check,
        shape::check,
        dead::check,
        atomics::check,
        constants::check,
        markdown::check,
        words::check,
    ] {
        findings.extend(rule(&tree));
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    println!("{}; {}", summary(findings.len()), shape::longest(&tree));
    findings.is_empty()
}

fn summary(findings: usize) -> String {
    match findings {
        0 => "tidy: nothing found".to_owned(),
        1 => "tidy: 1 finding".to_owned(),
        more => format!("tidy: {more} findings"),
    }
}

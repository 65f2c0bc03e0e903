//! `cargo xtask ci`: everything that has to hold, in one list; `.ci/run` only installs programs and calls it.

mod readme;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::{balance, fuzz, instructions, programs, repro, sanitizers, supply, target_folder, tidy};

/// A stage: its name, and how to do it.
pub(crate) struct Stage {
    name: &'static str,
    work: Work,
}

enum Work {
    /// Variables to set, and the words of a command.
    Command(&'static [(&'static str, &'static str)], &'static [&'static str]),
    /// A function of the workspace's folder that tells whether all is well.
    Check(fn(&Path) -> bool),
}

use Work::{Check, Command as Run};

/// The list, quick checks first.
const STAGES: [Stage; 22] = [
    stage("fmt", Run(&[], &["cargo", "fmt", "--all", "--check"])),
    stage("tidy", Check(tidy::run)),
    stage("supply", Check(supply::run)),
    stage(
        "clippy",
        Run(
            &[],
            &[
                "cargo",
                "clippy",
                "--workspace",
                "-F",
                "spandrel-cli/otlp,spandrel-pool/bytes",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
    ),
    stage(
        "clippy-helpers",
        Run(
            &[],
            &["cargo", "clippy", "-p", "spandrel", "-F", "test", "--all-targets", "--", "-D", "warnings"],
        ),
    ),
    // What is left of the pools without the standard library.
    stage("bare", Run(&[], &["cargo", "check", "--lib", "-p", "spandrel-pool", "--no-default-features"])),
    stage("doc", Run(&[("RUSTDOCFLAGS", "-D warnings")], &["cargo", "doc", "--workspace", "--no-deps"])),
    stage("test", Check(readme::test_command_succeeds)),
    stage(
        "test-release",
        Run(&[], &["cargo", "test", "--release", "-p", "spandrel", "-p", "spandrel-preload"]),
    ),
    // Apart, since the helpers need the standard library, and the preload library is built without.
    stage("test-helpers", Run(&[], &["cargo", "test", "-p", "spandrel", "-F", "test"])),
    stage(
        "go-tool",
        Run(&[], &["cargo", "test", "-p", "spandrel-cli", "--test", "it", "go_tool", "--", "--ignored"]),
    ),
    stage("bytes", Run(&[], &["cargo", "test", "-p", "spandrel-pool", "-F", "bytes"])),
    stage("otlp", Run(&[], &["cargo", "test", "-p", "spandrel-cli", "-F", "otlp", "push"])),
    stage(
        "faults",
        Run(
            &[],
            &["cargo", "test", "--release", "-p", "spandrel", "--features", "faults", "--test", "faults"],
        ),
    ),
    stage("loom", Check(models_hold)),
    stage("main-job", Check(readme::main_job_reports)),
    stage("instructions", Check(instructions_are_no_more)),
    stage("programs", Check(all_programs)),
    stage("repro", Check(repro::run)),
    stage("sanitizers", Check(sanitizers::run)),
    stage("fuzz", Check(fuzz::run)),
    stage("balance", Check(balance::run)),
];

/// Is done when it is asked for: it takes a nightly toolchain with the sources of the standard library.
const BY_NAME_ONLY: &str = "sanitizers";

const fn stage(name: &'static str, work: Work) -> Stage {
    Stage { name, work }
}

/// The stages with the given names, in the order of the list; all but [`BY_NAME_ONLY`] when there are none.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Stage>, String> {
    if let Some(unknown) = names.iter().find(|name| !STAGES.iter().any(|stage| stage.name == *name)) {
        let known: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        return Err(format!("no stage `{unknown}`; there are {}", known.join(" ")));
    }
    let is_wanted = |stage: &&Stage| {
        names.iter().any(|name| name == stage.name) || names.is_empty() && stage.name != BY_NAME_ONLY
    };
    Ok(STAGES.iter().filter(is_wanted).collect())
}

/// Runs the stages, all of them even if one fails, and tells whether every one succeeded.
pub(crate) fn run(root: &Path, stages: &[&Stage]) -> bool {
    let mut failed = Vec::new();
    for stage in stages {
        println!("==> {}", stage.name);
        let start = Instant::now();
        let is_fine = match stage.work {
            Check(check) => check(root),
            Run(variables, words) => succeeds(root, variables, words),
        };
        let verdict = if is_fine { "ok" } else { "FAILED" };
        println!("<== {}: {verdict}, {:.0} s", stage.name, start.elapsed().as_secs_f64());
        if !is_fine {
            failed.push(stage.name);
        }
    }
    if !failed.is_empty() {
        println!("ci: failed: {}", failed.join(" "));
    }
    failed.is_empty()
}

fn succeeds(root: &Path, variables: &[(&str, &str)], words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).envs(variables.iter().copied()).current_dir(root);
    command.status().unwrap_or_else(|error| panic!("{}: {error}", words[0])).success()
}

/// Models: by loom each protocol in every order, by shuttle the whole heap in orders that it draws. Each has
/// a target folder of its own, so that its flag does not rebuild everything else.
fn models_hold(root: &Path) -> bool {
    let folder = |name: &str| {
        let folder = target_folder(root).join(name);
        folder.to_str().expect("the target folder has a plain name").to_owned()
    };
    let packages =
        ["spandrel", "spandrel-platform", "spandrel-unwind", "spandrel-cacheline", "spandrel-pool"];
    let mut loom = vec!["cargo", "test", "--release", "--lib"];
    packages.iter().for_each(|package| loom.extend(["-p", package]));
    let shuttle = ["cargo", "test", "--release", "--lib", "-p", "spandrel", "-F", "faults", "schedules"];
    let checked = [
        ("RUSTFLAGS", "--cfg shuttle"),
        ("CARGO_TARGET_DIR", &folder("shuttle")),
        ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"),
        ("CARGO_PROFILE_RELEASE_PANIC", "unwind"),
    ];
    succeeds(root, &[("RUSTFLAGS", "--cfg loom"), ("CARGO_TARGET_DIR", &folder("loom"))], &loom)
        && succeeds(root, &checked, &shuttle)
}

fn instructions_are_no_more(root: &Path) -> bool {
    instructions::run(root, instructions::Task::Check)
}

fn all_programs(root: &Path) -> bool {
    programs::run(root, &programs::Options { all: true, ..Default::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Stage = stage("fine", Run(&[("A", "b")], &["sh", "-c", "test $A = b"]));
    const BAD: Stage = stage("bad", Run(&[], &["false"]));

    #[test]
    fn one_failure_fails_all() {
        let root = Path::new(".");
        assert!(run(root, &[&FINE, &FINE]));
        assert!(!run(root, &[&BAD, &FINE]));
        assert!(!run(root, &[&FINE, &stage("bad", Check(|_| false))]));
    }

    #[test]
    fn stages_are_selected_by_name() {
        let names = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            select(&args).map(|stages| stages.iter().map(|stage| stage.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["loom", "fmt"]).expect("both exist"), ["fmt", "loom"]);
        assert_eq!(names(&[]).expect("all but one").len(), STAGES.len() - 1);
        assert!(names(&["lint"]).is_err());
    }
}

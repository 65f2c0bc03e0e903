//! A module of build scripts: what is on this machine that tests need.

use std::path::Path;
use std::process::{Command, Stdio};

/// Programs that tests call, and the folder of the debug symbols that they read.
const NEEDED: [&str; 12] = [
    "gcc",
    "g++",
    "clang",
    "dwz",
    "pahole",
    "patch",
    "gdb",
    "valgrind",
    "tmux",
    "promtool",
    "prometheus",
    "/usr/lib/debug/.build-id",
];

/// Lets tests leave out, by `#[cfg(bare_machine)]`, what a machine with nothing but Rust cannot run: those
/// that compare with other tools and with data that lies beside the workspace. Where `CI` is `true` nothing
/// is left out, and what is missing makes them fail.
pub(crate) fn tell_tests() {
    let data = Path::new("../../../shared/data");
    println!("cargo::rustc-check-cfg=cfg(bare_machine)");
    println!("cargo::rerun-if-env-changed=CI");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-changed={}", data.display());
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        return;
    }
    let is_absent = |program: &str| {
        if program.starts_with('/') {
            return !Path::new(program).exists();
        }
        let mut command = Command::new(program);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    };
    let programs = NEEDED.iter().copied().filter(|program| is_absent(program));
    let data = (!data.is_dir()).then_some("`../shared/data`");
    let missing: Vec<_> = data.into_iter().chain(programs).collect();
    if !missing.is_empty() {
        println!("cargo::rustc-cfg=bare_machine");
        println!("cargo::warning=left out: tests that need {}", missing.join(", "));
    }
}

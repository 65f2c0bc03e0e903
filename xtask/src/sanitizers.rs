//! The stage `sanitizers`: stress tests as ThreadSanitizer and AddressSanitizer see them, where there is a
//! nightly toolchain. With `--cfg spandrel_sanitized` the arenas lie where ThreadSanitizer lets programs have
//! memory, and the threads of our own are libc's, so that sanitizers know them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::target_folder;

/// A sanitizer, and the tests that it can't run.
struct Sanitizer {
    name: &'static str,
    /// Whether it wants the standard library built with it.
    watches_std: bool,
    skipped: &'static [&'static str],
}

/// Packages, and which of their tests.
const TESTS: [(&str, &[&str]); 2] = [
    ("spandrel", &["--lib", "--test", "it", "--test", "global", "--test", "races"]),
    ("spandrel-pool", &["--test", "epochs", "--test", "pool", "--test", "static_pool"]),
];

const SANITIZERS: [Sanitizer; 2] = [
    Sanitizer {
        name: "thread",
        // Its own atomics are what threads agree by.
        watches_std: true,
        // The one ends with frees in the last round of destructors, when the sanitizer has forgotten the
        // thread; all else in it is in `races`. The other is about what is resident, of which sanitizers
        // have their own.
        skipped: &["survives_threads", "ledgers"],
    },
    Sanitizer { name: "address", watches_std: false, skipped: &["ledgers"] },
];

/// Runs all; tells whether none found anything. Without a nightly toolchain nothing is run.
pub(crate) fn run(root: &Path) -> bool {
    let mut version = cargo(root);
    let version = version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        println!("no nightly toolchain: nothing is run");
        return true;
    }
    SANITIZERS.iter().all(|sanitizer| sanitizer.finds_nothing(root)) && arenas_stay_within_chunks(root)
}

/// Pools, arenas and buffers over the system's allocator, whose blocks AddressSanitizer knows one by one.
/// What arenas leave undropped by design are no leaks.
fn arenas_stay_within_chunks(root: &Path) -> bool {
    let mut tests = cargo(root);
    tests.args(["test", "--target", "x86_64-unknown-linux-gnu", "-p", "spandrel-pool", "-F", "bytes"]);
    tests.args(["--lib", "--test", "arenas", "--test", "buffers", "--test", "pool"]);
    tests.env("RUSTFLAGS", "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer");
    tests.env("CARGO_TARGET_DIR", target_folder(root).join("address-pool"));
    tests.env("ASAN_OPTIONS", "detect_leaks=0");
    println!("address sanitizer: spandrel-pool");
    tests.status().is_ok_and(|status| status.success())
}

impl Sanitizer {
    fn finds_nothing(&self, root: &Path) -> bool {
        let builds_std = self.watches_std;
        if builds_std && !has_sources() {
            println!(
                "no sources of the standard library (rust-src): the {} sanitizer is left out",
                self.name
            );
            return true;
        }
        TESTS.iter().all(|(package, tests)| self.finds_nothing_in(root, package, tests))
    }

    fn finds_nothing_in(&self, root: &Path, package: &str, names: &[&str]) -> bool {
        let builds_std = self.watches_std;
        let mut flags = format!("-Zsanitizer={} --cfg spandrel_sanitized", self.name);
        if !builds_std {
            flags += " -Cunsafe-allow-abi-mismatch=sanitizer";
        }
        let mut tests = cargo(root);
        tests.args(["test", "--release", "--target", "x86_64-unknown-linux-gnu", "-p", package]);
        if builds_std {
            tests.arg("-Zbuild-std");
        }
        tests.args(names).arg("--");
        tests.args(self.skipped.iter().flat_map(|name| ["--skip", name]));
        tests.env("RUSTFLAGS", flags).env("CARGO_PROFILE_RELEASE_PANIC", "unwind");
        tests.env("CARGO_TARGET_DIR", target_folder(root).join(self.name));
        // Forks of programs with threads are among the tests.
        tests.env("TSAN_OPTIONS", "die_after_fork=0").env_remove("SPANDREL");
        println!("{} sanitizer: {package} {}", self.name, names.join(" "));
        tests.status().is_ok_and(|status| status.success())
    }
}

/// Whether the sources of the standard library are installed beside the nightly toolchain.
fn has_sources() -> bool {
    let rustc = Command::new("rustc")
        .env_remove("RUSTUP_TOOLCHAIN")
        .args(["+nightly", "--print", "sysroot"])
        .output();
    rustc.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).into_owned();
        Path::new(folder.trim()).join("lib/rustlib/src/rust/library/std").exists()
    })
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    // The choice of a toolchain is made for whoever runs this by variables that would win.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").arg("+nightly").current_dir(root);
    command
}

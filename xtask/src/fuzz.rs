//! The stage `fuzz`: each target of libFuzzer for half a minute, where there is a nightly toolchain.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::target_folder;

/// Seconds for each target.
const SECONDS: u32 = 30;

/// Runs each target from its seeds on; tells whether none failed. Without a fuzzer the same functions run
/// in the tests of `testkit/fuzzing`, which are part of every check.
pub(crate) fn run(root: &Path) -> bool {
    let mut version = cargo(root, &["fuzz", "--version"]);
    if !version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("no cargo-fuzz with a nightly toolchain: the functions run on random bytes instead");
        let mut tests = Command::new("cargo");
        tests.args(["test", "--release", "-p", "spandrel-fuzzing"]).env("SPANDREL_FUZZ_RUNS", "1000");
        return tests.current_dir(root).status().is_ok_and(|status| status.success());
    }
    let Ok(seeds) = std::fs::read_dir(root.join("fuzz/seeds")) else { return false };
    let mut names: Vec<_> =
        seeds.flatten().map(|seeds| seeds.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let time = format!("-max_total_time={SECONDS}");
    names.iter().all(|name| {
        let corpus = target_folder(root).join("fuzz-corpus").join(name);
        let seeds = root.join("fuzz/seeds").join(name);
        let mut target = cargo(root, &["fuzz", "run", name]);
        // Code that AddressSanitizer has changed cannot run in a thread that libc does not know.
        target.env("SPANDREL", "background=0");
        std::fs::create_dir_all(&corpus).is_ok()
            && target
                .args([&corpus, &seeds])
                // The heap keeps what it has: its own limit, not that of the fuzzer.
                .args(["--", &time, "-max_len=8192", "-rss_limit_mb=4096", "-print_final_stats=1"])
                .status()
                .is_ok_and(|status| status.success())
    })
}

fn cargo(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    // The choice of a toolchain is made for whoever runs this by variables that would win.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").arg("+nightly").args(args).current_dir(root);
    command
}

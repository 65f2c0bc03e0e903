//! Two copies of Spandrel in one process: this program's global allocator, and the preload library behind
//! `malloc`. Each has its own arenas, caches, slots in a thread, hooks of `fork` and last words.
#![cfg(not(bare_machine))]

use std::path::PathBuf;
use std::process::Command;
use std::thread;

use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{CSubject, GlobalSubject, Scale, conformance};

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

/// Set in the test that was started once more.
const INSIDE: &str = "TEST_HAS_TWO_COPIES";

/// cargo builds the shared object beside this test.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libspandrel_preload.so")
}

/// Runs `body` in this test, started once more under the library; both copies have last words then, and
/// others in `children` processes.
fn with_both(name: &str, children: usize, body: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
    command.env("LD_PRELOAD", library()).env("SPANDREL", "stats=exit");
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success() && out.contains("1 passed"), "{}\n{out}{err}", output.status);
    assert_eq!(err.matches("KiB committed, at most").count(), 2 + children, "{err}");
}

fn c() -> &'static CSubject {
    Box::leak(Box::new(CSubject::process()))
}

#[test]
fn blocks_of_both_keep_apart() {
    with_both("blocks_of_both_keep_apart", 0, || {
        let (before, maps) =
            (spandrel::stats().allocs(), std::fs::read_to_string("/proc/self/maps").unwrap());
        assert!(maps.contains("libspandrel_preload.so"), "the library was not loaded");
        conformance(c(), Scale::Quick);
        let from_c = spandrel::stats().allocs() - before;
        conformance(&GlobalSubject, Scale::Quick);
        let from_rust = spandrel::stats().allocs() - before - from_c;
        assert!(from_c < from_rust / 2, "{from_c} and {from_rust}: malloc is the other copy's");
    });
}

#[test]
fn threads_of_both() {
    with_both("threads_of_both", 0, || {
        let load = Load { blocks: 20_000, ..Load::of(Scale::Quick) };
        thread::scope(|scope| {
            scope.spawn(|| stress(c(), load));
            scope.spawn(|| stress(&GlobalSubject, load));
        });
    });
}

#[test]
fn forks_of_both() {
    // The children leave by `_exit`, which the library is told of.
    with_both("forks_of_both", 100, || {
        fork_under_churn(c(), 4, 50);
        fork_under_churn(&GlobalSubject, 4, 50);
    });
}

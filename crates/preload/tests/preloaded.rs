//! The shared object under `LD_PRELOAD`: this program knows nothing of Spandrel and is started once more
//! with it.

use spandrel_testkit::c_conformance::c_conformance;
use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{CSubject, Scale, conformance};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// cargo builds the shared object beside this test.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libspandrel_preload.so")
}

/// Runs `body` in this test, started once more under the library.
fn preloaded(name: &str, options: &str, body: fn()) {
    const INSIDE: &str = "TEST_IS_PRELOADED";
    if std::env::var_os(INSIDE).is_some() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.contains("libspandrel_preload.so"), "the library was not loaded");
        return body();
    }
    assert!(library().exists(), "{} was not built", library().display());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("LD_PRELOAD", library())
        .env("SPANDREL", options)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

fn subject() -> &'static CSubject {
    static SUBJECT: OnceLock<CSubject> = OnceLock::new();
    SUBJECT.get_or_init(CSubject::process)
}

#[test]
fn conforms() {
    preloaded("conforms", "", || conformance(subject(), Scale::Quick));
}

#[test]
fn conforms_with_exact_statistics() {
    preloaded("conforms_with_exact_statistics", "stats=exact", || conformance(subject(), Scale::Quick));
}

#[test]
fn conforms_without_a_background_thread() {
    preloaded("conforms_without_a_background_thread", "background=0,madvdontneed=0", || {
        conformance(subject(), Scale::Quick);
    });
}

#[test]
fn keeps_the_promises_of_c() {
    preloaded("keeps_the_promises_of_c", "", || c_conformance(subject(), Scale::Quick));
}

#[test]
fn survives_threads() {
    preloaded("survives_threads", "", || stress(subject(), Load::of(Scale::Quick)));
}

#[test]
fn survives_threads_with_exact_statistics() {
    preloaded("survives_threads_with_exact_statistics", "stats=exact", || {
        stress(subject(), Load { blocks: 20_000, ..Load::of(Scale::Quick) });
    });
}

#[test]
fn survives_forks() {
    preloaded("survives_forks", "", || fork_under_churn(subject(), 4, 100));
}

/// Every allocation is sampled, and with another rate about every tenth one.
const RATES: [&str; 2] = ["memprofilerate=1", "memprofilerate=1000"];

#[test]
fn conforms_while_sampled() {
    RATES.map(|rate| preloaded("conforms_while_sampled", rate, || conformance(subject(), Scale::Quick)));
}

#[test]
fn keeps_the_promises_of_c_while_sampled() {
    RATES.map(|rate| {
        preloaded("keeps_the_promises_of_c_while_sampled", rate, || {
            c_conformance(subject(), Scale::Quick);
        });
    });
}

#[test]
fn survives_threads_while_sampled() {
    RATES.map(|rate| {
        preloaded("survives_threads_while_sampled", rate, || {
            stress(subject(), Load { blocks: 20_000, ..Load::of(Scale::Quick) });
        });
    });
}

#[test]
fn survives_forks_while_sampled() {
    preloaded("survives_forks_while_sampled", RATES[1], || fork_under_churn(subject(), 4, 50));
}

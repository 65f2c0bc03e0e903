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

/// Set in the test that was started once more.
const INSIDE: &str = "TEST_IS_PRELOADED";

/// Runs `body` in this test, started once more under the library.
fn preloaded(name: &str, options: &str, body: fn()) {
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

const HARDENED: &str = "hardened=1";

#[test]
fn conforms_hardened() {
    preloaded("conforms_hardened", HARDENED, || conformance(subject(), Scale::Quick));
}

#[test]
fn keeps_the_promises_of_c_hardened() {
    preloaded("keeps_the_promises_of_c_hardened", HARDENED, || c_conformance(subject(), Scale::Quick));
}

#[test]
fn survives_threads_hardened() {
    preloaded("survives_threads_hardened", HARDENED, || {
        stress(subject(), Load { blocks: 20_000, ..Load::of(Scale::Quick) });
    });
}

#[test]
fn survives_forks_hardened() {
    preloaded("survives_forks_hardened", HARDENED, || fork_under_churn(subject(), 4, 100));
}

#[test]
fn conforms_guarded() {
    preloaded("conforms_guarded", "guarded=20000", || conformance(subject(), Scale::Quick));
}

#[test]
fn keeps_the_promises_of_c_guarded() {
    preloaded("keeps_the_promises_of_c_guarded", "guarded=1", || c_conformance(subject(), Scale::Quick));
}

#[test]
fn survives_forks_guarded() {
    preloaded("survives_forks_guarded", "guarded=10000", || fork_under_churn(subject(), 4, 40));
}

/// The notes by which tracers find the probes are in the file.
#[test]
fn probes_are_told_of() {
    let bytes = std::fs::read(library()).unwrap();
    for name in ["alloc", "free"] {
        let note = format!("otel_memory\0{name}\0");
        assert!(bytes.windows(note.len()).any(|part| part == note.as_bytes()), "{name}");
    }
}

/// Runs `body` preloaded while every allocation is sampled, and again while about every tenth is.
fn sampled(name: &str, body: fn()) {
    let rates = ["memprofilerate=1", "memprofilerate=1000"];
    // The program that is preloaded runs its body once.
    let count = if std::env::var_os(INSIDE).is_some() { 1 } else { rates.len() };
    for rate in &rates[..count] {
        preloaded(name, rate, body);
    }
}

#[test]
fn conforms_while_sampled() {
    sampled("conforms_while_sampled", || conformance(subject(), Scale::Quick));
}

#[test]
fn keeps_the_promises_of_c_while_sampled() {
    sampled("keeps_the_promises_of_c_while_sampled", || c_conformance(subject(), Scale::Quick));
}

#[test]
fn survives_threads_while_sampled() {
    sampled("survives_threads_while_sampled", || {
        stress(subject(), Load { blocks: 20_000, ..Load::of(Scale::Quick) });
    });
}

#[test]
fn survives_forks_while_sampled() {
    sampled("survives_forks_while_sampled", || fork_under_churn(subject(), 4, 40));
}

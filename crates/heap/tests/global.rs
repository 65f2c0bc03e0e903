//! Spandrel as this program's own global allocator: the test harness, the kit and its threads all live on
//! it while it is tested.

use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{GlobalSubject, Scale, conformance};

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

#[test]
fn conforms() {
    conformance(&GlobalSubject, Scale::Quick);
}

#[test]
fn survives_threads() {
    stress(&GlobalSubject, Load::of(Scale::Quick));
}

#[test]
fn survives_forks() {
    fork_under_churn(&GlobalSubject, 4, 100);
}

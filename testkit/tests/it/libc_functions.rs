//! The C library that the tests run on passes, preloaded allocators included.

use spandrel_testkit::c_conformance::c_conformance;
use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{CSubject, Scale, walk};

fn subject() -> &'static CSubject {
    Box::leak(Box::new(CSubject::process()))
}

#[test]
fn conforms() {
    c_conformance(subject(), Scale::Quick);
}

#[test]
fn stands_the_stress() {
    stress(subject(), Load::of(Scale::Quick));
}

#[test]
fn survives_forks() {
    fork_under_churn(subject(), 4, 50);
}

#[test]
fn a_library_can_be_opened() {
    let opened = CSubject::open(c"libc.so.6").expect("the C library is there");
    walk::random_walk(&opened, 1, 1_000);
}

#[test]
fn a_library_that_is_missing_is_an_error() {
    let error = CSubject::open(c"/no/such/library.so").expect_err("there is no such library");
    assert!(error.contains("/no/such/library.so"), "{error}");
}

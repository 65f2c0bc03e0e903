//! The C interface linked into the program: every `malloc` of this process is Spandrel's.

use spandrel_preload as _;

use spandrel_testkit::c_conformance::c_conformance;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{CSubject, Scale, conformance};
use std::sync::OnceLock;

fn subject() -> &'static CSubject {
    static SUBJECT: OnceLock<CSubject> = OnceLock::new();
    SUBJECT.get_or_init(CSubject::process)
}

#[test]
fn it_is_spandrel() {
    let before = spandrel::stats().allocs();
    let objects: Vec<_> = (0..1000).map(|index| vec![index; 3]).collect();
    assert!(spandrel::stats().allocs() - before >= 1000);
    drop(objects);
}

#[test]
fn conforms() {
    conformance(subject(), Scale::Quick);
}

#[test]
fn keeps_the_promises_of_c() {
    c_conformance(subject(), Scale::Quick);
}

#[test]
fn survives_threads() {
    stress(subject(), Load { blocks: 50_000, ..Load::of(Scale::Quick) });
}

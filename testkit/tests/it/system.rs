//! Rust's system allocator passes.

use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{RustSubject, Scale, conformance};
use std::alloc::System;

static SYSTEM: RustSubject<System> = RustSubject(System);

#[test]
fn conforms() {
    conformance(&SYSTEM, Scale::Quick);
}

#[test]
#[ignore = "takes minutes in a debug build"]
fn conforms_at_full_scale() {
    conformance(&SYSTEM, Scale::Full);
    stress(&SYSTEM, Load::of(Scale::Full));
}

#[test]
fn stands_the_stress() {
    stress(&SYSTEM, Load::of(Scale::Quick));
}

#[test]
fn survives_forks() {
    fork_under_churn(&SYSTEM, 4, 50);
}

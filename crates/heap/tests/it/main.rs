//! Spandrel beside the system's allocator: the suite, and what only Spandrel promises.

mod profile;
mod sequences;
mod statistics;

use spandrel::Spandrel;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{RustSubject, Scale, conformance};

static SPANDREL: RustSubject<Spandrel> = RustSubject(Spandrel::new());

#[test]
fn conforms() {
    conformance(&SPANDREL, Scale::Quick);
}

#[test]
fn survives_threads() {
    stress(&SPANDREL, Load { blocks: 50_000, ..Load::of(Scale::Quick) });
}

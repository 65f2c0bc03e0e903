//! The rows with mimalloc v3 as global allocator.
//!
//! Versions 2 and 3 are one crate with a feature between them, and cargo unifies features over all packages
//! of one command: `cargo build --workspace` gives both contenders version 2. So the program looks at what it
//! was linked with and refuses to measure the other one under this name.

use std::ffi::c_int;
use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOC: MiMalloc = MiMalloc;

/// `mi_version` is this times the major version, and then minor and patch in two digits each.
const MAJOR_UNIT: c_int = 10_000;

unsafe extern "C" {
    safe fn mi_version() -> c_int;
}

fn main() -> ExitCode {
    let version = mi_version();
    if version / MAJOR_UNIT != 3 {
        eprintln!("linked with mimalloc {version}, not with version 3: build this package on its own (-p)");
        return ExitCode::FAILURE;
    }
    rows::main("mimalloc")
}

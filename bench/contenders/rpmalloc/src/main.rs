//! The rows with rpmalloc as global allocator: version 1.4.3, which is what its only crate bundles.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use rpmalloc::RpMalloc;

#[global_allocator]
static ALLOC: RpMalloc = RpMalloc;

fn main() -> ExitCode {
    rows::main("rpmalloc")
}

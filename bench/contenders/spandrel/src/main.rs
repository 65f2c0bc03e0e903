//! The rows with Spandrel as global allocator.

#![forbid(unsafe_code)]

use std::process::ExitCode;

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

fn main() -> ExitCode {
    rows::main("spandrel")
}

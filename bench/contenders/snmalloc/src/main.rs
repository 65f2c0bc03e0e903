//! The rows with snmalloc as global allocator.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use snmalloc_rs::SnMalloc;

#[global_allocator]
static ALLOC: SnMalloc = SnMalloc;

fn main() -> ExitCode {
    rows::main("snmalloc")
}

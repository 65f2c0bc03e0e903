//! The rows with snmalloc as global allocator.

use std::process::ExitCode;

use snmalloc_rs::SnMalloc;

#[global_allocator]
static ALLOC: SnMalloc = SnMalloc;

fn main() -> ExitCode {
    rows::main("snmalloc")
}

//! The rows with rusty_alloc, mimalloc v2 remade in Rust, as global allocator.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use rusty_alloc_api::RustyAlloc;

#[global_allocator]
static ALLOC: RustyAlloc = RustyAlloc;

fn main() -> ExitCode {
    rows::main("rusty")
}

//! The rows with rallocator, snmalloc ported to Rust, as global allocator.

#![forbid(unsafe_code)]

use std::process::ExitCode;

rallocator::rallocator!();

fn main() -> ExitCode {
    rows::main("rallocator")
}

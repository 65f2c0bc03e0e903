//! The rows with the system's malloc (on Linux glibc's) as global allocator.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;

#[global_allocator]
static ALLOC: System = System;

fn main() -> ExitCode {
    rows::main("glibc")
}

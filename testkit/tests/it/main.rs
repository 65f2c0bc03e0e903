//! The suite over allocators that are right, and over some that are not.

mod libc_functions;
mod planted;
mod planted_c;
mod suite_can_fail;
mod system;

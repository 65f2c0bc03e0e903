//! The suite over allocators that are right, and over some that are not.

mod libc_functions;
mod planted;
mod planted_c;
mod planted_lock;
mod suite_can_fail;
mod system;

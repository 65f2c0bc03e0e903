//! The only crate that knows the operating system, the processor, and whether loom or shuttle is watching.
//!
//! Memory goes through four states, and each function of [`memory`] is a transition between two:
//!
//! ```text
//!            reserve            commit             (first touch)
//!   none ---------------> reserved ------> committed ----------> resident
//!    ^                        |                  ^                    |
//!    |        release         |                  |      scavenge      |
//!    +------------------------+                  +--------------------+
//! ```
//!
//! Nothing in this crate allocates, so all of it can be called from inside `malloc`. Nothing panics in
//! a release build: a system call that fails says so in its result.

#![no_std]

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("Spandrel runs on Linux, on x86-64 and aarch64; this target is neither.");

#[cfg(shuttle)]
pub mod scheduled;
pub mod sync;

#[cfg(not(loom))]
pub mod bare_thread;
#[cfg(not(loom))]
pub mod bytes;
#[cfg(not(loom))]
pub mod fault;
#[cfg(not(loom))]
pub mod fork;
pub mod lock;
#[cfg(not(loom))]
pub mod mappings;
#[cfg(not(loom))]
pub mod memory;
#[cfg(not(loom))]
pub mod process;
#[cfg(not(loom))]
pub mod socket;
#[cfg(not(loom))]
pub mod thread;
#[cfg(not(loom))]
pub mod thread_slot;
#[cfg(not(loom))]
pub mod trap;

/// For the macro of thread slots.
#[cfg(shuttle)]
#[doc(hidden)]
pub use shuttle;

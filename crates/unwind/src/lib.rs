//! Call stacks, walked from inside an allocator: without memory, without a lock, and without trust.
//!
//! Three ways lead from a function to its caller:
//!
//! 1. **Unwind tables** (`.eh_frame`), which compilers write for every function, whatever its flags
//!    ([`tables`], [`rules`]). The table of a piece of code is found by glibc's `_dl_find_object`, which
//!    takes no lock and allocates nothing (`images.rs`). What was found for an address is kept in a small
//!    cache that many threads share without a lock (`cache.rs`).
//! 2. **Frame pointers**, where there is no table: code made at run time, other C libraries, other
//!    processors.
//! 3. Neither: the walk ends.
//!
//! Nothing that is read is believed. A value from the stack is only ever used as an address after it was
//! compared with the bounds of the stack that the walk began in, and every step must go up; unwind tables are
//! read as slices of the read-only segment that holds them. A damaged stack gives a short or a wrong list of
//! addresses, never a fault.
//!
//! ```
//! use spandrel_unwind::{Registers, bounds_of, walk};
//! spandrel_unwind::init();
//! let here = Registers::here();
//! let stack = bounds_of(here.sp).expect("this is Linux");
//! let mut frames = [0; 16];
//! assert!(!walk(here, stack, 0, &mut frames).is_empty());
//! ```

#![no_std]

#[cfg(not(loom))]
mod bounds;
#[cfg_attr(loom, allow(dead_code))]
mod cache;
#[cfg(not(loom))]
mod images;
#[cfg(not(loom))]
pub mod rules;
#[cfg(not(loom))]
pub mod tables;
#[cfg(not(loom))]
mod walk;

#[cfg(not(loom))]
pub use bounds::{Bounds, bounds_of};
#[cfg(not(loom))]
pub use images::init;
#[cfg(not(loom))]
pub use walk::{Registers, walk};

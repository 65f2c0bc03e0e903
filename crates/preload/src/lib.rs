//! The C and C++ allocation functions over Spandrel, as a shared object for `LD_PRELOAD`.
//!
//! Every function that glibc's `malloc` or libstdc++'s `operator new` family exports is here; a missing
//! one would let two heaps meet. The rules of C are kept here and the memory comes from
//! [`spandrel::c_abi`]: `errno` is `ENOMEM` on failure and untouched by `free`; a size over `PTRDIFF_MAX`
//! fails; `malloc(0)` is a block of its own; `realloc(p, 0)` frees, as in glibc.

//!
//! Where a panic ends the process (the release profile), the library stands on libc alone: the standard
//! library would bring a quarter of a megabyte that prints backtraces, and the unwinder, into every process.

#![cfg_attr(panic = "abort", no_std)]

mod c;
mod cxx;
mod inspect;
#[cfg(panic = "abort")]
mod panic;
mod process;
mod token;

//! Debug information in every form that compilers and distributions give it.
//!
//! The programs are compiled here, by gcc and rustc, and taken apart with binutils and dwz.

#![cfg(not(bare_machine))]

mod forms;
mod hostile;
mod names;
mod programs;

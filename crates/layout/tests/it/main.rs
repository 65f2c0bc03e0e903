//! Layouts against the truth of compilers, and against tables that other readers made.

mod allocators;
mod go;
mod oracle;
mod programs;
mod random;
mod truth;

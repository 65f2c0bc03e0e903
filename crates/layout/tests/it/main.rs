//! Layouts against the truth of compilers, and against tables that other readers made.

#![cfg(not(bare_machine))]

mod allocators;
mod cpp;
mod findings;
mod go;
mod oracle;
mod pahole;
mod patches;
mod programs;
mod random;
mod split;
mod targets;
mod truth;

//! Layouts against the truth of compilers, and against tables that other readers made.

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

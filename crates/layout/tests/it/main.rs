//! Layouts against the truth of compilers, and against tables that other readers made.

#[cfg(not(bare_machine))]
mod allocators;
#[cfg(not(bare_machine))]
mod cpp;
#[cfg(not(bare_machine))]
mod findings;
#[cfg(not(bare_machine))]
mod go;
#[cfg(not(bare_machine))]
mod oracle;
#[cfg(not(bare_machine))]
mod pahole;
#[cfg(not(bare_machine))]
mod patches;
#[cfg(not(bare_machine))]
mod programs;
#[cfg(not(bare_machine))]
mod random;
#[cfg(not(bare_machine))]
mod split;
#[cfg(not(bare_machine))]
mod targets;
#[cfg(not(bare_machine))]
mod truth;

//! Profiles as Go writes them against what Go's own tool prints of them, and files that are none.

#[cfg(not(bare_machine))]
mod cpp_types;
#[cfg(not(bare_machine))]
mod damaged;
#[cfg(not(bare_machine))]
mod data;
#[cfg(not(bare_machine))]
mod go_tool;
#[cfg(not(bare_machine))]
mod graph_rules;
#[cfg(not(bare_machine))]
mod rust_types;
#[cfg(not(bare_machine))]
mod text_forms;
#[cfg(not(bare_machine))]
mod written;

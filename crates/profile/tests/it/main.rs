//! Profiles as Go writes them against what Go's own tool prints of them, and files that are none.

#![cfg(not(bare_machine))]

mod cpp_types;
mod damaged;
mod data;
mod go_tool;
mod graph_rules;
mod rust_types;
mod text_forms;
mod written;

//! The built command from outside: what it refuses, what it passes through, what it reports.

mod bench;
mod command;
#[cfg(not(bare_machine))]
mod go_tool;
#[cfg(not(bare_machine))]
mod heap_profiles;
#[cfg(not(bare_machine))]
mod layouts;
#[cfg(not(bare_machine))]
mod live;
mod passthrough;
mod privileges;
mod record_file;
mod refusals;
mod reports;
mod run_profiles;
mod tables;

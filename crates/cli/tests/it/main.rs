//! The built command from outside: what it refuses, what it passes through, what it reports.

mod bench;
mod command;
mod go_tool;
mod heap_profiles;
mod layouts;
mod passthrough;
mod privileges;
mod record_file;
mod refusals;
mod reports;
mod tables;

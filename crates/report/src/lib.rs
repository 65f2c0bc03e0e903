//! Facts about memory to text and JSON.
//!
//! Numbers flow one way: records of processes become a [`schema::RunReport`] (`run.rs`), which holds
//! every derived figure and what stands out ([`findings`]); the report is then serialised as it is, or
//! written as text ([`text`]). So text and JSON cannot disagree. [`units`] is the only place that
//! writes bytes and shares, [`sizes`] writes the table of size classes. [`profile`] does the same for heap
//! profiles, in the words of the `pprof` command, [`layout`] for the layouts of types.
//!
//! Text carries ANSI styles; whoever prints it strips them where they are not wanted.
#![forbid(unsafe_code)]

pub mod findings;
pub mod layout;
mod page;
pub mod profile;
mod run;
pub mod schema;
pub mod sizes;
mod style;
pub mod text;
pub mod units;

pub use run::{RunFacts, saturating_ns};

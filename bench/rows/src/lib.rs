//! The measured rows: what a contender's process runs and reports.
//!
//! A contender is a program with a `#[global_allocator]` that calls [`main`]. One process runs one row, so
//! that no row inherits the heap that another left behind, and prints one line of JSON, a [`Report`]. The
//! program `compare` starts the processes, interleaves the contenders and lays the reports side by side.
//!
//! What makes a row fair:
//! - Nothing here is given to an allocator but what its row is about. Slots that hold the live blocks are
//!   mapped apart (`mapped.rs`), reports are built after the last measurement.
//! - Blocks are touched, because memory that nobody touches is no use to anybody, and because an allocator
//!   must pay for the page faults that it causes.
//! - The optimiser knows what allocation is and may remove a pair: every block is shown to `black_box`, which
//!   also keeps an inlined allocator from holding its state in registers from one pair to the next.

mod batches;
mod block;
mod cache;
mod churn;
mod collections;
mod idle;
mod json;
mod mapped;
mod measurement;
mod memory;
mod misuse;
mod pairs;
mod peakreturn;
mod process;
mod random;
mod registry;
mod report;
mod swap;
mod threads;

use std::env;
use std::process::ExitCode;

pub use measurement::{Measurement, Setup};
pub use registry::{Kind, ROWS, Row};
pub use report::Report;

/// Runs the row that the command line names and prints its [`Report`]: the whole of a contender's `main`.
///
/// Usage of a contender: `contender-NAME ROW [--quick]`, or `contender-NAME misuse CASE [on]`. Exit code 2
/// when the row is not known.
pub fn main(contender: &str) -> ExitCode {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    if name == "misuse" {
        let case = arguments.next().unwrap_or_default();
        return misuse::run(&case, arguments.next().is_some());
    }
    let quick = arguments.next().is_some_and(|argument| argument == "--quick");
    let Some(row) = ROWS.iter().find(|row| row.name == name) else {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        eprintln!("usage: contender-{contender} ROW [--quick]\nrows: {}", names.join(" "));
        return ExitCode::from(2);
    };
    let measurement = (row.run)(&Setup::new(quick));
    println!("{}", Report::new(contender, row, quick, measurement).to_line());
    ExitCode::SUCCESS
}

//! When structures that caches like pay: each beside the plain one, interleaved in one process.
//!
//! ```sh
//! cargo run --release -p cachelines               # all rows: ns an operation, medians of five
//! cargo run --release -p cachelines -- walk scan  # some of them
//! cargo run --release -p cachelines -- --misses   # what cachegrind counts, of rows of one thread
//! ```
//!
//! In a round each variant of a row runs once, one after the other, so that whatever else the machine does
//! falls on all of them. What a variant needs is made before its clock starts. Rows with two threads need two
//! free cores. Misses are those of a run less those of its preparation alone, on caches of fixed geometry and
//! without randomised addresses, and so the same on every machine.

#![forbid(unsafe_code)]

mod misses;
mod random;
mod rows;
mod times;

use std::process::ExitCode;

use clap::Parser;
use rows::{ROWS, Row, Scale};

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

/// When structures that caches like pay.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows to run; all when none is named.
    rows: Vec<String>,
    /// How often each variant runs.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// A hundredth of the work, to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Count misses with cachegrind instead of measuring time.
    #[arg(long)]
    misses: bool,
    /// Run one variant of one row once, at the scale of `--misses`, and print nothing.
    #[arg(long, value_names = ["ROW", "VARIANT"], num_args = 2, hide = true)]
    once: Option<Vec<String>>,
    /// Prepare one variant of one row, and stop there.
    #[arg(long, value_names = ["ROW", "VARIANT"], num_args = 2, hide = true)]
    prepare: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match (&arguments.once, &arguments.prepare) {
        (Some(names), _) => one(names, true),
        (_, Some(names)) => one(names, false),
        _ => tables(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("cachelines: {problem}");
            ExitCode::from(2)
        }
    }
}

fn tables(arguments: &Arguments) -> Result<(), String> {
    let rows = select(&arguments.rows)?;
    if arguments.misses {
        return misses::print(&rows);
    }
    let scale = if arguments.quick { Scale::Quick } else { Scale::Full };
    times::print(&rows, scale, usize::from(arguments.rounds));
    Ok(())
}

fn select(names: &[String]) -> Result<Vec<&'static Row>, String> {
    if let Some(unknown) = names.iter().find(|name| !ROWS.iter().any(|row| row.name == *name)) {
        let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(format!("no row `{unknown}`; there are {}", known.join(" ")));
    }
    let is_wanted = |row: &&Row| names.is_empty() || names.iter().any(|name| name == row.name);
    Ok(ROWS.iter().filter(is_wanted).collect())
}

/// For cachegrind: prepares a variant, and runs it if `runs`.
fn one(names: &[String], runs: bool) -> Result<(), String> {
    let row = select(&names[..1])?[0];
    let variant = row.variants.iter().find(|variant| variant.name == names[1]);
    let variant = variant.ok_or_else(|| format!("no variant `{}` of `{}`", names[1], row.name))?;
    let mut work = (variant.prepare)(Scale::Misses);
    if runs {
        std::hint::black_box(work());
    }
    Ok(())
}

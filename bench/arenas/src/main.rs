//! Arenas and slabs beside those that people use, interleaved in one process.
//!
//! ```sh
//! cargo run --release -p arenas                    # all rows: ns an operation, medians of nine
//! cargo run --release -p arenas -- vec-push slab   # those whose names contain a word
//! cargo run --release -p arenas -- --instructions  # what valgrind counts, an operation
//! ```
//!
//! In a round each variant of a row runs once, one after the other. Instructions are those of a long run less
//! those of a short one, an operation.

#![forbid(unsafe_code)]

mod counts;
mod rows;
mod times;

use std::process::ExitCode;

use clap::Parser;
use rows::Row;

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

/// Arenas and slabs beside those that people use.
#[derive(Debug, Parser)]
struct Arguments {
    /// Words in the names of the rows to run; all when there is none.
    words: Vec<String>,
    /// How often each variant runs.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// Count instructions with valgrind instead of measuring time.
    #[arg(long)]
    instructions: bool,
    /// Run one variant of one row so many times, and print nothing.
    #[arg(long, value_names = ["ROW", "VARIANT", "TIMES"], num_args = 3, hide = true)]
    once: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let rows = rows::all();
    let outcome = match &arguments.once {
        Some(words) => once(&rows, words),
        None => tables(&arguments, &rows),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("arenas: {problem}");
            ExitCode::from(2)
        }
    }
}

fn tables(arguments: &Arguments, rows: &[Row]) -> Result<(), String> {
    let is_wanted = |row: &&Row| {
        arguments.words.is_empty() || arguments.words.iter().any(|word| row.name.contains(word.as_str()))
    };
    let rows: Vec<&Row> = rows.iter().filter(is_wanted).collect();
    if arguments.instructions {
        return counts::print(&rows);
    }
    times::print(&rows, usize::from(arguments.rounds));
    Ok(())
}

/// For valgrind: one variant, so many times.
fn once(rows: &[Row], words: &[String]) -> Result<(), String> {
    let row = rows.iter().find(|row| row.name == words[0]).ok_or("no such row")?;
    let (_, run) = row.variants.iter().find(|(name, _)| *name == words[1]).ok_or("no such variant")?;
    let times: usize = words[2].parse().map_err(|error| format!("{}: {error}", words[2]))?;
    (0..times).for_each(|_| run());
    Ok(())
}

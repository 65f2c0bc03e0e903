//! Runs the contenders interleaved and lays their figures side by side.
//!
//! A contender that cannot be run keeps its column, with the reason below the table. Exit code 0 when every
//! run of every contender gave a report, 1 when some did not, 2 when the command line is wrong.

#![forbid(unsafe_code)]

mod arguments;
mod conditions;
mod contender;
mod results;
mod startup;
mod summary;
mod table;
mod tournament;
mod trial;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::conditions::Conditions;
use crate::results::Results;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.startup {
        Some(library) => startup::compare(library, arguments.runs).map(|()| true),
        None => run_tournament(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs what was asked for and prints it; whether all of it gave reports.
fn run_tournament(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let rows = arguments.rows()?;
    let mut contenders = arguments.contenders()?;
    if arguments.build {
        contenders.iter_mut().for_each(|contender| contender.build());
    }
    let mut conditions = Conditions::now(arguments.profile(), &contenders);
    let trials = tournament::play(&contenders, &rows, arguments);
    conditions.note_end();
    let results = Results { conditions, contenders, trials };
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&results)?;
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    print!("{}", summary::text(&results, &rows, arguments.figure));
    Ok(results.failures().next().is_none())
}

//! Runs the contenders interleaved and lays their figures side by side.
//!
//! There are four tracks, each with tables of its own: Rust programs with the contender as global allocator,
//! in two profiles; C patterns and real programs with it preloaded. A contender that cannot be run keeps its
//! column, with the reason below the tables. Exit code 0 when all went well, 1 when a run gave no figures or
//! a contender that was asked for by its name could not be run, 2 when the command line is wrong.

#![forbid(unsafe_code)]

mod arguments;
mod chart;
mod conditions;
mod contender;
mod families;
mod launch;
mod libraries;
mod process;
mod results;
mod row;
mod startup;
mod summary;
mod table;
mod tournament;
mod track;
mod trial;
mod verdict;
mod versions;
mod workshop;

use std::env;
use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::arguments::Arguments;
use crate::conditions::Conditions;
use crate::contender::Contender;
use crate::results::{LeftOut, Results};
use crate::row::Row;
use crate::tournament::Rules;
use crate::track::Track;
use crate::versions::Lock;

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|first| first == launch::LAUNCH) {
        return launch::main(env::args_os().skip(2));
    }
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::from(2)
        }
    }
}

/// Does what was asked for; whether all went well.
fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    if let Some(library) = &arguments.startup {
        return startup::compare(library, arguments.runs).map(|()| true);
    }
    if arguments.list {
        print!("{}", list(arguments)?);
        return Ok(true);
    }
    let hero = arguments.hero()?;
    let results = match arguments.from_json.as_slice() {
        [] => measure(arguments)?,
        files => Results::load(files)?,
    };
    print!("{}", summary::text(&results, hero));
    if let Some(path) = &arguments.chart {
        let drawing = chart::svg(&results, hero)?;
        fs::write(path, drawing).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(results.went_well(&arguments.peers))
}

/// Builds and runs everything.
fn measure(arguments: &Arguments) -> Result<Results, Box<dyn Error>> {
    let rows = arguments.rows()?;
    let contenders = contenders(arguments, &rows)?;
    let (rows, left_out) = make_ready(rows, !arguments.no_build);
    let conditions = Conditions::now(arguments.rounds, arguments.quick);
    let mut results = Results::new(conditions, contenders, rows);
    results.left_out = left_out;
    process::end_together()?;
    let rules = Rules {
        rounds: arguments.rounds,
        is_quick: arguments.quick,
        time_limit: Duration::from_secs(arguments.time_limit),
    };
    let save = |results: &Results| arguments.json.as_ref().map_or(Ok(()), |path| results.save(path));
    save(&results)?;
    tournament::play(&mut results, rules, save)?;
    results.conditions.iter_mut().for_each(Conditions::note_end);
    save(&results)?;
    Ok(results)
}

/// The contenders of every track that has rows.
fn contenders(arguments: &Arguments, rows: &[Row]) -> Result<Vec<Contender>, String> {
    let build = !arguments.no_build;
    let (mut contenders, mut libraries) = (Vec::new(), None);
    let has_rows = |track: &Track| rows.iter().any(|row| row.track == *track);
    for track in arguments.tracks().into_iter().filter(has_rows) {
        let names = arguments.contenders(track)?;
        match track {
            Track::RustRelease | Track::RustLto => {
                let programs = names.iter().map(|name| workshop::rust_contender(track, name, build));
                contenders.extend(programs.collect::<Vec<_>>());
            }
            Track::Preload | Track::Programs => {
                let libraries = libraries.get_or_insert_with(|| libraries::get(&names, build));
                contenders.extend(libraries.iter().map(|library| library.contender(track)));
            }
        }
    }
    let lock = Lock::read();
    for contender in contenders.iter_mut().filter(|contender| contender.version.is_none()) {
        contender.version = lock.allocator_of(&contender.name);
    }
    Ok(contenders)
}

/// The rows that can be run here, and those that cannot.
fn make_ready(rows: Vec<Row>, build: bool) -> (Vec<Row>, Vec<LeftOut>) {
    let (mut ready, mut left_out) = (Vec::new(), Vec::new());
    for row in rows {
        match workshop::prepare(&row, build) {
            Ok(()) => ready.push(row),
            Err(reason) => left_out.push(LeftOut { track: row.track, row: row.name, reason }),
        }
    }
    (ready, left_out)
}

/// The rows and the contenders of each track.
fn list(arguments: &Arguments) -> Result<String, String> {
    let rows = arguments.rows()?;
    let mut text = String::new();
    for track in arguments.tracks() {
        text += &format!("== {track} ==\ncontenders: {}\n", arguments.contenders(track)?.join(" "));
        for row in rows.iter().filter(|row| row.track == track) {
            text += &format!("{:20}  {}\n", row.name, row.about);
        }
    }
    Ok(text)
}

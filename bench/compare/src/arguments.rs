//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::contender::{self, Known};
use crate::row::{self, Row};
use crate::track::Track;

/// Compares allocators: time, user CPU time and peak resident memory of each, on the same work.
///
/// Contenders run interleaved, each row in a process of its own. Everything is built first, which the first
/// time takes some minutes. Exit code 0 when all went well, 1 when a run gave no figures or a contender named
/// by --peers could not be run, 2 for wrong use.
#[derive(Debug, Parser)]
#[command(name = "compare")]
pub(crate) struct Arguments {
    /// Rows to measure, with spaces or commas between them [default: all; --list names them]
    #[arg(value_name = "ROW", value_delimiter = ',')]
    rows: Vec<String>,
    /// One more row
    #[arg(long = "row", alias = "rows", value_name = "ROW", value_delimiter = ',')]
    more_rows: Vec<String>,
    /// How programs get an allocator: compiled into Rust programs, preloaded into C patterns, preloaded into
    /// real programs
    #[arg(long, value_enum, default_value = "all")]
    door: Door,
    /// How the Rust programs are compiled
    #[arg(long, value_enum, default_value = "release")]
    profile: Profile,
    /// Contenders, with commas between them [default: all but mimalloc2 and debian-*]
    #[arg(long, value_name = "PEER,..", value_delimiter = ',')]
    pub(crate) peers: Vec<String>,
    /// Runs of every row of every contender
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Run a small share of every row, to see that it runs: the figures mean nothing
    #[arg(long)]
    pub(crate) quick: bool,
    /// Build nothing; run what is there
    #[arg(long)]
    pub(crate) no_build: bool,
    /// End a process that takes longer than this and count it as failed
    #[arg(long, value_name = "SECONDS", default_value = "180")]
    pub(crate) time_limit: u64,
    /// The contender that the verdict is on
    #[arg(long, value_name = "NAME", default_value = "spandrel")]
    verdict_of: String,
    /// Write everything that was measured to this file, after each round
    #[arg(long, value_name = "OUT")]
    pub(crate) json: Option<PathBuf>,
    /// Draw the geometric means of the families of rows as bars
    #[arg(long, value_name = "OUT.svg")]
    pub(crate) chart: Option<PathBuf>,
    /// Run nothing: print the tables of what --json wrote earlier; several files must be of different doors
    #[arg(long, value_name = "IN", conflicts_with_all = ["rows", "more_rows", "peers", "quick", "json"])]
    pub(crate) from_json: Vec<PathBuf>,
    /// Print the rows and the contenders of each door
    #[arg(long)]
    pub(crate) list: bool,
    /// Instead of the rows, compare a C program's start with and without this library preloaded
    #[arg(long, value_name = "LIB", conflicts_with_all = ["rows", "more_rows", "peers", "quick", "json"])]
    pub(crate) startup: Option<PathBuf>,
    /// Pairs of runs of --startup
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Door {
    /// Rust programs with a global allocator
    Rust,
    /// C patterns from papers and benchmarks
    Preload,
    /// Programs that people use
    Programs,
    /// All three
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profile {
    /// Cargo's default for releases
    Release,
    /// The same with fat link-time optimisation and one codegen unit
    Lto,
    /// Both, in tables of their own
    Both,
}

impl Arguments {
    /// The tracks that door and profile stand for.
    pub(crate) fn tracks(&self) -> Vec<Track> {
        let rust: &[Track] = match self.profile {
            Profile::Release => &[Track::RustRelease],
            Profile::Lto => &[Track::RustLto],
            Profile::Both => &[Track::RustRelease, Track::RustLto],
        };
        match self.door {
            Door::Rust => rust.to_vec(),
            Door::Preload => vec![Track::Preload],
            Door::Programs => vec![Track::Programs],
            Door::All => [rust, &[Track::Preload, Track::Programs]].concat(),
        }
    }

    /// The contender that the verdict is on.
    pub(crate) fn hero(&self) -> Result<&str, String> {
        reject_unknown("contender", &[&self.verdict_of], &known_contenders())?;
        Ok(&self.verdict_of)
    }

    /// The rows asked for, in the order of the tables.
    pub(crate) fn rows(&self) -> Result<Vec<Row>, String> {
        let all: Vec<Row> = self.tracks().into_iter().flat_map(row::all).collect();
        let asked: Vec<&String> = self.rows.iter().chain(&self.more_rows).collect();
        let known: Vec<&str> = all.iter().map(|row| row.name.as_str()).collect();
        reject_unknown("row", &asked, &known)?;
        let is_wanted = |row: &Row| asked.is_empty() || asked.contains(&&row.name);
        Ok(all.into_iter().filter(is_wanted).collect())
    }

    /// The contenders asked for on `track`, in the order of the columns.
    pub(crate) fn contenders(&self, track: Track) -> Result<Vec<&'static str>, String> {
        reject_unknown("contender", &self.peers.iter().collect::<Vec<_>>(), &known_contenders())?;
        let is_wanted = |known: &&Known| match self.peers.is_empty() {
            true => known.by_default,
            false => self.peers.iter().any(|asked| asked == known.name),
        };
        let wanted = contender::KNOWN.iter().filter(|known| known.runs_on(track)).filter(is_wanted);
        Ok(wanted.map(|known| known.name).collect())
    }
}

fn known_contenders() -> Vec<&'static str> {
    contender::KNOWN.iter().map(|known| known.name).collect()
}

fn reject_unknown(what: &str, asked: &[&String], known: &[&str]) -> Result<(), String> {
    match asked.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("no {what} is called {name:?}; there are {}", known.join(" "))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::track::Track;
    use clap::{CommandFactory, Parser};

    fn parse(line: &str) -> Arguments {
        Arguments::try_parse_from(line.split_ascii_whitespace()).expect("a valid command line")
    }

    fn names(arguments: &Arguments) -> Vec<String> {
        arguments.rows().expect("rows").into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn all_doors_and_all_contenders_but_the_optional_ones_are_the_default() {
        let arguments = parse("compare");
        assert_eq!(arguments.tracks(), [Track::RustRelease, Track::Preload, Track::Programs]);
        assert!(arguments.rows().expect("rows").len() > rows::ROWS.len());
        let contenders = arguments.contenders(Track::Preload).expect("contenders");
        assert_eq!(contenders.len(), 10);
        assert!(contenders.iter().all(|name| *name != "mimalloc2" && !name.starts_with("debian-")));
    }

    #[test]
    fn doors_and_profiles_choose_tracks() {
        assert_eq!(
            parse("compare --door rust --profile both").tracks(),
            [Track::RustRelease, Track::RustLto]
        );
        assert_eq!(parse("compare --door programs --profile both").tracks(), [Track::Programs]);
        assert_eq!(parse("compare --door preload").tracks(), [Track::Preload]);
        assert_eq!(parse("compare --profile lto").tracks()[0], Track::RustLto);
    }

    #[test]
    fn rows_come_in_the_lists_order_however_they_are_asked_for() {
        for line in ["json pair8", "json,pair8", "--row json --row pair8", "json --rows pair8"] {
            assert_eq!(names(&parse(&format!("compare --door rust {line}"))), ["pair8", "json"], "{line}");
        }
        assert!(parse("compare --door rust pair9").rows().is_err());
    }

    #[test]
    fn contenders_come_in_the_lists_order_and_packages_only_by_preloading() {
        let arguments = parse("compare --peers debian-jemalloc,mimalloc2,glibc");
        let on = |track| arguments.contenders(track).expect("contenders");
        assert_eq!(on(Track::Preload), ["glibc", "mimalloc2", "debian-jemalloc"]);
        assert_eq!(on(Track::RustLto), ["glibc", "mimalloc2"]);
        assert!(parse("compare --peers hoard").contenders(Track::Preload).is_err());
        assert_eq!(parse("compare --verdict-of rusty").hero(), Ok("rusty"));
        assert!(parse("compare --verdict-of hoard").hero().is_err());
    }
}

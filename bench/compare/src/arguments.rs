//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use rows::{ROWS, Row};

use crate::contender::{self, Contender};

/// Compares allocators as global allocators of Rust programs.
#[derive(Debug, Parser)]
#[command(name = "compare")]
pub(crate) struct Arguments {
    /// Rows to measure, with commas between them [default: all]
    #[arg(long, value_name = "ROW,..", value_delimiter = ',')]
    rows: Vec<String>,
    /// Contenders, with commas between them [default: all but mimalloc2]
    #[arg(long, value_name = "PEER,..", value_delimiter = ',')]
    peers: Vec<String>,
    /// Cargo profile whose binaries are run
    #[arg(long, value_enum, default_value = "release")]
    profile: Profile,
    /// Runs of every row of every contender
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Which nanoseconds the table shows
    #[arg(long, value_enum, default_value = "median")]
    pub(crate) figure: Figure,
    /// Build the contenders first, each by a cargo command of its own
    #[arg(long)]
    pub(crate) build: bool,
    /// Run a small share of every row, to see that it runs: the figures mean nothing
    #[arg(long)]
    pub(crate) quick: bool,
    /// End a process that takes longer than this and count it as failed
    #[arg(long, value_name = "SECONDS", default_value = "180")]
    pub(crate) time_limit: u64,
    /// Write everything that was measured to this file
    #[arg(long, value_name = "OUT")]
    pub(crate) json: Option<PathBuf>,
    /// Instead of the rows, compare a C program's start with and without this library preloaded
    #[arg(long, value_name = "LIB", conflicts_with_all = ["rows", "peers", "build", "quick", "json"])]
    pub(crate) startup: Option<PathBuf>,
    /// Pairs of runs of --startup
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
}

/// How contenders are compiled.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Profile {
    /// Cargo's default for releases
    Release,
    /// The same with fat link-time optimisation and one codegen unit
    Lto,
}

/// What the speed table shows of a process's repetitions.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Figure {
    /// Wall time of the median repetition
    Median,
    /// Wall time of the fastest repetition
    Min,
    /// User CPU time of all threads
    User,
}

impl Arguments {
    /// The name of the profile, as cargo knows it.
    pub(crate) fn profile(&self) -> &'static str {
        match self.profile {
            Profile::Release => "release",
            Profile::Lto => "lto",
        }
    }

    /// The rows asked for, in the order of the registry.
    pub(crate) fn rows(&self) -> Result<Vec<Row>, String> {
        let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        reject_unknown("row", &self.rows, &known)?;
        let asked_for = |row: &Row| self.rows.is_empty() || self.rows.iter().any(|name| name == row.name);
        Ok(ROWS.iter().copied().filter(asked_for).collect())
    }

    /// The contenders asked for, in the order of the list.
    pub(crate) fn contenders(&self) -> Result<Vec<Contender>, String> {
        let known: Vec<&str> = contender::KNOWN.iter().map(|known| known.name).collect();
        reject_unknown("contender", &self.peers, &known)?;
        let asked_for = |name: &str, by_default: bool| match self.peers.is_empty() {
            true => by_default,
            false => self.peers.iter().any(|asked| asked == name),
        };
        contender::KNOWN
            .iter()
            .filter(|known| asked_for(known.name, known.by_default))
            .map(|known| Contender::locate(known.name, self.profile()))
            .collect()
    }
}

fn reject_unknown(what: &str, asked: &[String], known: &[&str]) -> Result<(), String> {
    match asked.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("no {what} is called {name:?}; there are {}", known.join(" "))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::Parser;

    fn parse(line: &str) -> Arguments {
        Arguments::try_parse_from(line.split_ascii_whitespace()).expect("a valid command line")
    }

    #[test]
    fn all_rows_and_all_contenders_but_the_optional_one_are_the_default() {
        let arguments = parse("compare");
        assert_eq!(arguments.rows().expect("rows").len(), rows::ROWS.len());
        let contenders = arguments.contenders().expect("contenders");
        assert_eq!(contenders.len(), crate::contender::KNOWN.len() - 1);
        assert!(contenders.iter().all(|contender| contender.name != "mimalloc2"));
    }

    #[test]
    fn what_is_asked_for_comes_in_the_lists_order_and_unknown_names_are_refused() {
        let arguments = parse("compare --rows json,pair8 --peers mimalloc2,glibc");
        let rows: Vec<&str> = arguments.rows().expect("rows").iter().map(|row| row.name).collect();
        assert_eq!(rows, ["pair8", "json"]);
        let contenders = arguments.contenders().expect("contenders");
        assert_eq!(
            contenders.iter().map(|contender| contender.name.as_str()).collect::<Vec<_>>(),
            ["glibc", "mimalloc2"]
        );
        assert!(parse("compare --rows pair9").rows().is_err());
        assert!(parse("compare --peers tcmalloc").contenders().is_err());
    }
}

//! Three programs that allocate as programs do, each in a plain version and in one that takes the advice.
//!
//! ```sh
//! cargo run --release -p spandrel-examples -- compare           # the table of docs/examples.md
//! cargo run --release -p spandrel-examples -- compare --write   # and puts it there
//! cargo run --release -p spandrel-examples -- run book plain    # one version, one line of JSON
//! ```
//!
//! - `server`: a server of JSON requests, bytes in and bytes out (`server.rs`);
//! - `logs`: an index of log lines, and queries to it (`logs.rs`);
//! - `book`: an order book with matching (`book.rs`).
//!
//! Both versions of a program get the same input and give the same output, which a test compares. The plain
//! ones are written as one writes before a profile was looked at: owned strings, a map of maps, a box an
//! object. They are not made slow on purpose.

mod allocation_path;
mod book;
mod compare;
mod digest;
mod logs;
mod measured;
mod random;
mod server;
mod simulated;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOC: allocation_path::Counted = allocation_path::Counted;

/// A program: what it does, and its two versions.
struct Program {
    name: &'static str,
    /// Makes the input for so many parts of a thousand of the work, and a version's work on it.
    prepare: fn(permille: usize, version: Version) -> Work,
}

/// Does the work; a digest of its output.
type Work = Box<dyn FnOnce() -> u64>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Version {
    /// As one writes it.
    Plain,
    /// With the advice applied.
    Advised,
}

impl Version {
    const BOTH: [Self; 2] = [Self::Plain, Self::Advised];

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Advised => "advised",
        }
    }
}

const PROGRAMS: [Program; 3] = [
    Program { name: "server", prepare: server::prepare },
    Program { name: "logs", prepare: logs::prepare },
    Program { name: "book", prepare: book::prepare },
];

/// Three programs, each plain and with the advice applied.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures all programs, each version in processes of its own, and prints a table.
    Compare {
        /// How often each version runs; medians are shown.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
        rounds: u8,
        /// Puts the table into docs/examples.md of the folder that this is run in.
        #[arg(long)]
        write: bool,
    },
    /// Runs one version of one program, and prints what it took as a line of JSON.
    Run {
        /// The program.
        program: String,
        /// The version.
        version: Version,
    },
    /// Prepares a part of the work, and does it if told so; for simulators.
    #[command(hide = true)]
    Once {
        program: String,
        version: Version,
        #[arg(long)]
        prepare_only: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Compare { rounds, write } => compare::run(usize::from(rounds), write),
        Command::Run { program, version } => measured::run(&program, version),
        Command::Once { program, version, prepare_only } => simulated::once(&program, version, prepare_only),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("examples: {problem}");
            ExitCode::from(2)
        }
    }
}

fn program(name: &str) -> Result<&'static Program, String> {
    let known = || PROGRAMS.iter().map(|program| program.name).collect::<Vec<_>>().join(" ");
    PROGRAMS
        .iter()
        .find(|program| program.name == name)
        .ok_or_else(|| format!("no program `{name}`; there are {}", known()))
}

#[cfg(test)]
mod tests {
    use super::{PROGRAMS, Version};

    #[test]
    fn both_versions_say_the_same() {
        for program in &PROGRAMS {
            for permille in [1, 20] {
                let [plain, advised] = Version::BOTH.map(|version| (program.prepare)(permille, version)());
                assert_eq!(plain, advised, "{} at {permille}", program.name);
            }
            let [less, more] = [1, 20].map(|permille| (program.prepare)(permille, Version::Plain)());
            assert_ne!(less, more, "the digest of {} depends on the output", program.name);
        }
    }
}

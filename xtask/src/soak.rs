//! `cargo xtask soak`: real programs again and again, for as long as is asked for.
//!
//! The cases are those of `cargo xtask programs` and longer ones: databases, servers, a browser, films.
//! Each runs once without the library and then, in rounds over all of them, with it, until the time that
//! programs have run with the library is up. Every run has to come out the same as the first, to the byte.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::programs::{Case, LONG, Outcome, SHORT, Trial, build_library, prove_that_it_loads};
use crate::target_folder;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long programs run with the library, in all.
    time: Duration,
    /// Whether the library runs with `hardened=1`.
    hardened: bool,
    library: Option<PathBuf>,
    /// Cases to run; all when empty.
    names: Vec<String>,
}

impl Options {
    /// Reads the arguments behind `soak`; an error says what is wrong with them.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options =
            Self { time: Duration::from_secs(60 * 60), hardened: false, library: None, names: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--hardened" => options.hardened = true,
                "--minutes" => {
                    let minutes = args.next().and_then(|text| text.parse::<u64>().ok());
                    let minutes = minutes.filter(|minutes| (1..=10_000).contains(minutes));
                    options.time =
                        Duration::from_secs(60 * minutes.ok_or("--minutes needs a number from 1 on")?);
                }
                "--library" => {
                    options.library = Some(args.next().ok_or("--library needs a path")?.into());
                }
                name if cases().any(|case| case.name == name) => options.names.push(name.to_owned()),
                name => {
                    let known: Vec<_> = cases().map(|case| case.name).collect();
                    return Err(format!("no program `{name}`; there are {}", known.join(" ")));
                }
            }
        }
        Ok(options)
    }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    LONG.iter().chain(&SHORT)
}

/// What came of one case so far.
struct Sum {
    case: &'static Case,
    runs: u32,
    time: Duration,
    /// Why it runs no more.
    missing: Option<String>,
}

/// Runs the rounds, prints a line for each run and a table at the end, and tells whether all was well.
pub(crate) fn run(root: &Path, options: &Options) -> bool {
    let target = target_folder(root);
    let library = options.library.clone().unwrap_or_else(|| build_library(root, &target));
    let loads = library.canonicalize().map_err(|error| error.to_string());
    let library = match loads.and_then(|path| prove_that_it_loads(&path).map(|()| path)) {
        Ok(library) => library,
        Err(problem) => {
            println!("{}: {problem}", library.display());
            return false;
        }
    };
    let settings = if options.hardened { "hardened=1" } else { "" };
    let mut sums: Vec<Sum> = cases()
        .filter(|case| options.names.is_empty() || options.names.iter().any(|name| name == case.name))
        .map(|case| Sum { case, runs: 0, time: Duration::ZERO, missing: None })
        .collect();
    let start = Instant::now();
    let mut failures = 0;
    while total(&sums) < options.time && sums.iter().any(|sum| sum.missing.is_none()) {
        for sum in sums.iter_mut().filter(|sum| sum.missing.is_none()) {
            let folder = target.join("soak").join(sum.case.name);
            let trial = Trial { root, folder, library: &library, case: sum.case, settings };
            let outcome = trial.compare();
            println!("{:>6.0} s  {}", start.elapsed().as_secs_f64(), outcome.row(sum.case.name));
            match outcome {
                Outcome::Same([_, with]) => {
                    sum.runs += 1;
                    sum.time += with.elapsed;
                }
                Outcome::Skipped(what) => sum.missing = Some(what),
                Outcome::Differs(..) | Outcome::Broken(_) => {
                    failures += 1;
                    sum.missing = Some("it did not do the same".to_owned());
                }
            }
        }
    }
    report(&sums, failures);
    failures == 0
}

fn total(sums: &[Sum]) -> Duration {
    sums.iter().map(|sum| sum.time).sum()
}

fn report(sums: &[Sum], failures: u32) {
    println!("{:<14} {:>5} {:>8}", "program", "runs", "seconds");
    for sum in sums {
        let why = sum.missing.as_ref().map(|what| format!("  left out: {what}")).unwrap_or_default();
        println!("{:<14} {:>5} {:>8.0}{why}", sum.case.name, sum.runs, sum.time.as_secs_f64());
    }
    let runs: u32 = sums.iter().map(|sum| sum.runs).sum();
    let minutes = total(sums).as_secs_f64() / 60.0;
    println!("{runs} runs with the library in {minutes:.1} minutes, {failures} that differed");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--minutes", "5", "--hardened", "postgres"]).expect("they are right");
        assert_eq!(options.time, Duration::from_secs(300));
        assert!(options.hardened);
        assert_eq!(options.names, ["postgres"]);
        for wrong in [&["--minutes"][..], &["--minutes", "0"], &["--minutes", "x"], &["emacs"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}

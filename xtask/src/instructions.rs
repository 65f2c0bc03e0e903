//! `cargo xtask instructions`: how many instructions an allocation takes, as a number that is checked.
//!
//! Time moves with the machine and its load, instructions do not: callgrind counts the same ones in every
//! run. Small programs do one sequence of calls over and over, `crates/heap/examples/instructions.rs` with
//! Spandrel as its global allocator and `xtask/instructions.c` with the preload library. Each runs twice,
//! with different numbers of rounds: the difference is free of what starting costs. From that the same for a
//! loop without the calls is taken.
//!
//! The numbers are committed in `xtask/instructions.txt`, see [`ledger`]: one that has grown fails the check.
//! They are those without sampling; what that adds is counted by [`sampling`].

mod ledger;
mod sampling;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{programs, target_folder};
use ledger::Ledger;

const LEDGER: &str = "xtask/instructions.txt";
/// Rounds of the shorter and the longer run, multiples of what `batch64` does in one go.
const ROUNDS: [u64; 2] = [20_000, 120_000];
/// A sample now and then would be spread over all operations.
const UNSAMPLED: &str = "memprofilerate=0";

/// Sequences of the Rust program, each with the one that is its loop without the calls.
const RUST_SEQUENCES: &[(&str, &str)] =
    &[("pair64", "empty"), ("zeroed64", "empty"), ("varied", "sizes"), ("batch64", "empty")];
/// The same of the C program.
const C_SEQUENCES: &[(&str, &str)] = &[
    ("malloc_free", "empty"),
    ("calloc_free", "empty"),
    ("realloc", "empty"),
    ("new_delete", "empty"),
    ("varied", "sizes"),
];

/// A program with sequences.
struct Program {
    /// What the ledger calls the way by which it reaches the allocator.
    name: &'static str,
    binary: PathBuf,
    preload: Option<PathBuf>,
    sequences: &'static [(&'static str, &'static str)],
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Compare with the ledger.
    Check,
    /// Write what was counted into the ledger.
    Accept,
}

impl Task {
    /// Reads the arguments behind `instructions`; an error says what is wrong with them.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [] => Ok(Task::Check),
            [word] if word == "--accept" => Ok(Task::Accept),
            _ => Err("`instructions` takes `--accept` or nothing".to_owned()),
        }
    }
}

/// Counts, prints a row for each sequence, and tells whether none takes more than it may.
pub(crate) fn run(root: &Path, task: Task) -> bool {
    if cfg!(not(target_arch = "x86_64")) {
        println!("the numbers in {LEDGER} are those of x86-64; nothing to compare with");
        return true;
    }
    let outcome = build(root).and_then(|programs| {
        let is_fine = conclude(&root.join(LEDGER), task, &count_all(&programs)?);
        Ok(sampling::check(&programs)? && is_fine)
    });
    outcome.unwrap_or_else(|problem| {
        println!("instructions: {problem}");
        false
    })
}

/// Compares with the ledger or writes it.
fn conclude(path: &Path, task: Task, counted: &[(String, f64)]) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let ledger = match Ledger::parse(&text) {
        Ok(ledger) => ledger,
        Err(problem) => {
            println!("{}: {problem}", path.display());
            return false;
        }
    };
    if task == Task::Accept {
        std::fs::write(path, ledger.accept(counted)).unwrap_or_else(|error| panic!("{LEDGER}: {error}"));
        println!("{LEDGER} holds what was counted");
        return true;
    }
    let comparison = ledger.compare(counted);
    print!("{}", comparison.table);
    if !comparison.is_fine {
        println!("more than the ledger has; if it is worth that: cargo xtask instructions --accept");
    }
    comparison.is_fine
}

/// Builds the programs: Rust as cargo's default release profile has it and with link-time optimisation, C.
fn build(root: &Path) -> Result<Vec<Program>, String> {
    let target = target_folder(root);
    let example = ["build", "--quiet", "--package", "spandrel", "--example", "instructions"];
    succeeds(Command::new("cargo").args(example).arg("--release").current_dir(root))?;
    let lto = ["inherits=\"release\"", "lto=\"fat\"", "codegen-units=1"];
    let lto = lto.into_iter().flat_map(|line| ["--config".to_owned(), format!("profile.lto.{line}")]);
    succeeds(Command::new("cargo").args(example).args(["--profile", "lto"]).args(lto).current_dir(root))?;
    let library = programs::build_library(root, &target);
    programs::prove_that_it_loads(&library)?;
    let calls = target.join("instructions");
    // No protection of indirect jumps and no early binding, whatever the distribution's compiler prefers:
    // both change the procedure linkage table.
    let flags = ["-std=gnu11", "-O2", "-fno-builtin", "-fcf-protection=none", "-Wl,-z,lazy", "-o"];
    succeeds(Command::new("cc").args(flags).arg(&calls).arg(root.join("xtask/instructions.c")))?;
    let rust = |name, profile: &str| {
        let binary = target.join(profile).join("examples/instructions");
        Program { name, binary, preload: None, sequences: RUST_SEQUENCES }
    };
    let preloaded =
        Program { name: "preload", binary: calls, preload: Some(library), sequences: C_SEQUENCES };
    Ok(vec![rust("rust", "release"), rust("rust-lto", "lto"), preloaded])
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// Instructions of an operation of each sequence, by the names that the ledger has for them.
fn count_all(programs: &[Program]) -> Result<Vec<(String, f64)>, String> {
    let mut counted = Vec::new();
    for program in programs {
        let mut loops = BTreeMap::new();
        for &(sequence, without) in program.sequences {
            if !loops.contains_key(without) {
                loops.insert(without, per_round(program, without, UNSAMPLED, ROUNDS)?);
            }
            let instructions = per_round(program, sequence, UNSAMPLED, ROUNDS)? - loops[without];
            counted.push((format!("{}/{sequence}", program.name), instructions));
        }
    }
    Ok(counted)
}

/// Instructions of a round of a sequence, by runs of so many rounds, with `options` for Spandrel.
fn per_round(program: &Program, sequence: &str, options: &str, rounds: [u64; 2]) -> Result<f64, String> {
    let [short, long] = rounds;
    let count = |rounds| count(program, sequence, options, rounds).map(|instructions| instructions as f64);
    Ok((count(long)? - count(short)?) / (long - short) as f64)
}

/// Instructions of one run as a whole.
fn count(program: &Program, sequence: &str, options: &str, rounds: u64) -> Result<u64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(&program.binary).args([sequence, &rounds.to_string()]);
    valgrind.env("SPANDREL", options);
    if let Some(library) = &program.preload {
        valgrind.env("LD_PRELOAD", library);
    }
    let output =
        valgrind.output().map_err(|error| format!("valgrind: {error}; its package is called valgrind"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    match collected(&text) {
        Some(instructions) if output.status.success() => Ok(instructions),
        _ => Err(format!("{} {sequence} under valgrind: {}\n{text}", program.name, output.status)),
    }
}

/// The number behind `Collected :` in what callgrind prints.
fn collected(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{C_SEQUENCES, RUST_SEQUENCES, Task, collected};

    #[test]
    fn the_count_is_found_in_what_callgrind_prints() {
        let text = "==1== Events    : Ir\n==1== Collected : 214729\n==1== \n==1== I   refs:      214,729\n";
        assert_eq!(collected(text), Some(214_729));
        assert_eq!(collected("==1== Events    : Ir\n"), None);
    }

    #[test]
    fn arguments_are_read() {
        let parse = |args: &[&str]| Task::parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&[]), Ok(Task::Check));
        assert_eq!(parse(&["--accept"]), Ok(Task::Accept));
        assert!(parse(&["pair64"]).is_err());
    }

    /// A misspelt one would fail only where valgrind is installed.
    #[test]
    fn the_programs_have_the_sequences() {
        let rust = include_str!("../../crates/heap/examples/instructions.rs");
        let c = include_str!("../instructions.c");
        for (program, sequences) in [(rust, RUST_SEQUENCES), (c, C_SEQUENCES)] {
            for name in sequences.iter().flat_map(|&(sequence, without)| [sequence, without]) {
                assert!(program.contains(&format!("\"{name}\"")), "{name}");
            }
        }
    }
}

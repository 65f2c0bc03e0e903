//! Both versions of each program side by side, as a table for a document.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::measured::Measured;
use crate::simulated::{self, Simulated};
use crate::{PROGRAMS, Program, Version};

const DOCUMENT: &str = "docs/examples.md";
const BEGIN: &str = "<!-- compare -->";
const END: &str = "<!-- /compare -->";

const HEAD: &str = "| program | | plain | advised | plain / advised |\n|---|---|---:|---:|---:|\n";

pub(crate) fn run(rounds: usize, write: bool) -> Result<(), String> {
    let mut table = HEAD.to_owned();
    let can_simulate = simulated::can();
    for program in &PROGRAMS {
        measured_rows(program, rounds, &mut table)?;
        if can_simulate {
            simulated_rows(program, &mut table)?;
        }
    }
    print!("{table}");
    if !can_simulate {
        eprintln!("examples: without valgrind there are no rows of instructions and misses");
    }
    if write { put(&table) } else { Ok(()) }
}

/// Versions are interleaved, each run a process of its own.
fn measured_rows(program: &Program, rounds: usize, table: &mut String) -> Result<(), String> {
    let mut runs = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        for (version, runs) in Version::BOTH.into_iter().zip(&mut runs) {
            runs.push(child(program.name, version)?);
        }
    }
    if runs.iter().flatten().any(|run: &Measured| run.digest != runs[0][0].digest) {
        return Err(format!("the versions of `{}` differ in their output", program.name));
    }
    let mut row = |label: &str, of: fn(&Measured) -> f64, digits: usize| {
        let [plain, advised] = [0, 1].map(|version| median(runs[version].iter().map(of).collect()));
        add_row(table, program.name, label, [plain, advised], digits);
    };
    row("allocations", |run| run.allocations as f64, 0);
    row("allocated MiB", |run| run.allocated_bytes as f64 / f64::from(1 << 20), 1);
    row("time, ms", |run| run.milliseconds, 1);
    row("peak resident, MiB", |run| run.peak_bytes as f64 / f64::from(1 << 20), 1);
    Ok(())
}

fn child(name: &str, version: Version) -> Result<Measured, String> {
    let own = env::current_exe().map_err(|error| format!("its own path: {error}"))?;
    let output = Command::new(own).args(["run", name, version.name()]).output();
    let output = output.map_err(|error| format!("its own program: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("a run of `{name}`: {error}"))
}

fn simulated_rows(program: &Program, table: &mut String) -> Result<(), String> {
    let [plain, advised] = Version::BOTH.map(|version| simulated::count(program.name, version));
    let counts = [plain?, advised?];
    let mut row = |label: &str, of: fn(&Simulated) -> f64| {
        let millions = [0, 1].map(|version| of(&counts[version]) / 1e6);
        add_row(table, program.name, label, millions, 3);
    };
    row("allocator's instructions, millions", |counts| counts.allocator_instructions);
    row("all instructions, millions", |counts| counts.instructions);
    row("D1 misses, millions", |counts| counts.first_level_misses);
    row("LL misses, millions", |counts| counts.last_level_misses);
    Ok(())
}

fn add_row(table: &mut String, name: &str, label: &str, [plain, advised]: [f64; 2], digits: usize) {
    let ratio = if advised == 0.0 { String::from("-") } else { format!("{:.2}", plain / advised) };
    writeln!(table, "| {name} | {label} | {plain:.digits$} | {advised:.digits$} | {ratio} |")
        .expect("a string takes it");
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Puts the table into the document, between its marks.
fn put(table: &str) -> Result<(), String> {
    let text = fs::read_to_string(DOCUMENT).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{DOCUMENT}: no `{BEGIN}` and `{END}`"))?;
    fs::write(DOCUMENT, format!("{before}{BEGIN}\n{table}{END}{after}"))
        .map_err(|error| format!("{DOCUMENT}: {error}"))
}

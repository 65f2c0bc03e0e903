//! Misses an operation, counted by cachegrind on caches of fixed geometry.

use std::env;
use std::process::Command;

use crate::rows::{Row, Scale, Variant};

/// The geometry: 48 KiB of data in twelve ways, and a last level of 32 MiB.
const CACHES: [&str; 4] = ["--tool=cachegrind", "--cache-sim=yes", "--D1=49152,12,64", "--LL=33554432,16,64"];

#[derive(Clone, Copy)]
struct Counts {
    instructions: f64,
    first_level: f64,
    last_level: f64,
}

pub(crate) fn print(rows: &[&Row]) -> Result<(), String> {
    for row in rows.iter().filter(|row| row.is_single) {
        println!("\n{}: {}\n", row.name, row.what);
        println!("| variant | instructions | D1 misses | LL misses |\n|---|---:|---:|---:|");
        for variant in row.variants {
            let (whole, prepared) = (count(row, variant, "--once")?, count(row, variant, "--prepare")?);
            let operations = (variant.prepare)(Scale::Misses)() as f64;
            let each = |of: fn(&Counts) -> f64| (of(&whole) - of(&prepared)).max(0.0) / operations;
            let (instructions, first) =
                (each(|counts| counts.instructions), each(|counts| counts.first_level));
            let last = each(|counts| counts.last_level);
            println!("| {} | {instructions:.1} | {first:.3} | {last:.3} |", variant.name);
        }
    }
    Ok(())
}

fn count(row: &Row, variant: &Variant, what: &str) -> Result<Counts, String> {
    let own = env::current_exe().map_err(|error| format!("its own path: {error}"))?;
    let mut command = Command::new("setarch");
    command.arg("-R").arg("valgrind").args(CACHES).arg("--cachegrind-out-file=/dev/null");
    command.arg(own).args([what, row.name, variant.name]);
    let output = command.output().map_err(|error| format!("setarch: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let figure = |label: &str| {
        let line = report.lines().find(|line| line.contains(label));
        let number = line.and_then(|line| line.split_once(':')).and_then(|(_, rest)| rest.split('(').next());
        number.and_then(|number| number.trim().replace(',', "").parse::<f64>().ok())
    };
    let counts = (figure("I   refs:"), figure("D1  misses:"), figure("LLd misses:"));
    let (Some(instructions), Some(first_level), Some(last_level)) = counts else {
        return Err(format!("valgrind counted nothing: {}", report.lines().last().unwrap_or("it is silent")));
    };
    Ok(Counts { instructions, first_level, last_level })
}

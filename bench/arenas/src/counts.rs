//! Instructions an operation, counted by valgrind.

use std::env;
use std::process::Command;

use crate::rows::Row;

/// How often the short run and the long run do a row's work.
const TIMES: [usize; 2] = [5, 55];

pub(crate) fn print(rows: &[&Row]) -> Result<(), String> {
    println!("| row | variant | instructions | to the first |\n|---|---|---:|---:|");
    for row in rows {
        let mut first = None;
        for (name, _) in &row.variants {
            let (short, long) = (count(row.name, name, TIMES[0])?, count(row.name, name, TIMES[1])?);
            let each = (long - short) / ((TIMES[1] - TIMES[0]) * row.operations) as f64;
            let ratio = each / *first.get_or_insert(each);
            println!("| {} | {name} | {each:.2} | {ratio:.2} |", row.name);
        }
    }
    Ok(())
}

fn count(row: &str, variant: &str, times: usize) -> Result<f64, String> {
    let own = env::current_exe().map_err(|error| format!("its own path: {error}"))?;
    let mut command = Command::new("setarch");
    command.args([
        "-R",
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
    ]);
    command.arg(own).args(["--once", row, variant, &times.to_string()]);
    command.env("SPANDREL", "memprofilerate=0"); // samples fall where they fall
    let output = command.output().map_err(|error| format!("setarch: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let line = report.lines().find(|line| line.contains("I refs:") || line.contains("I   refs:"));
    let number = line.and_then(|line| line.rsplit(':').next());
    number.and_then(|number| number.trim().replace(',', "").parse().ok()).ok_or_else(|| {
        format!("valgrind counted nothing: {}", report.lines().last().unwrap_or("it is silent"))
    })
}

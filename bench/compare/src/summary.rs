//! What is printed at the end: conditions, speed, memory, what went wrong.

use std::collections::BTreeSet;
use std::fmt::Write;

use rows::{Kind, Report, Row};

use crate::arguments::Figure;
use crate::results::Results;
use crate::table::Table;

/// All tables as text.
pub(crate) fn text(results: &Results, rows: &[Row], figure: Figure) -> String {
    let mut text = results.conditions.text();
    text += &speed(results, rows, figure).text(true);
    text += &memory(results, rows).text(false);
    text += &peak(results, rows).text(true);
    let failures: Vec<String> = results.failures().collect();
    if !failures.is_empty() {
        writeln!(text, "\nnot measured:\n  {}", failures.join("\n  ")).expect("a string takes it");
    }
    text
}

fn speed(results: &Results, rows: &[Row], figure: Figure) -> Table {
    let (title, pick): (_, fn(&Report) -> Option<f64>) = match figure {
        Figure::Median => {
            ("wall ns an operation, median repetition, median over rounds", |report| report.ns_median)
        }
        Figure::Min => {
            ("wall ns an operation, fastest repetition, median over rounds", |report| report.ns_min)
        }
        Figure::User => ("user CPU ns an operation, median over rounds", |report| report.ns_user),
    };
    let mut table = Table::new(title, names(results));
    for row in rows.iter().filter(|row| row.kind == Kind::Speed) {
        table.push(row.name.to_owned(), results.cells(row.name, pick));
    }
    table
}

/// One line for each extra figure of each memory row.
fn memory(results: &Results, rows: &[Row]) -> Table {
    let mut table = Table::new("what stays resident, median over rounds", names(results));
    for row in rows.iter().filter(|row| row.kind == Kind::Memory) {
        for name in extra_names(results, row) {
            let cells = results.cells(row.name, |report| report.extra.get(name).copied());
            table.push(format!("{} {name}", row.name), cells);
        }
    }
    table
}

fn extra_names<'a>(results: &'a Results, row: &Row) -> BTreeSet<&'a str> {
    let trials = results.trials.iter().filter(|trial| trial.row == row.name);
    trials
        .filter_map(|trial| trial.report())
        .flat_map(|report| report.extra.keys().map(String::as_str))
        .collect()
}

fn peak(results: &Results, rows: &[Row]) -> Table {
    let mut table =
        Table::new("peak resident MiB of the process (VmHWM), median over rounds", names(results));
    for row in rows {
        let cells = results.cells(row.name, |report| Some(report.peak_rss_kib as f64 / 1024.0));
        table.push(row.name.to_owned(), cells);
    }
    table
}

fn names(results: &Results) -> Vec<String> {
    results.contenders.iter().map(|contender| contender.name.clone()).collect()
}

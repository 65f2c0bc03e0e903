//! The order of the runs: contenders interleaved inside each round, with the order rotated.
//!
//! What disturbs the machine for a while, or changes slowly, then meets all contenders alike, and none is
//! always the one that runs after the same other.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use rows::Row;

use crate::arguments::Arguments;
use crate::contender::Contender;
use crate::trial::{self, Outcome, Trial};

/// Runs every row of every contender that can be run, once a round.
pub(crate) fn play(contenders: &[Contender], rows: &[Row], arguments: &Arguments) -> Vec<Trial> {
    let present: Vec<&Contender> =
        contenders.iter().filter(|contender| contender.missing().is_none()).collect();
    let time_limit = Duration::from_secs(arguments.time_limit);
    let mut trials = Vec::new();
    for round in 1..=arguments.rounds {
        for (row_index, row) in rows.iter().enumerate() {
            for turn in 0..present.len() {
                let contender = present[(turn + row_index + round as usize) % present.len()];
                show_progress(&format!(
                    "round {round}/{}  {}  {}",
                    arguments.rounds, row.name, contender.name
                ));
                let clock = Instant::now();
                let outcome = trial::run(&contender.binary, row.name, arguments.quick, time_limit);
                trials.push(Trial {
                    round,
                    contender: contender.name.clone(),
                    row: row.name.to_owned(),
                    wall_s: clock.elapsed().as_secs_f64(),
                    outcome: check_identity(outcome, &contender.name, row.name),
                });
            }
        }
    }
    show_progress("");
    trials
}

/// Refuses a report of something else than what was started.
fn check_identity(outcome: Outcome, contender: &str, row: &str) -> Outcome {
    match outcome {
        Outcome::Report(report) if report.contender != contender || report.row != row => {
            Outcome::Failure(format!("reports row {} of {}", report.row, report.contender))
        }
        outcome => outcome,
    }
}

/// One line on a terminal, overwritten by the next; nothing elsewhere.
fn show_progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}

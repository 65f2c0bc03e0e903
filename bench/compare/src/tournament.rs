//! The order of the runs: contenders interleaved inside each round, with the order rotated.
//!
//! What disturbs the machine for a while, or changes slowly, then meets all contenders alike, and none is
//! always the one that runs after the same other.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::contender::Contender;
use crate::results::Results;
use crate::row::Row;
use crate::trial::Trial;

/// How each run is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) rounds: u32,
    pub(crate) is_quick: bool,
    pub(crate) time_limit: Duration,
}

/// Runs every row of every contender that can be run, once a round, and calls `after_round` after each.
pub(crate) fn play(
    results: &mut Results,
    rules: Rules,
    mut after_round: impl FnMut(&Results) -> Result<(), String>,
) -> Result<(), String> {
    let runs_a_round: usize = results.rows.iter().map(|row| present(results, row).len()).sum();
    let progress = progress_bar(runs_a_round as u64 * u64::from(rules.rounds));
    for round in 1..=rules.rounds {
        let mut trials = Vec::with_capacity(runs_a_round);
        for (row_index, row) in results.rows.iter().enumerate() {
            let present = present(results, row);
            for turn in 0..present.len() {
                let contender = present[(turn + row_index + round as usize) % present.len()];
                progress
                    .set_message(format!("round {round}/{}  {}  {}", rules.rounds, row.name, contender.name));
                trials.push(Trial::run(round, contender, row, rules.is_quick, rules.time_limit));
                progress.inc(1);
            }
        }
        results.trials.extend(trials);
        after_round(results)?;
    }
    progress.finish_and_clear();
    Ok(())
}

fn present<'a>(results: &'a Results, row: &Row) -> Vec<&'a Contender> {
    results.contenders_of(row.track).filter(|contender| contender.error.is_none()).collect()
}

/// Drawn between two runs and never during one: there is no thread that ticks. Nothing where standard error
/// is no terminal.
fn progress_bar(runs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {elapsed} (ETA {eta})  {msg}");
    ProgressBar::new(runs).with_style(style.expect("the template is right"))
}

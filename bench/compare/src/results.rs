//! Everything that was measured, and the medians over the rounds.

use rows::Report;
use serde::Serialize;

use crate::conditions::Conditions;
use crate::contender::Contender;
use crate::trial::Trial;

/// What `--json` writes.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) conditions: Conditions,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) trials: Vec<Trial>,
}

/// One figure of one contender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Median over the rounds.
    Median {
        value: f64,
        /// Difference of the largest and the smallest value, as a share of the median.
        spread: f64,
        /// Some rounds gave no report.
        patchy: bool,
    },
    /// The contender ran, but no round gave a report.
    Failed,
    /// The contender could not be run at all.
    Missing,
}

impl Cell {
    /// The median, if there is one.
    pub(crate) fn value(self) -> Option<f64> {
        match self {
            Cell::Median { value, .. } => Some(value),
            Cell::Failed | Cell::Missing => None,
        }
    }
}

impl Results {
    /// One cell for each contender: the median of what `figure` finds in the reports of `row`.
    pub(crate) fn cells(&self, row: &str, figure: impl Fn(&Report) -> Option<f64>) -> Vec<Cell> {
        self.contenders.iter().map(|contender| self.cell(contender, row, &figure)).collect()
    }

    fn cell(&self, contender: &Contender, row: &str, figure: impl Fn(&Report) -> Option<f64>) -> Cell {
        let trials: Vec<&Trial> = self
            .trials
            .iter()
            .filter(|trial| trial.contender == contender.name && trial.row == row)
            .collect();
        if trials.is_empty() {
            return Cell::Missing;
        }
        let mut values: Vec<f64> =
            trials.iter().filter_map(|trial| trial.report().and_then(&figure)).collect();
        if values.is_empty() {
            return Cell::Failed;
        }
        let value = median(&mut values);
        let spread = (values[values.len() - 1] - values[0]) / value;
        Cell::Median { value, spread, patchy: values.len() < trials.len() }
    }

    /// What went wrong: contenders that could not be run, rows that failed and how often, each with the first
    /// reason.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        let missing = self.contenders.iter().filter_map(|contender| {
            contender.missing().map(|reason| format!("{}: {reason}", contender.name))
        });
        let mut rows: Vec<(&str, &str, &str, usize)> = Vec::new();
        for trial in &self.trials {
            let Some(reason) = trial.failure() else {
                continue;
            };
            match rows.iter_mut().find(|entry| (entry.0, entry.1) == (&trial.contender, &trial.row)) {
                Some(entry) => entry.3 += 1,
                None => rows.push((&trial.contender, &trial.row, reason, 1)),
            }
        }
        missing.chain(rows.into_iter().map(|(contender, row, reason, times)| {
            format!("{contender} {row}: {reason} ({times} of {} rounds)", self.rounds())
        }))
    }

    fn rounds(&self) -> u32 {
        self.trials.iter().map(|trial| trial.round).max().unwrap_or(0)
    }
}

/// The middle one of `values`, or the mean of the middle two; sorts them.
///
/// # Panics
/// When there are none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_two() {
        assert_eq!(median(&mut [3.0]), 3.0);
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 100.0, 2.0]), 3.0);
    }
}

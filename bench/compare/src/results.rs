//! Everything that was measured, kept as JSON, and the medians over the rounds.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::conditions::Conditions;
use crate::contender::Contender;
use crate::row::Row;
use crate::track::{self, Track};
use crate::trial::{Figures, Trial};

/// Changes when files of older versions can no longer be read.
const FORMAT: u32 = 1;

/// What `--json` writes and `--from-json` reads.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    format: u32,
    /// One run of `compare`, or several that were put together.
    pub(crate) conditions: Vec<Conditions>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) rows: Vec<Row>,
    /// Rows that nobody could run here.
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) trials: Vec<Trial>,
}

/// A row that could not be made ready, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) track: Track,
    pub(crate) row: String,
    pub(crate) reason: String,
}

/// One figure of one contender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Median over the rounds.
    Median {
        value: f64,
        /// Difference of the largest and the smallest value, as a share of the median.
        spread: f64,
        /// Some rounds gave no figures.
        patchy: bool,
    },
    /// The contender ran, but no round gave figures.
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
    /// Results without trials.
    pub(crate) fn new(conditions: Conditions, contenders: Vec<Contender>, rows: Vec<Row>) -> Results {
        let conditions = vec![conditions];
        Results { format: FORMAT, conditions, contenders, rows, left_out: Vec::new(), trials: Vec::new() }
    }

    /// Reads files that [`Results::save`] wrote and puts them together.
    pub(crate) fn load(paths: &[impl AsRef<Path>]) -> Result<Results, String> {
        let mut all: Option<Results> = None;
        for path in paths {
            let path = path.as_ref();
            let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text = fs::read_to_string(path).map_err(|error| said(&error))?;
            let results = Results::parse(&text).map_err(|error| said(&error))?;
            all = Some(match all {
                None => results,
                Some(earlier) => earlier.with(results).map_err(|error| said(&error))?,
            });
        }
        all.ok_or_else(|| "no file to read".to_owned())
    }

    fn parse(text: &str) -> Result<Results, String> {
        let results: Results = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match results.format {
            FORMAT => Ok(results),
            other => Err(format!("has format {other}, and {FORMAT} is the one that can be read")),
        }
    }

    fn with(mut self, other: Results) -> Result<Results, String> {
        let is_here = |track: &Track| self.rows.iter().any(|row| row.track == *track);
        if let Some(track) = other.tracks().find(is_here) {
            return Err(format!("{track} is in an earlier file already"));
        }
        self.conditions.extend(other.conditions);
        self.contenders.extend(other.contenders);
        self.rows.extend(other.rows);
        self.left_out.extend(other.left_out);
        self.trials.extend(other.trials);
        Ok(self)
    }

    /// Writes everything to `path`.
    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string(self).expect("results have nothing that JSON lacks");
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The tracks that there are rows of.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = Track> {
        track::ALL.into_iter().filter(|track| self.rows.iter().any(|row| row.track == *track))
    }

    /// The rows of a track, in the order of the tables.
    pub(crate) fn rows_of(&self, track: Track) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.track == track)
    }

    /// The contenders of a track, in the order of the columns.
    pub(crate) fn contenders_of(&self, track: Track) -> impl Iterator<Item = &Contender> {
        self.contenders.iter().filter(move |contender| contender.track == track)
    }

    /// All that is known of a row.
    pub(crate) fn figures_of(&self, row: &Row) -> impl Iterator<Item = &Figures> {
        self.trials_of(row).filter_map(Trial::figures)
    }

    fn trials_of(&self, row: &Row) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(|trial| trial.track == row.track && trial.row == row.name)
    }

    /// One cell for each contender: the median of what `pick` finds in the figures of `row`.
    pub(crate) fn cells(&self, row: &Row, pick: impl Fn(&Figures) -> Option<f64>) -> Vec<Cell> {
        self.contenders_of(row.track).map(|contender| self.cell(contender, row, &pick)).collect()
    }

    fn cell(&self, contender: &Contender, row: &Row, pick: impl Fn(&Figures) -> Option<f64>) -> Cell {
        let trials: Vec<&Trial> =
            self.trials_of(row).filter(|trial| trial.contender == contender.name).collect();
        if trials.is_empty() {
            return Cell::Missing;
        }
        let mut values: Vec<f64> =
            trials.iter().filter_map(|trial| trial.figures().and_then(&pick)).collect();
        if values.is_empty() {
            return Cell::Failed;
        }
        let value = median(&mut values);
        let spread = (values[values.len() - 1] - values[0]) / value;
        Cell::Median { value, spread, patchy: values.len() < trials.len() }
    }

    /// What went wrong: contenders that could not be run, rows that failed and how often, each with the first
    /// reason.
    pub(crate) fn failures(&self) -> Vec<String> {
        let missing = self.contenders.iter().filter_map(|contender| {
            let reason = contender.error.as_ref()?;
            Some(format!("{} ({}): {reason}", contender.name, contender.track))
        });
        let mut rows: Vec<(&Trial, &str, usize)> = Vec::new();
        for trial in &self.trials {
            let Some(reason) = trial.failure() else {
                continue;
            };
            let is_same = |other: &Trial| {
                (other.track, &other.contender, &other.row) == (trial.track, &trial.contender, &trial.row)
            };
            match rows.iter_mut().find(|entry| is_same(entry.0)) {
                Some(entry) => entry.2 += 1,
                None => rows.push((trial, reason, 1)),
            }
        }
        let failed = rows.into_iter().map(|(trial, reason, times)| {
            let Trial { contender, row, track, .. } = trial;
            format!("{contender} {row} ({track}): {reason} ({times} of {} rounds)", self.rounds())
        });
        missing.chain(failed).collect()
    }

    /// Whether every run gave figures, and each contender could be run that was asked for by name. That
    /// others do not build on some machine is no failure of the measurement.
    pub(crate) fn went_well(&self, asked_for: &[String]) -> bool {
        let is_fine =
            |contender: &Contender| contender.error.is_none() || !asked_for.contains(&contender.name);
        self.contenders.iter().all(is_fine) && self.trials.iter().all(|trial| trial.failure().is_none())
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
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{Cell, Results, median};
    use crate::conditions::Conditions;
    use crate::contender::Contender;
    use crate::row::Row;
    use crate::track::Track;
    use crate::trial::{Figures, Outcome, Trial};

    /// A row, the nanoseconds and the peak in KiB that each contender has in it; 0 for a failure.
    pub(crate) type Planned<'a> = (&'a str, &'a str, &'a [(&'a str, f64, u64)]);

    /// Results of two rounds that agree.
    pub(crate) fn planned(track: Track, lines: &[Planned<'_>]) -> Results {
        let row = |&(name, family, _): &Planned<'_>| {
            let [name, about, family] = [name, "", family].map(str::to_owned);
            Row { track, name, about, family, is_timed: true }
        };
        let contender = |&(name, ..): &(&str, f64, u64)| Contender::new(track, name, Ok(None));
        let contenders = lines[0].2.iter().map(contender).collect();
        let mut results = Results::new(Conditions::none(), contenders, lines.iter().map(row).collect());
        for (row, _, entries) in lines {
            for &(contender, ns, peak_rss_kib) in *entries {
                let outcome = match ns {
                    0.0 => Outcome::Failure("fell over".to_owned()),
                    _ => Outcome::Figures(figures(ns, peak_rss_kib)),
                };
                let trial = |round| Trial {
                    track,
                    round,
                    contender: contender.to_owned(),
                    row: (*row).to_owned(),
                    wall_s: 1.0,
                    outcome: outcome.clone(),
                };
                results.trials.extend([trial(1), trial(2)]);
            }
        }
        results
    }

    fn figures(ns: f64, peak_rss_kib: u64) -> Figures {
        Figures {
            unit: "pair".to_owned(),
            wall_ns: Some(ns),
            wall_ns_min: None,
            user_ns: Some(ns),
            user_s: 1.0,
            system_s: 0.0,
            peak_rss_kib,
            extra: BTreeMap::new(),
        }
    }

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_two() {
        assert_eq!(median(&mut [3.0]), 3.0);
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 100.0, 2.0]), 3.0);
    }

    #[test]
    fn what_is_saved_is_what_is_loaded_and_two_files_of_one_track_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lines: &[Planned<'_>] = &[("pair8", "pairs", &[("one", 2.0, 1024), ("two", 0.0, 0)])];
        let paths = [Track::RustLto, Track::Preload].map(|track| {
            let path = folder.path().join(track.to_string());
            planned(track, lines).save(&path).expect("it can be written");
            path
        });
        let both = Results::load(&paths).expect("two tracks");
        assert_eq!(both.tracks().collect::<Vec<_>>(), [Track::RustLto, Track::Preload]);
        assert_eq!(both.trials[..4], planned(Track::RustLto, lines).trials);
        let twice = Results::load(&[&paths[0], &paths[0]]).expect_err("one track twice");
        assert!(twice.contains("in an earlier file already"), "{twice}");
        std::fs::write(&paths[0], both.format.to_string()).expect("it can be written");
        assert!(Results::load(&paths[..1]).is_err());
        let future = serde_json::to_string(&Results { format: 99, ..both }).expect("JSON");
        let refused = Results::parse(&future).expect_err("a format of the future");
        assert!(refused.contains("has format 99"), "{refused}");
    }

    #[test]
    fn a_failed_run_is_a_failure_and_a_missing_contender_only_if_it_was_asked_for() {
        let failed = planned(Track::Preload, &[("a", "f", &[("one", 2.0, 1024), ("two", 0.0, 0)])]);
        assert!(!failed.went_well(&[]));
        let mut missing = planned(Track::Preload, &[("a", "f", &[("one", 2.0, 1024)])]);
        assert!(missing.went_well(&["one".to_owned()]));
        missing.contenders[0].error = Some("does not build".to_owned());
        assert!(missing.went_well(&["two".to_owned()]));
        assert!(!missing.went_well(&["one".to_owned()]));
    }

    #[test]
    fn failures_are_named_once_with_their_number() {
        let results = planned(Track::Preload, &[("a", "f", &[("one", 2.0, 1024), ("two", 0.0, 0)])]);
        assert_eq!(results.failures(), ["two a (C patterns, preloaded): fell over (2 of 2 rounds)"]);
        let cells = results.cells(&results.rows[0], |figures| figures.wall_ns);
        assert_eq!(cells, [Cell::Median { value: 2.0, spread: 0.0, patchy: false }, Cell::Failed]);
    }
}

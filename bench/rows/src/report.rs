//! The line that a contender's process prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measurement::Measurement;
use crate::process;
use crate::registry::Row;

/// One row of one contender, measured once.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Report {
    /// Name of the contender, as in its binary's name.
    pub contender: String,
    /// Name of the row.
    pub row: String,
    /// What one operation is.
    pub unit: String,
    /// The row ran at a fraction of its size: its figures mean nothing.
    pub quick: bool,
    /// Wall nanoseconds an operation, fastest repetition. None for a row without operations.
    pub ns_min: Option<f64>,
    /// Wall nanoseconds an operation, median repetition.
    pub ns_median: Option<f64>,
    /// User CPU nanoseconds an operation, all threads, mean of the repetitions.
    pub ns_user: Option<f64>,
    /// User CPU seconds of the whole process, set-up and warm-up included.
    pub user_s: f64,
    /// System CPU seconds of the whole process.
    pub system_s: f64,
    /// The most memory that was ever resident (`VmHWM`).
    pub peak_rss_kib: u64,
    /// Figures of this row alone, each with its unit in its name.
    pub extra: BTreeMap<String, f64>,
}

impl Report {
    /// Joins what the row found out with what the kernel knows about the process.
    pub(crate) fn new(contender: &str, row: &Row, quick: bool, measurement: Measurement) -> Report {
        let peak_rss_kib = process::peak_rss_kib();
        let cpu = process::cpu_time();
        Report {
            contender: contender.to_owned(),
            row: row.name.to_owned(),
            unit: row.unit.to_owned(),
            quick,
            ns_min: measurement.ns.map(|ns| ns.wall_min),
            ns_median: measurement.ns.map(|ns| ns.wall_median),
            ns_user: measurement.ns.map(|ns| ns.user_mean),
            user_s: cpu.user.as_secs_f64(),
            system_s: cpu.system.as_secs_f64(),
            peak_rss_kib,
            extra: measurement.extra.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    /// The report as one line of JSON.
    ///
    /// # Panics
    /// Never: numbers, strings and string keys are all that is in it.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a report has nothing that JSON lacks")
    }

    /// Reads the line that [`Report::to_line`] wrote.
    ///
    /// # Errors
    /// When the line is not a report; the text says where.
    pub fn from_line(line: &str) -> Result<Report, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }
}

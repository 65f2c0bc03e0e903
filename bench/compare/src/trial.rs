//! One process that runs one row once, and its figures in one form whatever track it is of.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rows::Report;
use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::launch::{LAUNCH, Usage};
use crate::process;
use crate::row::{self, Row};
use crate::track::Track;
use crate::workshop;

/// The operation of a row that is one run of a whole program.
pub(crate) const RUN: &str = "run";

/// What came of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) track: Track,
    pub(crate) round: u32,
    pub(crate) contender: String,
    pub(crate) row: String,
    /// Seconds from the start of the process to its end.
    pub(crate) wall_s: f64,
    pub(crate) outcome: Outcome,
}

/// Its figures, or why there are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Figures(Figures),
    Failure(String),
}

/// What one process found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// What one operation is; [`RUN`] for a whole program.
    pub(crate) unit: String,
    /// Wall nanoseconds an operation; for Rust programs the median of the repetitions.
    pub(crate) wall_ns: Option<f64>,
    /// The same of the fastest repetition, where there are several.
    pub(crate) wall_ns_min: Option<f64>,
    /// User CPU nanoseconds an operation, all threads.
    pub(crate) user_ns: Option<f64>,
    /// User and system CPU seconds of the whole process.
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    pub(crate) peak_rss_kib: u64,
    /// Figures of this row alone, each with its unit in its name.
    pub(crate) extra: BTreeMap<String, f64>,
}

/// The line that a C pattern prints, and a script whose own time says nothing.
#[derive(Debug, Deserialize)]
struct Pattern {
    row: String,
    unit: String,
    ops: f64,
    ns: f64,
    user_s: f64,
    system_s: f64,
    peak_rss_kib: u64,
    #[serde(default)]
    extra: BTreeMap<String, f64>,
}

impl Trial {
    /// Runs `row` with `contender` once, for `time_limit` at most.
    pub(crate) fn run(
        round: u32,
        contender: &Contender,
        row: &Row,
        quick: bool,
        time_limit: Duration,
    ) -> Trial {
        let clock = Instant::now();
        let figures = command(contender, row, quick)
            .and_then(|mut command| process::output_within(&mut command, time_limit))
            .and_then(|printed| read(&printed, contender, row));
        Trial {
            track: row.track,
            round,
            contender: contender.name.clone(),
            row: row.name.clone(),
            wall_s: clock.elapsed().as_secs_f64(),
            outcome: figures.map_or_else(Outcome::Failure, Outcome::Figures),
        }
    }

    /// The figures, if there are any.
    pub(crate) fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Figures(figures) => Some(figures),
            Outcome::Failure(_) => None,
        }
    }

    /// Why there are no figures.
    pub(crate) fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Figures(_) => None,
            Outcome::Failure(reason) => Some(reason),
        }
    }
}

fn command(contender: &Contender, row: &Row, quick: bool) -> Result<Command, String> {
    let library = contender.path.as_deref().unwrap_or(Path::new(""));
    let mut command = match row.track {
        Track::RustRelease | Track::RustLto => {
            let mut command = Command::new(library);
            command.arg(&row.name);
            command
        }
        Track::Preload => Command::new(workshop::pattern_program(row)?),
        Track::Programs => {
            let this =
                std::env::current_exe().map_err(|error| format!("where this program lies: {error}"))?;
            let mut command = Command::new(this);
            command.arg(LAUNCH).arg(row::source(row)).arg("run").arg(workshop::program_folder(row)?);
            command.env("PRELOAD", library).env_remove("LD_PRELOAD");
            command
        }
    };
    // Real programs do what they do.
    if quick && row.track != Track::Programs {
        command.arg("--quick");
    }
    if row.track == Track::Preload {
        match &contender.path {
            Some(library) => command.env("LD_PRELOAD", library),
            None => command.env_remove("LD_PRELOAD"),
        };
    }
    command.envs(&contender.env);
    Ok(command)
}

fn read(printed: &str, contender: &Contender, row: &Row) -> Result<Figures, String> {
    match row.track {
        Track::RustRelease | Track::RustLto => {
            let report = Report::from_line(printed.trim_end())?;
            if report.contender != contender.name || report.row != row.name {
                return Err(format!("reports row {} of {}", report.row, report.contender));
            }
            Ok(Figures::of_report(report))
        }
        Track::Preload => Figures::of_pattern(printed.trim_end(), row),
        Track::Programs => Figures::of_script(printed, row),
    }
}

impl Figures {
    fn of_report(report: Report) -> Figures {
        Figures {
            unit: report.unit,
            wall_ns: report.ns_median,
            wall_ns_min: report.ns_min,
            user_ns: report.ns_user,
            user_s: report.user_s,
            system_s: report.system_s,
            peak_rss_kib: report.peak_rss_kib,
            extra: report.extra,
        }
    }

    fn of_pattern(line: &str, row: &Row) -> Result<Figures, String> {
        let pattern: Pattern = serde_json::from_str(line).map_err(|error| format!("{error} in {line:?}"))?;
        if pattern.row != row.name {
            return Err(format!("reports row {}", pattern.row));
        }
        let an_op = |ns: f64| (pattern.ops > 0.0).then(|| ns / pattern.ops);
        Ok(Figures {
            unit: pattern.unit,
            wall_ns: an_op(pattern.ns),
            wall_ns_min: None,
            user_ns: an_op(pattern.user_s * 1e9),
            user_s: pattern.user_s,
            system_s: pattern.system_s,
            peak_rss_kib: pattern.peak_rss_kib,
            extra: pattern.extra,
        })
    }

    /// The last line is the whole script's usage; a line of JSON before it counts instead.
    fn of_script(printed: &str, row: &Row) -> Result<Figures, String> {
        let (before, last) = printed.trim_end().rsplit_once('\n').unwrap_or(("", printed.trim_end()));
        let usage: Usage = serde_json::from_str(last).map_err(|error| format!("{error} in {last:?}"))?;
        if let Some(line) = before.lines().rev().find(|line| line.starts_with('{')) {
            return Figures::of_pattern(line, row);
        }
        Ok(Figures {
            unit: RUN.to_owned(),
            wall_ns: Some(usage.wall_s * 1e9),
            wall_ns_min: None,
            user_ns: Some(usage.user_s * 1e9),
            user_s: usage.user_s,
            system_s: usage.system_s,
            peak_rss_kib: usage.peak_rss_kib,
            extra: BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, RUN};
    use crate::row::Row;
    use crate::track::Track;

    const LINE: &str = r#"{"row":"redis","unit":"request","ops":200,"ns":5000,"user_s":0.5,
        "system_s":0.1,"peak_rss_kib":2048,"extra":{"rss_after_2s_mib":1.5}}"#;
    const USAGE: &str = r#"{"wall_s":2.0,"user_s":1.5,"system_s":0.25,"peak_rss_kib":4096}"#;

    fn redis() -> Row {
        let [name, about, family] = ["redis", "", "programs"].map(str::to_owned);
        Row { track: Track::Programs, name, about, family, is_timed: true }
    }

    #[test]
    fn a_pattern_is_divided_by_its_operations_and_must_be_the_one_asked_for() {
        let figures = Figures::of_pattern(LINE, &redis()).expect("a report");
        assert_eq!((figures.wall_ns, figures.user_ns), (Some(25.0), Some(2_500_000.0)));
        assert_eq!(figures.extra["rss_after_2s_mib"], 1.5);
        let idle = LINE.replace("200", "0");
        assert_eq!(Figures::of_pattern(&idle, &redis()).expect("a report").wall_ns, None);
        assert!(Figures::of_pattern(LINE, &Row { name: "lua".to_owned(), ..redis() }).is_err());
        assert!(Figures::of_pattern("Segmentation fault", &redis()).is_err());
    }

    #[test]
    fn a_script_counts_as_a_whole_unless_it_reports_by_itself() {
        let whole = Figures::of_script(&format!("noise\n{USAGE}\n"), &redis()).expect("figures");
        assert_eq!((whole.unit.as_str(), whole.wall_ns, whole.peak_rss_kib), (RUN, Some(2e9), 4096));
        assert_eq!(Figures::of_script(USAGE, &redis()), Ok(whole));
        let server = format!("noise\n{}\n{USAGE}\n", LINE.replace('\n', ""));
        let server = Figures::of_script(&server, &redis()).expect("figures");
        assert_eq!((server.unit.as_str(), server.peak_rss_kib), ("request", 2048));
        assert!(Figures::of_script("nothing\n", &redis()).is_err());
    }
}

//! What is printed at the end: conditions, the tables of each track with the verdict, what went wrong.

use std::collections::BTreeSet;

use crate::results::{Cell, Results};
use crate::row::Row;
use crate::table::{MARKS, Table};
use crate::track::Track;
use crate::trial::{Figures, RUN};
use crate::verdict::{self, Question};

/// A peak that is larger than the smallest by no more than this share is as good.
const PEAK_TOLERANCE: f64 = 0.10;
/// Memory is not compared with that of peers that take this many times as long as the fastest: it is easy to
/// be small and slow.
const SLOW: f64 = 1.5;

/// All tables as text, with the verdict on `hero`.
pub(crate) fn text(results: &Results, hero: &str) -> String {
    let mut text: String = results.conditions.iter().map(|conditions| conditions.text()).collect();
    text += &format!("tables: {MARKS}\n");
    for track in results.tracks() {
        text += &track_text(results, track, hero);
    }
    let left_out = results.left_out.iter().map(|row| format!("{} ({}): {}", row.row, row.track, row.reason));
    text += &list("rows left out, of all contenders", left_out.collect());
    text += &list("not measured", results.failures());
    text
}

fn list(title: &str, lines: Vec<String>) -> String {
    if lines.is_empty() { String::new() } else { format!("\n{title}:\n  {}\n", lines.join("\n  ")) }
}

fn track_text(results: &Results, track: Track, hero: &str) -> String {
    let contenders: Vec<String> = results.contenders_of(track).map(|contender| contender.text()).collect();
    let mut text = format!("\n== {track} ==\n{}\n", contenders.join("; "));
    let (wall, user) = (time(results, track, |_| true), user_time(results, track));
    let (peak, own) = (peak(results, track), own_figures(results, track));
    text += &wall.text(true);
    text += &user.text(true);
    text += &peak.text(true);
    text += &own.text(false);
    let everybody = |_: &str, _| true;
    let question = Question { hero, what: "time", tolerance: track.tolerance(), with_means: true };
    text += &verdict::text(&wall, question, everybody);
    let what = "peak resident memory, beside peers that take at most 1.5 times as long as the fastest";
    let question = Question { hero, what, tolerance: PEAK_TOLERANCE, with_means: false };
    let slow = slow_peers(results, track);
    text += &verdict::text(&peak, question, |row, column| !slow.contains(&(row.to_owned(), column)));
    let question = Question { what: "the rows' own figures", ..question };
    text += &verdict::text(&own.without(is_given), question, everybody);
    text
}

/// Wall time of those of the `wanted` rows whose time counts.
pub(crate) fn time(results: &Results, track: Track, wanted: impl Fn(&Row) -> bool) -> Table {
    let title = format!("{track}: wall time{}, median over rounds", unit_note(track));
    time_table(results, track, &title, wanted, |figures| figures.wall_ns)
}

fn user_time(results: &Results, track: Track) -> Table {
    let title = format!("{track}: user CPU time of all threads{}, median over rounds", unit_note(track));
    time_table(results, track, &title, |_| true, |figures| figures.user_ns)
}

fn unit_note(track: Track) -> &'static str {
    match track {
        Track::RustRelease | Track::RustLto | Track::Preload => " in ns an operation",
        Track::Programs => " in s, or as the row says",
    }
}

fn time_table(
    results: &Results,
    track: Track,
    title: &str,
    wanted: impl Fn(&Row) -> bool,
    pick: impl Fn(&Figures) -> Option<f64>,
) -> Table {
    let mut table = Table::new(title, names(results, track));
    for row in results.rows_of(track).filter(|row| is_timed(results, row) && wanted(row)) {
        let unit = results.figures_of(row).map(|figures| figures.unit.as_str()).next();
        let name = match unit {
            Some(unit) if track == Track::Programs && unit != RUN => format!("{} ns/{unit}", row.name),
            _ => row.name.clone(),
        };
        table.push(name, results.cells(row, |figures| pick(figures).map(|ns| shown(figures, ns))));
    }
    table
}

/// Programs take seconds.
fn shown(figures: &Figures, ns: f64) -> f64 {
    if figures.unit == RUN { ns * 1e-9 } else { ns }
}

/// Whether the time of a row counts. A C pattern that reads its resident memory is about that alone.
pub(crate) fn is_timed(results: &Results, row: &Row) -> bool {
    let reads_memory = |figures: &Figures| {
        row.track == Track::Preload && figures.extra.keys().any(|name| name.starts_with("rss"))
    };
    let mut figures = results.figures_of(row);
    row.is_timed && figures.next().is_none_or(|figures| figures.wall_ns.is_some() && !reads_memory(figures))
}

/// Peak resident memory of every row.
pub(crate) fn peak(results: &Results, track: Track) -> Table {
    let is_script = track == Track::Programs;
    let source = if is_script { "largest process, or the server" } else { "VmHWM of the process" };
    let title = format!("{track}: peak resident MiB ({source}), median over rounds");
    let mut table = Table::new(&title, names(results, track));
    for row in results.rows_of(track) {
        let cells = results.cells(row, |figures| Some(figures.peak_rss_kib as f64 / 1024.0));
        table.push(row.name.clone(), cells);
    }
    table
}

/// One line for each figure that a row has of its own.
fn own_figures(results: &Results, track: Track) -> Table {
    let title = format!("{track}: the rows' own figures, median over rounds");
    let mut table = Table::new(&title, names(results, track));
    for row in results.rows_of(track) {
        let extra_names: BTreeSet<&String> =
            results.figures_of(row).flat_map(|figures| figures.extra.keys()).collect();
        for name in extra_names {
            let cells = results.cells(row, |figures| figures.extra.get(name).copied());
            table.push(format!("{} {name}", row.name), cells);
        }
    }
    table
}

/// Figures that say what a row does, not what an allocator makes of it.
fn is_given(line: &str) -> bool {
    line.contains(" live_")
}

/// Rows, with the columns of those who take much longer there than the fastest.
fn slow_peers(results: &Results, track: Track) -> BTreeSet<(String, usize)> {
    let mut slow = BTreeSet::new();
    for row in results.rows_of(track) {
        let cells = results.cells(row, |figures| figures.wall_ns);
        let fastest = cells.iter().filter_map(|cell| cell.value()).fold(f64::INFINITY, f64::min);
        let is_slow = |cell: &Cell| cell.value().is_some_and(|ns| ns > SLOW * fastest);
        let columns = cells.iter().enumerate().filter(|(_, cell)| is_slow(cell));
        slow.extend(columns.map(|(column, _)| (row.name.clone(), column)));
    }
    slow
}

fn names(results: &Results, track: Track) -> Vec<String> {
    results.contenders_of(track).map(|contender| contender.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::results::LeftOut;
    use crate::results::tests::planned;
    use crate::track::Track;
    use crate::trial::{Outcome, RUN};

    #[test]
    fn a_slow_peer_is_no_measure_for_memory() {
        let results = planned(
            Track::RustRelease,
            &[("pair8", "pairs", &[("spandrel", 10.0, 3072), ("glibc", 16.0, 1024), ("rusty", 15.0, 2048)])],
        );
        let text = text(&results, "spandrel");
        assert!(text.contains("pair8  first  rusty is 50.0 % above"), "{text}");
        assert!(text.contains("pair8  behind 50.0 % above rusty"), "{text}");
    }

    #[test]
    fn rows_that_read_their_memory_are_not_timed_and_have_a_table() {
        let mut results = planned(
            Track::Preload,
            &[("frag90", "C patterns", &[("spandrel", 10.0, 3072), ("glibc", 16.0, 1024)])],
        );
        for trial in &mut results.trials {
            let Outcome::Figures(figures) = &mut trial.outcome else { panic!("planned without failures") };
            figures.extra.insert("rss_now_mib".to_owned(), figures.wall_ns.expect("planned"));
            figures.extra.insert("live_mib".to_owned(), 1.0);
        }
        let text = text(&results, "spandrel");
        assert!(!text.contains("wall time"), "{text}");
        assert!(text.contains("frag90 rss_now_mib  10.0 (1.00)   16.0 (1.60)"), "{text}");
        assert!(text.contains("frag90 rss_now_mib  first  glibc is 60.0 % above"), "{text}");
        assert_eq!(text.matches("live_mib").count(), 1, "{text}");
    }

    #[test]
    fn programs_are_in_seconds_and_what_is_missing_is_listed() {
        let mut results = planned(
            Track::Programs,
            &[
                ("lua", "programs", &[("spandrel", 2e9, 3072), ("glibc", 2.2e9, 1024)]),
                ("redis", "programs", &[("spandrel", 5000.0, 3072), ("glibc", 0.0, 0)]),
            ],
        );
        for trial in results.trials.iter_mut().filter(|trial| trial.row == "lua") {
            let Outcome::Figures(figures) = &mut trial.outcome else { panic!("planned without failures") };
            figures.unit = RUN.to_owned();
        }
        let reason = "install z3".to_owned();
        results.left_out.push(LeftOut { track: Track::Programs, row: "z3".to_owned(), reason });
        results.contenders[1].error = Some("is broken".to_owned());
        let text = text(&results, "spandrel");
        assert!(text.contains("lua            2.00 (1.00)   2.20 (1.10)"), "{text}");
        assert!(text.contains("redis ns/pair  5000 (1.00)        failed"), "{text}");
        assert!(
            text.contains("rows left out, of all contenders:\n  z3 (real programs, preloaded): install z3"),
            "{text}"
        );
        assert!(text.contains("  glibc (real programs, preloaded): is broken\n"), "{text}");
        assert!(
            text.contains("  glibc redis (real programs, preloaded): fell over (2 of 2 rounds)"),
            "{text}"
        );
    }
}

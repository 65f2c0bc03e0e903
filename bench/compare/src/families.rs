//! The rows put together into families, a geometric mean a contender: what the chart shows.

use crate::results::Results;
use crate::summary;
use crate::table::Table;
use crate::track::{ALL, Track};

/// One group of bars.
#[derive(Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) title: String,
    /// How many rows the means are over.
    pub(crate) rows: usize,
    /// Of each contender that has one: name and geometric mean of the ratios to the best of each row.
    pub(crate) means: Vec<(String, f64)>,
}

/// The families of all tracks: times first, then peaks of memory.
///
/// Of the two Rust tracks only the first that there is: the other one would show nearly the same.
pub(crate) fn all(results: &Results) -> Vec<Family> {
    let mut families = Vec::new();
    for track in shown_tracks(results) {
        let mut names: Vec<&str> = Vec::new();
        for row in results.rows_of(track).filter(|row| summary::is_timed(results, row)) {
            if !names.contains(&row.family.as_str()) {
                names.push(&row.family);
            }
        }
        for name in names {
            let title = if track.profile().is_some() {
                format!("{name}, time")
            } else {
                format!("{name}, preloaded, time")
            };
            families.extend(family(title, &summary::time(results, track, |row| row.family == name)));
        }
    }
    for track in shown_tracks(results) {
        families.extend(family(format!("peak memory, {}", kind(track)), &summary::peak(results, track)));
    }
    families
}

/// The tracks that there are families of.
pub(crate) fn shown_tracks(results: &Results) -> impl Iterator<Item = Track> {
    let there: Vec<Track> = results.tracks().collect();
    let is_second = there.contains(&Track::RustRelease);
    ALL.into_iter().filter(move |track| there.contains(track) && !(is_second && *track == Track::RustLto))
}

fn kind(track: Track) -> &'static str {
    match track {
        Track::RustRelease | Track::RustLto => "Rust programs",
        Track::Preload => "C patterns",
        Track::Programs => "real programs",
    }
}

/// None if there is no row that all finished who take part.
fn family(title: String, table: &Table) -> Option<Family> {
    let means: Vec<(String, f64)> = table
        .contenders()
        .iter()
        .zip(table.means())
        .filter_map(|(name, mean)| Some((name.clone(), mean?)))
        .collect();
    let rows = table.complete_lines();
    (!means.is_empty()).then_some(Family { title, rows, means })
}

#[cfg(test)]
mod tests {
    use super::all;
    use crate::results::tests::planned;
    use crate::track::Track;

    #[test]
    fn rows_of_a_family_are_averaged_and_memory_comes_last() {
        let results = planned(
            Track::RustLto,
            &[
                ("pair8", "pairs", &[("spandrel", 2.0, 1024), ("glibc", 1.0, 1024)]),
                ("fifo", "batches", &[("spandrel", 1.0, 4096), ("glibc", 3.0, 1024)]),
                ("pair16", "pairs", &[("spandrel", 8.0, 1024), ("glibc", 1.0, 1024)]),
                ("lost", "others", &[("spandrel", 1.0, 1024), ("glibc", 0.0, 0)]),
            ],
        );
        let families = all(&results);
        let titles: Vec<(&str, usize)> =
            families.iter().map(|family| (family.title.as_str(), family.rows)).collect();
        let [pairs, batches, others] = [("pairs, time", 2), ("batches, time", 1), ("others, time", 1)];
        assert_eq!(titles, [pairs, batches, others, ("peak memory, Rust programs", 3)]);
        assert_eq!(families[0].means[1], ("glibc".to_owned(), 1.0));
        assert!((families[0].means[0].1 - 4.0).abs() < 1e-12, "{families:?}");
        let with_bars: Vec<&str> = families[2].means.iter().map(|mean| mean.0.as_str()).collect();
        assert_eq!(with_bars, ["spandrel"], "who finished no row of a family has no bar in it");
        assert!((families[3].means[0].1 - 4f64.cbrt()).abs() < 1e-12, "{families:?}");
    }
}

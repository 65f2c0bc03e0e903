//! What the tables say of one contender, the hero: row by row where it stands, and by how much.

use std::fmt::Write;

use crate::results::Cell;
use crate::table::{SPREAD_NOTED, Table, number};

/// Who is asked about, and how much difference makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) hero: &'a str,
    /// What is compared: "time".
    pub(crate) what: &'a str,
    /// Figures that differ by no more than this share are taken for equal.
    pub(crate) tolerance: f64,
    /// The table's geometric means are part of the verdict.
    pub(crate) with_means: bool,
}

/// Where the hero stands in one line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Standing {
    /// Nobody's figure is smaller. The rival is the next best.
    First(Option<Rival>),
    /// Somebody's is, by no more than the tolerance.
    Close(Rival),
    /// Somebody's is.
    Behind(Rival),
    /// The hero has no figure.
    Unfinished,
}

/// The best of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rival {
    column: usize,
    /// Hero's figure and the rival's.
    figures: (f64, f64),
    /// Hero's or rival's rounds differ much.
    is_doubtful: bool,
}

/// The verdict on each line of `table`, and a sum of it; empty if the hero does not take part.
///
/// `counts` tells of a line and a column whether that peer is one to compare with in that line.
pub(crate) fn text(table: &Table, question: Question<'_>, counts: impl Fn(&str, usize) -> bool) -> String {
    let Some(hero) = table.contenders().iter().position(|name| name == question.hero) else {
        return String::new();
    };
    if table.lines().is_empty() {
        return String::new();
    }
    let width = table.lines().iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = format!("\nverdict on {}, {}\n", question.hero, question.what);
    let mut standings = Vec::new();
    for (name, cells) in table.lines() {
        let standing = standing(cells, hero, question.tolerance, |column| counts(name, column));
        writeln!(text, "{name:<width$}  {}", said(standing, table.contenders())).expect("a string takes it");
        standings.push(standing);
    }
    text += &sum(&standings, question);
    if question.with_means {
        text += &means(table, hero);
    }
    text
}

fn standing(cells: &[Cell], hero: usize, tolerance: f64, counts: impl Fn(usize) -> bool) -> Standing {
    let Some(own) = cells[hero].value() else {
        return Standing::Unfinished;
    };
    let others = (0..cells.len()).filter(|&column| column != hero && counts(column));
    let best = others
        .filter_map(|column| Some((column, cells[column].value()?)))
        .min_by(|one, other| one.1.total_cmp(&other.1));
    let Some((column, value)) = best else {
        return Standing::First(None);
    };
    let is_doubtful = [hero, column].into_iter().any(|column| is_wide(cells[column]));
    let rival = Rival { column, figures: (own, value), is_doubtful };
    match own {
        own if own <= value => Standing::First(Some(rival)),
        own if own <= value * (1.0 + tolerance) => Standing::Close(rival),
        _ => Standing::Behind(rival),
    }
}

fn is_wide(cell: Cell) -> bool {
    matches!(cell, Cell::Median { spread, .. } if spread > SPREAD_NOTED)
}

fn said(standing: Standing, names: &[String]) -> String {
    let (word, rival) = match standing {
        Standing::First(None) => return "first, and alone".to_owned(),
        Standing::Unfinished => return "failed".to_owned(),
        Standing::First(Some(rival)) => ("first", rival),
        Standing::Close(rival) => ("close", rival),
        Standing::Behind(rival) => ("behind", rival),
    };
    let (own, other) = rival.figures;
    let rival_name = &names[rival.column];
    let doubt = if rival.is_doubtful { " ~" } else { "" };
    let difference = match own / other {
        _ if own == other => format!("and so is {rival_name}"),
        ratio if ratio.is_infinite() => format!("{} against 0 of {rival_name}", number(own)),
        ratio if ratio >= 2.0 => format!("{} times {rival_name}", number(ratio)),
        ratio if ratio > 1.0 => format!("{:.1} % above {rival_name}", (ratio - 1.0) * 100.0),
        ratio if ratio > 0.5 => format!("{rival_name} is {:.1} % above", (1.0 / ratio - 1.0) * 100.0),
        ratio => format!("{rival_name} is {} times that", number(1.0 / ratio)),
    };
    format!("{word:<6} {difference}{doubt}")
}

fn sum(standings: &[Standing], question: Question<'_>) -> String {
    let count = |of: fn(&Standing) -> bool| standings.iter().filter(|standing| of(standing)).count();
    let first = count(|standing| matches!(standing, Standing::First(_)));
    let close = count(|standing| matches!(standing, Standing::Close(_)));
    let behind = count(|standing| matches!(standing, Standing::Behind(_)));
    let failed = count(|standing| matches!(standing, Standing::Unfinished));
    let failed = if failed == 0 { String::new() } else { format!(", failed on {failed}") };
    let (hero, rows, percent) = (question.hero, standings.len(), question.tolerance * 100.0);
    format!(
        "{hero}: first on {first} of {rows}, within {percent:.0} % of the best peer on {close} more, \
         behind on {behind}{failed}\n"
    )
}

fn means(table: &Table, hero: usize) -> String {
    let means = table.means();
    let peers = (0..means.len()).filter(|&column| column != hero);
    let best = peers
        .filter_map(|column| Some((column, means[column]?)))
        .min_by(|one, other| one.1.total_cmp(&other.1));
    match (means[hero], best) {
        (Some(own), Some((column, mean))) => {
            let peer = &table.contenders()[column];
            let (word, ratio) = if own <= mean { ("better", mean / own) } else { ("worse", own / mean) };
            let share = (ratio - 1.0) * 100.0;
            format!(
                "geometric mean of the ratios {own:.3}; best peer {peer} {mean:.3}: {share:.1} % {word}\n"
            )
        }
        _ => "no geometric mean: nobody to compare with on the rows that all finished\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Question, text};
    use crate::results::Cell;
    use crate::table::Table;

    const TIME: Question<'_> = Question { hero: "hero", what: "time", tolerance: 0.03, with_means: true };

    fn median(value: f64) -> Cell {
        Cell::Median { value, spread: 0.0, patchy: false }
    }

    fn table(lines: &[(&str, [Cell; 3])]) -> Table {
        let mut table = Table::new("ns", ["one", "hero", "two"].map(String::from).to_vec());
        lines.iter().for_each(|(name, cells)| table.push((*name).to_owned(), cells.to_vec()));
        table
    }

    #[track_caller]
    fn assert_lines(text: &str, expected: &[&str]) {
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn first_close_and_behind_are_told_apart_by_the_tolerance() {
        let table = table(&[
            ("first", [median(2.0), median(1.0), median(1.5)]),
            ("even", [median(1.0), median(1.0), median(1.5)]),
            ("close", [median(100.0), median(103.0), median(150.0)]),
            ("behind", [median(100.0), median(104.0), median(90.0)]),
            ("far", [median(100.0), median(500.0), Cell::Failed]),
            ("failed", [median(100.0), Cell::Failed, median(1.0)]),
        ]);
        assert_lines(
            &text(&table, Question { with_means: false, ..TIME }, |_, _| true),
            &[
                "first   first  two is 50.0 % above",
                "even    first  and so is one",
                "close   close  3.0 % above one",
                "behind  behind 15.6 % above two",
                "far     behind 5.00 times one",
                "failed  failed",
                "hero: first on 2 of 6, within 3 % of the best peer on 1 more, behind on 2, failed on 1",
            ],
        );
    }

    #[test]
    fn peers_that_do_not_count_are_not_rivals_and_wide_spreads_are_marked() {
        let noisy = Cell::Median { value: 8.0, spread: 0.4, patchy: false };
        let table = table(&[("row", [median(1.0), median(4.0), noisy])]);
        let without_one = text(&table, Question { with_means: false, ..TIME }, |_, column| column != 0);
        assert!(without_one.contains("first  two is 2.00 times that ~"), "{without_one}");
        let alone = text(&table, TIME, |_, _| false);
        assert!(alone.contains("first, and alone"), "{alone}");
        let absent = text(&table, Question { hero: "nobody", ..TIME }, |_, _| true);
        assert_eq!(absent, "");
    }

    #[test]
    fn means_are_compared_with_the_best_peer() {
        let table = table(&[
            ("a", [median(2.0), median(1.0), median(3.0)]),
            ("b", [median(2.0), median(1.0), median(3.0)]),
        ]);
        let text = text(&table, TIME, |_, _| true);
        assert!(text.ends_with("ratios 1.000; best peer one 2.000: 100.0 % better\n"), "{text}");
    }

    #[test]
    fn a_rival_at_nothing_is_no_division_by_it() {
        let table = table(&[("rss", [median(0.0), median(3.0), median(5.0)])]);
        let text = text(&table, Question { with_means: false, ..TIME }, |_, _| true);
        assert!(text.contains("behind 3.00 against 0 of one"), "{text}");
    }
}

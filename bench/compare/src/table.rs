//! A table of figures with their ratios to the best of each line, and the geometric means of those.

use std::fmt::Write;

use crate::results::Cell;

/// Rounds that differ by more than this share of their median are marked: such a figure says little.
pub(crate) const SPREAD_NOTED: f64 = 0.15;
/// How to read the tables.
pub(crate) const MARKS: &str =
    "in brackets the ratio to the best; ~ rounds differ by more than 15 %; ! some rounds failed";

/// Lines of cells, one cell a contender; less is better.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    contenders: Vec<String>,
    lines: Vec<(String, Vec<Cell>)>,
}

impl Table {
    /// A table without lines.
    pub(crate) fn new(title: &str, contenders: Vec<String>) -> Table {
        Table { title: title.to_owned(), contenders, lines: Vec::new() }
    }

    /// Adds a line with one cell for each contender.
    pub(crate) fn push(&mut self, name: String, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.contenders.len(), "a cell for each contender");
        self.lines.push((name, cells));
    }

    /// The contenders, a column each.
    pub(crate) fn contenders(&self) -> &[String] {
        &self.contenders
    }

    /// The table without the lines whose name is `unwanted`.
    pub(crate) fn without(&self, unwanted: impl Fn(&str) -> bool) -> Table {
        let lines = self.lines.iter().filter(|(name, _)| !unwanted(name)).cloned().collect();
        Table { title: self.title.clone(), contenders: self.contenders.clone(), lines }
    }

    /// The name and the cells of each line.
    pub(crate) fn lines(&self) -> &[(String, Vec<Cell>)] {
        &self.lines
    }

    /// The table as text, with the geometric means as its last line; empty if it has no lines.
    pub(crate) fn text(&self, with_means: bool) -> String {
        if self.lines.is_empty() {
            return String::new();
        }
        let mut grid = vec![self.heading()];
        grid.extend(self.lines.iter().map(|(name, cells)| line_of_text(name, cells)));
        if with_means {
            grid.push(self.means_line());
        }
        let mut text = format!("\n{}\n{}", self.title, aligned(&grid));
        let excluded = self.excluded_from_means();
        if with_means && !excluded.is_empty() {
            let names = excluded.join(" ");
            writeln!(text, "means leave out what not every contender finished: {names}")
                .expect("a string takes it");
        }
        text
    }

    fn heading(&self) -> Vec<String> {
        [String::new()].into_iter().chain(self.contenders.iter().cloned()).collect()
    }

    fn means_line(&self) -> Vec<String> {
        let mean = |mean: Option<f64>| mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.3}"));
        ["geomean/best".to_owned()].into_iter().chain(self.means().into_iter().map(mean)).collect()
    }

    /// The geometric mean of each contender's ratios, over the lines that all contenders finished who took
    /// part and finished any.
    pub(crate) fn means(&self) -> Vec<Option<f64>> {
        let complete: Vec<Vec<Option<f64>>> =
            self.lines.iter().filter(|line| self.is_complete(&line.1)).map(|line| ratios(&line.1)).collect();
        let mean_of = |column: usize| {
            let logarithms: Option<Vec<f64>> =
                complete.iter().map(|line| line[column].map(f64::ln)).collect();
            logarithms
                .filter(|all| !all.is_empty())
                .map(|all| (all.iter().sum::<f64>() / all.len() as f64).exp())
        };
        (0..self.contenders.len()).map(mean_of).collect()
    }

    /// How many lines the means are over.
    pub(crate) fn complete_lines(&self) -> usize {
        self.lines.len() - self.excluded_from_means().len()
    }

    fn excluded_from_means(&self) -> Vec<&str> {
        self.lines.iter().filter(|line| !self.is_complete(&line.1)).map(|line| line.0.as_str()).collect()
    }

    fn is_complete(&self, cells: &[Cell]) -> bool {
        let finished_any =
            |column: usize| self.lines.iter().any(|(_, cells)| cells[column].value().is_some());
        let is_excused = |(column, cell): (usize, &Cell)| cell.value().is_some() || !finished_any(column);
        cells.iter().enumerate().all(is_excused)
    }
}

fn line_of_text(name: &str, cells: &[Cell]) -> Vec<String> {
    let texts = cells.iter().zip(ratios(cells)).map(|(&cell, ratio)| match (cell, ratio) {
        (Cell::Median { value, spread, patchy }, Some(ratio)) => {
            let marks =
                [if spread > SPREAD_NOTED { "~" } else { "" }, if patchy { "!" } else { "" }].concat();
            format!("{} ({}){marks:1}", number(value), number(ratio))
        }
        (Cell::Failed, _) => "failed ".to_owned(),
        (Cell::Missing | Cell::Median { .. }, _) => "missing ".to_owned(),
    });
    [name.to_owned()].into_iter().chain(texts).collect()
}

/// The ratio of each value to the least of them.
fn ratios(cells: &[Cell]) -> Vec<Option<f64>> {
    let best = cells.iter().filter_map(|cell| cell.value()).fold(f64::INFINITY, f64::min);
    let ratio = |value: f64| if value == best { 1.0 } else { value / best };
    cells.iter().map(|cell| cell.value().map(ratio)).collect()
}

/// Three or four digits that mean something.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// Columns aligned to the right, but the first one to the left.
fn aligned(grid: &[Vec<String>]) -> String {
    let columns = grid.first().map_or(0, Vec::len);
    let width = |column: usize| grid.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in grid {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            }
            .expect("a string takes it");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::results::Cell;

    fn median(value: f64) -> Cell {
        Cell::Median { value, spread: 0.0, patchy: false }
    }

    fn table(lines: &[(&str, [Cell; 3])]) -> Table {
        let mut table = Table::new("ns", ["one", "two", "three"].map(String::from).to_vec());
        lines.iter().for_each(|(name, cells)| table.push((*name).to_owned(), cells.to_vec()));
        table
    }

    #[test]
    fn ratios_are_to_the_best_and_means_are_geometric() {
        let table = table(&[
            ("a", [median(2.0), median(1.0), Cell::Missing]),
            ("b", [median(8.0), median(1.0), Cell::Missing]),
        ]);
        let text = table.text(true);
        assert!(text.contains("2.00 (2.00)") && text.contains("8.00 (8.00)"), "{text}");
        assert!(text.contains("missing"), "{text}");
        let means = table.means();
        assert!((means[0].expect("a mean") - 4.0).abs() < 1e-12, "{means:?}");
        assert!((means[1].expect("a mean") - 1.0).abs() < 1e-12, "{means:?}");
        assert_eq!(means[2], None);
    }

    #[test]
    fn a_line_that_somebody_failed_counts_for_nobody_and_is_named() {
        let table = table(&[
            ("good", [median(2.0), median(1.0), median(1.0)]),
            ("broken", [median(1.0), Cell::Failed, median(50.0)]),
        ]);
        assert_eq!(table.means(), [Some(2.0), Some(1.0), Some(1.0)]);
        let text = table.text(true);
        assert!(text.contains("failed"), "{text}");
        assert!(text.ends_with("not every contender finished: broken\n"), "{text}");
    }

    #[test]
    fn who_failed_every_line_takes_no_line_from_the_others() {
        let table = table(&[
            ("a", [median(2.0), Cell::Failed, median(1.0)]),
            ("b", [median(2.0), Cell::Failed, median(1.0)]),
        ]);
        assert_eq!(table.means(), [Some(2.0), None, Some(1.0)]);
    }

    #[test]
    fn wide_spreads_and_failed_rounds_are_marked() {
        let noisy = Cell::Median { value: 3.0, spread: 0.5, patchy: true };
        let text = table(&[("a", [noisy, median(3.0), median(3.0)])]).text(false);
        assert!(text.contains("3.00 (1.00)~!"), "{text}");
    }
}

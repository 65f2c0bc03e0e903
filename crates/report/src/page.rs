//! A text page that fits its terminal: headings, labelled paragraphs, tables that drop columns.

use anstyle::Style;

use crate::style::{BOLD, DIM, styled};

/// Columns of the labels before a paragraph.
const LABEL_COLUMNS: usize = 16;
/// Columns between two columns of a table.
const GAP_COLUMNS: usize = 2;

/// Text that grows line by line, styled with ANSI sequences.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    width: usize,
}

/// A column of a table: its head, and how gladly it is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) head: &'static str,
    /// Columns with the highest number go first when the terminal is narrow; 0 stays.
    pub(crate) drop_rank: u8,
}

/// One row of a table; the style colours the whole row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// A cell a column.
    pub(crate) cells: Vec<String>,
    /// The style of all cells.
    pub(crate) style: Style,
}

impl Page {
    /// An empty page for a terminal of `width` columns; `None` is as wide as it gets.
    pub(crate) fn new(width: Option<usize>) -> Self {
        Self { text: String::new(), width: width.unwrap_or(usize::MAX) }
    }

    /// The finished text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// One bold line, cut to the width.
    pub(crate) fn heading(&mut self, text: &str) {
        self.push_line(&styled(BOLD, fit(text, self.width)));
    }

    /// One line, cut to the width.
    pub(crate) fn line(&mut self, text: &str) {
        self.push_line(&fit(text, self.width));
    }

    /// One line in a style, cut to the width.
    pub(crate) fn styled_line(&mut self, text: &str, style: Style) {
        self.push_line(&styled(style, fit(text, self.width).trim_end()));
    }

    /// One line of pieces, each in its style, cut to the width.
    pub(crate) fn pieces(&mut self, pieces: &[(&str, Style)]) {
        let mut line = String::new();
        let mut left = self.width;
        for (text, style) in pieces {
            let text = fit(text, left);
            left -= text.chars().count();
            line.push_str(&styled(*style, text));
        }
        self.push_line(&line);
    }

    /// A paragraph behind a label, wrapped to the width.
    pub(crate) fn labelled(&mut self, label: &str, text: &str) {
        self.paragraph(label, LABEL_COLUMNS, text, DIM);
    }

    /// A paragraph behind `mark` (`1. `), wrapped to the width.
    pub(crate) fn item(&mut self, mark: &str, text: &str) {
        self.paragraph(mark, mark.len(), text, BOLD);
    }

    /// A paragraph without a label, wrapped to the width.
    pub(crate) fn note(&mut self, text: &str, style: Style) {
        for line in wrap(text, self.width) {
            self.push_line(&styled(style, line));
        }
    }

    fn paragraph(&mut self, label: &str, indent: usize, text: &str, style: Style) {
        let lines = wrap(text, self.width.saturating_sub(indent));
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.push_line(&format!("{}{line}", styled(style, format_args!("{label:indent$}"))));
        }
    }

    /// A table, its cells to the right; columns are dropped until it fits.
    pub(crate) fn table(&mut self, columns: &[Column], rows: &[Row]) {
        self.named_table(columns, rows, &[]);
    }

    /// The same with a name behind each row, which is cut where the line ends.
    pub(crate) fn named_table(&mut self, columns: &[Column], rows: &[Row], names: &[&str]) {
        let widths: Vec<usize> =
            (0..columns.len()).map(|column| column_width(columns, rows, column)).collect();
        let kept = keep_columns(columns, &widths, self.width);
        let join = |cells: &mut dyn Iterator<Item = &str>| {
            let cells: Vec<_> =
                kept.iter().zip(cells).map(|(&column, cell)| pad_left(cell, widths[column])).collect();
            cells.join(&" ".repeat(GAP_COLUMNS))
        };
        let head = join(&mut kept.iter().map(|&column| columns[column].head));
        self.push_line(&styled(DIM, fit(&head, self.width)));
        for (index, row) in rows.iter().enumerate() {
            let mut line = join(&mut kept.iter().map(|&column| row.cells[column].as_str()));
            if let Some(name) = names.get(index) {
                line.push_str(&" ".repeat(GAP_COLUMNS));
                line.push_str(name);
            }
            self.push_line(&styled(row.style, fit(&line, self.width)));
        }
    }

    fn push_line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

fn column_width(columns: &[Column], rows: &[Row], column: usize) -> usize {
    let cells = rows.iter().map(|row| row.cells[column].chars().count());
    cells.chain([columns[column].head.chars().count()]).max().unwrap_or(0)
}

/// The columns that fit into `width`, in order.
fn keep_columns(columns: &[Column], widths: &[usize], width: usize) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let needed = |kept: &[usize]| {
        kept.iter().map(|&column| widths[column]).sum::<usize>() + GAP_COLUMNS * kept.len().saturating_sub(1)
    };
    while needed(&kept) > width {
        let dropped = kept.iter().copied().max_by_key(|&column| columns[column].drop_rank);
        match dropped.filter(|&column| columns[column].drop_rank > 0) {
            Some(column) => kept.retain(|&other| other != column),
            None => break,
        }
    }
    kept
}

fn pad_left(cell: &str, width: usize) -> String {
    format!("{cell:>width$}")
}

/// `text` without control characters, cut to `width` columns with an ellipsis.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let visible = visible(text);
    if visible.chars().count() <= width {
        return visible;
    }
    let mut cut: String = visible.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Control characters written out, so that no foreign text can move the cursor.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            visible.extend(character.escape_default());
        } else {
            visible.push(character);
        }
    }
    visible
}

/// Breaks `text` at spaces into lines of at most `width` columns; a longer word is cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in visible(text).split(' ') {
        let line = lines.last_mut().expect("starts with one line");
        let columns = line.chars().count();
        if columns > 0 && columns + 1 + word.chars().count() > width {
            lines.push(fit(word, width.max(1)));
            continue;
        }
        if columns > 0 {
            line.push(' ');
        }
        line.push_str(&fit(word, width.max(1)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Column, fit, keep_columns, wrap};

    #[test]
    fn wrap_breaks_at_spaces_and_cuts_long_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij kl", 4), ["abc…", "kl"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn fit_cuts_and_shows_control_characters() {
        assert_eq!(fit("ab\u{1b}[2J", 80), "ab\\u{1b}[2J");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("abcd", 4), "abcd");
    }

    #[test]
    fn narrow_tables_lose_the_columns_of_the_highest_rank() {
        let column = |drop_rank| Column { head: "", drop_rank };
        let columns = [column(0), column(2), column(1)];
        assert_eq!(keep_columns(&columns, &[4, 4, 4], 16), [0, 1, 2]);
        assert_eq!(keep_columns(&columns, &[4, 4, 4], 15), [0, 2]);
        assert_eq!(keep_columns(&columns, &[4, 4, 4], 3), [0]);
    }
}

//! The screen: header, tabs, a table that fits, and a line of keys; and the same on paper.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Row, Table};

use super::table::{Cell, Tab};
use super::view::View;

const KEYS: &str = "tab/1-5 view  s sort  r reverse  / filter  space pause  w write  ? help  q quit";

const HELP: &str = "\
tab, right, left, 1-5   another view
s, r                    sort by the next column; turn the order round
/                       show only rows that contain a text; Enter keeps it, Esc drops it
up, down, page, home    scroll
space                   stop and go on
w                       write what is shown: statistics as JSON, the heap profile as .pb.gz
?                       this help
q                       quit

Sites and types come from the sampled heap profile; classes and the ledger are counted.";

/// Draws the view, whatever size there is.
pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View) {
    let areas = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]);
    let [header, tabs, table, footer] = areas.areas(frame.area());
    let [title, memory, rates] = view.header();
    frame.render_widget(Paragraph::new(vec![Line::from(title).bold(), memory.into(), rates.into()]), header);
    frame.render_widget(Paragraph::new(tab_line(view)), tabs);
    draw_table(frame, view, table);
    let line = match view {
        View { is_filtering: true, filter, .. } => format!("filter: {filter}_"),
        View { message, .. } if !message.is_empty() => message.clone(),
        View { filter, .. } if !filter.is_empty() => format!("filter: {filter}   {KEYS}"),
        _ => KEYS.to_owned(),
    };
    frame.render_widget(Paragraph::new(line).dim(), footer);
    if view.is_helping {
        frame.render_widget(Clear, table);
        frame.render_widget(Paragraph::new(HELP), table);
    }
}

fn tab_line(view: &View) -> Line<'static> {
    let spans = Tab::ALL.iter().zip(1..).map(|(tab, number)| {
        let text = format!(" {number} {} ", tab.name());
        if *tab == view.tab { Span::from(text).add_modifier(Modifier::REVERSED) } else { text.into() }
    });
    Line::from_iter(spans)
}

fn draw_table(frame: &mut Frame<'_>, view: &mut View, mut area: Rect) {
    if let Some(note) = view.tab.note(view).filter(|_| area.height > 0) {
        let [line, rest] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
        frame.render_widget(Paragraph::new(note).dim(), line);
        area = rest;
    }
    let rows = view.rows(view.tab);
    let room = usize::from(area.height.saturating_sub(1));
    view.scroll = view.scroll.min(rows.len().saturating_sub(room));
    let shown = &rows[view.scroll..(view.scroll + room).min(rows.len())];
    let heads = heads(view, view.tab);
    let widths = widths(&heads, &rows, usize::from(area.width));
    let row = |cells: &[String]| Row::new(fitted(cells, &widths));
    let head = row(&heads).style(Style::new().bold());
    let body = shown.iter().map(|cells| row(&texts(cells)));
    let constraints =
        widths.iter().map(|width| Constraint::Length(u16::try_from(*width).unwrap_or(u16::MAX)));
    frame.render_widget(Table::new(body, constraints).header(head).column_spacing(GAP), area);
}

/// Columns between two.
const GAP: u16 = 2;

fn texts(cells: &[Cell]) -> Vec<String> {
    cells.iter().map(|cell| cell.text.clone()).collect()
}

/// The heads of the columns, with an arrow at the one that the rows are sorted by.
fn heads(view: &View, tab: Tab) -> Vec<String> {
    let (sorted, is_rising) = view.sort(tab);
    let arrow = if is_rising { '^' } else { 'v' };
    let heads = tab.heads().iter().enumerate();
    heads
        .map(|(index, head)| if sorted == Some(index) { format!("{head} {arrow}") } else { (*head).into() })
        .collect()
}

/// How wide each column is: as its widest field, the first as wide as there is room. Columns that find no
/// room are 0 wide.
fn widths(heads: &[String], rows: &[Vec<Cell>], room: usize) -> Vec<usize> {
    /// The first column has at least so much.
    const NAME_MIN: usize = 12;
    let width = |text: &str| text.chars().count();
    let widest = |column: usize| {
        let fields = rows.iter().map(|row| width(&row[column].text));
        fields.chain([width(&heads[column])]).max().unwrap_or(0)
    };
    let gap = usize::from(GAP);
    let mut widths = vec![widest(0).min(room.max(NAME_MIN)).min(room)];
    let mut left = room.saturating_sub(widths[0].min(NAME_MIN));
    for column in 1..heads.len() {
        let wanted = widest(column) + gap;
        let got = if wanted <= left && widths.last() != Some(&0) { wanted - gap } else { 0 };
        left = left.saturating_sub(if got > 0 { wanted } else { 0 });
        widths.push(got);
    }
    let others: usize = widths[1..].iter().filter(|width| **width > 0).map(|width| width + gap).sum();
    widths[0] = widths[0].min(room.saturating_sub(others));
    widths
}

/// Fields cut and filled to their columns: names to the left, numbers to the right.
fn fitted(cells: &[String], widths: &[usize]) -> Vec<String> {
    let fit = |(index, (text, width)): (usize, (&String, &usize))| {
        let width = *width;
        if index > 0 {
            return if width == 0 { String::new() } else { format!("{text:>width$}") };
        }
        let len = text.chars().count();
        if len <= width {
            return format!("{text:<width$}");
        }
        // Names differ at their ends more than at their starts.
        let tail: String = text.chars().skip(len - width.saturating_sub(2)).collect();
        if width < 3 { text.chars().take(width).collect() } else { format!("..{tail}") }
    };
    cells.iter().zip(widths).enumerate().map(fit).collect()
}

/// All tables, one below the other, of at most `rows_max` rows each.
pub(super) fn paper(view: &View, rows_max: usize, columns: Option<usize>) -> String {
    let mut lines: Vec<String> = view.header().into();
    for tab in Tab::ALL.into_iter().filter(|tab| *tab != Tab::Growth) {
        lines.push(String::new());
        lines.push(format!("{}:", tab.name()));
        lines.extend(tab.note(view));
        let rows = view.rows(tab);
        let heads: Vec<String> = tab.heads().iter().map(|head| (*head).to_owned()).collect();
        let widths = widths(&heads, &rows, columns.unwrap_or(usize::MAX));
        let mut add = |cells: &[String]| {
            let fields = fitted(cells, &widths);
            let shown =
                fields.iter().zip(&widths).filter(|(_, width)| **width > 0).map(|(field, _)| field.as_str());
            lines.push(shown.collect::<Vec<_>>().join("  ").trim_end().to_owned());
        };
        add(&heads);
        // A ledger that is cut does not add up.
        let rows_max = if tab == Tab::Ledger { rows.len() } else { rows_max };
        rows.iter().take(rows_max).for_each(|row| add(&texts(row)));
        if rows.len() > rows_max {
            lines.push(format!("({} more)", rows.len() - rows_max));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{draw, fitted, paper, widths};
    use crate::top::table::Tab;
    use crate::top::view::tests::view;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    #[test]
    fn any_size_will_do() {
        let mut view = view();
        for tab in Tab::ALL {
            view.show(tab);
            for (width, height) in [(1, 1), (2, 9), (9, 2), (20, 6), (80, 24), (300, 100)] {
                for is_helping in [false, true] {
                    view.is_helping = is_helping;
                    view.scroll = 1000;
                    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
                    terminal.draw(|frame| draw(frame, &mut view)).expect("drawn");
                }
            }
        }
    }

    #[test]
    fn a_screen_of_eighty_columns() {
        let mut view = view();
        let mut terminal = Terminal::new(TestBackend::new(80, 12)).expect("a terminal");
        terminal.draw(|frame| draw(frame, &mut view)).expect("drawn");
        let screen = terminal.backend().to_string();
        for part in ["allocated v", "300 allocs/s", " 1 Classes ", "q quit", "5.47 KiB"] {
            assert!(screen.contains(part), "{part} is not in\n{screen}");
        }
    }

    #[test]
    fn columns_give_way_to_the_first() {
        let heads = ["name", "bytes", "objects"].map(str::to_owned);
        assert_eq!(widths(&heads, &[], 80), [4, 5, 7]);
        assert_eq!(widths(&heads, &[], 15), [4, 5, 0]);
        assert_eq!(widths(&heads, &[], 3), [3, 0, 0]);
        assert_eq!(fitted(&["a::long::name".to_owned(), "7".to_owned()], &[8, 3]), ["..::name", "  7"]);
    }

    #[test]
    fn paper_has_every_table() {
        let text = paper(&view(), 1, None);
        for part in ["Classes:", "Sites:", "Types:", "Ledger:", "(1 more)", "= resident"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(paper(&view(), 9, Some(30)).lines().skip(3).all(|line| line.len() <= 60));
    }
}

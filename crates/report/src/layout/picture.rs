//! A type as a picture: one row a member, and beside it the bytes that it takes, drawn to scale.
//!
//! ```text
//!   app::Node                                          struct, 24 B, align 8, 1 line
//!
//!   offset  bytes  member          type
//!        0      1  tag             u8                  |#.......................|
//!        1      7  (hole)                              |.-------................|
//! ```

use anstyle::{AnsiColor, Style};

use super::schema::{MemberReport, TypeReport};
use crate::page::{Page, fit};
use crate::style::{DIM, WARN};
use crate::units::{count, percent};

const HOLE: Style = AnsiColor::Red.on_default();
const MEMBER: Style = AnsiColor::Green.on_default();
const INNER: Style = AnsiColor::Cyan.on_default();

/// Bytes in a cache line.
const LINE_BYTES: u64 = 64;
/// Columns of the bar, at most: one for each byte of a line.
const BAR_COLUMNS: usize = 64;
/// Columns before the names of members.
const NUMBER_COLUMNS: usize = 8;
const NAME_COLUMNS_MAX: usize = 28;
const TYPE_COLUMNS_MAX: usize = 36;
/// Rows of a picture; what follows is summed up.
const ROWS_MAX: usize = 400;

/// One row: where, how much, what.
struct Row {
    offset_bits: Option<u64>,
    bits: Option<u64>,
    name: String,
    type_name: String,
    style: Style,
    /// What fills the bar.
    mark: char,
}

/// The picture of a type, fitted to a terminal of `width` columns.
#[must_use]
pub fn picture(report: &TypeReport, width: Option<usize>) -> String {
    let mut page = Page::new(width);
    head(&mut page, report);
    page.gap();
    let mut rows = rows(report);
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    draw(&mut page, report, &rows, width);
    if left_out > 0 {
        page.note(&format!("and {} more", count(left_out as u64)), DIM);
    }
    variants(&mut page, report, width);
    page.gap();
    facts(&mut page, report);
    findings(&mut page, report);
    page.into_text()
}

fn head(page: &mut Page, report: &TypeReport) {
    page.heading(&report.name);
    let bytes = report.bytes.map_or("size unknown".to_string(), |bytes| format!("{bytes} bytes"));
    let bound = if report.is_align_bound { "at most " } else { "" };
    let place = report.source.as_ref().map(|source| format!(", {}:{}", source.file, source.line));
    page.note(
        &format!(
            "{} {}, {bytes}, align {bound}{}{}",
            report.language,
            report.kind,
            report.align,
            place.unwrap_or_default()
        ),
        DIM,
    );
}

/// Members and gaps, by where they are.
fn rows(report: &TypeReport) -> Vec<Row> {
    let mut rows: Vec<Row> = report.members.iter().map(member_row).collect();
    rows.extend(report.tag.iter().map(|tag| Row {
        offset_bits: Some(tag.offset_bits),
        bits: Some(tag.bits),
        name: if tag.is_niche {
            "(discriminant in a niche)".to_string()
        } else {
            "(discriminant)".to_string()
        },
        type_name: String::new(),
        style: MEMBER,
        mark: '#',
    }));
    rows.extend(report.gaps.iter().map(|gap| Row {
        offset_bits: Some(gap.offset_bits),
        bits: Some(gap.bits),
        name: if gap.is_padding { "(padding)".to_string() } else { "(hole)".to_string() },
        type_name: String::new(),
        style: HOLE,
        mark: '-',
    }));
    // What has no size stands before what begins at the same byte.
    rows.sort_by_key(|row| (row.offset_bits.unwrap_or(u64::MAX), row.bits.unwrap_or(0)));
    rows
}

fn member_row(member: &MemberReport) -> Row {
    let name = match member.role {
        "base" if member.name.is_empty() => "(base)".to_string(),
        "virtual-base" => "(virtual base)".to_string(),
        _ if member.name.is_empty() => "(anonymous)".to_string(),
        _ => member.name.clone(),
    };
    let has_inner = member.deep_padding_bits >= 8;
    Row {
        offset_bits: member.offset_bits,
        bits: member.bits,
        name,
        type_name: member.type_name.clone(),
        style: if has_inner { INNER } else { MEMBER },
        mark: if has_inner { '+' } else { '#' },
    }
}

/// `12`, or `12:3` for a bit inside of a byte.
fn position(bits: Option<u64>) -> String {
    match bits {
        None => "?".to_string(),
        Some(bits) if bits.is_multiple_of(8) => (bits / 8).to_string(),
        Some(bits) => format!("{}:{}", bits / 8, bits % 8),
    }
}

fn draw(page: &mut Page, report: &TypeReport, rows: &[Row], width: Option<usize>) {
    let longest =
        |of: &dyn Fn(&Row) -> usize, max: usize| rows.iter().map(of).max().unwrap_or(0).clamp(6, max);
    let name_columns = longest(&|row| row.name.chars().count(), NAME_COLUMNS_MAX);
    let type_columns = longest(&|row| row.type_name.chars().count(), TYPE_COLUMNS_MAX);
    let text_columns = 2 * NUMBER_COLUMNS + name_columns + type_columns + 6;
    let free = width.unwrap_or(usize::MAX).saturating_sub(text_columns + 2);
    let bar = Bar::new(report.bytes.unwrap_or(0), free);
    let head = format!(
        "{:>NUMBER_COLUMNS$}{:>NUMBER_COLUMNS$}  {:name_columns$}  {:type_columns$}  {}",
        "offset",
        "bytes",
        "member",
        "type",
        bar.scale()
    );
    page.styled_line(&head, DIM);
    let mut line = 0;
    for row in rows {
        let start = row.offset_bits.unwrap_or(0) / 8;
        if row.offset_bits.is_some() && start / LINE_BYTES > line {
            line = start / LINE_BYTES;
            let label = format!("-- cache line {line} --");
            page.styled_line(&format!("{:>NUMBER_COLUMNS$}{label:>1$}", "", label.len() + 10), DIM);
        }
        let text = format!(
            "{:>NUMBER_COLUMNS$}{:>NUMBER_COLUMNS$}  {:name_columns$}  {:type_columns$}  ",
            position(row.offset_bits),
            position(row.bits),
            fit(&row.name, name_columns),
            fit(&row.type_name, type_columns),
        );
        let drawn = bar.draw(row);
        page.pieces(&[(&text, if row.mark == '-' { HOLE } else { Style::new() }), (&drawn, row.style)]);
    }
}

/// The whole type as a line of columns, each for as many bytes.
struct Bar {
    columns: usize,
    bytes_a_column: u64,
}

impl Bar {
    /// None is drawn where there is no room, or nothing to draw.
    fn new(bytes: u64, free: usize) -> Self {
        let columns = free.min(BAR_COLUMNS);
        if bytes == 0 || columns < 8 {
            return Self { columns: 0, bytes_a_column: 1 };
        }
        let bytes_a_column = bytes.div_ceil(columns as u64);
        let columns = usize::try_from(bytes.div_ceil(bytes_a_column)).unwrap_or(columns);
        Self { columns, bytes_a_column }
    }

    fn scale(&self) -> String {
        match (self.columns, self.bytes_a_column) {
            (0, _) => String::new(),
            (_, 1) => "a column a byte".to_string(),
            (_, bytes) => format!("a column {bytes} bytes"),
        }
    }

    fn draw(&self, row: &Row) -> String {
        let (Some(offset), Some(bits)) = (row.offset_bits, row.bits) else { return String::new() };
        if self.columns == 0 {
            return String::new();
        }
        let column = |bits: u64| bits / 8 / self.bytes_a_column;
        let (first, last) = (column(offset), column(offset + bits.saturating_sub(1)));
        let mark = |at: u64| {
            let byte = at * self.bytes_a_column;
            match (first..=last).contains(&at) && bits > 0 {
                true => row.mark,
                // The first column of a cache line.
                false
                    if byte > 0
                        && byte / LINE_BYTES > (byte - 1).min(byte - self.bytes_a_column) / LINE_BYTES =>
                {
                    ':'
                }
                false => '.',
            }
        };
        let drawn: String = (0..self.columns as u64).map(mark).collect();
        format!("|{drawn}|")
    }
}

fn variants(page: &mut Page, report: &TypeReport, width: Option<usize>) {
    for variant in &report.variants {
        page.gap();
        let value = variant.value.map_or(String::new(), |value| format!(" = {value}"));
        let is_future = report.kind == "future";
        let word = if is_future { "state" } else { "variant" };
        page.heading(&format!("{word} {}{value}", variant.name));
        let mut text = format!("{} bytes used, {} wasted", variant.used_bytes, variant.wasted_bytes);
        if !is_future && report.variants.len() > 1 && Some(variant.bytes_if_boxed) < report.bytes {
            text.push_str(&format!(
                "; about {} bytes in all if its fields were boxed",
                variant.bytes_if_boxed
            ));
        }
        page.note(&text, DIM);
        let mut rows: Vec<Row> = variant.members.iter().map(member_row).collect();
        rows.sort_by_key(|row| (row.offset_bits, row.bits));
        rows.truncate(ROWS_MAX);
        if !rows.is_empty() {
            draw(page, report, &rows, width);
        }
    }
}

fn facts(page: &mut Page, report: &TypeReport) {
    let bytes = report.bytes.unwrap_or(0);
    let lost = report.gaps.iter().map(|gap| gap.bits).sum::<u64>() / 8;
    let deep = report.deep_padding_bits / 8;
    page.labelled(
        "padding",
        &format!(
            "{} in holes, {} at the end ({}); with members' own {deep} ({})",
            report.hole_bytes,
            report.padding_bytes,
            percent(lost, bytes),
            percent(deep, bytes)
        ),
    );
    let cost = &report.cost;
    page.labelled(
        "on the heap",
        &format!(
            "{} bytes in {}; {} more would cost nothing, the next cheaper size is {}",
            cost.heap_bytes, cost.allocator, cost.head_room, cost.next_cheaper
        ),
    );
    page.labelled("cache lines", &report.lines.to_string());
    if let Some(best) = &report.best {
        let proven = if best.is_proven { "no order is smaller" } else { "none smaller was found" };
        page.labelled("best order", &format!("{} bytes, {proven}", best.bytes));
        if !best.order.is_empty() {
            page.labelled("", &best.order.join(", "));
        }
        if let Some(verdict) = best.verdict {
            let reasons = if best.reasons.is_empty() {
                String::new()
            } else {
                format!(": {}", best.reasons.join("; "))
            };
            page.labelled("verdict", &format!("{verdict}{reasons}"));
        }
    }
    if let Some(obstacle) = &report.obstacle {
        page.labelled("best order", &format!("none to choose: {obstacle}"));
    }
    if let Some(weight) = &report.weight {
        page.labelled(
            "live",
            &format!(
                "{} objects, {} bytes; the best order gives back {}",
                count(weight.live_objects),
                count(weight.live_bytes),
                count(weight.saved_bytes)
            ),
        );
    }
}

fn findings(page: &mut Page, report: &TypeReport) {
    if report.findings.is_empty() {
        return;
    }
    page.gap();
    page.heading("findings");
    for finding in &report.findings {
        let style = if finding.level == "warning" { WARN } else { Style::new() };
        page.note(&format!("{}: {}", finding.kind, finding.message), style);
    }
}

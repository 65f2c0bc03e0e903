//! Tables of types: an overview of a program, and what changed between two builds.

use std::cmp::Reverse;
use std::fmt::Write as _;

use anstyle::Style;
use spandrel_layout::{Change, Types};

use super::schema::{LayoutReport, TypeReport};
use crate::page::{Column, Page, Row};
use crate::style::{DIM, WARN};
use crate::units::{bytes, count, percent};

/// The types of a program, the most valuable first, at most `top` of them.
#[must_use]
pub fn overview(report: &LayoutReport, top: usize, width: Option<usize>) -> String {
    let mut page = Page::new(width);
    page.heading(&report.binary);
    let own = report.types.len();
    page.note(
        &format!("{} records, {} of them listed here", count(report.records as u64), count(own as u64)),
        DIM,
    );
    if let Some(heap) = &report.heap {
        let share = |part: u64| percent(part, heap.live_bytes);
        page.note(
            &format!(
                "{} in use; the type of {} is known, of {} inferred, of {} unknown",
                bytes(heap.live_bytes),
                share(heap.attributed_bytes),
                share(heap.inferred_bytes),
                share(heap.unattributed_bytes)
            ),
            DIM,
        );
    }
    page.gap();
    let mut ranked: Vec<&TypeReport> = report.types.iter().filter(|found| is_told(found)).collect();
    ranked.sort_by_key(|found| (Reverse(value(found)), found.name.clone()));
    if ranked.is_empty() {
        page.line("nothing stands out");
    } else {
        table(&mut page, &ranked[..ranked.len().min(top)], report.heap.is_some());
        if ranked.len() > top {
            page.note(&format!("and {} more; --top tells how many are listed", ranked.len() - top), DIM);
        }
    }
    problems(&mut page, &report.problems);
    page.into_text()
}

fn problems(page: &mut Page, problems: &[String]) {
    const TOLD_MAX: usize = 3;
    if problems.is_empty() {
        return;
    }
    page.gap();
    page.note(&format!("{} units could not be read:", problems.len()), WARN);
    for problem in problems.iter().take(TOLD_MAX) {
        page.note(&format!("  {problem}"), WARN);
    }
}

fn is_told(found: &TypeReport) -> bool {
    found.weight.as_ref().is_some_and(|weight| weight.saved_bytes > 0)
        || found.findings.iter().any(|finding| finding.level == "warning")
        || found.best.as_ref().is_some_and(|best| best.saved_bytes > 0)
}

/// What a type is ranked by: bytes saved in the real heap, in an object, in the type.
fn value(found: &TypeReport) -> (u64, u64, u64, usize) {
    let heap = found.weight.as_ref().map_or(0, |weight| weight.saved_bytes);
    let object = found.findings.iter().map(|finding| finding.saved_bytes).max().unwrap_or(0);
    let own = found.best.as_ref().map_or(0, |best| best.saved_bytes);
    (heap, object, own, found.findings.len())
}

fn table(page: &mut Page, types: &[&TypeReport], has_heap: bool) {
    let mut columns = vec![
        column("size", 0),
        column("best", 1),
        column("on heap", 2),
        column("saves", 0),
        column("padding", 4),
        column("lines", 5),
        column("verdict", 3),
    ];
    if has_heap {
        columns.extend([column("live objects", 2), column("gives back", 0)]);
    }
    let rows: Vec<Row> = types.iter().map(|found| row(found, has_heap)).collect();
    let names: Vec<String> = types.iter().map(|found| name_and_finding(found)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    page.named_table(&columns, &rows, &names);
}

fn column(head: &'static str, drop_rank: u8) -> Column {
    Column { head, drop_rank }
}

fn row(found: &TypeReport, has_heap: bool) -> Row {
    let number = |value: u64| if value == 0 { "-".to_string() } else { value.to_string() };
    let (_, saved, ..) = value(found);
    let best = found.best.as_ref().map_or("-".to_string(), |best| best.bytes.to_string());
    let verdict = found.best.as_ref().and_then(|best| best.verdict).unwrap_or("-");
    let mut cells = vec![
        found.bytes.map_or("?".to_string(), |bytes| bytes.to_string()),
        best,
        found.cost.heap_bytes.to_string(),
        number(saved),
        number(found.deep_padding_bits / 8),
        found.lines.to_string(),
        verdict.to_string(),
    ];
    if has_heap {
        let weight = found.weight.as_ref();
        cells.push(weight.map_or("-".to_string(), |weight| count(weight.live_objects)));
        cells.push(weight.map_or("-".to_string(), |weight| bytes(weight.saved_bytes)));
    }
    let is_warning = found.findings.iter().any(|finding| finding.level == "warning");
    Row { cells, style: if is_warning { WARN } else { Style::new() } }
}

/// The name, and the kinds of what stands out.
fn name_and_finding(found: &TypeReport) -> String {
    let mut kinds: Vec<&str> = found.findings.iter().map(|finding| finding.kind).collect();
    kinds.retain(|kind| !matches!(*kind, "padding" | "deep-padding" | "straddle"));
    kinds.dedup();
    match kinds.as_slice() {
        [] => found.name.clone(),
        kinds => format!("{} ({})", found.name, kinds.join(", ")),
    }
}

/// The types that differ between two builds.
#[must_use]
pub fn changes(all: &[Change], old: &Types, new: &Types, width: Option<usize>) -> String {
    let mut page = Page::new(width);
    if all.is_empty() {
        page.line("no type changed");
        return page.into_text();
    }
    let columns = [column("old size", 0), column("new size", 0), column("change", 1)];
    let size = |types: &Types, id: Option<spandrel_layout::TypeId>| id.and_then(|id| types.get(id).bytes);
    let text = |bytes: Option<u64>| bytes.map_or("-".to_string(), |bytes| bytes.to_string());
    let mut rows = Vec::new();
    let mut names = Vec::new();
    for change in all {
        let (was, is) = (size(old, change.old), size(new, change.new));
        let difference = match (was, is) {
            (Some(was), Some(is)) => format!("{:+}", i128::from(is) - i128::from(was)),
            (None, _) => "new".to_string(),
            (_, None) => "gone".to_string(),
        };
        let grows = matches!((was, is), (Some(was), Some(is)) if is > was);
        rows.push(Row {
            cells: vec![text(was), text(is), difference],
            style: if grows { WARN } else { Style::new() },
        });
        names.push(name_and_members(change));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    page.named_table(&columns, &rows, &names);
    page.into_text()
}

/// The name, and what happened to its members.
fn name_and_members(change: &Change) -> String {
    const TOLD_MAX: usize = 4;
    let mut text = change.name.clone();
    let place = |at: Option<(Option<u64>, Option<u64>)>| {
        at.and_then(|(offset, _)| offset).map(|bits| (bits / 8).to_string())
    };
    let told =
        change.members.iter().take(TOLD_MAX).map(|member| match (place(member.old), place(member.new)) {
            (Some(was), Some(is)) if was != is => format!("{} {was} to {is}", member.name),
            (None, Some(is)) => format!("{} new at {is}", member.name),
            (Some(_), None) => format!("{} gone", member.name),
            _ => format!("{} resized", member.name),
        });
    let told: Vec<String> = told.collect();
    if !told.is_empty() {
        let more = change.members.len().saturating_sub(TOLD_MAX);
        let more = if more > 0 { format!(", {more} more") } else { String::new() };
        write!(text, ": {}{more}", told.join(", ")).expect("a String takes everything");
    }
    text
}

//! The report of a run as text: what matters first, then the heap at its peak, then the rest.

use anstyle::Style;

use crate::page::{Column, Page, Row, fit, visible};
use crate::schema::{
    ClassReport, HeapReport, Knowledge, LedgerReport, ProcessReport, RunReport, Sample, SkippedRecord,
};
use crate::style::{DIM, WARN};
use crate::units::{bytes, count, duration, percent};

/// Rows of the class table, and lines of other processes; what follows is summed up.
const ROWS_MAX: usize = 20;
/// Findings that are told.
const FINDINGS_MAX: usize = 3;
/// Files without a record that are named.
const SKIPPED_MAX: usize = 5;
/// A class that uses less of its spans than this is coloured.
const LOW_UTILISATION_PERCENT: u64 = 50;
/// A ledger that leaves more than this of the resident memory unexplained is coloured.
const UNEXPLAINED_PERCENT: u64 = 3;
/// A class with less than this share of the heap is never coloured.
const COLOURED_SHARE_PERCENT: u64 = 5;

/// The report as text with ANSI styles, fitted to a terminal of `width` columns.
///
/// Every line ends with a newline; `None` is as wide as it gets.
#[must_use]
pub fn run(report: &RunReport, width: Option<usize>) -> String {
    let mut page = Page::new(width);
    match report.processes.split_first() {
        Some((largest, others)) => {
            head(&mut page, report, largest);
            findings(&mut page, largest);
            heap(&mut page, largest);
            classes(&mut page, &largest.peak);
            if let Some(ledger) = &largest.ledger {
                self::ledger(&mut page, ledger);
            }
            backdrop(&mut page, largest);
            other_processes(&mut page, others);
        }
        None => page.note(&without_record(report), WARN),
    }
    skipped(&mut page, &report.skipped_records);
    page.into_text()
}

fn without_record(report: &RunReport) -> String {
    format!(
        "spandrel: no process left a record: `{}` ({}) ran without the library, because it clears \
         LD_PRELOAD for example, or ended before it allocated",
        report.command.join(" "),
        outcome(report),
    )
}

/// One line for one sample, without a style.
///
/// ```
/// use spandrel_report::{schema::Sample, text};
/// let sample = Sample {
///     elapsed_ns: 2_000_000_000, pid: 7, resident_bytes: 1 << 20, live_bytes: 1 << 19,
///     committed_bytes: 1 << 20, allocs: 10, allocs_per_s: 5,
/// };
/// let line = "2 s: pid 7, 1 MiB resident, 512 KiB live, 1 MiB committed, 5 allocs/s";
/// assert_eq!(text::sample(&sample), line);
/// ```
#[must_use]
pub fn sample(sample: &Sample) -> String {
    format!(
        "{}: pid {}, {} resident, {} live, {} committed, {} allocs/s",
        duration(sample.elapsed_ns),
        sample.pid,
        bytes(sample.resident_bytes),
        bytes(sample.live_bytes),
        bytes(sample.committed_bytes),
        count(sample.allocs_per_s),
    )
}

/// How the program ended.
fn outcome(report: &RunReport) -> String {
    match report.signal {
        Some(signal) => match signal_name(signal) {
            Some(name) => format!("signal {signal}, {name}"),
            None => format!("signal {signal}"),
        },
        None => format!("exit code {}", report.exit_code),
    }
}

/// The signals that end programs, by the numbers that all Linux machines share.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

fn head(page: &mut Page, report: &RunReport, largest: &ProcessReport) {
    page.heading(&format!("spandrel: {}", command(largest)));
    let of_others = match report.processes.len() {
        1 => String::new(),
        processes => format!(", the largest of {} processes", count(processes as u64)),
    };
    page.labelled("Process", &format!("pid {}{of_others}", largest.pid));
    page.labelled("Run", &format!("{} after {}", outcome(report), duration(report.elapsed_ns)));
    page.labelled("Peak resident", &bytes(largest.peak_resident_bytes));
    if !largest.ended {
        page.note("This process was killed or still runs: the figures are those of its last record.", WARN);
    }
}

fn findings(page: &mut Page, process: &ProcessReport) {
    page.gap();
    if process.findings.is_empty() {
        page.note("Nothing stands out: rounding, span slack and free pages are all below 1 %.", DIM);
    }
    for (index, finding) in process.findings.iter().take(FINDINGS_MAX).enumerate() {
        page.item(&format!("{}. ", index + 1), &finding.text);
    }
}

fn heap(page: &mut Page, process: &ProcessReport) {
    let (last, peak) = (&process.last, &process.peak);
    page.gap();
    page.labelled(
        "Requests",
        &format!(
            "{} allocs of {}, {} frees of {}",
            count(last.allocs),
            bytes(last.alloc_bytes),
            count(last.frees),
            bytes(last.free_bytes),
        ),
    );
    let requested = match peak.requested_known {
        Knowledge::Exact => format!("{} requested (exact), ", bytes(peak.requested_bytes)),
        Knowledge::Estimated => format!("about {} requested, ", bytes(peak.requested_bytes)),
        Knowledge::Unknown => String::new(),
    };
    page.labelled(
        "Heap at peak",
        &format!(
            "{requested}{} allocated, {} in use, {} committed",
            bytes(peak.allocated_bytes),
            bytes(peak.in_use_bytes),
            bytes(peak.page_heap.committed_bytes),
        ),
    );
}

fn classes(page: &mut Page, peak: &HeapReport) {
    if peak.classes.is_empty() {
        return;
    }
    let columns = [
        ("class", 0),
        ("object", 0),
        ("live objects", 2),
        ("allocated", 0),
        ("util", 0),
        ("rounding", 0),
        ("", 3),
        ("slack", 0),
        ("spans", 4),
    ]
    .map(|(head, drop_rank)| Column { head, drop_rank });
    let (shown, rest) = peak.classes.split_at(peak.classes.len().min(ROWS_MAX));
    let mut rows: Vec<_> = shown
        .iter()
        .map(|class| Row {
            cells: class_cells(class.class.to_string(), format!("{} B", class.object_bytes), class),
            style: row_style(class, peak.in_use_bytes),
        })
        .collect();
    if !rest.is_empty() {
        rows.push(Row {
            cells: class_cells(
                format!("{} more", rest.len()),
                String::new(),
                &ClassReport::total(rest.iter()),
            ),
            style: DIM,
        });
    }
    page.gap();
    page.table(&columns, &rows);
    if peak.requested_known != Knowledge::Exact {
        page.note("Rounding is estimated from sampled requests; `?`: none was sampled.", DIM);
    }
}

fn row_style(class: &ClassReport, heap_bytes: u64) -> Style {
    let share = |part: u64, whole: u64, percent: u64| {
        u128::from(part) * 100 < u128::from(whole) * u128::from(percent)
    };
    let matters = !share(class.in_use_bytes, heap_bytes, COLOURED_SHARE_PERCENT);
    let low = share(class.allocated_bytes, class.in_use_bytes, LOW_UTILISATION_PERCENT);
    if matters && low { WARN } else { Style::new() }
}

fn class_cells(class: String, object: String, row: &ClassReport) -> Vec<String> {
    let (rounding, rounding_share) = match row.requested_known {
        Knowledge::Unknown => ("?".to_string(), "?".to_string()),
        Knowledge::Estimated | Knowledge::Exact => {
            (bytes(row.fragmentation_bytes), percent(row.fragmentation_bytes, row.allocated_bytes))
        }
    };
    vec![
        class,
        object,
        count(row.live_objs),
        bytes(row.allocated_bytes),
        percent(row.allocated_bytes, row.in_use_bytes),
        rounding,
        rounding_share,
        bytes(row.slack_bytes),
        count(row.spans()),
    ]
}

/// From what was requested to what is resident; rows without a byte are left out.
fn ledger(page: &mut Page, ledger: &LedgerReport) {
    let about = if ledger.requested_known == Knowledge::Exact { "" } else { "about " };
    let signed = |value: i64| match value {
        0.. => bytes(value.unsigned_abs()),
        _ => format!("-{}", bytes(value.unsigned_abs())),
    };
    let added = [
        ("requested", ledger.requested_bytes, about),
        ("rounding", ledger.rounding_bytes, about),
        ("span slack", ledger.slack_bytes, ""),
        ("thread caches", ledger.cached_bytes, ""),
        ("page heap, free", ledger.free_bytes, ""),
        ("metadata", ledger.metadata_bytes, ""),
    ];
    let foreign = [
        ("programs, libraries, files", ledger.files_bytes, ""),
        ("shared", ledger.shared_bytes, ""),
        ("heap of brk", ledger.break_bytes, ""),
        ("first stack", ledger.stack_bytes, ""),
        ("other stacks and mappings", ledger.mapped_bytes, ""),
    ];
    let row = |name: &str, value: String, part: u64, style: Style| Row {
        cells: vec![name.to_string(), value, percent(part, ledger.resident_bytes)],
        style,
    };
    let rows_of = |parts: &[(&str, u64, &str)]| -> Vec<Row> {
        let parts = parts.iter().filter(|(_, value, _)| *value > 0);
        parts
            .map(|(name, value, about)| row(name, format!("{about}{}", bytes(*value)), *value, Style::new()))
            .collect()
    };
    let mut rows = rows_of(&added);
    if ledger.untouched_bytes != 0 {
        let untouched = signed(ledger.untouched_bytes.saturating_neg());
        let part = ledger.untouched_bytes.unsigned_abs();
        rows.push(row("never touched, or returned", untouched, part, DIM));
    }
    let resident = ledger.heap_resident_bytes;
    rows.push(row("= heap, resident", bytes(resident), resident, Style::new()));
    rows.extend(rows_of(&foreign));
    let unexplained = ledger.unexplained_bytes;
    let is_large = u128::from(unexplained.unsigned_abs()) * 100
        > u128::from(ledger.resident_bytes) * u128::from(UNEXPLAINED_PERCENT);
    let style = if is_large { WARN } else { DIM };
    rows.push(row("unexplained", signed(unexplained), unexplained.unsigned_abs(), style));
    rows.push(row("= resident", bytes(ledger.resident_bytes), ledger.resident_bytes, Style::new()));
    page.gap();
    let columns = [("ledger", 0), ("bytes", 0), ("of resident", 2)];
    page.table(&columns.map(|(head, drop_rank)| Column { head, drop_rank }), &rows);
}

/// Large objects, the page heap and the operating system.
fn backdrop(page: &mut Page, process: &ProcessReport) {
    let (peak, last) = (&process.peak, &process.last);
    let heap = &peak.page_heap;
    page.gap();
    page.labelled(
        "Large objects",
        &format!("{} live, {} in use", count(peak.large.live_objs), bytes(peak.large.in_use_bytes)),
    );
    page.labelled(
        "Page heap",
        &format!(
            "{} committed, {} free, {} scavenged, largest free run {}",
            bytes(heap.committed_bytes),
            bytes(heap.free_bytes),
            bytes(heap.scavenged_bytes),
            bytes(heap.largest_free_run_bytes),
        ),
    );
    let limit = heap.limit_bytes.map_or(String::new(), |limit| format!(", limit {}", bytes(limit)));
    page.labelled(
        "",
        &format!(
            "{} reserved, {} metadata, {} thread caches{limit}",
            bytes(heap.reserved_bytes),
            bytes(heap.metadata_bytes),
            count(last.thread_caches),
        ),
    );
    page.labelled("Returned", &format!("{} to the operating system", bytes(last.page_heap.returned_bytes)));
    page.labelled(
        "System calls",
        &format!(
            "{} mmap, {} munmap, {} mprotect, {} madvise, {} mremap",
            count(last.os.mmap_calls),
            count(last.os.munmap_calls),
            count(last.os.mprotect_calls),
            count(last.os.madvise_calls),
            count(last.os.mremap_calls),
        ),
    );
}

fn other_processes(page: &mut Page, others: &[ProcessReport]) {
    if others.is_empty() {
        return;
    }
    page.gap();
    page.heading("Other processes");
    for process in others.iter().take(ROWS_MAX) {
        page.line(&format!(
            "{:>8}{} {:>9}  {:>13} allocs  {}",
            process.pid,
            if process.ended { " " } else { "*" },
            bytes(process.peak_resident_bytes),
            count(process.last.allocs),
            command(process),
        ));
    }
    let more = others.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        page.line(&format!("and {} more, all of them smaller", count(more as u64)));
    }
    if others.iter().take(ROWS_MAX).any(|process| !process.ended) {
        page.note("*: killed or still running; the figures are those of its last record.", DIM);
    }
}

fn skipped(page: &mut Page, skipped: &[SkippedRecord]) {
    for SkippedRecord { file, reason } in skipped.iter().take(SKIPPED_MAX) {
        page.note(&format!("spandrel: skipped the record {file}: {reason}"), WARN);
    }
    if skipped.len() > SKIPPED_MAX {
        page.note(&format!("spandrel: skipped {} more records", skipped.len() - SKIPPED_MAX), WARN);
    }
}

/// The command line of a process on one line.
fn command(process: &ProcessReport) -> String {
    /// Columns of a command line when nothing limits the page.
    const COMMAND_COLUMNS_MAX: usize = 200;
    let mut command = visible(&process.command.join(" "));
    if process.command_cut {
        command.push('…');
    }
    if command.is_empty() {
        command.push_str("(no command line)");
    }
    fit(&command, COMMAND_COLUMNS_MAX)
}

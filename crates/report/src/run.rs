//! From records to a [`RunReport`]: every derived number is computed here, once, for text and JSON.
//!
//! Records come from other processes, so no sum may overflow and no difference may underflow,
//! whatever a file says: all arithmetic saturates.

use std::time::Duration;

use spandrel::record::{COMMAND_BYTES, Record};
use spandrel::{ClassStats, Ledger, MemStats};

use crate::findings;
use crate::schema::{
    ClassReport, HeapReport, Knowledge, LedgerReport, OsReport, PageHeapReport, ProcessReport, RUN_SCHEMA,
    RUN_VERSION, RunReport, SampleSeries, SkippedRecord,
};

/// What a run left behind.
#[derive(Debug)]
pub struct RunFacts {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The exit code that is passed on.
    pub exit_code: i32,
    /// The signal that ended the program.
    pub signal: Option<i32>,
    /// From the start of the program to its end.
    pub elapsed: Duration,
    /// The records of its processes, in any order.
    pub records: Vec<Record>,
    /// Files that are no record.
    pub skipped: Vec<SkippedRecord>,
    /// The samples of `--stats`.
    pub samples: Option<SampleSeries>,
}

impl RunReport {
    /// Computes the report of a run; linear in the number of records, but for sorting them.
    #[must_use]
    pub fn new(facts: RunFacts) -> Self {
        let mut processes: Vec<_> = facts.records.iter().map(process_report).collect();
        processes.sort_by_key(|process| (std::cmp::Reverse(process.peak_resident_bytes), process.pid));
        Self {
            schema: RUN_SCHEMA,
            version: RUN_VERSION,
            command: facts.command,
            exit_code: facts.exit_code,
            signal: facts.signal,
            elapsed_ns: saturating_ns(facts.elapsed),
            processes,
            skipped_records: facts.skipped,
            samples: facts.samples,
        }
    }
}

/// The nanoseconds of a duration; five centuries do not fit and become the largest number.
#[must_use]
pub fn saturating_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn process_report(record: &Record) -> ProcessReport {
    let peak = heap_report(&record.peak);
    let last = heap_report(&record.last);
    let committed_bytes = last.page_heap.peak_committed_bytes.max(peak.page_heap.committed_bytes);
    ProcessReport {
        pid: record.pid,
        parent_pid: record.parent_pid,
        command: command_line(&record.command),
        command_cut: record.command[COMMAND_BYTES - 1] != 0,
        ended: record.ended == 1,
        start_ns: record.start_ns,
        written_ns: record.written_ns,
        peak_resident_bytes: record.peak_resident_bytes,
        resident_bytes: record.resident_bytes,
        findings: findings::rank(&peak, committed_bytes, record.peak_resident_bytes),
        ledger: ledger_report(&record.peak_ledger),
        last_ledger: ledger_report(&record.last_ledger),
        peak,
        last,
    }
}

/// The arguments that a record keeps, separated and filled up by NUL bytes.
fn command_line(bytes: &[u8]) -> Vec<String> {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes[..end]
        .split(|&byte| byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

fn heap_report(stats: &MemStats) -> HeapReport {
    let exact = stats.exact == 1;
    let large = class_report(0, &stats.classes[0], exact);
    let mut classes: Vec<_> = stats
        .classes
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, class)| class.allocs > 0 || class.span_bytes > 0)
        .map(|(index, class)| class_report(index, class, exact))
        .collect();
    let sum = |field: fn(&ClassStats) -> u64| stats.classes.iter().map(field).fold(0, u64::saturating_add);
    let total = ClassReport::total(classes.iter().chain([&large]));
    classes.sort_by_key(|class| (std::cmp::Reverse(class.in_use_bytes), class.class));
    HeapReport {
        requested_known: total.requested_known,
        allocs: total.allocs,
        frees: total.frees,
        alloc_bytes: sum(|class| class.alloc_bytes),
        free_bytes: sum(|class| class.free_bytes),
        live_objs: total.live_objs,
        requested_bytes: total.requested_bytes,
        allocated_bytes: total.allocated_bytes,
        in_use_bytes: total.in_use_bytes,
        fragmentation_bytes: total.fragmentation_bytes,
        slack_bytes: total.slack_bytes,
        threads: stats.threads,
        thread_caches: stats.thread_caches,
        classes,
        large,
        page_heap: page_heap_report(stats),
        os: os_report(stats),
    }
}

/// `None` if no ledger was taken.
fn ledger_report(ledger: &Ledger) -> Option<LedgerReport> {
    let known = if ledger.requested_exact == 1 { Knowledge::Exact } else { Knowledge::Estimated };
    (ledger.resident_bytes != 0).then_some(LedgerReport {
        requested_known: known,
        requested_bytes: ledger.requested_bytes,
        rounding_bytes: ledger.rounding_bytes,
        slack_bytes: ledger.slack_bytes,
        cached_bytes: ledger.cached_bytes,
        free_bytes: ledger.free_bytes,
        metadata_bytes: ledger.metadata_bytes,
        untouched_bytes: ledger.untouched_bytes,
        heap_resident_bytes: ledger.heap_resident_bytes,
        only_read_bytes: ledger.only_read_bytes,
        files_bytes: ledger.files_bytes,
        shared_bytes: ledger.shared_bytes,
        break_bytes: ledger.break_bytes,
        stack_bytes: ledger.stack_bytes,
        mapped_bytes: ledger.mapped_bytes,
        resident_bytes: ledger.resident_bytes,
        unexplained_bytes: ledger.unexplained_bytes,
    })
}

/// The requested bytes of large objects are always counted, those of small ones with `stats=exact`.
fn class_report(index: usize, class: &ClassStats, exact: bool) -> ClassReport {
    let allocated_bytes = class.live_bytes();
    let (requested_known, requested_bytes) = if exact || index == 0 {
        (Knowledge::Exact, class.exact_live_bytes)
    } else if class.sampled_allocs > 0 {
        (Knowledge::Estimated, class.requested_bytes())
    } else {
        (Knowledge::Unknown, allocated_bytes)
    };
    ClassReport {
        class: index,
        object_bytes: class.object_bytes,
        requested_known,
        allocs: class.allocs,
        frees: class.frees,
        live_objs: class.live_objs(),
        requested_bytes,
        allocated_bytes,
        in_use_bytes: class.span_bytes,
        fragmentation_bytes: allocated_bytes.saturating_sub(requested_bytes),
        slack_bytes: class.slack_bytes(),
        hot_objs: class.hot_objs,
        spans_cached: class.spans_cached,
        spans_partial: class.spans_partial,
        spans_full: class.spans_full,
    }
}

impl ClassReport {
    /// The sum of several classes as if they were one, which has no number and no object size.
    ///
    /// One estimate makes the sum an estimate.
    pub(crate) fn total<'a>(classes: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let sum = |field: fn(&Self) -> u64| classes.clone().map(field).fold(0, u64::saturating_add);
        let any =
            |known| classes.clone().any(|class| class.allocated_bytes > 0 && class.requested_known == known);
        Self {
            class: 0,
            object_bytes: 0,
            requested_known: if any(Knowledge::Estimated) {
                Knowledge::Estimated
            } else if any(Knowledge::Unknown) {
                Knowledge::Unknown
            } else {
                Knowledge::Exact
            },
            allocs: sum(|class| class.allocs),
            frees: sum(|class| class.frees),
            live_objs: sum(|class| class.live_objs),
            requested_bytes: sum(|class| class.requested_bytes),
            allocated_bytes: sum(|class| class.allocated_bytes),
            in_use_bytes: sum(|class| class.in_use_bytes),
            fragmentation_bytes: sum(|class| class.fragmentation_bytes),
            slack_bytes: sum(|class| class.slack_bytes),
            hot_objs: sum(|class| class.hot_objs),
            spans_cached: sum(|class| class.spans_cached),
            spans_partial: sum(|class| class.spans_partial),
            spans_full: sum(|class| class.spans_full),
        }
    }

    /// All spans of this class.
    #[must_use]
    pub const fn spans(&self) -> u64 {
        self.spans_cached.saturating_add(self.spans_partial).saturating_add(self.spans_full)
    }
}

fn page_heap_report(stats: &MemStats) -> PageHeapReport {
    let heap = &stats.page_heap;
    PageHeapReport {
        reserved_bytes: heap.reserved_bytes,
        committed_bytes: heap.committed_bytes,
        peak_committed_bytes: heap.peak_committed_bytes,
        in_use_bytes: heap.in_use_bytes,
        free_bytes: heap.free_bytes,
        scavenged_bytes: heap.scavenged_bytes,
        largest_free_run_bytes: heap.largest_free_run_bytes,
        metadata_bytes: heap.metadata_bytes,
        returned_bytes: heap.returned_bytes,
        purges: heap.purges,
        kept_bytes: heap.kept_bytes,
        limit_bytes: (heap.limit_bytes != u64::MAX).then_some(heap.limit_bytes),
    }
}

fn os_report(stats: &MemStats) -> OsReport {
    OsReport {
        mmap_calls: stats.os.mmap_calls,
        munmap_calls: stats.os.munmap_calls,
        mprotect_calls: stats.os.mprotect_calls,
        madvise_calls: stats.os.madvise_calls,
        mremap_calls: stats.os.mremap_calls,
    }
}

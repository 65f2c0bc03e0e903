//! Records as processes would leave them.

use std::time::Duration;

use spandrel::record::{COMMAND_BYTES, RECORD_MAGIC, RECORD_VERSION, Record};
use spandrel::{ClassStats, Ledger, MemStats};
use spandrel_classes::CLASSES;
use spandrel_report::RunFacts;
use spandrel_report::schema::RunReport;

/// One kibibyte and one mebibyte.
pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;

/// A record without a single allocation.
pub(crate) fn record(pid: u64, command: &[&str]) -> Record {
    let mut bytes = [0; COMMAND_BYTES];
    let line = command.join("\0").into_bytes();
    let kept = line.len().min(COMMAND_BYTES);
    bytes[..kept].copy_from_slice(&line[..kept]);
    Record {
        magic: RECORD_MAGIC,
        version: RECORD_VERSION,
        sequence: 2,
        pid,
        parent_pid: 1,
        ended: 1,
        start_ns: 1_000,
        written_ns: 5_000,
        peak_resident_bytes: 0,
        resident_bytes: 0,
        last: MemStats::zero(),
        peak: MemStats::zero(),
        peak_ledger: Ledger::zero(),
        last_ledger: Ledger::zero(),
        command: bytes,
    }
}

/// A size class whose live objects were asked for with `requested_bytes` each, sampled every tenth.
pub(crate) fn class(index: usize, live: u64, requested_bytes: u64, spans: u64) -> ClassStats {
    let size = &CLASSES[index];
    let object_bytes = u64::from(size.object_bytes);
    ClassStats {
        object_bytes,
        allocs: 3 * live,
        frees: 2 * live,
        alloc_bytes: 3 * live * object_bytes,
        free_bytes: 2 * live * object_bytes,
        sampled_allocs: live / 10,
        sampled_bytes: live / 10 * requested_bytes,
        spans_full: spans,
        span_bytes: spans * size.span_bytes() as u64,
        ..ClassStats::default()
    }
}

/// Large objects of `object_bytes` each.
pub(crate) fn large(live: u64, object_bytes: u64) -> ClassStats {
    ClassStats {
        allocs: live,
        alloc_bytes: live * object_bytes,
        exact_live_bytes: live * object_bytes,
        spans_full: live,
        span_bytes: live * object_bytes,
        ..ClassStats::default()
    }
}

/// Makes the page heap fit the spans, with `free_bytes` more.
pub(crate) fn settle(stats: &mut MemStats, free_bytes: u64) {
    let in_use: u64 = stats.classes.iter().map(|class| class.span_bytes).sum();
    stats.page_heap.in_use_bytes = in_use;
    stats.page_heap.free_bytes = free_bytes;
    stats.page_heap.committed_bytes = in_use + free_bytes;
    stats.page_heap.peak_committed_bytes = in_use + free_bytes;
    stats.page_heap.reserved_bytes = 64 * MIB;
}

/// A run of `cargo build` that ended well and left these records.
pub(crate) fn report(records: Vec<Record>) -> RunReport {
    RunReport::new(RunFacts {
        command: vec!["cargo".to_string(), "build".to_string()],
        exit_code: 0,
        signal: None,
        elapsed: Duration::from_millis(1_234),
        records,
        skipped: Vec::new(),
        samples: None,
    })
}

//! `/metrics`: the text format of Prometheus, version 0.0.4.
//!
//! Names follow its conventions: base units, the unit last, `_total` behind what only grows. Ratios are left
//! to queries. What holds for one size class has the label `class`, which is the size of its objects in
//! bytes, or `large`; classes that were never used are left out.

use spandrel_platform::bytes::Bytes;
use spandrel_platform::process::{KernelCounts, Resident, kernel_counts, resident};
use spandrel_platform::thread::calendar_and_uptime_ticks;

use super::ledger_rows;
use super::text::Text;
use crate::ledger::Ledger;
use crate::metrics::MetricKind;
use crate::profile::{self, SamplerStats};
use crate::published::{self, Published};
use crate::snapshot;
use crate::stats::{ClassStats, MemStats};

/// Everything that is told of one moment.
struct Facts {
    stats: MemStats,
    resident: Resident,
    kernel: KernelCounts,
    sampler: SamplerStats,
}

/// Whether a value only grows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

use Kind::{Counter, Gauge};

/// Name, kind, meaning, value.
type Metric = (&'static str, Kind, &'static str, fn(&Facts) -> u64);
/// The same, of one size class.
type ClassMetric = (&'static str, Kind, &'static str, fn(&ClassStats) -> u64);

const HEAP: [Metric; 27] = [
    ("spandrel_allocated_bytes", Gauge, "Live objects, each with the size of its class.", |f| {
        f.stats.live_bytes()
    }),
    (
        "spandrel_requested_bytes",
        Gauge,
        "What live objects were asked for; an estimate without stats=exact.",
        |f| f.stats.classes.iter().map(ClassStats::requested_bytes).sum(),
    ),
    ("spandrel_in_use_bytes", Gauge, "Spans: live objects and the room between them.", |f| {
        f.stats.page_heap.in_use_bytes
    }),
    ("spandrel_committed_bytes", Gauge, "Pages that the system backs, in use or free.", |f| {
        f.stats.page_heap.committed_bytes
    }),
    ("spandrel_committed_peak_bytes", Gauge, "The most that was ever committed.", |f| {
        f.stats.page_heap.peak_committed_bytes
    }),
    ("spandrel_free_bytes", Gauge, "Committed pages that no span uses.", |f| f.stats.page_heap.free_bytes),
    ("spandrel_scavenged_bytes", Gauge, "Free pages that were given back or never taken.", |f| {
        f.stats.page_heap.scavenged_bytes
    }),
    ("spandrel_reserved_bytes", Gauge, "Address space of the heap.", |f| f.stats.page_heap.reserved_bytes),
    ("spandrel_largest_free_run_bytes", Gauge, "The longest run of free pages.", |f| {
        f.stats.page_heap.largest_free_run_bytes
    }),
    ("spandrel_metadata_bytes", Gauge, "What the allocator needs for itself.", |f| {
        f.stats.page_heap.metadata_bytes
    }),
    ("spandrel_live_objects", Gauge, "Objects that live.", |f| {
        f.stats.allocs().saturating_sub(f.stats.frees())
    }),
    ("spandrel_thread_caches_active", Gauge, "Thread caches that a running thread holds.", |f| {
        f.stats.threads
    }),
    ("spandrel_thread_caches", Gauge, "Thread caches ever made.", |f| f.stats.thread_caches),
    ("spandrel_allocs_total", Counter, "Objects ever allocated.", |f| f.stats.allocs()),
    ("spandrel_frees_total", Counter, "Objects ever freed.", |f| f.stats.frees()),
    (
        "spandrel_allocated_bytes_total",
        Counter,
        "Bytes ever allocated, each object with the size of its class.",
        |f| f.stats.alloc_bytes(),
    ),
    ("spandrel_freed_bytes_total", Counter, "Bytes ever freed, counted in the same way.", |f| {
        f.stats.classes.iter().map(|class| class.free_bytes).sum()
    }),
    ("spandrel_purges_total", Counter, "Times that pages were given back to the system.", |f| {
        f.stats.page_heap.purges
    }),
    (
        "spandrel_returned_bytes_total",
        Counter,
        "Bytes that the scavenger has given back to the system.",
        |f| f.stats.page_heap.returned_bytes,
    ),
    (
        "spandrel_profile_period_bytes",
        Gauge,
        "The mean distance between samples of the heap profile; 0 without.",
        |f| f.sampler.period_bytes,
    ),
    ("spandrel_profile_live_samples", Gauge, "Sampled objects that live.", |f| f.sampler.live_samples),
    ("spandrel_profile_samples_total", Counter, "Samples ever taken.", |f| f.sampler.samples),
    (
        "spandrel_profile_dropped_samples_total",
        Counter,
        "Samples that are counted but not told apart.",
        |f| f.sampler.dropped_samples,
    ),
    ("process_resident_memory_bytes", Gauge, "Resident memory size in bytes.", |f| f.resident.now_bytes),
    ("process_resident_memory_peak_bytes", Gauge, "The most that was ever resident.", |f| {
        f.resident.peak_bytes
    }),
    ("process_virtual_memory_bytes", Gauge, "Virtual memory size in bytes.", |f| f.kernel.virtual_bytes),
    ("process_threads", Gauge, "Threads of the process.", |f| f.kernel.threads),
];

const CLASSES: [ClassMetric; 8] = [
    ("spandrel_class_allocs_total", Counter, "Objects ever allocated, by size class.", |c| c.allocs),
    ("spandrel_class_frees_total", Counter, "Objects ever freed, by size class.", |c| c.frees),
    ("spandrel_class_live_objects", Gauge, "Objects that live, by size class.", ClassStats::live_objs),
    ("spandrel_class_allocated_bytes", Gauge, "Live objects, by size class.", ClassStats::live_bytes),
    (
        "spandrel_class_requested_bytes",
        Gauge,
        "What live objects were asked for, by size class.",
        ClassStats::requested_bytes,
    ),
    ("spandrel_class_in_use_bytes", Gauge, "Spans, by size class.", |c| c.span_bytes),
    (
        "spandrel_class_hot_objects",
        Gauge,
        "Free objects in hot lists of thread caches, by size class.",
        |c| c.hot_objs,
    ),
    ("spandrel_class_spans", Gauge, "Spans of small objects, by size class.", ClassStats::spans),
];

/// Writes all of it, as it is now, with a ledger if that is asked for.
pub(super) fn write(out: &mut Bytes, with_ledger: bool) {
    let mut facts = Facts {
        stats: MemStats::zero(),
        resident: resident(),
        kernel: kernel_counts(),
        sampler: profile::stats(),
    };
    snapshot::collect(&mut facts.stats);
    head(out, "spandrel_build_info", Gauge, "The version of the allocator.");
    out.text("spandrel_build_info{version=\"").text(env!("CARGO_PKG_VERSION")).text("\"} 1\n");
    for (name, kind, help, value) in HEAP {
        head(out, name, kind, help);
        out.text(name).text(" ").decimal(value(&facts)).text("\n");
    }
    write_limit(out, facts.stats.page_heap.limit_bytes);
    write_calls(out, &facts.stats);
    write_process(out, facts.kernel);
    if with_ledger {
        write_ledger(out, &Ledger::take(&facts.stats));
    }
    write_published(out);
    for (name, kind, help, value) in CLASSES {
        head(out, name, kind, help);
        for class in facts.stats.classes.iter().filter(|class| class.allocs > 0) {
            out.text(name).text("{class=\"");
            match class.object_bytes {
                0 => out.text("large"),
                bytes => out.decimal(bytes),
            };
            out.text("\"} ").decimal(value(class)).text("\n");
        }
    }
}

/// What the program has published, name by name.
fn write_published(out: &mut Bytes) {
    let mut last = "";
    for number in published::TABLE.lock().iter() {
        let Published { name, label, kind, value } = *number;
        if name != last {
            let kind = if kind == MetricKind::Counter { Counter } else { Gauge };
            head(out, name, kind, "Published by the program.");
            last = name;
        }
        out.text(name).text("{").text(label.0).text("=\"");
        for piece in label.1.split_inclusive(['\\', '"', '\n']) {
            // What must be escaped stands at the end of its piece.
            match piece.as_bytes().last() {
                Some(b'\n') => out.text(&piece[..piece.len() - 1]).text("\\n"),
                Some(b'\\') => out.text(piece).text("\\"),
                Some(b'"') => out.text(&piece[..piece.len() - 1]).text("\\\""),
                _ => out.text(piece),
            };
        }
        out.text("\"} ").decimal(value).text("\n");
    }
}

fn head(out: &mut Bytes, name: &str, kind: Kind, help: &str) {
    let kind = if kind == Counter { "counter" } else { "gauge" };
    out.text("# HELP ").text(name).text(" ").text(help).text("\n");
    out.text("# TYPE ").text(name).text(" ").text(kind).text("\n");
}

fn write_limit(out: &mut Bytes, limit_bytes: u64) {
    head(out, "spandrel_limit_bytes", Gauge, "The most that may be committed.");
    out.text("spandrel_limit_bytes ");
    match limit_bytes {
        u64::MAX => out.text("+Inf"),
        bytes => out.decimal(bytes),
    };
    out.text("\n");
}

/// Calls into the system: `madvise` are the purges.
fn write_calls(out: &mut Bytes, stats: &MemStats) {
    const NAME: &str = "spandrel_system_calls_total";
    head(out, NAME, Counter, "Calls of the heap for memory, by call; madvise gives pages back.");
    let os = &stats.os;
    for (call, count) in [
        ("madvise", os.madvise_calls),
        ("mmap", os.mmap_calls),
        ("mprotect", os.mprotect_calls),
        ("mremap", os.mremap_calls),
        ("munmap", os.munmap_calls),
    ] {
        out.text(NAME).text("{call=\"").text(call).text("\"} ").decimal(count).text("\n");
    }
}

/// The resident memory, part by part.
fn write_ledger(out: &mut Bytes, ledger: &Ledger) {
    const NAME: &str = "spandrel_ledger_bytes";
    head(out, NAME, Gauge, "Where resident memory is, by part; docs/endpoints.md says how they add up.");
    for (part, bytes) in ledger_rows(ledger) {
        let part = part.strip_suffix("_bytes").unwrap_or(part);
        out.text(NAME).text("{part=\"").text(part).text("\"} ").signed(bytes).text("\n");
    }
}

fn write_process(out: &mut Bytes, kernel: KernelCounts) {
    const FAULTS: &str = "process_page_faults_total";
    head(out, FAULTS, Counter, "Page faults, by whether they needed a disk.");
    for (kind, count) in [("major", kernel.major_faults), ("minor", kernel.minor_faults)] {
        out.text(FAULTS).text("{kind=\"").text(kind).text("\"} ").decimal(count).text("\n");
    }
    head(out, "process_cpu_seconds_total", Counter, "Total user and system CPU time spent in seconds.");
    out.text("process_cpu_seconds_total ").hundredths(kernel.cpu_ticks).text("\n");
    let (calendar_ticks, uptime_ticks) = calendar_and_uptime_ticks();
    let start_ticks = (calendar_ticks + kernel.start_ticks).saturating_sub(uptime_ticks);
    head(out, "process_start_time_seconds", Gauge, "Start time of the process since unix epoch in seconds.");
    out.text("process_start_time_seconds ").hundredths(start_ticks).text("\n");
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::write;
    use spandrel_platform::bytes::Bytes;
    use std::collections::BTreeSet;

    #[test]
    fn each_name_is_declared_once_and_named_by_the_conventions() {
        let gauge = crate::MetricKind::Gauge;
        assert!(crate::publish("a_gauge", ("kind", "a\\b\"c\nd"), gauge, 7));
        assert!(crate::publish("a_gauge", ("kind", "plain"), gauge, 8));
        let mut out = Bytes::new(1 << 20);
        write(&mut out, true);
        let text = std::str::from_utf8(out.as_slice()).unwrap();
        let mut declared = BTreeSet::new();
        for line in text.lines() {
            if let Some(line) = line.strip_prefix("# TYPE ") {
                let (name, kind) = line.split_once(' ').unwrap();
                assert!(declared.insert(name), "{name} twice");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                assert!(declared.contains(name), "{name}");
                assert!(value == "+Inf" || value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(declared.len() > 30);
        assert!(text.contains("a_gauge{kind=\"a\\\\b\\\"c\\nd\"} 7\na_gauge{kind=\"plain\"} 8\n"), "{text}");
    }
}

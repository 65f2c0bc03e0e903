//! `/stats.json`: all statistics as one JSON object.
//!
//! `schema` and `version` name the form. Within a version fields are only ever added. Bytes and counts are
//! whole numbers; a `limit_bytes` of null is no limit.

use spandrel_platform::bytes::Bytes;
use spandrel_platform::process::{kernel_counts, pids, resident};
use spandrel_platform::thread::{calendar_and_uptime_ticks, now_ns};

use super::ledger_rows;
use super::text::Json;
use crate::config::STATS_VERSION;
use crate::ledger::Ledger;
use crate::profile;
use crate::snapshot;
use crate::stats::{ClassStats, MemStats};

/// The name of the form.
const SCHEMA: &str = "spandrel.stats";

/// Writes all of it, as it is now, with a ledger if that is asked for.
pub(super) fn write(out: &mut Bytes, with_ledger: bool) {
    let mut stats = MemStats::zero();
    snapshot::collect(&mut stats);
    let mut json = Json::object(out);
    json.plain("schema", SCHEMA)
        .number("version", STATS_VERSION)
        .plain("allocator_version", env!("CARGO_PKG_VERSION"))
        .number("pid", pids().0)
        .number("monotonic_ns", now_ns())
        .number("requested_bytes", stats.requested_bytes())
        .number("threads", stats.threads)
        .number("thread_caches", stats.thread_caches)
        .flag("exact", stats.exact != 0);
    write_go(&mut json, &stats);
    write_process(&mut json);
    write_page_heap(&mut json, &stats);
    let sampler = profile::stats();
    json.inner("sampler")
        .number("period_bytes", sampler.period_bytes)
        .number("samples", sampler.samples)
        .number("live_samples", sampler.live_samples)
        .number("dropped_samples", sampler.dropped_samples);
    json.inner("os")
        .number("mmap_calls", stats.os.mmap_calls)
        .number("munmap_calls", stats.os.munmap_calls)
        .number("mprotect_calls", stats.os.mprotect_calls)
        .number("madvise_calls", stats.os.madvise_calls)
        .number("mremap_calls", stats.os.mremap_calls);
    if with_ledger {
        write_ledger(&mut json.inner("ledger"), &Ledger::take(&stats));
    } else {
        json.null("ledger");
    }
    let mut classes = json.list("classes");
    for (number, class) in (0..).zip(&stats.classes) {
        write_class(&mut classes.inner(""), number, class);
    }
}

/// The fields that Go's statistics have, too.
fn write_go(json: &mut Json<'_>, stats: &MemStats) {
    json.number("alloc", stats.alloc)
        .number("total_alloc", stats.total_alloc)
        .number("sys", stats.sys)
        .number("mallocs", stats.mallocs)
        .number("frees", stats.frees)
        .number("heap_alloc", stats.heap_alloc)
        .number("heap_sys", stats.heap_sys)
        .number("heap_idle", stats.heap_idle)
        .number("heap_inuse", stats.heap_inuse)
        .number("heap_released", stats.heap_released)
        .number("heap_objects", stats.heap_objects)
        .number("mspan_inuse", stats.mspan_inuse)
        .number("mspan_sys", stats.mspan_sys)
        .number("mcache_inuse", stats.mcache_inuse)
        .number("mcache_sys", stats.mcache_sys)
        .number("buck_hash_sys", stats.buck_hash_sys)
        .number("other_sys", stats.other_sys);
}

fn write_ledger(json: &mut Json<'_>, ledger: &Ledger) {
    json.flag("requested_exact", ledger.requested_exact != 0);
    for (name, bytes) in ledger_rows(ledger) {
        json.signed(name, bytes);
    }
}

fn write_process(json: &mut Json<'_>) {
    let (resident, kernel) = (resident(), kernel_counts());
    let (calendar_ticks, uptime_ticks) = calendar_and_uptime_ticks();
    json.inner("process")
        .number("resident_bytes", resident.now_bytes)
        .number("peak_resident_bytes", resident.peak_bytes)
        .number("virtual_bytes", kernel.virtual_bytes)
        .number("threads", kernel.threads)
        .number("minor_faults", kernel.minor_faults)
        .number("major_faults", kernel.major_faults)
        .number("cpu_ms", 10 * kernel.cpu_ticks)
        .number("start_unix_ms", 10 * (calendar_ticks + kernel.start_ticks).saturating_sub(uptime_ticks));
}

fn write_page_heap(json: &mut Json<'_>, stats: &MemStats) {
    let heap = &stats.page_heap;
    let mut json = json.inner("page_heap");
    json.number("reserved_bytes", heap.reserved_bytes)
        .number("committed_bytes", heap.committed_bytes)
        .number("in_use_bytes", heap.in_use_bytes)
        .number("free_bytes", heap.free_bytes)
        .number("scavenged_bytes", heap.scavenged_bytes)
        .number("largest_free_run_bytes", heap.largest_free_run_bytes)
        .number("peak_committed_bytes", heap.peak_committed_bytes)
        .number("metadata_bytes", heap.metadata_bytes)
        .number("returned_bytes", heap.returned_bytes)
        .number("purges", heap.purges)
        .number("kept_bytes", heap.kept_bytes);
    match heap.limit_bytes {
        u64::MAX => json.null("limit_bytes"),
        bytes => json.number("limit_bytes", bytes),
    };
}

fn write_class(json: &mut Json<'_>, number: u64, class: &ClassStats) {
    json.number("class", number)
        .number("object_bytes", class.object_bytes)
        .number("allocs", class.allocs)
        .number("frees", class.frees)
        .number("alloc_bytes", class.alloc_bytes)
        .number("free_bytes", class.free_bytes)
        .number("live_objs", class.live_objs())
        .number("live_bytes", class.live_bytes())
        .number("requested_bytes", class.requested_bytes())
        .number("sampled_allocs", class.sampled_allocs)
        .number("sampled_bytes", class.sampled_bytes)
        .number("exact_live_bytes", class.exact_live_bytes)
        .number("hot_objs", class.hot_objs)
        .number("spans_cached", class.spans_cached)
        .number("spans_partial", class.spans_partial)
        .number("spans_full", class.spans_full)
        .number("span_bytes", class.span_bytes);
}

//! Collecting the statistics: from every thread cache and every span, without stopping a thread.
//!
//! What the fast paths count is per thread and per class; how many spans are in each state is not counted
//! at all but looked at: every span says its class and place. A snapshot therefore costs a walk over the
//! caches and the spans (about a millisecond for each GiB of 8 KiB spans), and the program pays nothing
//! before. While other threads run it mixes moments that lie as far apart as the walk takes.

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::memory::CALLS;
use spandrel_platform::sync::{AtomicU64, Ordering};

use crate::span::place;
use crate::stats::{ClassStats, MemStats, OsStats, PageHeapStats};
use crate::{caches, meta, options, own_mapping, page_heap};

/// Fills in `stats`, which may hold anything. Takes the page heap's lock and those of the idle caches and
/// of metadata, one after the other; the caller holds none of them.
pub(crate) fn collect(stats: &mut MemStats) {
    stats.classes.fill(ClassStats::default());
    for class in 1..CLASS_COUNT as u8 {
        collect_class(class, &mut stats.classes[usize::from(class)]);
    }
    collect_large(&mut stats.classes[0]);
    let kept_bytes = collect_spans(&mut stats.classes) + own_mapping::kept_bytes() as u64;
    collect_page_heap(&mut stats.page_heap, kept_bytes);
    stats.classes[0].span_bytes = large_span_bytes(stats);
    stats.os = OsStats {
        mmap_calls: load(&CALLS.mmap),
        munmap_calls: load(&CALLS.munmap),
        mprotect_calls: load(&CALLS.mprotect),
        madvise_calls: load(&CALLS.madvise),
        mremap_calls: load(&CALLS.mremap),
    };
    (stats.threads, stats.thread_caches) = caches::counts();
    stats.exact = options::exact().into();
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn collect_class(class: u8, stats: &mut ClassStats) {
    let bytes = object_bytes(class) as u64;
    stats.object_bytes = bytes;
    for cache in caches::all() {
        cache.add_counts(class, stats);
        let exact = cache.exact_alloc_bytes[usize::from(class)].get();
        let freed = cache.exact_free_bytes[usize::from(class)].get();
        // A thread may free more than it allocated; the sum over all is what counts.
        stats.exact_live_bytes = stats.exact_live_bytes.wrapping_add(exact).wrapping_sub(freed);
    }
    stats.alloc_bytes = stats.allocs * bytes;
}

/// Bytes ever allocated, each object counted with the size of its class.
pub(crate) fn allocated_bytes() -> u64 {
    let mut bytes = 0;
    for class in 1..CLASS_COUNT as u8 {
        let mut stats = ClassStats::default();
        caches::all().for_each(|cache| cache.add_counts(class, &mut stats));
        bytes += stats.allocs * object_bytes(class) as u64;
    }
    bytes + caches::all().map(|cache| cache.large_alloc_bytes.get()).sum::<u64>()
}

/// Frees are not counted: they are the allocations that are live no more. `used_objs` are those that the
/// spans of a class have handed out, some of which are on hot lists.
fn conclude_class(used_objs: u64, stats: &mut ClassStats) {
    let live_objs = used_objs.saturating_sub(stats.hot_objs).min(stats.allocs);
    stats.frees = stats.allocs - live_objs;
    stats.free_bytes = stats.frees * stats.object_bytes;
    stats.exact_live_bytes = stats.exact_live_bytes.min(live_objs * stats.object_bytes);
}

fn collect_large(stats: &mut ClassStats) {
    for cache in caches::all() {
        stats.allocs += cache.large_allocs.get();
        stats.alloc_bytes += cache.large_alloc_bytes.get();
        stats.sampled_bytes += cache.large_requested_bytes.get();
    }
    stats.sampled_allocs = stats.allocs;
}

/// As [`conclude_class`], for large objects: `live` are the objects, their bytes, and the bytes requested.
fn conclude_large(live: [u64; 3], stats: &mut ClassStats) {
    stats.frees = stats.allocs.saturating_sub(live[0]);
    stats.free_bytes = stats.alloc_bytes.saturating_sub(live[1]);
    stats.exact_live_bytes = live[2];
}

/// Counts the spans of small objects by state and the objects in them, and returns the bytes that are kept
/// for large ones.
fn collect_spans(classes: &mut [ClassStats; CLASS_COUNT]) -> u64 {
    let mut kept_bytes = 0;
    let mut used_objs = [0; CLASS_COUNT];
    let mut large = own_mapping::live();
    for span in page_heap::spans() {
        let class = usize::from(span.class.get()).min(CLASS_COUNT - 1);
        let bytes = span.bytes() as u64;
        if class == 0 {
            if span.place.get() == place::KEPT {
                kept_bytes += bytes;
            } else {
                for (sum, figure) in large.iter_mut().zip([1, bytes, span.sizes.get().addr() as u64]) {
                    *sum += figure;
                }
            }
            continue;
        }
        let stats = &mut classes[class];
        match span.place.get() {
            place::CACHE => stats.spans_cached += 1,
            place::CENTRAL | place::SAMPLED => stats.spans_partial += 1,
            place::NONE => stats.spans_full += 1,
            _ => continue,
        }
        stats.span_bytes += bytes;
        used_objs[class] += span.handed_out_objs();
    }
    conclude_large(large, &mut classes[0]);
    for class in 1..CLASS_COUNT {
        conclude_class(used_objs[class], &mut classes[class]);
    }
    kept_bytes
}

fn collect_page_heap(stats: &mut PageHeapStats, kept_bytes: u64) {
    let sums = page_heap::sums();
    let in_use = (sums.in_use as u64).saturating_sub(kept_bytes);
    let free = sums.dirty as u64 + kept_bytes;
    *stats = PageHeapStats {
        reserved_bytes: sums.reserved as u64,
        committed_bytes: in_use + free,
        in_use_bytes: in_use,
        free_bytes: free,
        scavenged_bytes: sums.scavenged as u64,
        largest_free_run_bytes: sums.largest_free_run as u64,
        peak_committed_bytes: sums.peak_committed as u64,
        metadata_bytes: (meta::used_bytes() + sums.arena_heads) as u64,
        returned_bytes: sums.returned,
        limit_bytes: options::limit_bytes() as u64,
    };
}

/// What is in use and not by small objects.
fn large_span_bytes(stats: &MemStats) -> u64 {
    let small: u64 = stats.classes[1..].iter().map(|class| class.span_bytes).sum();
    stats.page_heap.in_use_bytes.saturating_sub(small)
}

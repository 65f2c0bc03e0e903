//! Collecting the statistics: from every thread cache and every span, without stopping a thread.
//!
//! What the fast paths count is per thread and per class; how many spans are in each state is not counted
//! at all but looked at: every span says its class and place. A snapshot therefore costs a walk over the
//! caches and the spans (about a millisecond for each GiB of 8 KiB spans), and the program pays nothing
//! before. While other threads run it mixes moments that lie as far apart as the walk takes. Its sums are
//! equal all the same: each figure is looked at once, and what depends on it is computed from it.

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::memory::CALLS;
use spandrel_platform::sync::{AtomicU64, Ordering};

use crate::page_heap::Sums;
use crate::span::{Span, place};
use crate::stats::{ClassStats, MemStats, OsStats, PageHeapStats};
use crate::thread_cache::ThreadCache;
use crate::{caches, guarded, guarded_large, meta, options, own_mapping, page_heap};

/// Fills in `stats`, which may hold anything. Takes the page heap's lock and those of the idle caches and
/// of metadata, one after the other; the caller holds none of them.
///
/// The spans come first and the page heap's sums after them. Spans that are made or taken apart meanwhile
/// would make the two disagree, so only one is believed: what is in use is what the spans say, and what the
/// page heap has beyond that is free.
pub(crate) fn collect(stats: &mut MemStats) {
    stats.classes.fill(ClassStats::default());
    for class in 1..CLASS_COUNT as u8 {
        collect_class(class, &mut stats.classes[usize::from(class)]);
    }
    collect_large(&mut stats.classes[0]);
    let found = collect_spans(&mut stats.classes);
    let sums = page_heap::sums();
    collect_page_heap(&found, &sums, stats);
    collect_metadata(&found, &sums, stats);
    stats.os = OsStats {
        mmap_calls: load(&CALLS.mmap),
        munmap_calls: load(&CALLS.munmap),
        mprotect_calls: load(&CALLS.mprotect),
        madvise_calls: load(&CALLS.madvise),
        mremap_calls: load(&CALLS.mremap),
    };
    stats.exact = options::exact().into();
    stats.sum_up();
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
    stats.exact_live_bytes = live[2].min(stats.live_bytes());
}

/// What a walk over all spans found beyond the classes' figures.
struct Found {
    /// Spans, in use or kept.
    spans: u64,
    /// Bytes of those in use, small and large.
    in_use_bytes: u64,
    /// Bytes of large objects that were freed and are kept.
    kept_bytes: u64,
    /// Bytes of the large objects that have mappings of their own.
    own_bytes: u64,
    /// Bytes of the pages of guarded objects, which the page heap counts like those.
    guarded_bytes: u64,
}

/// Counts the spans of small objects by state, the objects in them, and the large objects.
fn collect_spans(classes: &mut [ClassStats; CLASS_COUNT]) -> Found {
    let mut large = own_mapping::live();
    let own_bytes = large[1];
    let [objs, bytes, guarded_bytes] = guarded_large::live();
    large.iter_mut().zip([objs, bytes, bytes]).for_each(|(sum, figure)| *sum += figure);
    classes[0].spans_full = large[0];
    classes[0].span_bytes = guarded_bytes;
    let mut found = Found { spans: 0, in_use_bytes: 0, kept_bytes: 0, own_bytes, guarded_bytes };
    let mut used_objs = [0; CLASS_COUNT];
    for span in page_heap::spans() {
        let class = usize::from(span.class.get()).min(CLASS_COUNT - 1);
        let bytes = span.bytes() as u64;
        let stats = &mut classes[class];
        found.spans += 1;
        match span.place.get() {
            place::CACHE => stats.spans_cached += 1,
            place::CENTRAL | place::SAMPLED => stats.spans_partial += 1,
            place::NONE => stats.spans_full += 1,
            place::KEPT => {
                found.kept_bytes += bytes;
                continue;
            }
            _ => continue,
        }
        stats.span_bytes += bytes;
        found.in_use_bytes += bytes;
        if class == 0 {
            for (sum, figure) in large.iter_mut().zip([1, bytes, span.sizes.get().addr() as u64]) {
                *sum += figure;
            }
        } else {
            // A span that began anew since its class was read may say more than it has room for.
            used_objs[class] += span.handed_out_objs().min(bytes / stats.object_bytes);
        }
    }
    conclude_large(large, &mut classes[0]);
    for class in 1..CLASS_COUNT {
        let (objs, pages_bytes) = guarded::live(class as u8);
        used_objs[class] += objs;
        classes[class].span_bytes += objs * pages_bytes;
        found.guarded_bytes += objs * pages_bytes;
        conclude_class(used_objs[class], &mut classes[class]);
    }
    found
}

fn collect_page_heap(found: &Found, sums: &Sums, stats: &mut MemStats) {
    // Large objects with mappings of their own have headers there, too.
    let own_kept_bytes = own_mapping::kept_bytes() as u64;
    let own_bytes =
        (sums.own as u64).saturating_sub(own_kept_bytes + found.guarded_bytes).max(found.own_bytes);
    stats.classes[0].span_bytes += own_bytes;
    let arena_bytes = (sums.in_use - sums.own + sums.dirty + sums.scavenged) as u64;
    let idle_bytes =
        arena_bytes.max(found.in_use_bytes + found.kept_bytes) - found.in_use_bytes + own_kept_bytes;
    let kept_bytes = found.kept_bytes + own_kept_bytes;
    let scavenged_bytes = (sums.scavenged as u64).min(idle_bytes - kept_bytes);
    let in_use_bytes = found.in_use_bytes + own_bytes + found.guarded_bytes;
    let (in_use_bytes, free_bytes) = (in_use_bytes, idle_bytes - scavenged_bytes);
    stats.page_heap = PageHeapStats {
        reserved_bytes: sums.reserved as u64,
        committed_bytes: in_use_bytes + free_bytes,
        in_use_bytes,
        free_bytes,
        scavenged_bytes,
        largest_free_run_bytes: sums.largest_free_run as u64,
        peak_committed_bytes: (sums.peak_committed as u64).max(in_use_bytes + free_bytes),
        metadata_bytes: (meta::used_bytes() + sums.arena_heads) as u64,
        returned_bytes: sums.returned,
        limit_bytes: options::limit_bytes() as u64,
        purges: sums.purges,
        kept_bytes,
    };
}

fn collect_metadata(found: &Found, sums: &Sums, stats: &mut MemStats) {
    (stats.threads, stats.thread_caches) = caches::counts();
    stats.mspan_inuse = found.spans * size_of::<Span>() as u64;
    stats.mspan_sys = (sums.span_lines * size_of::<Span>()) as u64;
    // A span may have been seen twice, at its old place and at its new one.
    stats.mspan_sys = stats.mspan_sys.max(stats.mspan_inuse);
    stats.mcache_inuse = stats.threads * size_of::<ThreadCache>() as u64;
    stats.mcache_sys = stats.thread_caches * size_of::<ThreadCache>() as u64;
    let all_bytes = (meta::mapped_bytes() + sums.arena_heads) as u64;
    stats.buck_hash_sys = meta::profile_bytes() as u64;
    let named_bytes = stats.mspan_sys + stats.mcache_sys + stats.buck_hash_sys;
    stats.other_sys = all_bytes.saturating_sub(named_bytes);
}

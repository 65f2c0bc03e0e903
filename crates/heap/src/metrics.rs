//! The statistics as a list of named metrics, for programs that pass on whatever there is.
//!
//! Names and meaning are those of Go's `runtime/metrics`, as far as they describe a heap and not a garbage
//! collector: what reads Go's reads these. What Go has no name for is under `/spandrel/`. A name ends with
//! its unit, behind a colon. The values under `/memory/classes/` add up to `/memory/classes/total:bytes`.
//!
//! Nothing here allocates: descriptions are static, and a [`Metrics`] is one snapshot, as large as a
//! [`MemStats`], from which values are computed as they are asked for.

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::process::{PageFaults, Resident, page_faults, resident};

use crate::stats::{ClassStats, MemStats};

/// How the values of a metric behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Counts by size, all of which only grow.
    Histogram,
}

/// What there is to know about a metric without its value.
#[derive(Clone, Copy, Debug)]
pub struct MetricDescription {
    /// The name, with the unit behind a colon.
    pub name: &'static str,
    /// How its values behave.
    pub kind: MetricKind,
    /// What it counts, in a sentence.
    pub description: &'static str,
    read: Read,
}

/// The value of a metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MetricValue<'a> {
    /// Of a counter or a gauge.
    Uint64(u64),
    /// Of a histogram.
    Histogram(SizeHistogram<'a>),
}

impl<'a> MetricValue<'a> {
    /// The value of a counter or a gauge.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        match self {
            Self::Uint64(number) => Some(*number),
            Self::Histogram(_) => None,
        }
    }

    /// The value of a histogram.
    #[must_use]
    pub const fn histogram(&self) -> Option<SizeHistogram<'a>> {
        match self {
            Self::Uint64(_) => None,
            Self::Histogram(histogram) => Some(*histogram),
        }
    }
}

/// Counts of objects by size.
#[derive(Clone, Copy, Debug)]
pub struct SizeHistogram<'a> {
    classes: &'a [ClassStats; CLASS_COUNT],
    objs: fn(&ClassStats) -> u64,
    bytes: fn(&ClassStats) -> u64,
}

impl SizeHistogram<'_> {
    /// Objects in each bucket: the 67 size classes, then the large ones. [`SIZE_BOUNDS`] are the bounds.
    #[must_use]
    pub fn counts(&self) -> [u64; CLASS_COUNT] {
        let mut counts = [0; CLASS_COUNT];
        for (count, class) in counts.iter_mut().zip((1..CLASS_COUNT).chain([0])) {
            *count = (self.objs)(&self.classes[class]);
        }
        counts
    }

    /// The bytes of all these objects.
    #[must_use]
    pub fn sum_bytes(&self) -> u64 {
        self.classes.iter().map(self.bytes).sum()
    }
}

/// The bounds between the buckets of a [`SizeHistogram`]: bucket `i` is for sizes from `[i]` to below
/// `[i + 1]`. Classes hold what is larger than the class before, so the bounds are one byte above classes.
pub static SIZE_BOUNDS: [f64; CLASS_COUNT + 1] = {
    let mut bounds = [1.0; CLASS_COUNT + 1];
    let mut class = 1;
    while class < CLASS_COUNT {
        bounds[class] = (object_bytes(class as u8) + 1) as f64;
        class += 1;
    }
    bounds[CLASS_COUNT] = f64::INFINITY;
    bounds
};

/// A metric with its value.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a> {
    /// What it is.
    pub description: &'static MetricDescription,
    /// Its value.
    pub value: MetricValue<'a>,
}

/// All metrics at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Metrics {
    stats: MemStats,
    resident: Resident,
    page_faults: PageFaults,
}

impl Metrics {
    /// Takes a snapshot; costs as much as [`stats`](crate::stats()), and two system calls.
    pub(crate) fn now() -> Self {
        Self { stats: crate::stats(), resident: resident(), page_faults: page_faults() }
    }

    /// The statistics that the values are computed from.
    #[must_use]
    pub const fn stats(&self) -> &MemStats {
        &self.stats
    }

    /// Each metric with its value, in the order of [`descriptions`](Self::descriptions).
    pub fn iter(&self) -> impl Iterator<Item = Metric<'_>> {
        Self::descriptions().iter().map(|description| Metric { description, value: self.value(description) })
    }

    /// The value of the metric of that name.
    ///
    /// ```
    /// let metrics = spandrel::metrics();
    /// let total = metrics.get("/memory/classes/total:bytes").unwrap();
    /// assert_eq!(total.number(), Some(metrics.stats().sys));
    /// assert!(metrics.get("/no/such/metric:bytes").is_none());
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<MetricValue<'_>> {
        Self::descriptions()
            .iter()
            .find(|description| description.name == name)
            .map(|description| self.value(description))
    }

    /// What there is, sorted by name.
    #[must_use]
    pub fn descriptions() -> &'static [MetricDescription] {
        DESCRIPTIONS
    }

    fn value(&self, description: &MetricDescription) -> MetricValue<'_> {
        match description.read {
            Read::Number(read) => MetricValue::Uint64(read(self)),
            Read::BySize(objs, bytes) => {
                MetricValue::Histogram(SizeHistogram { classes: &self.stats.classes, objs, bytes })
            }
        }
    }

    fn sum(&self, figure: fn(&ClassStats) -> u64) -> u64 {
        self.stats.classes.iter().map(figure).sum()
    }
}

/// How a value comes from a snapshot.
#[derive(Clone, Copy, Debug)]
enum Read {
    Number(fn(&Metrics) -> u64),
    /// Objects and bytes, from the row of a class.
    BySize(fn(&ClassStats) -> u64, fn(&ClassStats) -> u64),
}

const fn counter(
    name: &'static str,
    read: fn(&Metrics) -> u64,
    description: &'static str,
) -> MetricDescription {
    MetricDescription { name, kind: MetricKind::Counter, description, read: Read::Number(read) }
}

const fn gauge(
    name: &'static str,
    read: fn(&Metrics) -> u64,
    description: &'static str,
) -> MetricDescription {
    MetricDescription { name, kind: MetricKind::Gauge, description, read: Read::Number(read) }
}

const fn by_size(
    name: &'static str,
    objs: fn(&ClassStats) -> u64,
    bytes: fn(&ClassStats) -> u64,
    description: &'static str,
) -> MetricDescription {
    MetricDescription { name, kind: MetricKind::Histogram, description, read: Read::BySize(objs, bytes) }
}

static DESCRIPTIONS: &[MetricDescription] = &[
    gauge(
        "/gc/gomemlimit:bytes",
        |now| now.stats.page_heap.limit_bytes,
        "The limit on committed bytes that memlimit= has set; the largest number without one.",
    ),
    by_size(
        "/gc/heap/allocs-by-size:bytes",
        |class| class.allocs,
        |class| class.alloc_bytes,
        "Objects ever allocated, by the size of their class; the last bucket is for large objects.",
    ),
    counter(
        "/gc/heap/allocs:bytes",
        |now| now.stats.total_alloc,
        "Bytes ever allocated, each object with the size of its class.",
    ),
    counter("/gc/heap/allocs:objects", |now| now.stats.mallocs, "Objects ever allocated."),
    by_size(
        "/gc/heap/frees-by-size:bytes",
        |class| class.frees,
        |class| class.free_bytes,
        "Objects ever freed, by the size of their class; the last bucket is for large objects.",
    ),
    counter(
        "/gc/heap/frees:bytes",
        |now| now.stats.total_alloc - now.stats.heap_alloc,
        "Bytes ever freed, each object with the size of its class.",
    ),
    counter("/gc/heap/frees:objects", |now| now.stats.frees, "Objects ever freed."),
    gauge("/gc/heap/objects:objects", |now| now.stats.heap_objects, "Objects that live."),
    gauge(
        "/memory/classes/heap/free:bytes",
        |now| now.stats.heap_idle - now.stats.heap_released,
        "Free pages that the operating system still backs, and freed large objects that are kept.",
    ),
    gauge(
        "/memory/classes/heap/objects:bytes",
        |now| now.stats.heap_alloc,
        "Objects that live, each with the size of its class.",
    ),
    gauge(
        "/memory/classes/heap/released:bytes",
        |now| now.stats.heap_released,
        "Free pages that were given back to the operating system, or never touched.",
    ),
    gauge(
        "/memory/classes/heap/unused:bytes",
        |now| now.stats.heap_inuse - now.stats.heap_alloc,
        "Memory of spans in use that no living object takes: span slack, with what thread caches hold.",
    ),
    gauge(
        "/memory/classes/metadata/mcache/free:bytes",
        |now| now.stats.mcache_sys - now.stats.mcache_inuse,
        "Thread caches that wait for a thread.",
    ),
    gauge(
        "/memory/classes/metadata/mcache/inuse:bytes",
        |now| now.stats.mcache_inuse,
        "Thread caches that threads hold: their own size, not that of the objects on their lists.",
    ),
    gauge(
        "/memory/classes/metadata/mspan/free:bytes",
        |now| now.stats.mspan_sys - now.stats.mspan_inuse,
        "Metadata lines that wait for a span.",
    ),
    gauge(
        "/memory/classes/metadata/mspan/inuse:bytes",
        |now| now.stats.mspan_inuse,
        "Metadata lines of spans.",
    ),
    gauge(
        "/memory/classes/metadata/other:bytes",
        |now| now.stats.other_sys,
        "All other metadata: page maps, bitmaps, tables of requested sizes, and what is set aside for them.",
    ),
    gauge(
        "/memory/classes/profiling/buckets:bytes",
        |now| now.stats.buck_hash_sys,
        "Memory of the heap profile.",
    ),
    gauge(
        "/memory/classes/total:bytes",
        |now| now.stats.sys,
        "All memory obtained from the operating system for the heap: the sum of the other classes.",
    ),
    gauge(
        "/spandrel/cache/hot:bytes",
        |now| now.sum(|class| class.hot_objs * class.object_bytes),
        "Free objects on the hot lists of thread caches, or on their way to the threads that own them.",
    ),
    gauge(
        "/spandrel/cache/kept:bytes",
        |now| now.stats.page_heap.kept_bytes,
        "Large objects that were freed and are kept for the next request of their size.",
    ),
    counter(
        "/spandrel/cache/refills:refills",
        |now| now.stats.classes[1..].iter().map(|class| class.sampled_allocs).sum(),
        "Allocations that found the hot list of their class empty; with stats=exact all of them.",
    ),
    gauge("/spandrel/cache/threads:threads", |now| now.stats.threads, "Threads that hold a thread cache."),
    gauge(
        "/spandrel/heap/committed-peak:bytes",
        |now| now.stats.page_heap.peak_committed_bytes,
        "The most that was ever committed.",
    ),
    gauge(
        "/spandrel/heap/committed:bytes",
        |now| now.stats.page_heap.committed_bytes,
        "Pages that the operating system backs as far as the allocator knows.",
    ),
    gauge(
        "/spandrel/heap/largest-free-run:bytes",
        |now| now.stats.page_heap.largest_free_run_bytes,
        "The longest run of free pages.",
    ),
    gauge(
        "/spandrel/heap/requested:bytes",
        |now| now.stats.requested_bytes(),
        "What living objects have asked for; an estimate for small ones without stats=exact.",
    ),
    gauge(
        "/spandrel/heap/reserved:bytes",
        |now| now.stats.page_heap.reserved_bytes,
        "Address space reserved for the heap.",
    ),
    gauge(
        "/spandrel/heap/rounding:bytes",
        |now| now.sum(ClassStats::fragmentation_bytes),
        "Internal fragmentation: what rounding up to the size classes costs.",
    ),
    counter(
        "/spandrel/os/madvise:calls",
        |now| now.stats.os.madvise_calls,
        "Calls of madvise, to return memory and for huge pages.",
    ),
    counter("/spandrel/os/mmap:calls", |now| now.stats.os.mmap_calls, "Calls of mmap."),
    counter("/spandrel/os/mprotect:calls", |now| now.stats.os.mprotect_calls, "Calls of mprotect."),
    counter("/spandrel/os/mremap:calls", |now| now.stats.os.mremap_calls, "Calls of mremap."),
    counter("/spandrel/os/munmap:calls", |now| now.stats.os.munmap_calls, "Calls of munmap."),
    counter(
        "/spandrel/process/major-faults:faults",
        |now| now.page_faults.major,
        "Page faults of the process that had to wait for a disk.",
    ),
    counter(
        "/spandrel/process/minor-faults:faults",
        |now| now.page_faults.minor,
        "Page faults of the process that had not.",
    ),
    gauge(
        "/spandrel/process/resident-peak:bytes",
        |now| now.resident.peak_bytes,
        "The most that was ever resident of the process, as the kernel says.",
    ),
    gauge(
        "/spandrel/process/resident:bytes",
        |now| now.resident.now_bytes,
        "Resident memory of the process, as the kernel says.",
    ),
    counter(
        "/spandrel/scavenge/purges:purges",
        |now| now.stats.page_heap.purges,
        "How often a run of free pages was returned to the operating system.",
    ),
    counter(
        "/spandrel/scavenge/returned:bytes",
        |now| now.stats.page_heap.returned_bytes,
        "Bytes that were returned to the operating system, all in all.",
    ),
];

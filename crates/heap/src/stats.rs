//! What the allocator has counted: plain numbers, the same layout in a process and in a record file.
//!
//! The first fields of [`MemStats`] are those of Go's `runtime.MemStats`, by name and meaning, as far as
//! they have one without a garbage collector. Each row of classes and the page heap say the same in more
//! detail. In one snapshot the sums are equal, to the byte, whatever other threads do meanwhile:
//!
//! ```text
//!   heap_sys   = heap_idle + heap_inuse              sys       = heap_sys + mspan_sys + mcache_sys
//!   alloc      = heap_alloc <= heap_inuse                        + buck_hash_sys + other_sys
//!   heap_alloc = total_alloc - bytes freed           heap_inuse   = the span bytes of all classes
//!   heap_objects = mallocs - frees                   heap_released <= heap_idle
//! ```
//!
//! Vocabulary: *requested* bytes are what callers asked for, *allocated* bytes are those rounded up to
//! the size class, *in-use* bytes are the whole spans that hold them, *committed* bytes are pages that
//! the operating system backs as far as we know. Internal fragmentation is allocated less requested,
//! span slack is in-use less allocated, page-heap free is committed less in-use.

use spandrel_classes::CLASS_COUNT;

/// The counters of one size class, or, at index 0, of all large objects together.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of one object; 0 for large objects, which have no common size.
    pub object_bytes: u64,
    /// Objects ever allocated.
    pub allocs: u64,
    /// Objects ever freed.
    pub frees: u64,
    /// Bytes ever allocated, each object counted with the size of its class.
    pub alloc_bytes: u64,
    /// Bytes ever freed, counted in the same way.
    pub free_bytes: u64,
    /// Allocations whose requested size was looked at.
    pub sampled_allocs: u64,
    /// The sum of the sizes that those allocations requested.
    pub sampled_bytes: u64,
    /// Requested bytes of the objects that live now: known for large objects, for small ones with
    /// `stats=exact` alone; otherwise 0.
    pub exact_live_bytes: u64,
    /// Free objects that lie in the hot lists of thread caches.
    pub hot_objs: u64,
    /// Spans that a thread cache owns and that have free objects.
    pub spans_cached: u64,
    /// Spans on the central list, with free objects and no owner.
    pub spans_partial: u64,
    /// Spans without a free object; nobody owns them.
    pub spans_full: u64,
    /// Bytes of all spans of this class: the in-use bytes.
    pub span_bytes: u64,
}

impl ClassStats {
    /// Objects that live now.
    #[must_use]
    pub const fn live_objs(&self) -> u64 {
        self.allocs.saturating_sub(self.frees)
    }

    /// Allocated bytes: the objects that live now, each with the size of its class.
    #[must_use]
    pub const fn live_bytes(&self) -> u64 {
        self.alloc_bytes.saturating_sub(self.free_bytes)
    }

    /// All spans of this class.
    #[must_use]
    pub const fn spans(&self) -> u64 {
        self.spans_cached + self.spans_partial + self.spans_full
    }

    /// Requested bytes of the objects that live now: exact where they were counted, otherwise
    /// the live objects times the mean of the sampled requests.
    #[must_use]
    pub fn requested_bytes(&self) -> u64 {
        if self.exact_live_bytes > 0 {
            return self.exact_live_bytes;
        }
        if self.sampled_allocs == 0 {
            return self.live_bytes();
        }
        let estimate =
            u128::from(self.live_objs()) * u128::from(self.sampled_bytes) / u128::from(self.sampled_allocs);
        u64::try_from(estimate).unwrap_or(u64::MAX).min(self.live_bytes())
    }

    /// Internal fragmentation: allocated bytes less requested bytes.
    #[must_use]
    pub fn fragmentation_bytes(&self) -> u64 {
        self.live_bytes() - self.requested_bytes().min(self.live_bytes())
    }

    /// Span slack: in-use bytes less allocated bytes.
    #[must_use]
    pub const fn slack_bytes(&self) -> u64 {
        self.span_bytes.saturating_sub(self.live_bytes())
    }
}

/// The page heap, in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageHeapStats {
    /// Address space reserved for arenas and for mappings of their own.
    pub reserved_bytes: u64,
    /// Pages that the operating system backs, as far as we know: in use or free.
    pub committed_bytes: u64,
    /// Bytes of spans, small and large.
    pub in_use_bytes: u64,
    /// Committed bytes that no span uses.
    pub free_bytes: u64,
    /// Free bytes that were given back to the operating system or never taken from it.
    pub scavenged_bytes: u64,
    /// The longest run of free pages.
    pub largest_free_run_bytes: u64,
    /// The most that `committed_bytes` has been.
    pub peak_committed_bytes: u64,
    /// Spans, page maps and thread caches: what the allocator needs for itself.
    pub metadata_bytes: u64,
    /// Bytes that the scavenger has returned, all in all.
    pub returned_bytes: u64,
    /// The limit that `memlimit=` set; `u64::MAX` without one.
    pub limit_bytes: u64,
    /// How often a run of pages was returned.
    pub purges: u64,
    /// Of the free bytes, those in large objects that were freed and are kept for the next request.
    pub kept_bytes: u64,
}

/// Calls into the operating system.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OsStats {
    /// Calls of `mmap`.
    pub mmap_calls: u64,
    /// Calls of `munmap`.
    pub munmap_calls: u64,
    /// Calls of `mprotect`.
    pub mprotect_calls: u64,
    /// Calls of `madvise`.
    pub madvise_calls: u64,
    /// Calls of `mremap`.
    pub mremap_calls: u64,
}

/// A size with what was allocated and freed of it, as in Go's `MemStats.BySize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySize {
    /// Bytes of an object; 0 stands for all large objects.
    pub size: u64,
    /// Objects ever allocated.
    pub mallocs: u64,
    /// Objects ever freed.
    pub frees: u64,
}

/// Everything that the allocator has counted, at one moment.
///
/// The fields up to `other_sys` are Go's, in bytes where not said otherwise; bytes of objects are those of
/// their size classes, not those requested. Left out is what a program without Go's collector and goroutines
/// has no use for: `Lookups`, stacks (they are the operating system's here), `GCSys`, cycles and pauses.
/// While other threads work, the numbers mix moments as far apart as the look at all spans takes, and what
/// is counted as freed may then be a few objects more or less than was; what was allocated is always exact.
///
/// ```
/// let stats = spandrel::stats();
/// assert_eq!(stats.classes.len(), 68);
/// assert_eq!(stats.heap_sys, stats.heap_idle + stats.heap_inuse);
/// assert!(stats.page_heap.in_use_bytes <= stats.page_heap.committed_bytes);
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemStats {
    /// Bytes of the objects that live; the same as `heap_alloc`.
    pub alloc: u64,
    /// Bytes ever allocated.
    pub total_alloc: u64,
    /// Bytes of memory obtained from the operating system, those that were given back since included.
    pub sys: u64,
    /// Objects ever allocated. An object that a `realloc` made longer or shorter where it lay counts as
    /// freed and allocated anew if it is a large one.
    pub mallocs: u64,
    /// Objects ever freed.
    pub frees: u64,
    /// Bytes of the objects that live.
    pub heap_alloc: u64,
    /// Bytes for spans, in use or not, and for large objects with mappings of their own.
    pub heap_sys: u64,
    /// Of `heap_sys`, what no span uses.
    pub heap_idle: u64,
    /// Of `heap_sys`, what spans use.
    pub heap_inuse: u64,
    /// Of `heap_idle`, what was given back to the operating system, or never touched.
    pub heap_released: u64,
    /// Objects that live.
    pub heap_objects: u64,
    /// Metadata of the spans in use.
    pub mspan_inuse: u64,
    /// Metadata of all spans.
    pub mspan_sys: u64,
    /// Thread caches that a running thread holds.
    pub mcache_inuse: u64,
    /// All thread caches.
    pub mcache_sys: u64,
    /// Memory of the heap profile.
    pub buck_hash_sys: u64,
    /// All other metadata: page maps, bitmaps, tables of requested sizes, and what is set aside for them.
    pub other_sys: u64,
    /// Index 0: large objects; index 1 to 67: the size classes.
    pub classes: [ClassStats; CLASS_COUNT],
    /// The page heap.
    pub page_heap: PageHeapStats,
    /// Calls into the operating system.
    pub os: OsStats,
    /// Thread caches that a running thread holds.
    pub threads: u64,
    /// Thread caches ever made; finished threads leave theirs to the next.
    pub thread_caches: u64,
    /// 1 when every allocation was counted with its requested size (`stats=exact`).
    pub exact: u64,
}

impl MemStats {
    /// All zero, the state before the first allocation.
    #[must_use]
    pub const fn zero() -> Self {
        // `ClassStats::default` is not const.
        const CLASS: ClassStats = ClassStats {
            object_bytes: 0,
            allocs: 0,
            frees: 0,
            alloc_bytes: 0,
            free_bytes: 0,
            sampled_allocs: 0,
            sampled_bytes: 0,
            exact_live_bytes: 0,
            hot_objs: 0,
            spans_cached: 0,
            spans_partial: 0,
            spans_full: 0,
            span_bytes: 0,
        };
        Self {
            alloc: 0,
            total_alloc: 0,
            sys: 0,
            mallocs: 0,
            frees: 0,
            heap_alloc: 0,
            heap_sys: 0,
            heap_idle: 0,
            heap_inuse: 0,
            heap_released: 0,
            heap_objects: 0,
            mspan_inuse: 0,
            mspan_sys: 0,
            mcache_inuse: 0,
            mcache_sys: 0,
            buck_hash_sys: 0,
            other_sys: 0,
            classes: [CLASS; CLASS_COUNT],
            page_heap: PageHeapStats {
                reserved_bytes: 0,
                committed_bytes: 0,
                in_use_bytes: 0,
                free_bytes: 0,
                scavenged_bytes: 0,
                largest_free_run_bytes: 0,
                peak_committed_bytes: 0,
                metadata_bytes: 0,
                returned_bytes: 0,
                limit_bytes: u64::MAX,
                purges: 0,
                kept_bytes: 0,
            },
            os: OsStats {
                mmap_calls: 0,
                munmap_calls: 0,
                mprotect_calls: 0,
                madvise_calls: 0,
                mremap_calls: 0,
            },
            threads: 0,
            thread_caches: 0,
            exact: 0,
        }
    }

    /// The sums over classes and page heap, once these and the `_sys` fields of metadata are filled in.
    pub(crate) fn sum_up(&mut self) {
        let heap = &self.page_heap;
        self.heap_inuse = heap.in_use_bytes;
        self.heap_released = heap.scavenged_bytes;
        self.heap_idle = heap.free_bytes + heap.scavenged_bytes;
        self.heap_sys = self.heap_idle + self.heap_inuse;
        self.sys = self.heap_sys + self.mspan_sys + self.mcache_sys + self.buck_hash_sys + self.other_sys;
        self.mallocs = self.allocs();
        self.frees = self.frees();
        self.heap_objects = self.mallocs - self.frees;
        self.total_alloc = self.alloc_bytes();
        self.heap_alloc = self.live_bytes();
        self.alloc = self.heap_alloc;
    }

    /// What was allocated and freed by size: large objects first (size 0), then the 67 classes. The sums
    /// are [`mallocs`](Self::mallocs) and [`frees`](Self::frees); Go's end at the class of 18 KiB.
    ///
    /// ```
    /// let stats = spandrel::stats();
    /// let rows = stats.by_size();
    /// assert_eq!((rows[1].size, rows[67].size), (8, 32768));
    /// assert_eq!(rows.iter().map(|row| row.mallocs).sum::<u64>(), stats.mallocs);
    /// ```
    #[must_use]
    pub fn by_size(&self) -> [BySize; CLASS_COUNT] {
        self.classes.map(|class| BySize {
            size: class.object_bytes,
            mallocs: class.allocs,
            frees: class.frees,
        })
    }

    /// Bytes that live objects requested: see [`ClassStats::requested_bytes`].
    #[must_use]
    pub fn requested_bytes(&self) -> u64 {
        self.classes.iter().map(ClassStats::requested_bytes).sum()
    }

    /// Objects ever allocated, of all sizes.
    #[must_use]
    pub fn allocs(&self) -> u64 {
        self.classes.iter().map(|class| class.allocs).sum()
    }

    /// Objects ever freed, of all sizes.
    #[must_use]
    pub fn frees(&self) -> u64 {
        self.classes.iter().map(|class| class.frees).sum()
    }

    /// Bytes ever allocated, rounded up to the size classes.
    #[must_use]
    pub fn alloc_bytes(&self) -> u64 {
        self.classes.iter().map(|class| class.alloc_bytes).sum()
    }

    /// Allocated bytes: what lives now, rounded up to the size classes.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.classes.iter().map(ClassStats::live_bytes).sum()
    }
}

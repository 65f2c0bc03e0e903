//! The JSON that `spandrel run --json` writes, and the facts that its text is made of.
//!
//! The form is named by `schema` and `version`. Within a version fields are only ever added; a field
//! that changes its meaning or goes makes a new version. All sizes are bytes, all times nanoseconds,
//! all counts whole numbers. Shares are left to the reader: part and whole are both there.

use serde::Serialize;

/// The name of the schema below.
pub const RUN_SCHEMA: &str = "spandrel.run";
/// The version of the schema below.
pub const RUN_VERSION: u64 = 1;

/// What one `spandrel run` saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// [`RUN_SCHEMA`].
    pub schema: &'static str,
    /// [`RUN_VERSION`].
    pub version: u64,
    /// The command and its arguments, as they were given; bytes that are not UTF-8 are replaced.
    pub command: Vec<String>,
    /// The exit code that `spandrel run` passes on: the program's own, or 128 + `signal`.
    pub exit_code: i32,
    /// The signal that ended the program; null when it ended by itself.
    pub signal: Option<i32>,
    /// From the start of the program to its end.
    pub elapsed_ns: u64,
    /// Every process that left a record, the one with the largest peak of resident bytes first.
    pub processes: Vec<ProcessReport>,
    /// Files beside the records that could not be read as one.
    pub skipped_records: Vec<SkippedRecord>,
    /// What `--stats` saw while the program ran; null without it.
    pub samples: Option<SampleSeries>,
}

/// A file that is no record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedRecord {
    /// The name of the file.
    pub file: String,
    /// Why it was skipped.
    pub reason: String,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessReport {
    /// The process.
    pub pid: u64,
    /// Its parent.
    pub parent_pid: u64,
    /// Its command line, as far as the record keeps it.
    pub command: Vec<String>,
    /// Whether the record may have cut the command line.
    pub command_cut: bool,
    /// Whether the process came to its regular end. If not it was killed, or runs on, and the figures
    /// are those of its last record.
    pub ended: bool,
    /// When the process started to use the allocator, on the monotonic clock.
    pub start_ns: u64,
    /// When the record was last written, on the same clock.
    pub written_ns: u64,
    /// The most that was ever resident, as the kernel says.
    pub peak_resident_bytes: u64,
    /// What was resident at the last record.
    pub resident_bytes: u64,
    /// What stands out, most bytes first.
    pub findings: Vec<Finding>,
    /// The heap when its in-use bytes were at their highest, within 1/16.
    pub peak: HeapReport,
    /// The heap at the last record.
    pub last: HeapReport,
    /// Where resident memory was when a ledger was taken with the most of it; null without `--stats`.
    pub ledger: Option<LedgerReport>,
    /// The same when one was taken last; null without `--stats`.
    pub last_ledger: Option<LedgerReport>,
}

/// Where the resident memory of a process was. `requested_bytes` to `metadata_bytes` add up to what the
/// allocator had committed; less `untouched_bytes` that is `heap_resident_bytes`; and this, `files_bytes` to
/// `mapped_bytes`, and `unexplained_bytes` add up to `resident_bytes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    /// How the requested bytes are known.
    pub requested_known: Knowledge,
    /// What living objects had asked for.
    pub requested_bytes: u64,
    /// What rounding up to the size classes added.
    pub rounding_bytes: u64,
    /// What spans in use had free, thread caches excepted.
    pub slack_bytes: u64,
    /// Free objects in thread caches, and large ones that are kept for the next request.
    pub cached_bytes: u64,
    /// Free pages that count as committed.
    pub free_bytes: u64,
    /// What the allocator needs for itself, and has set aside for that.
    pub metadata_bytes: u64,
    /// Of all the above, what was not resident; negative if more was.
    pub untouched_bytes: i64,
    /// Resident pages of the heap and its metadata.
    pub heap_resident_bytes: u64,
    /// Among those that were not resident: pages that were read and never written.
    pub only_read_bytes: u64,
    /// Programs and libraries, with their data, and other files mapped for this process alone.
    pub files_bytes: u64,
    /// Memory and files that are mapped to be shared.
    pub shared_bytes: u64,
    /// The program's own heap of `brk`.
    pub break_bytes: u64,
    /// The stack of the first thread.
    pub stack_bytes: u64,
    /// All other mappings: stacks of other threads, and what the program maps by itself.
    pub mapped_bytes: u64,
    /// Resident memory as the kernel reports it.
    pub resident_bytes: u64,
    /// What the kernel reports and nothing explains; negative if more is explained than reported.
    pub unexplained_bytes: i64,
}

/// How requested bytes, and with them internal fragmentation, are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// Every request was counted.
    Exact,
    /// Estimated from sampled requests.
    Estimated,
    /// No request was looked at: requested bytes are given as allocated bytes.
    Unknown,
}

/// The heap at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeapReport {
    /// How the requested bytes are known; one estimated class makes the sum an estimate.
    pub requested_known: Knowledge,
    /// Objects ever allocated.
    pub allocs: u64,
    /// Objects ever freed.
    pub frees: u64,
    /// Bytes ever allocated, rounded up to the size classes.
    pub alloc_bytes: u64,
    /// Bytes ever freed, counted in the same way.
    pub free_bytes: u64,
    /// Objects that live.
    pub live_objs: u64,
    /// Requested bytes of the objects that live.
    pub requested_bytes: u64,
    /// Their allocated bytes: requested bytes rounded up to the size class.
    pub allocated_bytes: u64,
    /// Whole spans that hold them.
    pub in_use_bytes: u64,
    /// Internal fragmentation: allocated less requested.
    pub fragmentation_bytes: u64,
    /// Span slack: in-use less allocated.
    pub slack_bytes: u64,
    /// Thread caches that a running thread holds.
    pub threads: u64,
    /// Thread caches ever made.
    pub thread_caches: u64,
    /// The size classes that were used, most in-use bytes first.
    pub classes: Vec<ClassReport>,
    /// All large objects together.
    pub large: ClassReport,
    /// The page heap.
    pub page_heap: PageHeapReport,
    /// Calls into the operating system.
    pub os: OsReport,
}

/// One size class, or (`class` 0) all large objects together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassReport {
    /// The number of the class, 1 to 67; 0 for large objects.
    pub class: usize,
    /// Bytes of one object; 0 for large objects.
    pub object_bytes: u64,
    /// How `requested_bytes` are known.
    pub requested_known: Knowledge,
    /// Objects ever allocated.
    pub allocs: u64,
    /// Objects ever freed.
    pub frees: u64,
    /// Objects that live.
    pub live_objs: u64,
    /// Their requested bytes.
    pub requested_bytes: u64,
    /// Their allocated bytes.
    pub allocated_bytes: u64,
    /// Spans of this class, in bytes.
    pub in_use_bytes: u64,
    /// Allocated less requested.
    pub fragmentation_bytes: u64,
    /// In-use less allocated.
    pub slack_bytes: u64,
    /// Free objects in the hot lists of thread caches.
    pub hot_objs: u64,
    /// Spans that a thread cache owns and that have free objects.
    pub spans_cached: u64,
    /// Spans with free objects and without an owner.
    pub spans_partial: u64,
    /// Spans without a free object.
    pub spans_full: u64,
}

/// The page heap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageHeapReport {
    /// Address space reserved.
    pub reserved_bytes: u64,
    /// Pages that the operating system backs, as far as the allocator knows.
    pub committed_bytes: u64,
    /// The most that `committed_bytes` has been.
    pub peak_committed_bytes: u64,
    /// Pages of spans.
    pub in_use_bytes: u64,
    /// Committed pages that no span uses.
    pub free_bytes: u64,
    /// Free pages given back to the operating system or never taken from it.
    pub scavenged_bytes: u64,
    /// The longest run of free pages.
    pub largest_free_run_bytes: u64,
    /// What the allocator needs for itself.
    pub metadata_bytes: u64,
    /// What was returned to the operating system, all in all.
    pub returned_bytes: u64,
    /// How often a run of pages was returned.
    pub purges: u64,
    /// Of `free_bytes`, what freed large objects hold that are kept for the next request.
    pub kept_bytes: u64,
    /// The memory limit; null without one.
    pub limit_bytes: Option<u64>,
}

/// Calls into the operating system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OsReport {
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

/// What a [`Finding`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Internal fragmentation of one class, or of the large objects.
    Rounding,
    /// Span slack of one class.
    SpanSlack,
    /// Large objects hold at least half of the heap.
    LargeObjects,
    /// The page heap keeps committed pages that no span uses.
    PageHeapFree,
    /// What the allocator needs for itself.
    Metadata,
    /// Resident memory that is not the allocator's.
    OutsideHeap,
}

/// One thing that stands out, with the bytes it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// The class it is about (0: large objects); null when it is about none.
    pub class: Option<usize>,
    /// The bytes it is about; findings are ranked by them.
    pub bytes: u64,
    /// The same in words.
    pub text: String,
}

/// What `--stats` saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleSeries {
    /// The time between two samples.
    pub interval_ns: u64,
    /// The samples, oldest first.
    pub series: Vec<Sample>,
}

/// The process with the most resident bytes, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Since the start of the program.
    pub elapsed_ns: u64,
    /// The process.
    pub pid: u64,
    /// Resident bytes, as its record has them.
    pub resident_bytes: u64,
    /// Allocated bytes of the objects that live.
    pub live_bytes: u64,
    /// Committed bytes.
    pub committed_bytes: u64,
    /// Objects that the process has ever allocated.
    pub allocs: u64,
    /// Objects allocated a second, between the last two copies of its record.
    pub allocs_per_s: u64,
}

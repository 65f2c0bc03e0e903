//! Spandrel: a memory allocator you can see into.
//!
//! Five nouns. A **size class** is one of 67 object sizes from 8 bytes to 32 KiB. A **span** is a run of
//! 8 KiB pages that holds objects of one class. A **thread cache** is what one thread allocates from and
//! frees into; it owns the spans it works with. A **central list** holds spans that have free objects and
//! no owner. The **page heap** makes spans from pages and gives free pages back.
//!
//! **An allocation climbs** until somebody has an object:
//!
//! 1. the thread's hot list for the class: pop ([`Spandrel`]; about ten instructions, no lock);
//! 2. the newest of the spans that the thread owns: its whole list becomes the hot list, or the next few
//!    objects are carved from it (`thread_cache.rs`);
//! 3. the central list of the class: the fullest span (`central.rs`);
//! 4. the page heap: a fresh span (`page_heap.rs`), at last a chunk of an arena from the operating system.
//!
//! **A free descends** no further than it must: onto the hot list; when that is full, into the object's own
//! span; when the span is wholly free, a few are kept and the others become free pages; pages that stay
//! free go back to the operating system (`scavenge.rs`).
//!
//! **A remote free**, of an object in another thread's span, goes through the span's atomic word; a span
//! without free objects has no owner, and the first thread to free into it becomes the owner
//! (`remote.rs`).
//!
//! **Objects over 32 KiB** have spans of their own, from 4 MiB up mappings of their own (`large.rs`,
//! `own_mapping.rs`).
//!
//! Where things lie:
//!
//! ```text
//!   arena, 64 MiB:  | guard | class a page | span a page | bitmaps |  page  page  page ...            |
//!                           '------------- head ---------------'     '--span--' '---- span ----'
//!   metadata:       | span 64 B | span 64 B | thread cache | ...
//! ```

#![no_std]

#[cfg(not(loom))]
mod backtrace;
#[cfg(not(loom))]
pub mod c_abi;
#[cfg(not(loom))]
mod caches;
#[cfg(not(loom))]
mod cgroup;
#[cfg(not(loom))]
mod die;
#[cfg(not(loom))]
mod entry;
#[cfg(not(loom))]
mod fork;
#[cfg(not(loom))]
mod global;
#[cfg(not(loom))]
mod guarded;
#[cfg(not(loom))]
mod guarded_large;
#[cfg(not(loom))]
mod guarded_object;
#[cfg(not(loom))]
mod hardened;
#[cfg(not(loom))]
mod hot_cap;
#[cfg(not(loom))]
mod init;
#[cfg(not(loom))]
mod labels;
#[cfg(not(loom))]
mod large;
#[cfg(not(loom))]
mod ledger;
#[cfg(not(loom))]
mod line;
#[cfg(not(loom))]
mod meta;
#[cfg(not(loom))]
mod metrics;
#[cfg(not(loom))]
mod misuse;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod own_mapping;
#[cfg(not(loom))]
mod owned_spans;
#[cfg(not(loom))]
mod page_heap;
#[cfg(not(loom))]
mod page_map;
#[cfg(not(loom))]
mod probes;
#[cfg(not(loom))]
pub mod profile;
#[cfg(not(loom))]
mod published;
#[cfg(not(loom))]
mod ready;
#[cfg(not(loom))]
pub mod record;
#[cfg(not(loom))]
mod record_file;
#[cfg(not(loom))]
mod sampled_pages;
#[cfg(not(loom))]
mod sampler;
#[cfg(not(loom))]
mod sampling;
#[cfg(not(loom))]
mod sampling_law;
#[cfg(not(loom))]
mod scavenge;
#[cfg(not(loom))]
mod schedules;
#[cfg(not(loom))]
pub mod serve;
#[cfg(not(loom))]
mod sizes;
#[cfg(not(loom))]
mod snapshot;
#[cfg(not(loom))]
mod stats;
#[cfg(all(feature = "test", not(loom)))]
pub mod test;
#[cfg(not(loom))]
mod thread_cache;
#[cfg(not(loom))]
mod trace;
#[cfg(all(feature = "test", not(loom)))]
mod watch;

#[cfg_attr(loom, allow(dead_code))]
mod beginning;
#[cfg_attr(loom, allow(dead_code))]
mod central;
#[cfg_attr(loom, allow(dead_code))]
mod claim;
#[cfg_attr(loom, allow(dead_code, unreachable_pub))]
mod config;
#[cfg_attr(loom, allow(dead_code))]
mod counting;
#[cfg_attr(loom, allow(dead_code))]
mod later;
#[cfg_attr(loom, allow(dead_code))]
mod object;
#[cfg_attr(loom, allow(dead_code))]
mod observed;
#[cfg_attr(loom, allow(dead_code))]
mod outbox;
#[cfg_attr(loom, allow(dead_code))]
mod parcel;
#[cfg_attr(loom, allow(dead_code))]
mod remote;
#[cfg_attr(loom, allow(dead_code))]
mod roster;
#[cfg_attr(loom, allow(dead_code))]
mod span;

/// In models a fault is a panic.
#[cfg(loom)]
mod die {
    pub(crate) fn double_free(address: usize, class: u8) -> ! {
        panic!("{address:#x} of class {class} was freed twice");
    }

    pub(crate) fn overwritten(address: usize, class: u8) -> ! {
        panic!("{address:#x}, of class {class}, was written to after it was freed");
    }
}

#[cfg(not(loom))]
pub use global::Spandrel;
#[cfg(not(loom))]
pub use labels::with_label;
#[cfg(not(loom))]
pub use ledger::Ledger;
#[cfg(not(loom))]
pub use metrics::{Metric, MetricDescription, MetricKind, MetricValue, Metrics, SIZE_BOUNDS, SizeHistogram};
#[cfg(not(loom))]
pub use options::{OptionError, check_options};
#[cfg(not(loom))]
pub use published::Published;
#[cfg(not(loom))]
pub use stats::{BySize, ClassStats, MemStats, OsStats, PageHeapStats};

/// Everything that the allocator has counted, now. Takes about as long as a look at each span: a
/// millisecond for each GiB of small objects; other threads go on meanwhile.
///
/// ```
/// let stats = spandrel::stats();
/// let live: u64 = stats.classes.iter().map(|class| class.live_bytes()).sum();
/// assert!(live <= stats.page_heap.in_use_bytes);
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn stats() -> MemStats {
    let mut stats = MemStats::zero();
    snapshot::collect(&mut stats);
    stats
}

/// The statistics as named metrics, with the names of Go's `runtime/metrics` where it has one. Costs as much
/// as [`stats()`].
///
/// ```
/// for metric in spandrel::metrics().iter() {
///     if let spandrel::MetricValue::Uint64(value) = metric.value {
///         println!("{} {value}", metric.description.name);
///     }
/// }
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn metrics() -> Metrics {
    Metrics::now()
}

/// Tells a number of the program's at `/metrics`, beside the heap's, from now on: the last one published
/// under this name and label. False if there is no room for another one (there is for a thousand), or the
/// name is none by the rules of Prometheus: counters end with `_total`, and names of the heap's are taken.
///
/// ```
/// use spandrel::{MetricKind, publish, published};
/// assert!(publish("pool_idle_bytes", ("pool", "lines"), MetricKind::Gauge, 4096));
/// assert!(published().any(|number| number.name == "pool_idle_bytes" && number.value == 4096));
/// ```
#[cfg(not(loom))]
pub fn publish(
    name: &'static str,
    label: (&'static str, &'static str),
    kind: MetricKind,
    value: u64,
) -> bool {
    published::publish(Published { name, label, kind, value })
}

/// The numbers that the program has published, by name and label. One that comes first meanwhile
/// may be missed, or seen twice.
#[cfg(not(loom))]
pub fn published() -> impl Iterator<Item = Published> {
    (0..).map_while(published::nth)
}

/// Where the resident memory of this process is: what was requested, what each layer of the allocator adds,
/// what is not the heap's, and what is left unexplained. Costs as much as [`stats()`], a look at the page
/// tables of the heap, and a walk over all mappings: milliseconds in a large process. Needs `/proc`.
///
/// ```
/// let ledger = spandrel::ledger();
/// let committed = ledger.committed_bytes() as i64;
/// assert_eq!(ledger.heap_resident_bytes as i64, committed - ledger.untouched_bytes);
/// let explained = ledger.heap_resident_bytes + ledger.foreign_bytes();
/// assert_eq!(ledger.resident_bytes as i64, explained as i64 + ledger.unexplained_bytes);
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn ledger() -> Ledger {
    Ledger::take(&stats())
}

/// Serves statistics and profiles over HTTP to this machine, as the option `listen` does: at
/// `127.0.0.1:PORT`, `[::1]:PORT`, `localhost:PORT` (port 0 lets the system choose) or `unix:PATH` (`%p` in
/// the path stands for the process's number). Returns the address of a TCP socket.
///
/// The server has a thread of its own and lasts until the process ends; the child of a `fork` has none.
/// `docs/endpoints.md` lists what it answers.
///
/// # Errors
/// The address is not one of this machine, somebody else listens there, or the process serves already.
///
/// ```
/// use std::io::{Read, Write};
///
/// let address = spandrel::serve("127.0.0.1:0")?.expect("not a unix socket");
/// let mut client = std::net::TcpStream::connect(address)?;
/// client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n")?;
/// let mut text = String::new();
/// client.read_to_string(&mut text)?;
/// assert!(text.contains("spandrel_allocated_bytes "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(not(loom))]
pub fn serve(address: &str) -> Result<Option<core::net::SocketAddr>, serve::ServeError> {
    init::begin_if_ready();
    serve::start(address.as_bytes())
}

/// Gives all free memory back to the operating system now, that in the caches of sleeping threads
/// excepted; the bytes given back.
///
/// ```
/// drop(vec![1u8; 1 << 20]);
/// spandrel::release_free_memory();
/// assert_eq!(spandrel::stats().page_heap.free_bytes, 0);
/// ```
#[cfg(not(loom))]
pub fn release_free_memory() -> usize {
    scavenge::release_all()
}

/// How often memory was short so far: the limit that `memlimit=` sets was reached, or the system refused. Who
/// keeps memory that he could do without looks now and then whether the number has grown: pools do, when
/// `spandrel_pool::Keeper` gets this function. Costs one load.
///
/// ```
/// let before = spandrel::pressure();
/// drop(vec![1u8; 1 << 20]);
/// assert_eq!(spandrel::pressure(), before, "a limit is far");
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn pressure() -> u64 {
    scavenge::shortages()
}

/// The size class of a value of `T` in a box: 1 to 67, or 0 for a large object.
///
/// A type of no size has class 1, though nothing is ever allocated for it. The sizes of the classes are those
/// of Go; `spandrel sizes` prints them.
///
/// ```
/// const _: () = assert!(spandrel::size_class_of::<[u64; 3]>() == 3, "24 bytes");
/// assert_eq!(spandrel::size_class_of::<[u8; 33]>(), 5);
/// assert_eq!(spandrel::size_class_of::<[u8; 40_000]>(), 0);
/// ```
#[must_use]
pub const fn size_class_of<T>() -> u8 {
    spandrel_classes::class_of(size_of::<T>(), align_of::<T>())
}

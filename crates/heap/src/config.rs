//! Every constant of the allocator, with its reason, and the relations between them.

use spandrel_classes::{CLASS_COUNT, PAGE_BYTES, PAGE_SHIFT, SMALL_BYTES_MAX};
use spandrel_pages::CHUNK_PAGES;
#[cfg(not(loom))]
use spandrel_platform::memory::OS_PAGE_BYTES;

/// Address bits of a user process.
pub(crate) const ADDRESS_BITS: u32 = if cfg!(target_arch = "x86_64") { 47 } else { 48 };
/// The address bit that the arenas of sampled objects have and others don't (`sampled_pages.rs`).
pub(crate) const TAG: usize = 1 << 44;
/// Where the arenas of sampled objects are tried: behind those of the others; for ThreadSanitizer, which has
/// tables there, below position independent executables.
pub(crate) const TAGGED_FIRST: usize =
    if cfg!(spandrel_sanitized) { 0x5502_0000_0000 } else { 0x3000_0000_0000 };
/// Arenas of sampled objects at most: 64 GiB.
pub(crate) const TAGGED_ARENAS_MAX: usize = 1 << 10;
/// Addresses that are tried for each of them.
pub(crate) const TAGGED_TRIES: usize = 8;

/// Bytes between two samples, on average, unless `memprofilerate=` says otherwise: as in Go.
pub(crate) const SAMPLE_BYTES: u64 = 512 << 10;
/// The most that it may say.
pub(crate) const SAMPLE_BYTES_MAX: u64 = 1 << 40;
/// Near a sample the fast path sees at most this many objects at once.
pub(crate) const CURTAIN_OBJS: u32 = 128;
/// Frames of a stack that are kept, unless `profstackdepth=` says otherwise, as in Go...
pub(crate) const STACK_FRAMES: u32 = 128;
/// ...and the most that it may say.
pub(crate) const STACK_FRAMES_MAX: usize = 512;
/// How often the period of a thread may double.
pub(crate) const PERIOD_DOUBLINGS_MAX: u32 = 16;
/// After this many samples a thread looks how fast they came.
pub(crate) const PACE_SAMPLES: u32 = 16;
/// Samples come too fast when the time between two of them is less than this many times what one takes...
pub(crate) const PACE_COSTS_MIN: u64 = 600;
/// ...and slowly when it is more than this many times that.
pub(crate) const PACE_COSTS_CALM: u64 = 2400;

/// Sampled objects at once, at most.
pub(crate) const RECORDS_MAX: usize = 1 << 24;
/// Records of sampled objects that are made at once.
pub(crate) const RECORDS_STEP: usize = 1 << 11;
/// Rows of the profile, that is call stacks with their sizes and labels, at most.
pub(crate) const ROWS_MAX: usize = 1 << 17;
/// Rows that are made at once.
pub(crate) const ROWS_STEP: usize = 1 << 8;
/// Chains of the table of rows.
pub(crate) const ROW_CHAINS: usize = 1 << 14;
/// Call stacks at most.
pub(crate) const STACKS_MAX: usize = 1 << 16;
/// Call stacks that are made at once.
pub(crate) const STACKS_STEP: usize = 1 << 8;
/// Chains of the table of call stacks.
pub(crate) const STACK_CHAINS: usize = 1 << 13;
/// Bytes for the frames of all call stacks, at most.
pub(crate) const FRAMES_BYTES_MAX: usize = 64 << 20;
/// Names of threads, and texts of labels, at most...
pub(crate) const TEXTS_MAX: usize = 1024;
/// ...and the bytes of one that are kept.
pub(crate) const TEXT_BYTES: usize = 60;
/// Sets of labels at most.
pub(crate) const LABELS_MAX: usize = 1024;
/// The name of a thread is read again after this many of its samples.
pub(crate) const NAME_SAMPLES: u32 = 64;
/// Classes of lifetimes: below a microsecond, below ten, and so on; the last has all from ten seconds up.
pub(crate) const LIFETIMES: usize = 9;
/// Frames of the allocator itself on a call stack, at most.
pub(crate) const OWN_FRAMES: usize = 24;
/// Mappings with code that a profile tells of, at most...
pub(crate) const MAPPINGS_MAX: usize = 512;
/// ...the bytes of a build id...
pub(crate) const BUILD_ID_BYTES: usize = 20;
/// ...and of all their paths.
pub(crate) const PATHS_BYTES: usize = 48 << 10;
/// The longest line of a trace.
pub(crate) const TRACE_LINE_BYTES: usize = 4096;
/// The longest path of a profile.
pub(crate) const PROFILE_PATH_BYTES: usize = 512;

/// An arena is 64 MiB of address space, aligned to its size, as in Go.
pub(crate) const ARENA_SHIFT: u32 = 26;
/// Bytes of an arena.
pub(crate) const ARENA_BYTES: usize = 1 << ARENA_SHIFT;
/// Pages of an arena.
pub(crate) const ARENA_PAGES: usize = ARENA_BYTES >> PAGE_SHIFT;
/// Chunks of an arena: the unit in which it is committed.
pub(crate) const ARENA_CHUNKS: usize = ARENA_PAGES / CHUNK_PAGES;
/// Bytes of a chunk.
pub(crate) const CHUNK_BYTES: usize = CHUNK_PAGES * PAGE_BYTES;
/// Arenas at most: 1 TiB of small and middle-sized objects. Blocks from [`OWN_MAPPING_BYTES`] up have
/// mappings of their own and are not limited by this.
pub(crate) const ARENAS_MAX: usize = 1 << 14;
/// Slots of arena size in the address space.
pub(crate) const REGIONS: usize = 1 << (ADDRESS_BITS - ARENA_SHIFT);

/// From here up a block is a mapping of its own, which `mremap` can grow without a copy.
pub(crate) const OWN_MAPPING_BYTES: usize = 4 << 20;

/// Fresh chunks are backed by huge pages once this many bytes are in use.
pub(crate) const HUGE_AFTER_BYTES: usize = 32 << 20;

/// Freed blocks with mappings of their own that are kept for the next request...
pub(crate) const OWN_KEPT: usize = 4;
/// ...with at most this many bytes together, until the scavenger finds them idle.
pub(crate) const OWN_KEPT_BYTES: usize = 64 << 20;
/// Bytes of metadata that are taken from the operating system at once.
pub(crate) const META_BYTES: usize = 1 << 20;

/// A hot list is full with about this many bytes of free objects...
pub(crate) const HOT_BYTES: usize = 1 << 10;
/// ...but with at least this many objects, so that a pair of large ones stays on the fast path...
pub(crate) const HOT_OBJS_MIN: u32 = 2;
/// ...and at most this many: long lists mix spans, and what comes back from them lies far apart.
pub(crate) const HOT_OBJS_MAX: u32 = 32;
/// A thread that allocates as much as it frees may free about this many bytes without a look at the length...
pub(crate) const BALANCED_BYTES: usize = 128 << 10;
/// ...but at least this many objects...
pub(crate) const BALANCED_OBJS_MIN: u32 = 16;
/// ...and at most this many.
pub(crate) const BALANCED_OBJS_MAX: u32 = 128;
/// The cap doubles while the list would have at most this many bytes...
pub(crate) const HOT_CLASS_BYTES_MAX: u32 = 512 << 10;
/// ...all lists of a thread have gained at most this many...
pub(crate) const HOT_THREAD_BYTES_MAX: u32 = 1 << 20;
/// ...and of all threads together this many.
pub(crate) const HOT_ALL_BYTES: u32 = 32 << 20;
/// A class gives up its list if it was not used while the thread refilled others this often.
pub(crate) const SWEEP_REFILLS: u32 = 4096;
/// A list is in order when this many of its latest objects...
pub(crate) const ORDER_LOOK_OBJS: u32 = 16;
/// ...are in the same page as the one before, or all but this many of them.
pub(crate) const ORDER_JUMPS_MAX: u32 = 4;
/// The cap of a list in disorder doubles at most this often.
pub(crate) const DISORDER_DOUBLINGS: u32 = 4;
/// When no more than one in this many objects of a span is in use, a thread that frees is freeing in bulk.
pub(crate) const FEW_SHARE: u32 = 8;
/// After this many spans that became wholly free, without a refill in between, a thread frees everything
/// that it has, and no class keeps a hot list.
pub(crate) const BULK_SPANS: u32 = 4;
/// A fresh span is carved in steps of about this many bytes: untouched objects cost no page fault.
pub(crate) const CARVE_BYTES: usize = 4 << 10;

/// Bytes of wholly free spans that a thread cache keeps for its next refills.
pub(crate) const SPARE_SPAN_BYTES: u32 = 32 << 10;
/// Threads that free what others allocate have together about this many partial spans of a class when another
/// thread needs memory of that class...
pub(crate) const HOARD_ALL_SPANS: u32 = 16;
/// ...and each of them at least this many.
pub(crate) const HOARD_SPANS_MIN: u32 = 2;
/// How many spans one of them then gives to the central list at once.
pub(crate) const HAND_OVER_SPANS: u32 = 16;

/// The span that a thread takes after this many fresh spans of a class has two pages, after twice as many
/// four...
pub(crate) const LONG_SPAN_AFTER: u32 = 16;
/// ...and so on up to this many...
pub(crate) const LONG_SPAN_PAGES_MAX: usize = 8;
/// ...if the objects have at most this many bytes: of larger ones the last that does not fit may cost too
/// much.
pub(crate) const LONG_SPAN_OBJECT_BYTES: usize = 4096;

/// Freed spans of up to this many pages wait for the next span of their size.
pub(crate) const READY_PAGES_MAX: usize = 16;

/// Finished threads leave this many caches as they are, for the next threads; the others are emptied at
/// once.
pub(crate) const WARM_CACHES: u32 = 4;

/// When threads end in numbers, they leave at most this many free bytes, or as many as are in use; the rest
/// goes back to the operating system at once...
pub(crate) const ENDED_KEEP_BYTES: usize = 64 << 20;
/// ...in steps of this many bytes.
pub(crate) const ENDED_STEP_BYTES: usize = 2 << 20;

/// Large objects that a thread cache keeps, one for each residue of the number of pages.
pub(crate) const LARGE_SLOTS: usize = 64;
/// The bytes that they may have together.
pub(crate) const LARGE_KEPT_BYTES: u32 = 2 << 20;

/// `alloc_zeroed` of an object from this size up asks for one that is known to be zero.
pub(crate) const ZERO_ASK_BYTES: usize = 1 << 10;

/// Objects of one span that travel together to the thread that owns it.
pub(crate) const OUTBOX_OBJS: u32 = 32;

/// Objects from this size up travel in parcels. Several smaller ones share a cache line, and it is written to
/// anyway.
pub(crate) const PARCEL_BYTES_MIN: usize = 32;
/// Set in the address of a parcel.
pub(crate) const IS_PARCEL: usize = 2;

/// Occupancy lists of the central list.
pub(crate) const OCCUPANCY_LISTS: usize = 8;

/// The scavenger looks this often, in milliseconds.
pub(crate) const TICK_MS: u64 = 250;
/// Free pages that were not needed for this many ticks go back to the operating system.
pub(crate) const IDLE_TICKS: usize = 4;
/// Free bytes below which the background thread is not worth starting.
pub(crate) const BACKGROUND_BYTES: usize = 4 << 20;
/// The background thread ends after this many ticks with nothing to do.
pub(crate) const REST_TICKS: u32 = 40;
/// Free pages that are kept, as a share of the pages in use: one in this many.
pub(crate) const KEEP_SHARE: usize = 10;
/// Shorter runs of free pages are returned last: a call for 8 KiB costs three times what its share of a
/// longer one does.
pub(crate) const LONG_RUN_PAGES: usize = 8;
/// Pages returned by one call at most; the page heap is not locked meanwhile.
pub(crate) const RELEASE_PAGES: usize = CHUNK_PAGES;

/// Frames of a call stack that a report of misuse prints.
pub(crate) const REPORT_FRAMES: usize = 32;

/// With `hardened=1` so many bytes of a freed object are wiped, and looked at when it is used again.
pub(crate) const WIPED_BYTES: usize = 1 << 10;
/// What the address of a dead object is multiplied by for its mark: an odd number with bits everywhere.
pub(crate) const MARK_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
/// The link of the last object of a list...
pub(crate) const LINK_LAST: u16 = 1;
/// ...and of one before the first object of the span.
pub(crate) const LINK_FIRST: u16 = 2;
/// As many objects of a class wait, each until that many others have been freed.
pub(crate) const WAITING_OBJS: usize = 64;
/// Objects that come from a span at once: about so many bytes of a class...
pub(crate) const BATCH_BYTES: usize = 4 << 10;
/// ...but at least as many objects...
pub(crate) const BATCH_OBJS_MIN: usize = 4;
/// ...and at most as many.
pub(crate) const BATCH_OBJS_MAX: usize = 16;
/// Which bits of a random number shuffle a batch, a bit for each object and split: the high ones of a linear
/// congruence are the better ones.
pub(crate) const SHUFFLE_SHIFTS: [u32; 2] = [48, 32];

/// Arenas of guarded objects at most: each has room for 1638, and every one of them in use takes two of the
/// kernel's 65530 mappings.
pub(crate) const GUARDED_ARENAS_MAX: usize = 16;
/// Frames that are kept of the calls that allocated and freed a guarded object.
pub(crate) const GUARDED_FRAMES: usize = 24;
/// Guarded large objects in use at most: each takes three mappings.
pub(crate) const GUARDED_LARGE_MAX: u64 = 3 << 10;
/// As many freed ones stay forbidden, each a mapping...
pub(crate) const GUARDED_FREED: usize = 1 << 10;
/// ...with at most so many bytes of addresses.
pub(crate) const GUARDED_FREED_BYTES: usize = 64 << 30;
/// Chains on which they are found by their addresses.
pub(crate) const GUARDED_CHAINS: usize = 1 << 10;
/// What lies beside a guarded object in its pages.
pub(crate) const GUARDED_MARK: u8 = 0xa5;

/// The longest path of a control group's file, and of what tells of it.
pub(crate) const CGROUP_PATH_BYTES: usize = 1024;
/// Of its limit one part in this many is left for what is not the heap's.
pub(crate) const CGROUP_SHARE: usize = 16;

/// The alignment that C promises for any type.
pub(crate) const C_ALIGN: usize = 16;

/// The version of the layout of a record.
pub const RECORD_VERSION: u64 = 2;
/// Bytes that a record keeps of the command line.
pub const COMMAND_BYTES: usize = 512;
/// The longest path of a record.
pub(crate) const RECORD_PATH_BYTES: usize = 512;
/// A record is written at most this often, in nanoseconds.
pub(crate) const RECORD_INTERVAL_NS: u64 = 100_000_000;

/// Operations of a benchmark at most, as in Go.
#[cfg(feature = "test")]
pub(crate) const BENCH_OPS_MAX: u64 = 1_000_000_000;
/// The version of the form of `/stats.json`.
pub(crate) const STATS_VERSION: u64 = 1;

/// Numbers of the program that the endpoints tell.
pub(crate) const PUBLISHED_MAX: usize = 1024;

/// Connections that the server holds at once; one more, and the oldest that has not asked yet goes.
pub(crate) const SERVE_CONNECTIONS: usize = 64;
/// Clients of those whose answers take their time: what changes in N seconds.
pub(crate) const SERVE_WAITING: usize = 16;
/// The longest head of a request.
pub(crate) const SERVE_HEAD_BYTES: usize = 16 << 10;
/// The longest body of a request: about fifteen thousand addresses to be named.
pub(crate) const SERVE_BODY_BYTES: usize = 256 << 10;
/// The longest answer.
pub(crate) const SERVE_ANSWER_BYTES: usize = 256 << 20;
/// A request has come whole after so many milliseconds...
pub(crate) const SERVE_REQUEST_MS: u64 = 5_000;
/// ...its answer has gone after so many...
pub(crate) const SERVE_ANSWER_MS: u64 = 30_000;
/// ...and the client has seen that after so many.
pub(crate) const SERVE_FAREWELL_MS: u64 = 1_000;
/// The longest time that a client may ask to be waited for, in seconds.
pub(crate) const SERVE_SECONDS_MAX: u64 = 3_600;
/// Addresses that are named at once.
pub(crate) const SERVE_ADDRESSES: usize = 256 << 10;
/// The largest symbol table, and the largest table of names, that is looked at.
pub(crate) const SERVE_TABLE_BYTES: usize = 256 << 20;
/// The largest heap profile that is served or subtracted from, before it is compressed.
pub(crate) const PROFILE_MESSAGE_BYTES: usize = 256 << 20;
/// In files of the form ELF, a section of this kind holds all symbols...
pub(crate) const SHT_SYMTAB: u32 = 2;
/// ...and one of this kind those that others may use.
pub(crate) const SHT_DYNSYM: u32 = 11;
/// Bytes that one connection moves before it is the next one's turn.
pub(crate) const SERVE_TURN_BYTES: usize = 64 << 10;

#[cfg(not(loom))]
const _: () = assert!(PAGE_BYTES.is_multiple_of(OS_PAGE_BYTES));
const _: () = {
    assert!(ARENA_CHUNKS * CHUNK_PAGES == ARENA_PAGES);
    assert!(OWN_MAPPING_BYTES <= CHUNK_BYTES, "a run of pages never spans more than two chunks");
    assert!(SMALL_BYTES_MAX < OWN_MAPPING_BYTES);
    assert!(CLASS_COUNT == 68);
    assert!(HOT_OBJS_MIN <= HOT_OBJS_MAX);
    assert!(WAITING_OBJS.is_power_of_two() && BATCH_OBJS_MAX <= (u64::BITS - SHUFFLE_SHIFTS[0]) as usize);
    assert!(BATCH_OBJS_MAX <= (SHUFFLE_SHIFTS[0] - SHUFFLE_SHIFTS[1]) as usize, "no bit serves two splits");
    assert!(WAITING_OBJS + 3 * BATCH_OBJS_MAX <= 2 * WAITING_OBJS);
    assert!(HOARD_SPANS_MIN <= HAND_OVER_SPANS);
};

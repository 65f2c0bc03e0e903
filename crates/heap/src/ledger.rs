//! The ledger: from what callers requested up to what the kernel calls resident, and what is left over.
//!
//! Two sides that know nothing of each other meet in it. The allocator's books say what it has committed and
//! for what. The kernel is asked what of those ranges is resident (`mincore`), and what else is mapped and
//! resident (`smaps`); and it reports the resident size of the process (`VmRSS`). So the ledger can fail to
//! balance, and says by how much:
//!
//! ```text
//!     requested + rounding + span slack + thread caches + page-heap free + metadata  (= what we committed)
//!   - committed, but not resident: never touched, or given back by pages that we count as in use
//!   = heap, resident                                             (what the kernel says of our ranges)
//!   + files + shared memory + break + stack + other mappings     (what the kernel says of all others)
//!   + unexplained                                                (small, or something is wrong)
//!   = resident                                                   (what the kernel says of the process)
//! ```
//!
//! Pages that were only ever read are a case of their own: they all show the kernel's one page of zeros,
//! which is in the page tables and yet no part of the process's resident size. What `mincore` says of a
//! mapping of ours beyond what `smaps` says are these.
//!
//! Resident pages of the heap are looked at one by one, so a ledger costs about a tenth of a millisecond for
//! each GiB of heap and another microsecond or two for each mapping and each MiB that is resident. It is
//! taken when somebody asks, and never on the way of an allocation.

use spandrel_platform::mappings::{Backing, Mapping, mappings};
use spandrel_platform::memory::resident_bytes;
use spandrel_platform::process::resident;

use crate::config::ARENA_BYTES;
use crate::stats::MemStats;
use crate::{guarded, guarded_large, meta, own_mapping, page_heap, sampler};

/// Where the resident memory of a process is, in bytes. See [`ledger`](crate::ledger()).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What living objects have asked for: counted with `stats=exact`, otherwise estimated from the requests
    /// that were looked at.
    pub requested_bytes: u64,
    /// 1 if every request was counted.
    pub requested_exact: u64,
    /// Internal fragmentation: what rounding up to the size classes has added.
    pub rounding_bytes: u64,
    /// What spans in use have free, thread caches excepted.
    pub slack_bytes: u64,
    /// Free objects on the lists of thread caches, and large ones that are kept for the next request.
    pub cached_bytes: u64,
    /// Free pages that count as committed.
    pub free_bytes: u64,
    /// What the allocator needs for itself, and has set aside for that.
    pub metadata_bytes: u64,
    /// Of all the above, what is not resident; below 0 if more is: after `MADV_FREE` pages stay as long as
    /// the kernel has no other use for them.
    pub untouched_bytes: i64,
    /// Resident pages of the heap and its metadata.
    pub heap_resident_bytes: u64,
    /// Among those that are not resident: pages that were read and never written.
    pub only_read_bytes: u64,
    /// Programs and libraries, with their data, and other files that are mapped for this process alone.
    pub files_bytes: u64,
    /// Memory and files that are mapped to be shared.
    pub shared_bytes: u64,
    /// The program's own heap of `brk`.
    pub break_bytes: u64,
    /// The stack of the first thread.
    pub stack_bytes: u64,
    /// All other mappings: stacks of other threads, and what the program maps by itself.
    pub mapped_bytes: u64,
    /// Resident memory of the process, as the kernel says (`VmRSS`).
    pub resident_bytes: u64,
    /// What that is more than all the above explains; below 0 if it is less.
    pub unexplained_bytes: i64,
}

impl Ledger {
    /// All zero.
    #[must_use]
    pub const fn zero() -> Self {
        Self {
            requested_bytes: 0,
            requested_exact: 0,
            rounding_bytes: 0,
            slack_bytes: 0,
            cached_bytes: 0,
            free_bytes: 0,
            metadata_bytes: 0,
            untouched_bytes: 0,
            heap_resident_bytes: 0,
            only_read_bytes: 0,
            files_bytes: 0,
            shared_bytes: 0,
            break_bytes: 0,
            stack_bytes: 0,
            mapped_bytes: 0,
            resident_bytes: 0,
            unexplained_bytes: 0,
        }
    }

    /// What the allocator has committed, for objects, free, and for itself.
    #[must_use]
    pub const fn committed_bytes(&self) -> u64 {
        self.requested_bytes
            .saturating_add(self.rounding_bytes)
            .saturating_add(self.slack_bytes)
            .saturating_add(self.cached_bytes)
            .saturating_add(self.free_bytes)
            .saturating_add(self.metadata_bytes)
    }

    /// Resident memory that is not the allocator's.
    #[must_use]
    pub const fn foreign_bytes(&self) -> u64 {
        self.files_bytes
            .saturating_add(self.shared_bytes)
            .saturating_add(self.break_bytes)
            .saturating_add(self.stack_bytes)
            .saturating_add(self.mapped_bytes)
    }

    /// Makes up the ledger beside `stats`, which were collected just now. The caller holds no lock above
    /// that of the record.
    pub(crate) fn take(stats: &MemStats) -> Self {
        let mut ledger = Self::zero();
        ledger.enter_books(stats);
        let mapped_bytes = heap_resident_bytes();
        ledger.enter_foreign();
        ledger.heap_resident_bytes = mapped_bytes.saturating_sub(ledger.only_read_bytes);
        ledger.resident_bytes = resident().now_bytes;
        ledger.balance();
        ledger
    }

    /// What the allocator knows by itself.
    fn enter_books(&mut self, stats: &MemStats) {
        let cached_objs = |class: &crate::ClassStats| class.hot_objs * class.object_bytes;
        let unused_bytes = stats.heap_inuse - stats.heap_alloc;
        let hot_bytes = stats.classes.iter().map(cached_objs).sum::<u64>().min(unused_bytes);
        self.requested_bytes = stats.requested_bytes();
        self.requested_exact = stats.exact;
        self.rounding_bytes = stats.heap_alloc - self.requested_bytes;
        self.slack_bytes = unused_bytes - hot_bytes;
        self.cached_bytes = hot_bytes + stats.page_heap.kept_bytes;
        self.free_bytes = stats.page_heap.free_bytes - stats.page_heap.kept_bytes;
        self.metadata_bytes = stats.sys - stats.heap_sys;
    }

    /// What the kernel knows of everybody else's mappings, and of ours better than its page tables say.
    fn enter_foreign(&mut self) {
        // The zero bytes of a program's or library's data lie behind the file's last page.
        let mut data_end = 0;
        mappings(|mapping| {
            let is_data = mapping.backing == Backing::Anonymous && mapping.start == data_end;
            if mapping.backing == Backing::File {
                data_end = mapping.end;
            }
            let ours_bytes = ours_within(mapping);
            let foreign_bytes = mapping.resident_bytes.saturating_sub(ours_bytes);
            self.only_read_bytes += ours_bytes.saturating_sub(mapping.resident_bytes);
            let row = match mapping.backing {
                Backing::File => &mut self.files_bytes,
                Backing::Anonymous if is_data => &mut self.files_bytes,
                Backing::Shared => &mut self.shared_bytes,
                Backing::Break => &mut self.break_bytes,
                Backing::Stack => &mut self.stack_bytes,
                Backing::Anonymous => &mut self.mapped_bytes,
            };
            *row += foreign_bytes;
        });
    }

    fn balance(&mut self) {
        let difference = |one: u64, other: u64| one.wrapping_sub(other).cast_signed();
        self.untouched_bytes = difference(self.committed_bytes(), self.heap_resident_bytes);
        let explained = self.heap_resident_bytes + self.foreign_bytes();
        self.unexplained_bytes = difference(self.resident_bytes, explained);
    }
}

/// Calls `see` for each range that belongs to the heap, with its first byte and its length.
fn each_range(mut see: impl FnMut(*mut u8, usize)) {
    page_heap::arenas().for_each(|arena| see(arena, ARENA_BYTES));
    own_mapping::each(&mut see);
    if guarded::is_on() {
        guarded::each(&mut see);
        sampler::lock_profile(|_| guarded_large::each(&mut see));
    }
    meta::blocks().for_each(|(block, bytes)| see(block, bytes));
}

fn heap_resident_bytes() -> u64 {
    let mut sum = 0;
    each_range(|base, bytes| sum += resident_bytes(base, bytes) as u64);
    sum
}

/// What is the heap's in a mapping: all of it, or what the kernel has joined with its neighbours, since it
/// shows ranges of equal rights that touch each other as one.
fn ours_within(mapping: &Mapping) -> u64 {
    if mapping.backing != Backing::Anonymous {
        return 0;
    }
    let mut ours_bytes = 0;
    each_range(|base, bytes| {
        let start = base.addr().max(mapping.start);
        let end = (base.addr() + bytes).min(mapping.end);
        if start < end {
            ours_bytes += resident_bytes(base.with_addr(start), end - start) as u64;
        }
    });
    ours_bytes
}

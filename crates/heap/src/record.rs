//! The record that a process leaves for `spandrel run`: a file of fixed layout, written in place.
//!
//! With the option `record=DIR` a process maps the file `DIR/PID.spandrel` (a process that forks gives
//! its child a file of its own; one that execs starts its file anew) and copies its statistics there:
//! when the heap reaches a new peak, from time to time while it works, and at the end. So a process that
//! is killed leaves its last copy. `sequence` is odd while a copy is being written.

pub use crate::config::{COMMAND_BYTES, RECORD_VERSION};
use crate::ledger::Ledger;
use crate::stats::MemStats;

/// First eight bytes of a record file.
pub const RECORD_MAGIC: [u8; 8] = *b"spandrel";

/// What a process says of itself. All integers are in the byte order of the machine.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// [`RECORD_MAGIC`].
    pub magic: [u8; 8],
    /// [`RECORD_VERSION`].
    pub version: u64,
    /// Odd while the process writes.
    pub sequence: u64,
    /// The process.
    pub pid: u64,
    /// Its parent.
    pub parent_pid: u64,
    /// 1 when the process came to its regular end (`exit`, `_exit`, return from `main`).
    pub ended: u64,
    /// When the process started to use the allocator, in nanoseconds of the monotonic clock.
    pub start_ns: u64,
    /// When this record was last written, on the same clock.
    pub written_ns: u64,
    /// The most that was ever resident (`VmHWM`), in bytes.
    pub peak_resident_bytes: u64,
    /// What was resident at the last write (`VmRSS`), in bytes.
    pub resident_bytes: u64,
    /// The statistics at the last write.
    pub last: MemStats,
    /// The statistics when in-use bytes were at their highest, within 1/16.
    pub peak: MemStats,
    /// With `stats=ledger`: the ledger with the most resident bytes of those that were taken; otherwise zero.
    pub peak_ledger: Ledger,
    /// With `stats=ledger`: the ledger that was taken last.
    pub last_ledger: Ledger,
    /// The command line, arguments separated by NUL bytes, cut at [`COMMAND_BYTES`].
    pub command: [u8; COMMAND_BYTES],
}

impl Record {
    /// Reads a record from the bytes of its file; `None` when they are no record of this version.
    ///
    /// A process that is killed while it writes leaves `sequence` odd: the numbers then mix two
    /// moments, but each is whole.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < size_of::<Self>() {
            return None;
        }
        // SAFETY: the slice is long enough, `Record` is plain integers without padding (asserted
        // below), so every bit pattern is a value, and `read_unaligned` asks for no alignment.
        let record = unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() };
        (record.magic == RECORD_MAGIC && record.version == RECORD_VERSION).then_some(record)
    }
}

/// Padding would make `from_bytes` read undefined bytes: count the fields.
const _: () = {
    let class_words = 13 * spandrel_classes::CLASS_COUNT;
    let stats_words = 17 + class_words + 12 + 5 + 3;
    assert!(size_of::<MemStats>() == 8 * stats_words);
    let ledger_words = 17;
    assert!(size_of::<Ledger>() == 8 * ledger_words);
    assert!(size_of::<Record>() == 8 * (10 + 2 * stats_words + 2 * ledger_words) + COMMAND_BYTES);
};

//! Writing the record of [`crate::record`]: a file, mapped, and copied into when something has happened.
//!
//! Nothing is sampled by a timer of its own. A copy is made when the heap has grown by a sixteenth over its
//! last peak, when the page heap is used and the last copy is old, at each round of the background thread,
//! and at the end. With `stats=ledger` a ledger is made up beside each copy but those of a heap that just
//! grows, of which there may be many: it costs more. The mapping is shared with the file, so the last copy
//! survives any death.

use core::ffi::CStr;
use core::ptr::{copy_nonoverlapping, null_mut};

use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::memory::map_file;
use spandrel_platform::process::{pids, read_file, resident};
use spandrel_platform::sync::{AtomicBool, AtomicU64, Ordering};
use spandrel_platform::thread::now_ns;

use crate::config::{RECORD_INTERVAL_NS, RECORD_PATH_BYTES};
use crate::ledger::Ledger;
use crate::line::{DIGITS_MAX, decimal};
use crate::record::{COMMAND_BYTES, RECORD_MAGIC, RECORD_VERSION, Record};
use crate::{options, page_heap, snapshot};

pub(crate) struct File {
    folder: [u8; RECORD_PATH_BYTES],
    folder_len: usize,
    record: *mut Record,
    /// In-use bytes from which on the heap counts as having grown.
    next_peak_bytes: usize,
}

// SAFETY: the mapping belongs to the process.
unsafe impl Send for File {}

pub(crate) static FILE: Mutex<File> = Mutex::new(
    Rank::Record,
    File { folder: [0; RECORD_PATH_BYTES], folder_len: 0, record: null_mut(), next_peak_bytes: 0 },
);
/// Whether there is a record.
static ACTIVE: AtomicBool = AtomicBool::new(false);
/// When the next copy is due, on the monotonic clock.
static DUE_NS: AtomicU64 = AtomicU64::new(0);

/// Starts the record of this process in `folder`; does nothing if the file can't be made.
pub(crate) fn begin(folder: &[u8]) {
    let mut file = FILE.lock();
    if folder.len() > RECORD_PATH_BYTES - 32 {
        return;
    }
    file.folder[..folder.len()].copy_from_slice(folder);
    file.folder_len = folder.len();
    file.open();
}

/// The child of a `fork` gets a record of its own; the mapping that it inherited is its parent's.
pub(crate) fn begin_child() {
    if ACTIVE.load(Ordering::Relaxed) {
        FILE.lock().open();
    }
}

/// Something was allocated or returned; the caller holds no lock.
#[inline]
pub(crate) fn notice() {
    if ACTIVE.load(Ordering::Relaxed) {
        copy_if_due();
    }
}

#[cold]
fn copy_if_due() {
    let now = now_ns();
    let mut file = FILE.lock();
    let in_use_bytes = page_heap::sums().in_use;
    let grown = in_use_bytes >= file.next_peak_bytes;
    if grown || now >= DUE_NS.load(Ordering::Relaxed) {
        let is_due = now >= DUE_NS.load(Ordering::Relaxed);
        file.copy(in_use_bytes, false, is_due);
        // A large heap takes long to look at: spend at most a twentieth of the time on it.
        let cost = now_ns() - now;
        DUE_NS.store(now + RECORD_INTERVAL_NS.max(20 * cost), Ordering::Relaxed);
    }
}

/// The process comes to its end.
pub(crate) fn end() {
    if ACTIVE.load(Ordering::Relaxed) {
        FILE.lock().copy(page_heap::sums().in_use, true, true);
    }
}

impl File {
    fn open(&mut self) {
        let (pid, parent_pid) = pids();
        let mut path = [0u8; RECORD_PATH_BYTES + 1];
        let mut length = 0;
        let mut digits = [0; DIGITS_MAX];
        let digits = decimal(pid, &mut digits);
        for part in [&self.folder[..self.folder_len], b"/", digits, b".spandrel"] {
            path[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
        let Ok(path) = CStr::from_bytes_until_nul(&path) else {
            return;
        };
        self.record = map_file(path, size_of::<Record>()).cast();
        self.next_peak_bytes = 0;
        // SAFETY: the mapping, if there is one, is as long as a record, fresh, and ours alone.
        let Some(record) = (unsafe { self.record.as_mut() }) else {
            ACTIVE.store(false, Ordering::Relaxed);
            return;
        };
        record.version = RECORD_VERSION;
        record.pid = pid;
        record.parent_pid = parent_pid;
        record.ended = 0;
        record.start_ns = now_ns();
        read_file(c"/proc/self/cmdline", &mut record.command[..COMMAND_BYTES - 1]);
        // Last, so that a file with the magic is a record.
        record.magic = RECORD_MAGIC;
        ACTIVE.store(true, Ordering::Relaxed);
    }

    fn copy(&mut self, in_use_bytes: usize, ended: bool, with_ledger: bool) {
        // SAFETY: as in `open`; the lock makes this the only reference.
        let Some(record) = (unsafe { self.record.as_mut() }) else {
            return;
        };
        if record.pid != pids().0 {
            // The child of a `vfork` runs in its parent's memory.
            return;
        }
        record.sequence += 1;
        snapshot::collect(&mut record.last);
        if with_ledger && options::ledger() {
            record.last_ledger = Ledger::take(&record.last);
            if record.last_ledger.resident_bytes >= record.peak_ledger.resident_bytes {
                record.peak_ledger = record.last_ledger;
            }
        }
        let memory = resident();
        record.resident_bytes = memory.now_bytes;
        record.peak_resident_bytes = memory.peak_bytes;
        record.written_ns = now_ns();
        record.ended = ended.into();
        if in_use_bytes >= self.next_peak_bytes {
            // SAFETY: two different fields of one record.
            unsafe { copy_nonoverlapping(&raw const record.last, &raw mut record.peak, 1) };
            self.next_peak_bytes = in_use_bytes + in_use_bytes / 16 + 1;
        }
        record.sequence += 1;
    }
}

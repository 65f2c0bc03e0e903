//! A record file as a process would leave it, written field by field.

use std::mem::offset_of;
use std::path::Path;

use spandrel::record::{RECORD_MAGIC, RECORD_VERSION, Record};
use spandrel::{ClassStats, MemStats, PageHeapStats};

/// The bytes of a record.
#[derive(Debug)]
pub(crate) struct RecordFile(Vec<u8>);

impl RecordFile {
    /// A process that ended with 1000 live objects of 48 bytes in `spans` spans of 8 KiB.
    pub(crate) fn new(pid: u64, command: &str, peak_resident_bytes: u64, spans: u64) -> Self {
        let mut file = Self(vec![0; size_of::<Record>()]);
        file.0[..8].copy_from_slice(&RECORD_MAGIC);
        let line = offset_of!(Record, command);
        file.0[line..line + command.len()].copy_from_slice(command.as_bytes());
        file.set(offset_of!(Record, version), RECORD_VERSION);
        file.set(offset_of!(Record, pid), pid);
        file.set(offset_of!(Record, ended), 1);
        file.set(offset_of!(Record, start_ns), 400_000_000);
        file.set(offset_of!(Record, written_ns), 900_000_000);
        file.set(offset_of!(Record, peak_resident_bytes), peak_resident_bytes);
        file.set(offset_of!(Record, resident_bytes), peak_resident_bytes);
        for stats in [offset_of!(Record, last), offset_of!(Record, peak)] {
            let class = stats + offset_of!(MemStats, classes) + 5 * size_of::<ClassStats>();
            file.set(class + offset_of!(ClassStats, object_bytes), 48);
            file.set(class + offset_of!(ClassStats, allocs), 1000);
            file.set(class + offset_of!(ClassStats, alloc_bytes), 48_000);
            file.set(class + offset_of!(ClassStats, spans_partial), spans);
            file.set(class + offset_of!(ClassStats, span_bytes), spans * 8192);
            let page_heap = stats + offset_of!(MemStats, page_heap);
            file.set(page_heap + offset_of!(PageHeapStats, committed_bytes), peak_resident_bytes);
            file.set(page_heap + offset_of!(PageHeapStats, limit_bytes), u64::MAX);
        }
        file
    }

    /// The same of a process that did not come to its end.
    pub(crate) fn unended(mut self) -> Self {
        self.set(offset_of!(Record, ended), 0);
        self
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, &self.0).expect("can be written");
    }

    fn set(&mut self, offset: usize, value: u64) {
        self.0[offset..offset + 8].copy_from_slice(&value.to_ne_bytes());
    }
}

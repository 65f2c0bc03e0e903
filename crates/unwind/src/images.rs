//! The loaded files of the process, as glibc knows them without a lock.
//!
//! `_dl_find_object` (glibc 2.35 and later) was made for unwinders: it allocates nothing, takes no lock, and
//! may be called while another thread loads a library. Elsewhere there are frame pointers alone.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::tables::Segment;

/// `struct dl_find_object`.
#[repr(C)]
struct Found {
    flags: u64,
    map_start: *mut u8,
    map_end: *mut u8,
    link_map: *mut c_void,
    eh_frame_header: *mut u8,
    reserved: [u64; 7],
}

type Find = unsafe extern "C" fn(*mut c_void, *mut Found) -> c_int;

/// glibc's function; null before [`init`], and where there is none.
static FIND: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Looks for the function by which loaded files are found. Called once, by a thread that holds no lock; where
/// there is no such function, libc may allocate to say so.
pub fn init() {
    // SAFETY: the name ends in NUL.
    let find = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    FIND.store(find, Ordering::Relaxed);
}

/// A loaded file.
pub(crate) struct Image {
    start: *mut u8,
    end: *mut u8,
    /// The list of its unwind table.
    pub(crate) header: usize,
    /// Tells it from another file that has been loaded at the same place before.
    pub(crate) identity: usize,
}

/// The file that an address of code is in.
pub(crate) fn image_of(pc: usize) -> Option<Image> {
    let find = FIND.load(Ordering::Relaxed);
    if find.is_null() {
        return None;
    }
    let mut found = Found {
        flags: 0,
        map_start: null_mut(),
        map_end: null_mut(),
        link_map: null_mut(),
        eh_frame_header: null_mut(),
        reserved: [0; 7],
    };
    // SAFETY: the symbol is that function, and it writes one structure.
    let result = unsafe {
        let find = core::mem::transmute::<*mut c_void, Find>(find);
        find(core::ptr::with_exposed_provenance_mut(pc), &raw mut found)
    };
    let has_table = result == 0 && !found.eh_frame_header.is_null();
    has_table.then(|| Image {
        start: found.map_start,
        end: found.map_end,
        header: found.eh_frame_header.addr(),
        identity: found.link_map.addr() ^ found.map_start.addr().rotate_left(20) ^ found.map_end.addr(),
    })
}

impl Image {
    /// The read-only segment that holds the unwind table.
    pub(crate) fn table_segment(&self) -> Option<Segment<'_>> {
        const HEADER_BYTES: usize = 64;
        const ENTRY_BYTES: usize = 56;
        let mapped = self.end.addr().checked_sub(self.start.addr())?;
        if mapped < HEADER_BYTES {
            return None;
        }
        // SAFETY: the first page of a loaded file is mapped and not written to.
        let header = unsafe { core::slice::from_raw_parts(self.start, HEADER_BYTES) };
        let is_ours = header.starts_with(b"\x7fELF\x02\x01");
        let (first, count) = (number(header, 32, 8), number(header, 56, 2));
        // The list of segments lies in the first page, too.
        let bytes = count.checked_mul(ENTRY_BYTES)?;
        if !is_ours
            || number(header, 54, 2) != ENTRY_BYTES
            || first.checked_add(bytes)? > PAGE_BYTES.min(mapped)
        {
            return None;
        }
        // SAFETY: as above.
        let list = unsafe { core::slice::from_raw_parts(self.start.add(first), bytes) };
        self.segment_with_table(list.chunks_exact(ENTRY_BYTES))
    }

    fn segment_with_table<'a>(&self, entries: impl Iterator<Item = &'a [u8]>) -> Option<Segment<'_>> {
        const LOADED: usize = 1;
        const WRITABLE: usize = 2;
        const READABLE: usize = 4;
        let mut base = None;
        for entry in entries.filter(|entry| number(entry, 0, 4) == LOADED) {
            let (flags, address, bytes) = (number(entry, 4, 4), number(entry, 16, 8), number(entry, 32, 8));
            // The first one begins where the file is mapped.
            let base = *base.get_or_insert(self.start.addr().wrapping_sub(address & !(PAGE_BYTES - 1)));
            let start = base.wrapping_add(address);
            let Some(offset) = start.checked_sub(self.start.addr()) else { continue };
            let is_mapped =
                offset.checked_add(bytes).is_some_and(|end| end <= self.end.addr() - self.start.addr());
            let holds = self.header.checked_sub(start).is_some_and(|offset| offset < bytes);
            if is_mapped && holds && flags & (READABLE | WRITABLE) == READABLE {
                // SAFETY: a segment of a loaded file that is readable and not written to.
                let bytes = unsafe { core::slice::from_raw_parts(self.start.add(offset), bytes) };
                return Some(Segment { bytes, address: start });
            }
        }
        None
    }
}

const PAGE_BYTES: usize = 4096;

/// A number of up to 8 bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    bytes[at..at + length].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte))
}

//! A file as it grows in memory, in mappings that are not the heap's.

use core::ptr::null_mut;

use spandrel_platform::memory::{OS_PAGE_BYTES, map_outside, release_outside, resize_outside};

/// Bytes that grow; when there is no memory, the rest is lost and the buffer says so.
pub(crate) struct Buffer {
    first: *mut u8,
    length: usize,
    room: usize,
    is_cut: bool,
}

// SAFETY: the mapping is this buffer's alone, and any thread may read or release it.
unsafe impl Send for Buffer {}
// SAFETY: through a shared reference it is only read.
unsafe impl Sync for Buffer {}

impl core::fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Buffer").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Buffer {
    pub(crate) const fn new() -> Self {
        Self { first: null_mut(), length: 0, room: 0, is_cut: false }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.first.is_null() {
            return &[];
        }
        // SAFETY: so many bytes were written.
        unsafe { core::slice::from_raw_parts(self.first, self.length) }
    }

    /// Whether something was lost.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if !self.make_room(bytes.len()) {
            self.is_cut = true;
            return;
        }
        // SAFETY: there is room for as many bytes.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.first.add(self.length), bytes.len());
        }
        self.length += bytes.len();
    }

    /// Puts bytes in front of what was pushed from `at` on.
    pub(crate) fn insert(&mut self, at: usize, bytes: &[u8]) {
        let tail = self.length - at;
        self.push(bytes);
        if self.is_cut {
            return;
        }
        // SAFETY: the tail and as many bytes behind it were written.
        unsafe {
            core::ptr::copy(self.first.add(at), self.first.add(at + bytes.len()), tail);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.first.add(at), bytes.len());
        }
    }

    fn make_room(&mut self, bytes: usize) -> bool {
        let wanted = self.length + bytes;
        if wanted <= self.room {
            return true;
        }
        let room = (2 * self.room).max(wanted).next_multiple_of(16 * OS_PAGE_BYTES);
        let first = if self.first.is_null() {
            map_outside(room)
        } else {
            // SAFETY: the mapping is this buffer's.
            unsafe { resize_outside(self.first, self.room, room) }
        };
        if first.is_null() {
            return false;
        }
        (self.first, self.room) = (first, room);
        true
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.first.is_null() {
            // SAFETY: the mapping is this buffer's, and nobody has a part of it any more.
            unsafe { release_outside(self.first, self.room) };
        }
    }
}

//! A small allocator into which bugs can be planted, for the suite to find.
//!
//! It cuts blocks from chunks, so that neighbours touch, and keeps freed blocks in a list a class. Chunks are
//! never given back: whatever a bug does, the process survives it.

use spandrel_testkit::Subject;
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::ptr;
use std::sync::Mutex;

/// What is wrong with the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Nothing: the suite must pass.
    None,
    /// Sometimes returns the middle of a live block.
    Overlap,
    /// Sometimes returns a live block.
    HandsOutTwice,
    /// Aligns to 16 at most.
    IgnoresAlign,
    /// Sometimes returns an odd address.
    OffByOne,
    /// Takes memory for zeroed that is not.
    DirtyZeroed,
    /// Forgets the last byte when it zeroes.
    DirtyTail,
    /// `realloc` forgets the last byte.
    ReallocLosesLastByte,
    /// `realloc` copies one page of a large block.
    ReallocLosesPages,
    /// `realloc` grows by up to 64 bytes without moving, room or not.
    ReallocGrowsOverNeighbour,
    /// `realloc` destroys the block when it cannot grow it.
    ReallocSpoilsOnFailure,
    /// Fills a request with a freed block of the class below.
    ClassTooSmall,
    /// Cannot serve 4096 bytes.
    NullForOneSize,
    /// Serves what it cannot.
    GrantsTheImpossible,
    /// Says that a block has 64 bytes more than it has.
    UsableTooBig,
    /// Says that a block has a byte less than it was asked for.
    UsableTooSmall,
    /// Writes a byte behind a block when it is freed.
    WritesBehind,
    /// Writes into a block again after it was freed and handed out anew.
    WritesLate,
}

/// What no bug reaches beyond.
const SLACK_BYTES: usize = 256;
const CHUNK_BYTES: usize = 16 << 20;
const IMPOSSIBLE: usize = 1 << 40;

#[derive(Default)]
struct State {
    chunk: usize,
    chunk_end: usize,
    /// By class and alignment.
    free: HashMap<(usize, usize), Vec<usize>>,
    /// The block that was allocated last, by class.
    newest: HashMap<usize, usize>,
    requested_bytes: HashMap<usize, usize>,
    allocations: usize,
    freed_last: Option<usize>,
}

impl State {
    /// Cuts a block from the chunk, or from a new one.
    fn cut(&mut self, class_bytes: usize, align: usize) -> usize {
        let fits = |start: usize, end: usize| start.next_multiple_of(align) + class_bytes <= end;
        if self.chunk == 0 || !fits(self.chunk, self.chunk_end) {
            let bytes = (class_bytes + align).max(CHUNK_BYTES);
            let layout = Layout::from_size_align(bytes + SLACK_BYTES, 16).unwrap();
            // SAFETY: the size is not zero.
            self.chunk = unsafe { System.alloc(layout) }.expose_provenance();
            self.chunk_end = self.chunk + bytes;
        }
        let block = self.chunk.next_multiple_of(align);
        self.chunk = block + class_bytes;
        block
    }
}

/// The allocator.
pub(crate) struct Planted {
    bug: Bug,
    state: Mutex<State>,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Self {
        Self { bug, state: Mutex::default() }
    }

    fn address(&self, bytes: usize, align: usize) -> usize {
        let mut state = self.state.lock().unwrap();
        state.allocations += 1;
        let rare = state.allocations.is_multiple_of(50);
        let class_bytes = class_bytes(bytes);
        let align = if self.bug == Bug::IgnoresAlign { align.min(16) } else { align.max(16) };
        let listed = if self.bug == Bug::ClassTooSmall { class_bytes.max(128) - 64 } else { class_bytes };
        let reused = state.free.get_mut(&(listed, align)).and_then(Vec::pop);
        let block = match (self.bug, state.newest.get(&class_bytes)) {
            (Bug::HandsOutTwice, Some(&newest)) if rare && align == 16 => newest,
            (Bug::Overlap, Some(&newest)) if rare && align == 16 => newest + 48,
            (Bug::OffByOne, _) if rare => reused.unwrap_or_else(|| state.cut(class_bytes, align)) + 1,
            _ => reused.unwrap_or_else(|| state.cut(class_bytes, align)),
        };
        if let (Bug::WritesLate, true, Some(freed)) = (self.bug, rare, state.freed_last) {
            // SAFETY: memory of a chunk stays memory.
            unsafe { ptr::with_exposed_provenance_mut::<u8>(freed).write(0) };
        }
        state.newest.insert(class_bytes, block);
        state.requested_bytes.insert(block, bytes);
        block
    }
}

/// Multiples of 64 bytes, and from 4 KiB powers of two.
fn class_bytes(bytes: usize) -> usize {
    if bytes <= 4096 { bytes.next_multiple_of(64) } else { bytes.next_power_of_two() }
}

// SAFETY: chunks are memory, with room for what the bugs write.
unsafe impl Subject for Planted {
    unsafe fn alloc(&self, bytes: usize, align: usize) -> *mut u8 {
        let impossible = bytes >= IMPOSSIBLE || align >= IMPOSSIBLE;
        if impossible && self.bug == Bug::GrantsTheImpossible {
            return ptr::with_exposed_provenance_mut(self.address(64, 16));
        }
        if impossible || (bytes == 4096 && self.bug == Bug::NullForOneSize) {
            return ptr::null_mut();
        }
        ptr::with_exposed_provenance_mut(self.address(bytes, align))
    }

    unsafe fn alloc_zeroed(&self, bytes: usize, align: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        let block = unsafe { self.alloc(bytes, align) };
        let zeroed_bytes = match self.bug {
            Bug::DirtyZeroed => 0,
            Bug::DirtyTail => bytes - 1,
            _ => bytes,
        };
        if !block.is_null() && bytes < IMPOSSIBLE {
            // SAFETY: the block has this size.
            unsafe { block.write_bytes(0, zeroed_bytes) };
        }
        block
    }

    unsafe fn dealloc(&self, ptr: *mut u8, bytes: usize, align: usize) {
        let class_bytes = class_bytes(bytes);
        if self.bug == Bug::WritesBehind {
            // SAFETY: a block ends before the slack of its chunk.
            unsafe { ptr.add(class_bytes).write(0) };
        }
        let mut state = self.state.lock().unwrap();
        state.freed_last = Some(ptr.addr());
        let align = if self.bug == Bug::IgnoresAlign { align.min(16) } else { align.max(16) };
        state.free.entry((class_bytes, align)).or_default().push(ptr.addr());
    }

    unsafe fn realloc(&self, ptr: *mut u8, bytes: usize, align: usize, new_bytes: usize) -> *mut u8 {
        if self.bug == Bug::ReallocGrowsOverNeighbour && (bytes..bytes + 64).contains(&new_bytes) {
            return ptr;
        }
        // SAFETY: the caller's promise is the same.
        let moved = unsafe { self.alloc(new_bytes, align) };
        if moved.is_null() || new_bytes >= IMPOSSIBLE {
            if self.bug == Bug::ReallocSpoilsOnFailure {
                // SAFETY: the block is the caller's still.
                unsafe { ptr.write(0) };
            }
            return moved;
        }
        let copied_bytes = match self.bug {
            Bug::ReallocLosesLastByte => bytes.min(new_bytes) - 1,
            Bug::ReallocLosesPages if bytes > 32 << 10 => new_bytes.min(4096),
            _ => bytes.min(new_bytes),
        };
        // SAFETY: both blocks have this many bytes; the old one ends here. Where a bug makes them overlap,
        // `copy` allows it.
        unsafe {
            moved.copy_from(ptr, copied_bytes);
            self.dealloc(ptr, bytes, align);
        }
        moved
    }

    unsafe fn usable(&self, ptr: *mut u8) -> Option<usize> {
        let bytes = self.state.lock().unwrap().requested_bytes.get(&ptr.addr()).copied()?;
        match self.bug {
            Bug::UsableTooBig => Some(class_bytes(bytes) + 64),
            Bug::UsableTooSmall => Some(bytes - 1),
            _ => None,
        }
    }
}

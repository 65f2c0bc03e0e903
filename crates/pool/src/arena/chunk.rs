//! Chunks: what an arena asks its allocator for, each with a head that leads to the one before.
//!
//! A chunk is as long as a whole size class of the allocator, or as whole pages: what would be lost between
//! two classes is room instead.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use spandrel_classes::{PAGE_BYTES, SMALL_BYTES_MAX, class_of, object_bytes};

/// The first chunk of an arena, unless more is asked for.
pub(crate) const FIRST_CHUNK_BYTES: usize = 4096;

/// What every chunk is aligned to, and its room with it: a cache line, so that values of whole lines, which
/// are moved in whole lines, lie in no more lines than they fill.
pub(super) const ALIGN: usize = 64;

/// The head of a chunk. Its room follows, up to the chunk's end.
#[repr(C, align(64))]
pub(super) struct Chunk {
    pub(super) older: Option<NonNull<Chunk>>,
    /// The whole chunk, with its head.
    pub(super) bytes: usize,
    /// The room of all older chunks together: where this one begins, as a position in the arena.
    pub(super) position: usize,
    /// How much of the room was used when a younger chunk was begun.
    pub(super) used_bytes: Cell<usize>,
}

const _: () = assert!(size_of::<Chunk>().is_multiple_of(ALIGN) && align_of::<Chunk>() == ALIGN);

/// The bytes of the shortest chunk that surely has room for `layout`; none if that is no length.
pub(super) fn bytes_for(layout: Layout) -> Option<usize> {
    let padding = layout.align().saturating_sub(ALIGN);
    layout.size().checked_add(padding)?.checked_add(size_of::<Chunk>())
}

/// Up to a whole size class, or to whole pages.
pub(crate) fn whole(bytes: usize, align: usize) -> usize {
    if bytes <= SMALL_BYTES_MAX {
        object_bytes(class_of(bytes, align))
    } else {
        bytes.checked_next_multiple_of(PAGE_BYTES).unwrap_or(bytes)
    }
}

impl Chunk {
    /// A chunk of so many bytes, at least those of a head; none if there is no memory.
    pub(super) fn allocate<A: Allocator>(
        allocator: &A,
        bytes: usize,
        older: Option<NonNull<Self>>,
    ) -> Option<NonNull<Self>> {
        let layout = Layout::from_size_align(bytes, ALIGN).ok()?;
        let chunk = allocator.allocate(layout).ok()?.cast::<Self>();
        if chunk.addr().get() > isize::MAX as usize - bytes {
            // SAFETY: it came from this allocator with this layout, and nobody has it.
            unsafe { allocator.deallocate(chunk.cast(), layout) };
            return None;
        }
        let mut head = Self { older, bytes, position: 0, used_bytes: Cell::new(0) };
        head.position = head.older().map_or(0, |older| older.position + older.room_bytes());
        // SAFETY: fresh memory, aligned for a head and longer than one.
        unsafe { chunk.write(head) };
        Some(chunk)
    }

    /// Gives a chunk back; the one before it.
    ///
    /// # Safety
    /// The chunk came from this allocator, nothing in it is referred to, and nobody uses it any more.
    pub(super) unsafe fn free<A: Allocator>(allocator: &A, chunk: NonNull<Self>) -> Option<NonNull<Self>> {
        // SAFETY: alive until the end of this function.
        let (older, bytes) = unsafe { (chunk.as_ref().older, chunk.as_ref().bytes) };
        let layout = Layout::from_size_align(bytes, ALIGN).expect("it was a layout when the chunk was made");
        // SAFETY: by the caller's promise it goes back to where it came from, once.
        unsafe { allocator.deallocate(chunk.cast(), layout) };
        older
    }

    pub(super) const fn room_bytes(&self) -> usize {
        self.bytes - size_of::<Self>()
    }

    pub(super) fn older(&self) -> Option<&Self> {
        // SAFETY: a chunk is alive while a younger one leads to it.
        self.older.map(|older| unsafe { older.as_ref() })
    }
}

/// Where the room of a chunk begins.
pub(super) fn room(chunk: NonNull<Chunk>) -> *mut u8 {
    chunk.as_ptr().wrapping_add(1).cast()
}

//! A bump arena: allocation moves one pointer, and everything is freed at once.
//!
//! Memory comes in **chunks** from an allocator, each at least twice as long as the one before (`chunk.rs`).
//! The pointer moves upwards: one comparison says whether a block fits, whatever its alignment, and the
//! youngest block grows and shrinks where it is. No overflow is looked for on the way, because chunks lie
//! below `isize::MAX`, and so do the size of a layout and its alignment together.
//!
//! A **position** is a number of bytes from the arena's beginning, through all its chunks. It is what
//! checkpoints hold, and what says which destructors are due when the arena goes back to one.
//!
//! `reset` keeps one chunk for as much as the recent rounds needed: the next one meets the allocator not at
//! all.

mod allocator;
mod chunk;
mod dropping;
mod slices;
mod text;
mod values;

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::iter;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use allocator_api2::alloc::{AllocError, Allocator, Global};

use chunk::{ALIGN, Chunk};
pub(crate) use chunk::{FIRST_CHUNK_BYTES, whole};
use dropping::Due;
pub use text::ArenaString;
pub use values::TryInitError;

/// A chunk more than so many times as long as the recent rounds needed is given back by `reset`.
const KEPT_TIMES_NEEDED: usize = 4;

/// Memory that is freed all at once.
///
/// Destructors of what lies inside don't run, unless it came in by [`Arena::alloc_drop`] or lies in a
/// container of its own, such as `allocator_api2`'s `Box` and `Vec` with `&Arena` as their allocator.
///
/// Don't use it for what outlives its neighbours by far: it keeps them all. Nor for buffers that grow in
/// turns: only the youngest block grows in place, and what others leave behind stays unused until `reset`.
///
/// ```
/// let mut arena = spandrel_pool::Arena::new();
/// let word = arena.alloc_str("bump");
/// let sum = arena.alloc(1u64);
/// *sum += word.len() as u64;
/// assert_eq!(*sum, 5);
/// arena.reset();
/// ```
pub struct Arena<A: Allocator = Global> {
    /// The first free byte of the youngest chunk, and the end of its room. Both 1 while there is no chunk:
    /// only what has no size fits there.
    next: Cell<*mut u8>,
    end: Cell<*mut u8>,
    youngest: Cell<Option<NonNull<Chunk>>>,
    due: Cell<Option<NonNull<Due>>>,
    limit_bytes: Cell<usize>,
    /// What a round needs, by the latest ones: falls by an eighth a round, and rises at once.
    needed_bytes: usize,
    allocator: A,
}

// SAFETY: the chunks belong to the arena alone, references into it borrow it, and what its destructors will
// drop may be sent.
unsafe impl<A: Allocator + Send> Send for Arena<A> {}

/// A place in an [`Arena`] to go back to, by [`Arena::rewind`].
///
/// ```
/// let mut arena = spandrel_pool::Arena::new();
/// let begin = arena.checkpoint();
/// arena.alloc(1);
/// assert!(arena.checkpoint() > begin);
/// arena.rewind(begin);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkpoint {
    position: usize,
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Arena {
    /// An empty arena over the program's allocator. Allocates nothing.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().allocated_bytes(), 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::new_in(Global)
    }

    /// An arena with room for so many bytes.
    ///
    /// ```
    /// assert!(spandrel_pool::Arena::with_capacity(10_000).chunk_capacity() >= 10_000);
    /// ```
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self::with_capacity_in(bytes, Global)
    }

    /// As `with_capacity`, but tells when there is no memory.
    ///
    /// ```
    /// assert!(spandrel_pool::Arena::try_with_capacity(usize::MAX).is_err());
    /// ```
    pub fn try_with_capacity(bytes: usize) -> Result<Self, AllocError> {
        Self::try_with_capacity_in(bytes, Global)
    }
}

impl<A: Allocator> Arena<A> {
    /// An empty arena over an allocator. Allocates nothing.
    ///
    /// ```
    /// use spandrel_pool::Arena;
    /// let outer = Arena::new();
    /// let inner = Arena::new_in(&outer);
    /// assert_eq!(*inner.alloc(7), 7);
    /// assert!(outer.allocated_bytes() >= inner.allocated_bytes());
    /// ```
    #[must_use]
    pub const fn new_in(allocator: A) -> Self {
        Self {
            next: Cell::new(ptr::without_provenance_mut(1)),
            end: Cell::new(ptr::without_provenance_mut(1)),
            youngest: Cell::new(None),
            due: Cell::new(None),
            limit_bytes: Cell::new(usize::MAX),
            needed_bytes: 0,
            allocator,
        }
    }

    /// An arena over an allocator, with room for so many bytes.
    ///
    /// ```
    /// use allocator_api2::alloc::Global;
    /// assert!(spandrel_pool::Arena::with_capacity_in(100, Global).chunk_capacity() >= 100);
    /// ```
    #[must_use]
    pub fn with_capacity_in(bytes: usize, allocator: A) -> Self {
        Self::try_with_capacity_in(bytes, allocator).unwrap_or_else(|AllocError| {
            handle_alloc_error(Layout::from_size_align(bytes, 1).expect("bytes that memory can have"))
        })
    }

    /// As `with_capacity_in`, but tells when there is no memory.
    ///
    /// ```
    /// use allocator_api2::alloc::Global;
    /// assert!(spandrel_pool::Arena::try_with_capacity_in(100, Global).is_ok());
    /// ```
    pub fn try_with_capacity_in(bytes: usize, allocator: A) -> Result<Self, AllocError> {
        let mut arena = Self::new_in(allocator);
        arena.needed_bytes = bytes;
        if bytes > 0 {
            let layout = Layout::from_size_align(bytes, 1).map_err(|_| AllocError)?;
            let bytes = chunk::bytes_for(layout).ok_or(AllocError)?;
            arena.add_chunk(whole(bytes, ALIGN), bytes)?;
        }
        Ok(arena)
    }

    /// Memory of this layout, uninitialised.
    ///
    /// # Panics
    /// If a limit is in the way. Out of memory ends the program as for a box.
    ///
    /// ```
    /// let layout = std::alloc::Layout::from_size_align(10, 64).unwrap();
    /// assert_eq!(spandrel_pool::Arena::new().alloc_layout(layout).addr().get() % 64, 0);
    /// ```
    #[inline(always)]
    pub fn alloc_layout(&self, layout: Layout) -> NonNull<u8> {
        self.try_alloc_layout(layout).unwrap_or_else(|AllocError| self.out_of_memory(layout))
    }

    /// As `alloc_layout`, but tells when there is no memory.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// let layout = std::alloc::Layout::from_size_align(1 << 60, 1).unwrap();
    /// assert!(arena.try_alloc_layout(layout).is_err());
    /// ```
    #[inline(always)]
    pub fn try_alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.bump(layout) {
            Some(place) => Ok(place),
            None => self.alloc_slow(layout),
        }
    }

    /// The next place for the layout in the youngest chunk, if it has room.
    #[inline(always)]
    fn bump(&self, layout: Layout) -> Option<NonNull<u8>> {
        let mask = layout.align() - 1;
        let next = self.next.get();
        // No sum wraps: see above.
        let place = next.map_addr(|next| next.wrapping_add(mask) & !mask);
        let end = place.addr().wrapping_add(layout.size());
        if end > self.end.get().addr() {
            return None;
        }
        self.next.set(place.wrapping_add(layout.size()));
        // SAFETY: `next` is 1 at least, and was rounded upwards.
        Some(unsafe { NonNull::new_unchecked(place) })
    }

    /// As `bump`, for single values: their size is a multiple of their alignment, and so is where they end,
    /// which then is known a step earlier than where they begin.
    #[inline(always)]
    fn bump_value(&self, layout: Layout) -> Option<NonNull<u8>> {
        debug_assert!(layout.size().is_multiple_of(layout.align()));
        let mask = layout.align() - 1;
        let end = self.next.get().map_addr(|next| next.wrapping_add(mask + layout.size()) & !mask);
        if end.addr() > self.end.get().addr() {
            return None;
        }
        self.next.set(end);
        // SAFETY: as in `bump`.
        Some(unsafe { NonNull::new_unchecked(end.wrapping_sub(layout.size())) })
    }

    #[inline(always)]
    fn alloc_value(&self, layout: Layout) -> NonNull<u8> {
        self.try_alloc_value(layout).unwrap_or_else(|AllocError| self.out_of_memory(layout))
    }

    #[inline(always)]
    fn try_alloc_value(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.bump_value(layout) {
            Some(place) => Ok(place),
            None => self.alloc_slow(layout),
        }
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(NonNull::without_provenance(
                layout.align().try_into().expect("an alignment is not zero"),
            ));
        }
        let least = chunk::bytes_for(layout).ok_or(AllocError)?;
        let doubled = self.youngest().map_or(FIRST_CHUNK_BYTES, |chunk| chunk.bytes.saturating_mul(2));
        self.add_chunk(whole(least.max(doubled), ALIGN), least)?;
        self.bump(layout).ok_or(AllocError)
    }

    #[cold]
    #[inline(never)]
    fn out_of_memory(&self, layout: Layout) -> ! {
        if let Some(limit) = self.allocation_limit() {
            panic!("{} bytes don't fit into an arena limited to {limit}", layout.size());
        }
        handle_alloc_error(layout)
    }

    /// A chunk of `wanted` bytes, or of fewer, but not fewer than `least`.
    fn add_chunk(&self, wanted: usize, least: usize) -> Result<(), AllocError> {
        let left = self.limit_bytes.get().saturating_sub(self.allocated_bytes());
        if least > left {
            return Err(AllocError);
        }
        let older = self.youngest.get();
        let chunk = Chunk::allocate(&self.allocator, wanted.min(left), older)
            .or_else(|| Chunk::allocate(&self.allocator, least, older))
            .ok_or(AllocError)?;
        if let Some(older) = self.youngest() {
            older.used_bytes.set(self.used_of_youngest());
        }
        self.continue_in(Some(chunk), 0);
        Ok(())
    }

    /// Makes this chunk the youngest, with so much of its room used.
    fn continue_in(&self, chunk: Option<NonNull<Chunk>>, used_bytes: usize) {
        self.youngest.set(chunk);
        let room = chunk.map_or(ptr::without_provenance_mut(1), chunk::room);
        self.next.set(room.wrapping_add(used_bytes));
        self.end.set(room.wrapping_add(self.youngest().map_or(0, Chunk::room_bytes)));
    }

    fn youngest(&self) -> Option<&Chunk> {
        // SAFETY: a chunk lives as long as the arena leads to it, or as it is borrowed.
        self.youngest.get().map(|chunk| unsafe { chunk.as_ref() })
    }

    fn used_of_youngest(&self) -> usize {
        self.youngest.get().map_or(0, |chunk| self.next.get().addr() - chunk::room(chunk).addr())
    }

    /// Frees everything inside, and runs the destructors that are due. Keeps one chunk, long enough for what
    /// the recent rounds needed, so that a round like them needs no other.
    ///
    /// ```
    /// let mut arena = spandrel_pool::Arena::new();
    /// arena.alloc([0u8; 100_000]);
    /// arena.reset();
    /// let before = arena.allocated_bytes();
    /// arena.alloc([0u8; 100_000]);
    /// assert_eq!(arena.allocated_bytes(), before);
    /// ```
    pub fn reset(&mut self) {
        self.run_due(0);
        let used = self.checkpoint().position;
        self.needed_bytes = used.max(self.needed_bytes - self.needed_bytes / 8);
        let Some(mut youngest) = self.youngest.get() else { return };
        // SAFETY: the arena leads to it, and is borrowed alone.
        let chunk = unsafe { youngest.as_mut() };
        let is_enough = chunk.room_bytes() >= self.needed_bytes;
        let needed = whole(self.needed_bytes.saturating_add(size_of::<Chunk>()), ALIGN);
        let is_too_much = chunk.bytes / KEPT_TIMES_NEEDED > needed.max(FIRST_CHUNK_BYTES);
        if is_too_much || !is_enough {
            self.free_from(Some(youngest));
            self.continue_in(None, 0);
            // Without memory for one long chunk the arena is empty, as a new one.
            let _ = self.add_chunk(needed, size_of::<Chunk>());
        } else {
            let older = chunk.older.take();
            chunk.position = 0;
            self.free_from(older);
            self.continue_in(Some(youngest), 0);
        }
    }

    /// Frees this chunk and all older ones.
    fn free_from(&mut self, mut chunk: Option<NonNull<Chunk>>) {
        while let Some(last) = chunk {
            // SAFETY: the arena is borrowed alone, so nothing refers into its chunks, and the caller forgets
            // them.
            chunk = unsafe { Chunk::free(&self.allocator, last) };
        }
    }

    /// The place that the arena has come to.
    ///
    /// ```
    /// let mut arena = spandrel_pool::Arena::new();
    /// arena.alloc(1);
    /// let before = arena.checkpoint();
    /// arena.alloc_str("for a while");
    /// arena.rewind(before);
    /// assert_eq!(arena.checkpoint(), before);
    /// ```
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let begin = self.youngest().map_or(0, |chunk| chunk.position);
        Checkpoint { position: begin + self.used_of_youngest() }
    }

    /// Frees what was allocated since the checkpoint, and runs the destructors that are due. A checkpoint of
    /// another arena, or of a time before a `reset`, is just a number of bytes to keep.
    ///
    /// ```
    /// let mut arena = spandrel_pool::Arena::with_capacity(100);
    /// let (before, bytes) = (arena.checkpoint(), arena.allocated_bytes());
    /// arena.alloc([0u8; 10_000]);
    /// arena.rewind(before);
    /// assert_eq!(arena.allocated_bytes(), bytes);
    /// ```
    pub fn rewind(&mut self, checkpoint: Checkpoint) {
        let position = checkpoint.position;
        if position >= self.checkpoint().position {
            return;
        }
        self.run_due(position);
        let mut used = self.used_of_youngest();
        while let Some(chunk) = self.youngest() {
            if chunk.position <= position {
                let used = used.min(position - chunk.position);
                return self.continue_in(self.youngest.get(), used);
            }
            used = chunk.older().map_or(0, |older| older.used_bytes.get());
            let older = chunk.older;
            let last = self.youngest.replace(older);
            // SAFETY: nothing refers into it, for the arena is borrowed alone and has just forgotten it.
            last.map(|last| unsafe { Chunk::free(&self.allocator, last) });
        }
    }

    /// Runs `work`, then frees what it allocated here, even if it panics. Nothing that it allocated can
    /// leave.
    ///
    /// ```
    /// let mut arena = spandrel_pool::Arena::with_capacity(1000);
    /// let len = arena.scoped(|arena| arena.alloc_str("gone").len());
    /// assert_eq!(len, 4);
    /// ```
    pub fn scoped<R>(&mut self, work: impl for<'a> FnOnce(&'a Self) -> R) -> R {
        struct Scope<'a, A: Allocator>(&'a mut Arena<A>, Checkpoint);
        impl<A: Allocator> Drop for Scope<'_, A> {
            fn drop(&mut self) {
                self.0.rewind(self.1);
            }
        }
        let begin = self.checkpoint();
        let scope = Scope(self, begin);
        work(scope.0)
    }

    /// Bytes of all chunks, their heads included.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// arena.alloc([0u8; 100]);
    /// assert!(arena.allocated_bytes() > 100);
    /// ```
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        iter::successors(self.youngest(), |chunk| chunk.older()).map(|chunk| chunk.bytes).sum()
    }

    /// Bytes that are left in the youngest chunk.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::with_capacity(100);
    /// let before = arena.chunk_capacity();
    /// arena.alloc(1u8);
    /// assert_eq!(arena.chunk_capacity(), before - 1);
    /// ```
    #[must_use]
    pub fn chunk_capacity(&self) -> usize {
        self.end.get().addr() - self.next.get().addr()
    }

    /// The most bytes that all chunks together may have.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().allocation_limit(), None);
    /// ```
    #[must_use]
    pub fn allocation_limit(&self) -> Option<usize> {
        Some(self.limit_bytes.get()).filter(|&limit| limit != usize::MAX)
    }

    /// Bounds the bytes of all chunks together, their heads included. Chunks that are there stay, and fill
    /// up.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// arena.set_allocation_limit(Some(10_000));
    /// assert!(arena.try_alloc([0u8; 20_000]).is_err());
    /// arena.set_allocation_limit(None);
    /// assert!(arena.try_alloc([0u8; 20_000]).is_ok());
    /// ```
    pub fn set_allocation_limit(&self, bytes: Option<usize>) {
        self.limit_bytes.set(bytes.unwrap_or(usize::MAX));
    }

    /// The used part of each chunk, the youngest first; blocks lie in the order in which they were allocated,
    /// with nothing between them but what aligns them.
    ///
    /// ```
    /// let mut arena = spandrel_pool::Arena::new();
    /// arena.alloc_str("ab");
    /// arena.alloc_str("c");
    /// let used: Vec<usize> = arena.iter_allocated_chunks().map(|chunk| chunk.len()).collect();
    /// assert_eq!(used, [3]);
    /// ```
    pub fn iter_allocated_chunks(&mut self) -> impl Iterator<Item = &[MaybeUninit<u8>]> {
        let mut used = self.used_of_youngest();
        // SAFETY: the arena leads to these chunks while it is borrowed.
        let chunks = iter::successors(self.youngest.get(), |chunk| unsafe { chunk.as_ref() }.older);
        chunks.map(move |chunk| {
            // SAFETY: as before.
            let older = unsafe { chunk.as_ref() }.older();
            let bytes = std::mem::replace(&mut used, older.map_or(0, |older| older.used_bytes.get()));
            // SAFETY: so much of its room is given out, nothing refers to it while the arena is borrowed
            // alone, and bytes that may be uninitialised are always values.
            unsafe { std::slice::from_raw_parts(chunk::room(chunk).cast(), bytes) }
        })
    }
}

impl<A: Allocator> Drop for Arena<A> {
    fn drop(&mut self) {
        self.run_due(0);
        self.free_from(self.youngest.get());
    }
}

impl<A: Allocator> std::fmt::Debug for Arena<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arena")
            .field("allocated_bytes", &self.allocated_bytes())
            .field("chunk_capacity", &self.chunk_capacity())
            .finish_non_exhaustive()
    }
}

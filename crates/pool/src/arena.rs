//! A bump arena: allocation moves one pointer, and everything is freed at once.
//!
//! Memory comes in **chunks** from the program's allocator, each twice as long as the one before. The pointer
//! moves downwards, so that aligning it is one mask. `reset` keeps one chunk as long as all that there were:
//! the next round of the same size meets the allocator not at all. Destructors of what lies inside don't run.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use allocator_api2::alloc::{AllocError, Allocator};

const CHUNK_BYTES_MIN: usize = 4096;
const CHUNK_ALIGN: usize = 16;

#[derive(Debug)]
struct Chunk {
    start: NonNull<u8>,
    layout: Layout,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: the chunk came from `alloc` with this layout, and is freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Memory that is freed all at once.
///
/// Don't use it for what must run a destructor (it won't), nor for what outlives its neighbours by far.
///
/// ```
/// let mut arena = spandrel_pool::Arena::new();
/// let word = arena.alloc_str("bump");
/// let sum = arena.alloc(1u64);
/// *sum += word.len() as u64;
/// assert_eq!(*sum, 5);
/// arena.reset();
/// ```
#[derive(Debug)]
pub struct Arena {
    start: Cell<*mut u8>,
    next: Cell<*mut u8>,
    chunks: RefCell<Vec<Chunk>>,
}

// SAFETY: the chunks belong to the arena alone, and references into it borrow it.
unsafe impl Send for Arena {}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Arena {
    /// An empty arena. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            start: Cell::new(ptr::null_mut()),
            next: Cell::new(ptr::null_mut()),
            chunks: RefCell::new(Vec::new()),
        }
    }

    /// An arena with room for so many bytes.
    ///
    /// ```
    /// assert!(spandrel_pool::Arena::with_capacity(10_000).allocated_bytes() >= 10_000);
    /// ```
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let arena = Self::new();
        let chunk = Layout::from_size_align(bytes, 1).is_ok_and(|layout| arena.add_chunk(layout));
        assert!(chunk || bytes == 0, "no memory for {bytes} bytes");
        arena
    }

    /// Moves a value in. Its destructor won't run.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// let (a, b) = (arena.alloc(1), arena.alloc(2));
    /// std::mem::swap(a, b);
    /// assert_eq!((*a, *b), (2, 1));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc<T>(&self, value: T) -> &mut T {
        let place = self.alloc_layout(Layout::new::<T>()).cast::<T>();
        // SAFETY: fresh memory of the type's layout, which nothing else refers to while the arena is lent.
        unsafe {
            place.write(value);
            &mut *place.as_ptr()
        }
    }

    /// Copies a slice in.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_copy(&[1, 2, 3]), [1, 2, 3]);
    /// ```
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_copy<T: Copy>(&self, values: &[T]) -> &mut [T] {
        let place = self.alloc_layout(Layout::for_value(values)).cast::<T>();
        // SAFETY: fresh memory of the slice's layout, so the two don't overlap and nothing else refers to it.
        unsafe {
            ptr::copy_nonoverlapping(values.as_ptr(), place.as_ptr(), values.len());
            std::slice::from_raw_parts_mut(place.as_ptr(), values.len())
        }
    }

    /// Copies a string in.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_str("a"), "a");
    /// ```
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_str(&self, text: &str) -> &mut str {
        let bytes = self.alloc_slice_copy(text.as_bytes());
        // SAFETY: a copy of the bytes of a string.
        unsafe { std::str::from_utf8_unchecked_mut(bytes) }
    }

    /// Memory of this layout, uninitialised. Out of memory ends the program as for a box.
    ///
    /// ```
    /// let layout = std::alloc::Layout::from_size_align(10, 64).unwrap();
    /// assert_eq!(spandrel_pool::Arena::new().alloc_layout(layout).addr().get() % 64, 0);
    /// ```
    #[inline(always)]
    pub fn alloc_layout(&self, layout: Layout) -> NonNull<u8> {
        match self.bump(layout) {
            Some(place) => place,
            None => self.alloc_slow(layout).unwrap_or_else(|| handle_alloc_error(layout)),
        }
    }

    #[inline(always)]
    fn bump(&self, layout: Layout) -> Option<NonNull<u8>> {
        let next = self.next.get();
        let free_bytes = next.addr() - self.start.get().addr();
        if layout.size() > free_bytes {
            return None;
        }
        let down = next.addr() - layout.size();
        let aligned = down & !(layout.align() - 1);
        if aligned < self.start.get().addr() {
            return None;
        }
        let place = next.wrapping_sub(next.addr() - aligned);
        let place = NonNull::new(place)?;
        self.next.set(place.as_ptr());
        Some(place)
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> Option<NonNull<u8>> {
        if self.add_chunk(layout) { self.bump(layout) } else { None }
    }

    /// A chunk that surely holds `layout`; false if there is no memory.
    fn add_chunk(&self, layout: Layout) -> bool {
        let mut chunks = self.chunks.borrow_mut();
        let doubled = chunks.last().map_or(CHUNK_BYTES_MIN, |chunk| chunk.layout.size().saturating_mul(2));
        let wanted = layout.size().saturating_add(layout.align()).max(doubled);
        let Ok(layout) = Layout::from_size_align(wanted, CHUNK_ALIGN) else { return false };
        // SAFETY: the layout has a size, at least the smallest chunk's.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { return false };
        self.start.set(start.as_ptr());
        self.next.set(start.as_ptr().wrapping_add(layout.size()));
        chunks.push(Chunk { start, layout });
        true
    }

    /// Frees everything inside. Keeps one chunk as long as all together, so that a round like the last one
    /// needs no other.
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
        let total = self.allocated_bytes();
        let chunks = self.chunks.get_mut();
        if chunks.len() > 1 {
            chunks.clear();
            self.start.set(ptr::null_mut());
            self.next.set(ptr::null_mut());
            // Without memory for one long chunk the arena is empty, as a new one.
            let _ = Layout::from_size_align(total, 1).is_ok_and(|layout| self.add_chunk(layout));
        } else if let Some(chunk) = chunks.first() {
            self.next.set(chunk.start.as_ptr().wrapping_add(chunk.layout.size()));
        }
    }

    /// Runs `work`, then frees what it allocated here. Nothing that it allocated can leave.
    ///
    /// ```
    /// let mut arena = spandrel_pool::Arena::with_capacity(1000);
    /// let len = arena.scoped(|arena| arena.alloc_str("gone").len());
    /// assert_eq!(len, 4);
    /// ```
    pub fn scoped<R>(&mut self, work: impl for<'a> FnOnce(&'a Arena) -> R) -> R {
        let (start, next, chunks) = (self.start.get(), self.next.get(), self.chunks.get_mut().len());
        let result = work(self);
        self.chunks.get_mut().truncate(chunks);
        self.start.set(start);
        self.next.set(next);
        result
    }

    fn end_of_chunk(&self) -> usize {
        self.chunks.borrow().last().map_or(0, |chunk| chunk.start.addr().get() + chunk.layout.size())
    }

    /// Bytes of all chunks.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.chunks.borrow().iter().map(|chunk| chunk.layout.size()).sum()
    }
}

// SAFETY: blocks stay where they are until the arena is reset or dropped, which the borrow excludes; copies
// of the reference are the same arena.
unsafe impl Allocator for &Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let place = self.bump(layout).or_else(|| self.alloc_slow(layout)).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(place, layout.size()))
    }

    unsafe fn deallocate(&self, place: NonNull<u8>, layout: Layout) {
        // The youngest block goes back, which lets a vector that grows alone reuse its place. The end is
        // checked, because a block of another chunk may begin where this chunk, when empty, ends.
        let end = place.addr().get() + layout.size();
        if self.next.get() == place.as_ptr() && end <= self.end_of_chunk() {
            self.next.set(self.next.get().wrapping_add(layout.size()));
        }
    }
}

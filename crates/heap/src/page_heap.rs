//! The page heap: spans from runs of pages, arenas from the operating system, and the limit.
//!
//! Pages are numbered arena by arena; the numbers of one arena's head are never free, so that no run of
//! pages crosses from one arena into the next. Which run is taken (the lowest that fits) is arithmetic of
//! `spandrel-pages`; this file lends it storage, commits chunks, and keeps the sums:
//!
//! ```text
//!   committed = in use + dirty          dirty: free, and resident as far as we know
//!   free      = dirty + scavenged       scavenged: given back, or never touched; zero when taken
//! ```
//!
//! Spans that were just freed wait aside for the next span of their size, and count as dirty ([`Ready`]).

use core::cell::UnsafeCell;
use core::ptr::null_mut;

use spandrel_classes::PAGE_BYTES;
use spandrel_pages::{CHUNK_PAGES, Chunk, PageAlloc, Run, Storage, Summary, Taken};
use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::memory::{
    Access, Advice, commit, release, reserve_aligned, scavenge, wish_huge_pages,
};
use spandrel_platform::sync::{AtomicPtr, AtomicUsize, Ordering, RacyU8};

use crate::config::{
    ARENA_BYTES, ARENA_CHUNKS, ARENA_PAGES, ARENAS_MAX, CHUNK_BYTES, HUGE_AFTER_BYTES, LONG_RUN_PAGES,
    RELEASE_PAGES,
};
use crate::page_map::{self, ARENA_HEAD_PAGES, Arena, region};
use crate::ready::Ready;
use crate::sampled_pages::{self, SampledPages};
use crate::span::{Span, SpanRef, place};
use crate::{meta, options, scavenge as scavenger};

/// The base of each arena, in the order of their numbers.
static ARENAS: [AtomicPtr<u8>; ARENAS_MAX] = [const { AtomicPtr::new(null_mut()) }; ARENAS_MAX];
/// How many there are.
static ARENAS_LEN: AtomicUsize = AtomicUsize::new(0);

const CHUNKS_MAX: usize = ARENAS_MAX * ARENA_CHUNKS;

/// Where the summaries of each level begin in [`TREE`], and how many there are: a level is an eighth of
/// the one below it.
const LEVELS: [(usize, usize); spandrel_pages::LEVELS] = {
    let mut levels = [(0, 0); spandrel_pages::LEVELS];
    let mut first = 0;
    let mut level = 0;
    while level < levels.len() {
        let len = CHUNKS_MAX >> (3 * (levels.len() - 1 - level));
        levels[level] = (first, len);
        first += len;
        level += 1;
    }
    levels
};
const TREE_LEN: usize = {
    let (first, len) = LEVELS[LEVELS.len() - 1];
    first + len
};

/// The summaries of all levels. All zero means that nothing is free.
struct Tree(UnsafeCell<[Summary; TREE_LEN]>);

// SAFETY: only `Arenas` touches the tree, and the only one there is lives behind the page heap's lock.
unsafe impl Sync for Tree {}

static TREE: Tree = Tree(UnsafeCell::new([Summary::NONE; TREE_LEN]));

/// The storage that the page allocator works in: bitmaps in the heads of the arenas, summaries here.
struct Arenas {
    _only_one: (),
}

impl Arenas {
    fn arena(index: usize) -> *mut Arena {
        ARENAS[index / ARENA_CHUNKS].load(Ordering::Relaxed).cast()
    }

    /// Whether huge pages were asked for behind a chunk.
    fn huge(index: usize) -> &'static RacyU8 {
        // SAFETY: the chunk was committed, so its arena's head was, too; it is never unmapped.
        unsafe { &(*Self::arena(index)).huge[index % ARENA_CHUNKS] }
    }
}

impl Storage for Arenas {
    fn chunks_max(&self) -> usize {
        CHUNKS_MAX
    }

    fn chunk(&self, index: usize) -> &Chunk {
        // SAFETY: the page allocator asks only for chunks that `grow` announced, so the arena exists and
        // its head is committed; `&self` is behind the page heap's lock.
        unsafe { &(*Self::arena(index)).chunks[index % ARENA_CHUNKS] }
    }

    fn chunk_mut(&mut self, index: usize) -> &mut Chunk {
        // SAFETY: as above, and `&mut self` makes this the only reference.
        unsafe { &mut (*Self::arena(index)).chunks[index % ARENA_CHUNKS] }
    }

    fn summaries(&self, level: usize) -> &[Summary] {
        let (first, len) = LEVELS[level];
        // SAFETY: there is one `Arenas`, and `&self` lends out shared references only.
        unsafe { &(&*TREE.0.get())[first..first + len] }
    }

    fn summaries_mut(&mut self, level: usize) -> &mut [Summary] {
        let (first, len) = LEVELS[level];
        // SAFETY: there is one `Arenas`, and `&mut self` makes this the only reference.
        unsafe { &mut (&mut *TREE.0.get())[first..first + len] }
    }
}

/// What the lock of the page heap guards.
pub(crate) struct PageHeap {
    pages: PageAlloc<Arenas>,
    /// Pages of the last arena that are not committed yet begin here.
    uncommitted: usize,
    in_use_pages: usize,
    /// Committed bytes outside arenas: blocks with mappings of their own.
    own_bytes: usize,
    own_reserved_bytes: usize,
    peak_committed_bytes: usize,
    returned_bytes: u64,
    purges: u64,
    /// Lines of metadata, for spans and for none...
    span_lines: usize,
    /// ...and those that serve no span.
    unused_spans: *mut Span,
    /// The fewest dirty pages since the scavenger last asked: they were not needed.
    dirty_low_pages: usize,
    ready: Ready,
    sampled: SampledPages,
}

// SAFETY: the pointers are to memory that belongs to the process, not to a thread.
unsafe impl Send for PageHeap {}

pub(crate) static PAGE_HEAP: Mutex<PageHeap> = Mutex::new(
    Rank::PageHeap,
    PageHeap {
        pages: PageAlloc::new(Arenas { _only_one: () }),
        uncommitted: 0,
        in_use_pages: 0,
        own_bytes: 0,
        own_reserved_bytes: 0,
        peak_committed_bytes: 0,
        returned_bytes: 0,
        purges: 0,
        span_lines: 0,
        unused_spans: null_mut(),
        dirty_low_pages: 0,
        ready: Ready::EMPTY,
        sampled: SampledPages::EMPTY,
    },
);

/// The sums of the page heap, in bytes where not said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) reserved: usize,
    pub(crate) in_use: usize,
    /// Of `in_use`, the mappings outside arenas; among them some that are kept.
    pub(crate) own: usize,
    pub(crate) dirty: usize,
    pub(crate) scavenged: usize,
    pub(crate) largest_free_run: usize,
    pub(crate) peak_committed: usize,
    pub(crate) returned: u64,
    /// How often memory was returned.
    pub(crate) purges: u64,
    pub(crate) arena_heads: usize,
    /// Lines of metadata for spans, a number.
    pub(crate) span_lines: usize,
}

/// A span of `pages` pages for `class` (0: a large object), its base at a multiple of `align_pages`.
/// `None` when the operating system or the limit refuses.
pub(crate) fn alloc_span(class: u8, pages: usize, align_pages: usize) -> Option<SpanRef> {
    let mut heap = PAGE_HEAP.lock();
    let span = if align_pages == 1
        && let Some(span) = heap.ready.take(pages)
    {
        heap.in_use_pages += pages;
        heap.note_dirty();
        span.begin(span.base(), pages, class, false);
        span
    } else {
        heap.fresh_span(class, pages, align_pages)?
    };
    page_map::enter(span);
    Some(span)
}

/// Takes a wholly free span apart.
pub(crate) fn free_span(span: SpanRef) {
    let mut heap = PAGE_HEAP.lock();
    page_map::remove(span);
    span.place.set(place::FREE);
    heap.in_use_pages -= usize::from(span.pages.get());
    if !heap.ready.put(span) {
        heap.pages.free(run_of(span));
        heap.put_unused(span);
    }
    let dirty_bytes = heap.dirty_pages() * PAGE_BYTES;
    drop(heap);
    scavenger::notice(dirty_bytes);
}

/// A span for sampled objects of a class. `None` when the limit, the operating system, or its addresses
/// refuse.
pub(crate) fn alloc_sampled_span(class: u8, pages: usize) -> Option<SpanRef> {
    let mut heap = PAGE_HEAP.lock();
    let span = if let Some(span) = heap.sampled.take(pages) {
        span.begin(span.base(), pages, class, false);
        span
    } else {
        if heap.room_bytes() < pages * PAGE_BYTES {
            return None;
        }
        let span = heap.unused_span()?;
        let base = heap.sampled.fresh(pages);
        if base.is_null() {
            heap.put_unused(span);
            return None;
        }
        span.begin(base, pages, class, false);
        span
    };
    span.place.set(place::SAMPLED);
    heap.in_use_pages += pages;
    heap.note_dirty();
    heap.note_peak();
    page_map::enter_sampled(span);
    Some(span)
}

/// Takes a wholly free span of sampled objects apart.
pub(crate) fn free_sampled_span(span: SpanRef) {
    let mut heap = PAGE_HEAP.lock();
    page_map::remove(span);
    span.place.set(place::FREE);
    heap.in_use_pages -= usize::from(span.pages.get());
    heap.sampled.put(span);
}

/// Makes a large object's span longer or shorter where it is; `false` if it can't grow.
pub(crate) fn resize_span(span: SpanRef, pages: usize) -> bool {
    let mut heap = PAGE_HEAP.lock();
    let run = run_of(span);
    if pages > run.pages {
        let more = pages - run.pages;
        if heap.room_bytes() < more * PAGE_BYTES {
            return false;
        }
        if heap.pages.extend(run, more).is_none() {
            heap.flush_ready();
            if heap.pages.extend(run, more).is_none() {
                return false;
            }
        }
        heap.in_use_pages += more;
        heap.note_dirty();
        heap.note_peak();
    } else if pages < run.pages {
        heap.pages.free(Run { first: run.first + pages, pages: run.pages - pages });
        heap.in_use_pages -= run.pages - pages;
    }
    span.pages.set(pages as u16);
    true
}

/// Counts `bytes` more of committed memory outside arenas; `false` if the limit forbids them.
pub(crate) fn begin_own_mapping(bytes: usize, reserved_bytes: usize) -> bool {
    let mut heap = PAGE_HEAP.lock();
    if heap.room_bytes() < bytes {
        heap.scavenge_all();
        if heap.room_bytes() < bytes {
            return false;
        }
    }
    heap.own_bytes += bytes;
    heap.own_reserved_bytes += reserved_bytes;
    heap.note_peak();
    true
}

/// Counts `bytes` less of them.
pub(crate) fn end_own_mapping(bytes: usize, reserved_bytes: usize) {
    let mut heap = PAGE_HEAP.lock();
    heap.own_bytes -= bytes;
    heap.own_reserved_bytes -= reserved_bytes;
}

/// Gives up to `bytes` of free pages back, the highest first, long runs before short ones; returns the
/// bytes given. The page heap is not locked while the kernel works.
pub(crate) fn release_free(bytes: usize) -> usize {
    let mut heap = PAGE_HEAP.lock();
    let mut released = heap.sampled.release(bytes, options::advice());
    heap.returned_bytes += released as u64;
    heap.flush_ready();
    drop(heap);
    for pages_min in [LONG_RUN_PAGES, 1] {
        while released < bytes {
            let pages_max = ((bytes - released) / PAGE_BYTES).clamp(pages_min, RELEASE_PAGES);
            let mut heap = PAGE_HEAP.lock();
            let Some(run) = heap.pages.take_dirty(pages_max, pages_min) else {
                break;
            };
            heap.unwish_huge(run);
            drop(heap);
            // SAFETY: `take_dirty` took the run, so nobody holds anything in it.
            let given = unsafe { scavenge(address(run.first), run.pages * PAGE_BYTES, options::advice()) };
            PAGE_HEAP.lock().end_release(run, given);
            if !given {
                return released;
            }
            released += run.pages * PAGE_BYTES;
        }
    }
    released
}

/// The dirty bytes and the bytes in use.
pub(crate) fn dirty_and_in_use() -> (usize, usize) {
    let heap = PAGE_HEAP.lock();
    (heap.dirty_pages() * PAGE_BYTES, heap.in_use_bytes())
}

/// The fewest dirty bytes since the last call, and the bytes in use.
pub(crate) fn idle_and_in_use() -> (usize, usize) {
    let mut heap = PAGE_HEAP.lock();
    let idle = heap.dirty_low_pages.min(heap.dirty_pages());
    heap.dirty_low_pages = heap.dirty_pages();
    (idle * PAGE_BYTES, heap.in_use_bytes())
}

/// The sums, at one moment.
pub(crate) fn sums() -> Sums {
    let heap = PAGE_HEAP.lock();
    let arenas = ARENAS_LEN.load(Ordering::Relaxed) + sampled_pages::arenas();
    Sums {
        reserved: arenas * ARENA_BYTES + heap.own_reserved_bytes,
        in_use: heap.in_use_bytes(),
        own: heap.own_bytes,
        dirty: heap.dirty_pages() * PAGE_BYTES,
        scavenged: (heap.pages.scavenged_pages() + heap.sampled.clean_pages()) * PAGE_BYTES,
        largest_free_run: heap.pages.largest_free_run() * PAGE_BYTES,
        peak_committed: heap.peak_committed_bytes,
        returned: heap.returned_bytes,
        purges: heap.purges,
        arena_heads: arenas * ARENA_HEAD_PAGES * PAGE_BYTES,
        span_lines: heap.span_lines,
    }
}

/// Pages that were committed and are neither in use nor free, for models: there are none, unless samples are
/// taken.
#[cfg(all(test, shuttle))]
pub(crate) fn lost_pages() -> usize {
    let heap = PAGE_HEAP.lock();
    let committed_pages = heap.uncommitted - ARENAS_LEN.load(Ordering::Relaxed) * ARENA_HEAD_PAGES;
    committed_pages - heap.in_use_pages - heap.pages.free_pages() - heap.ready.pages()
}

/// All spans, as anyone may see them.
pub(crate) fn spans() -> impl Iterator<Item = SpanRef> {
    let arenas = ARENAS_LEN.load(Ordering::Acquire);
    let ordinary = (0..arenas).flat_map(|number| {
        // SAFETY: numbers below the length belong to arenas.
        unsafe { page_map::spans_of(ARENAS[number].load(Ordering::Relaxed)) }
    });
    ordinary.chain(sampled_pages::spans())
}

/// The base of each arena.
pub(crate) fn arenas() -> impl Iterator<Item = *mut u8> {
    let len = ARENAS_LEN.load(Ordering::Acquire);
    ARENAS[..len].iter().map(|base| base.load(Ordering::Relaxed)).chain(sampled_pages::bases())
}

/// The first byte of a page.
fn address(page: usize) -> *mut u8 {
    ARENAS[page / ARENA_PAGES].load(Ordering::Relaxed).wrapping_add(page % ARENA_PAGES * PAGE_BYTES)
}

/// The pages of a span.
fn run_of(span: SpanRef) -> Run {
    let base = span.base();
    let arena = base.map_addr(|address| address & !(ARENA_BYTES - 1));
    // SAFETY: a span's base is in an arena.
    let number = unsafe { page_map::arena_number(arena) } as usize;
    let first = number * ARENA_PAGES + (base.addr() - arena.addr()) / PAGE_BYTES;
    Run { first, pages: span.pages.get().into() }
}

impl PageHeap {
    fn dirty_pages(&self) -> usize {
        let free_pages = self.pages.free_pages() - self.pages.scavenged_pages();
        free_pages + self.ready.pages() + self.sampled.dirty_pages()
    }

    fn in_use_bytes(&self) -> usize {
        self.in_use_pages * PAGE_BYTES + self.own_bytes
    }

    fn committed_bytes(&self) -> usize {
        self.in_use_bytes() + self.dirty_pages() * PAGE_BYTES
    }

    /// Bytes that may still be committed.
    fn room_bytes(&self) -> usize {
        options::limit_bytes().saturating_sub(self.committed_bytes())
    }

    fn note_peak(&mut self) {
        self.peak_committed_bytes = self.peak_committed_bytes.max(self.committed_bytes());
    }

    fn note_dirty(&mut self) {
        self.dirty_low_pages = self.dirty_low_pages.min(self.dirty_pages());
    }

    /// A span of pages from the bitmaps.
    fn fresh_span(&mut self, class: u8, pages: usize, align_pages: usize) -> Option<SpanRef> {
        let span = self.unused_span()?;
        let Some(taken) = self.take(pages, align_pages) else {
            self.put_unused(span);
            return None;
        };
        let zeroed = taken.scavenged_pages == pages && options::advice() == Advice::DontNeed;
        span.begin(address(taken.run.first), pages, class, zeroed);
        Some(span)
    }

    /// Enters the ready spans into the bitmaps, where they grow together with their neighbours.
    fn flush_ready(&mut self) {
        let mut spans = core::mem::replace(&mut self.ready, Ready::EMPTY);
        let unused_spans = &mut self.unused_spans;
        self.pages.free_all(core::iter::from_fn(|| {
            let span = spans.take_any()?;
            span.next.set(*unused_spans);
            *unused_spans = core::ptr::from_ref(span).cast_mut();
            Some(run_of(span))
        }));
    }

    /// Takes a run of pages within the limit.
    fn take(&mut self, pages: usize, align_pages: usize) -> Option<Taken> {
        if self.room_bytes() < pages * PAGE_BYTES {
            // The run may consist of dirty pages, which count already; if there is any doubt, all go.
            self.scavenge_all();
            if self.room_bytes() < pages * PAGE_BYTES {
                return None;
            }
        }
        if self.ready.pages() >= pages && !self.pages.would_alloc_dirty(pages) {
            self.flush_ready();
        }
        let taken = loop {
            let taken = if align_pages > 1 {
                self.pages.alloc_aligned(pages, align_pages)
            } else {
                self.pages.alloc(pages)
            };
            match taken {
                Some(taken) => break taken,
                None if self.grow() => {}
                None => return None,
            }
        };
        self.in_use_pages += pages;
        self.note_dirty();
        self.note_peak();
        Some(taken)
    }

    /// Adds a chunk: the next of the last arena, or the first of a new one.
    fn grow(&mut self) -> bool {
        let arenas = ARENAS_LEN.load(Ordering::Relaxed);
        if self.uncommitted == arenas * ARENA_PAGES {
            return self.new_arena();
        }
        // SAFETY: the chunk is reserved for this heap.
        if !unsafe { commit(address(self.uncommitted), CHUNK_BYTES) } {
            return false;
        }
        self.wish_huge(self.uncommitted / CHUNK_PAGES);
        self.pages.grow(Run { first: self.uncommitted, pages: CHUNK_PAGES });
        self.uncommitted += CHUNK_PAGES;
        true
    }

    /// Asks for huge pages behind a fresh chunk. In a heap of some size what they round up hardly shows: the
    /// lowest free pages are taken first, so chunks fill up densely.
    fn wish_huge(&mut self, chunk: usize) {
        if options::huge_pages(self.in_use_pages * PAGE_BYTES >= HUGE_AFTER_BYTES) {
            // SAFETY: the chunk is committed and this heap's.
            unsafe { wish_huge_pages(address(chunk * CHUNK_PAGES), CHUNK_BYTES, true) };
            Arenas::huge(chunk).set(1);
        }
    }

    /// Part of a chunk is about to be given back: the kernel must not make it resident again by putting a
    /// huge page there.
    fn unwish_huge(&mut self, run: Run) {
        let chunk = run.first / CHUNK_PAGES;
        if run.pages < CHUNK_PAGES && Arenas::huge(chunk).get() == 1 {
            // SAFETY: as above.
            unsafe { wish_huge_pages(address(chunk * CHUNK_PAGES), CHUNK_BYTES, false) };
            Arenas::huge(chunk).set(0);
        }
    }

    fn new_arena(&mut self) -> bool {
        let number = ARENAS_LEN.load(Ordering::Relaxed);
        if number == ARENAS_MAX {
            return false;
        }
        let base = reserve_aligned(ARENA_BYTES, ARENA_BYTES, Access::None);
        if base.is_null() {
            return false;
        }
        // SAFETY: the arena was just reserved, and nobody knows it. The guard page at its very start stays
        // as it is.
        unsafe {
            if !commit(base.wrapping_add(PAGE_BYTES), CHUNK_BYTES - PAGE_BYTES) {
                release(base, ARENA_BYTES);
                return false;
            }
        }
        // SAFETY: `base` is the base of a fresh arena whose head was just committed.
        unsafe { page_map::set_arena_number(base, number as u32) };
        ARENAS[number].store(base, Ordering::Relaxed);
        page_map::set_region(base, region::ARENA);
        ARENAS_LEN.store(number + 1, Ordering::Release);
        let first = number * ARENA_PAGES;
        self.pages.grow(Run { first: first + ARENA_HEAD_PAGES, pages: CHUNK_PAGES - ARENA_HEAD_PAGES });
        self.uncommitted = first + CHUNK_PAGES;
        true
    }

    /// Gives all free pages back, under the lock: the limit is near.
    fn scavenge_all(&mut self) {
        scavenger::note_shortage();
        self.flush_ready();
        self.returned_bytes += self.sampled.release(usize::MAX, Advice::DontNeed) as u64;
        while let Some(run) = self.pages.take_dirty(RELEASE_PAGES, 1) {
            self.unwish_huge(run);
            // SAFETY: `take_dirty` took the run, so nobody holds anything in it.
            let given = unsafe { scavenge(address(run.first), run.pages * PAGE_BYTES, Advice::DontNeed) };
            self.end_release(run, given);
            if !given {
                return;
            }
        }
    }

    fn end_release(&mut self, run: Run, given: bool) {
        if given {
            self.pages.give_scavenged(run);
            self.returned_bytes += (run.pages * PAGE_BYTES) as u64;
            self.purges += 1;
        } else {
            self.pages.free(run);
        }
        self.note_dirty();
    }

    /// A line of metadata for a span.
    fn unused_span(&mut self) -> Option<SpanRef> {
        if self.unused_spans.is_null() {
            let line = meta::alloc(size_of::<Span>(), align_of::<Span>()).cast::<Span>();
            // SAFETY: fresh metadata memory of the right size and alignment, for good; its zeros are a value:
            // numbers and null pointers, which `begin` sets.
            let line = unsafe { line.as_ref() }?;
            self.span_lines += 1;
            return Some(line);
        }
        // SAFETY: the list holds lines of metadata, which are type-stable.
        let span: SpanRef = unsafe { &*self.unused_spans };
        self.unused_spans = span.next.get();
        Some(span)
    }

    fn put_unused(&mut self, span: SpanRef) {
        span.next.set(self.unused_spans);
        self.unused_spans = core::ptr::from_ref(span).cast_mut();
    }
}

//! Pages for sampled objects: arenas whose addresses carry a tag, so that a free knows them at sight.
//!
//! A Rust program frees an object by its class alone, without a look at the page map; so sampled objects
//! have an address bit that all others lack ([`TAG`]). Their arenas are ordinary ones but for that: the head
//! with the page map, then pages. In the page map their class is 0, as that of large objects, so that C's
//! `free`, too, takes its slow path.
//!
//! The other way round nothing is concluded: where the kernel chooses the addresses, an object that is not
//! sampled may look tagged, and its frees are a little slower.
//!
//! Spans are few and short. They are taken one after the other from the last arena; freed ones wait by their
//! length for the next of that length. When an arena can't be had, objects of size classes are not sampled
//! any more; the profile says how many were missed.

use core::ptr::{from_ref, null_mut};

use spandrel_classes::{PAGE_BYTES, object_bytes};
use spandrel_pages::CHUNK_PAGES;
use spandrel_platform::memory::{Advice, commit, release, reserve_at, scavenge};
use spandrel_platform::sync::{AtomicPtr, AtomicUsize, Ordering};

use crate::config::{
    ADDRESS_BITS, ARENA_BYTES, ARENA_PAGES, CHUNK_BYTES, READY_PAGES_MAX, TAG, TAGGED_ARENAS_MAX,
    TAGGED_FIRST, TAGGED_TRIES,
};
use crate::page_map::{self, ARENA_HEAD_PAGES, region};
use crate::span::{Span, SpanRef, place};

/// The base of each arena with the tag.
static ARENAS: [AtomicPtr<u8>; TAGGED_ARENAS_MAX] = [const { AtomicPtr::new(null_mut()) }; TAGGED_ARENAS_MAX];
/// How many there are.
static ARENAS_LEN: AtomicUsize = AtomicUsize::new(0);

/// Whether an address has the tag; all sampled objects of size classes have it.
#[inline(always)]
pub(crate) fn is_tagged(pointer: *mut u8) -> bool {
    pointer.addr() & TAG != 0
}

/// What the page heap keeps of them.
pub(crate) struct SampledPages {
    /// The first page of the last arena that was never in a span, and the first that is not committed.
    fresh: usize,
    uncommitted: usize,
    /// Free spans by their number of pages: resident ones, and others.
    dirty: [*mut Span; READY_PAGES_MAX + 1],
    clean: [*mut Span; READY_PAGES_MAX + 1],
    dirty_pages: usize,
    clean_pages: usize,
}

impl SampledPages {
    pub(crate) const EMPTY: Self = Self {
        fresh: ARENA_PAGES,
        uncommitted: ARENA_PAGES,
        dirty: [null_mut(); READY_PAGES_MAX + 1],
        clean: [null_mut(); READY_PAGES_MAX + 1],
        dirty_pages: 0,
        clean_pages: 0,
    };

    /// Free pages that are resident as far as we know.
    pub(crate) fn dirty_pages(&self) -> usize {
        self.dirty_pages
    }

    /// Free pages that are not.
    pub(crate) fn clean_pages(&self) -> usize {
        self.clean_pages + self.uncommitted.saturating_sub(self.fresh)
    }

    /// Takes a free span of that many pages.
    pub(crate) fn take(&mut self, pages: usize) -> Option<SpanRef> {
        let (list, count) = if self.dirty.get(pages)?.is_null() {
            (&mut self.clean[pages], &mut self.clean_pages)
        } else {
            (&mut self.dirty[pages], &mut self.dirty_pages)
        };
        // SAFETY: the lists hold spans, which are type-stable.
        let span: SpanRef = unsafe { list.as_ref() }?;
        *list = span.next.get();
        *count -= pages;
        Some(span)
    }

    /// Keeps a free span.
    pub(crate) fn put(&mut self, span: SpanRef) {
        let pages = usize::from(span.pages.get());
        span.next.set(self.dirty[pages]);
        self.dirty[pages] = from_ref(span).cast_mut();
        self.dirty_pages += pages;
    }

    /// The first byte of as many pages that were never used; null if there is no more address space with the
    /// tag, or no memory.
    pub(crate) fn fresh(&mut self, pages: usize) -> *mut u8 {
        if self.fresh + pages > ARENA_PAGES && !self.new_arena() {
            return null_mut();
        }
        let base = ARENAS[ARENAS_LEN.load(Ordering::Relaxed) - 1].load(Ordering::Relaxed);
        while self.fresh + pages > self.uncommitted {
            // SAFETY: the chunk is in the last arena, which is reserved for this heap.
            if !unsafe { commit(base.wrapping_add(self.uncommitted * PAGE_BYTES), CHUNK_BYTES) } {
                return null_mut();
            }
            self.uncommitted += CHUNK_PAGES;
        }
        let first = base.wrapping_add(self.fresh * PAGE_BYTES);
        self.fresh += pages;
        first
    }

    #[cold]
    fn new_arena(&mut self) -> bool {
        let number = ARENAS_LEN.load(Ordering::Relaxed);
        if number == TAGGED_ARENAS_MAX {
            return false;
        }
        let base = reserve_tagged();
        if base.is_null() {
            return false;
        }
        // SAFETY: the arena was just reserved, and nobody knows it. Its first page stays as it is.
        if !unsafe { commit(base.wrapping_add(PAGE_BYTES), CHUNK_BYTES - PAGE_BYTES) } {
            // SAFETY: as above.
            unsafe { release(base, ARENA_BYTES) };
            return false;
        }
        ARENAS[number].store(base, Ordering::Relaxed);
        page_map::set_region(base, region::ARENA);
        ARENAS_LEN.store(number + 1, Ordering::Release);
        self.fresh = ARENA_HEAD_PAGES;
        self.uncommitted = CHUNK_PAGES;
        true
    }

    /// Gives up to `bytes` of free pages back; the bytes given.
    pub(crate) fn release(&mut self, bytes: usize, advice: Advice) -> usize {
        let mut released = 0;
        for pages in 1..=READY_PAGES_MAX {
            // SAFETY: the lists hold spans, which are type-stable.
            while let Some(span) = unsafe { self.dirty[pages].as_ref() } {
                // SAFETY: the span is free, so nobody holds anything in it.
                if released >= bytes || !unsafe { scavenge(span.base(), span.bytes(), advice) } {
                    return released;
                }
                self.dirty[pages] = span.next.get();
                self.dirty_pages -= pages;
                span.next.set(self.clean[pages]);
                self.clean[pages] = from_ref(span).cast_mut();
                self.clean_pages += pages;
                released += span.bytes();
            }
        }
        released
    }
}

/// An arena's worth of addresses with the tag.
pub(crate) fn reserve_tagged() -> *mut u8 {
    for _ in 0..TAGGED_TRIES {
        let base = reserve_at(next_address(), ARENA_BYTES);
        if !base.is_null() {
            return base;
        }
    }
    null_mut()
}

/// The next address to try: they rise from a random one on.
fn next_address() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.load(Ordering::Relaxed);
    let address =
        if next == 0 { TAGGED_FIRST + spandrel_platform::memory::random_place(ARENA_BYTES) } else { next };
    NEXT.store(address + ARENA_BYTES, Ordering::Relaxed);
    address
}

/// The base of each arena.
pub(crate) fn bases() -> impl Iterator<Item = *mut u8> {
    let len = ARENAS_LEN.load(Ordering::Acquire);
    ARENAS[..len].iter().map(|base| base.load(Ordering::Relaxed))
}

/// How many arenas with the tag there are.
pub(crate) fn arenas() -> usize {
    ARENAS_LEN.load(Ordering::Acquire)
}

/// The spans of sampled objects, as anyone may see them.
pub(crate) fn spans() -> impl Iterator<Item = SpanRef> {
    (0..arenas()).flat_map(|number| {
        // SAFETY: numbers below the length belong to arenas.
        unsafe { page_map::spans_of(ARENAS[number].load(Ordering::Relaxed)) }
    })
}

/// The span of the sampled object at a pointer; `None` if there is none.
#[inline]
pub(crate) fn span_of(pointer: *mut u8) -> Option<SpanRef> {
    let address = pointer.addr();
    if !is_tagged(pointer) || address >> ADDRESS_BITS != 0 || page_map::region_of(address) != region::ARENA {
        return None;
    }
    // SAFETY: the region is an arena.
    let span = unsafe { page_map::span_at(pointer) }?;
    (span.place.get() == place::SAMPLED).then_some(span)
}

/// The class of the sampled object at a pointer; 0 if there is none.
pub(crate) fn class_of(pointer: *mut u8) -> u8 {
    span_of(pointer).map_or(0, |span| span.class.get())
}

/// The bytes of the sampled object at a pointer, if there is one.
pub(crate) fn usable_bytes(pointer: *mut u8) -> Option<usize> {
    span_of(pointer).map(|span| object_bytes(span.class.get()))
}

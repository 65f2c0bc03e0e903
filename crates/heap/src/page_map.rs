//! From an address to what lies there: the only code that turns a user's pointer into metadata.
//!
//! The address space is cut into regions of the size of an arena, 64 MiB. A byte a region says what it
//! is; an arena begins with its own page map, a byte (the class) and a word (the span) a page:
//!
//! ```text
//!   pointer:   | region (21 bits) | page in the arena (13) | offset in the page (13) |
//!   REGIONS[region] == ARENA   ->   arena.classes[page], arena.spans[page]
//!   REGIONS[region] == OWN     ->   the block's header, in the OS page before the pointer
//!   REGIONS[region] == GUARDED -> a slot's table entry (`guarded.rs`)
//!   REGIONS[region] == GUARDED_LARGE -> an entry on a chain (`guarded_large.rs`)
//!   REGIONS[region] == FOREIGN ->   not ours
//! ```
//!
//! `free` reads two bytes, of the region and of the class, whose addresses both come from the pointer
//! alone, so neither waits for the other. Class 0 means: no small object; every rare case takes that one
//! slow path. The first page of an arena stays reserved, so that a run over the end of the arena before it
//! faults.

use spandrel_classes::{PAGE_BYTES, PAGE_SHIFT};
use spandrel_pages::Chunk;
use spandrel_platform::sync::{AtomicU8, Ordering, RacyPtr, RacyU8, RacyU32};

use crate::config::{ARENA_CHUNKS, ARENA_PAGES, ARENA_SHIFT, REGIONS};
use crate::span::{Span, SpanRef};

/// What a region is.
pub(crate) mod region {
    /// Somebody else's memory, or nobody's.
    pub(crate) const FOREIGN: u8 = 0;
    /// An arena.
    pub(crate) const ARENA: u8 = 1;
    /// A block with a mapping of its own.
    pub(crate) const OWN: u8 = 2;
    /// Slots of guarded objects.
    pub(crate) const GUARDED: u8 = 3;
    /// A guarded large object.
    pub(crate) const GUARDED_LARGE: u8 = 4;
}

/// A byte a region; 2 MiB of address space, of which a program touches a page or two.
static REGION_KINDS: [AtomicU8; REGIONS] = [const { AtomicU8::new(region::FOREIGN) }; REGIONS];

/// The head of an arena.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Arena {
    guard: [u8; PAGE_BYTES],
    /// The class of the span that covers a page; 0 for large objects and free pages.
    classes: [RacyU8; ARENA_PAGES],
    /// The span that covers a page; of a large object, the first page alone.
    spans: [RacyPtr<Span>; ARENA_PAGES],
    /// The page allocator's bitmaps.
    pub(crate) chunks: [Chunk; ARENA_CHUNKS],
    /// Whether huge pages were asked for behind a chunk.
    pub(crate) huge: [RacyU8; ARENA_CHUNKS],
    /// Its place in the list of arenas.
    number: RacyU32,
}

/// Pages at the start of an arena that its head takes.
pub(crate) const ARENA_HEAD_PAGES: usize = size_of::<Arena>().div_ceil(PAGE_BYTES);

/// The number of the arena at `base`.
///
/// # Safety
/// `base` is the base of an arena whose number was set.
pub(crate) unsafe fn arena_number(base: *mut u8) -> u32 {
    // SAFETY: the head of an arena is committed and never unmapped.
    unsafe { (*base.cast::<Arena>()).number.get() }
}

/// Sets the number of the arena at `base`.
///
/// # Safety
/// The head of the arena is committed, and nobody else knows it yet.
pub(crate) unsafe fn set_arena_number(base: *mut u8, number: u32) {
    // SAFETY: the caller's promise.
    unsafe { (*base.cast::<Arena>()).number.set(number) };
}

/// Says what a region is from now on.
pub(crate) fn set_region(address: *mut u8, kind: u8) {
    // Release: whoever finds the region's kind finds its head written. In practice a pointer into the
    // region came to the reader by some other way that orders the two.
    REGION_KINDS[address.addr() >> ARENA_SHIFT].store(kind, Ordering::Release);
}

/// What the region of an address is.
#[inline(always)]
pub(crate) fn region_of(address: usize) -> u8 {
    let index = address >> ARENA_SHIFT;
    if cfg!(target_arch = "x86_64") {
        debug_assert!(index < REGIONS, "no address of a user process: {address:#x}");
        // SAFETY: the address of an object is below 2^47. Whoever frees something else breaks the contract
        // of `free`; if it is above, the read below faults, as one through the pointer would.
        // And the kind of a region does not change while an object in it is in use, so an ordinary read does.
        return unsafe { *REGION_KINDS.get_unchecked(index).as_ptr() };
    }
    REGION_KINDS.get(index).map_or(region::FOREIGN, |kind| kind.load(Ordering::Relaxed))
}

/// The arena of a pointer into one.
#[inline(always)]
fn arena_of(pointer: *mut u8) -> *mut Arena {
    pointer.map_addr(|address| address & !((1 << ARENA_SHIFT) - 1)).cast()
}

#[inline(always)]
fn page_of(pointer: *mut u8) -> usize {
    (pointer.addr() >> PAGE_SHIFT) & (ARENA_PAGES - 1)
}

/// The class of the small object at `pointer`; 0 for anything else, null and foreign pointers included.
#[inline(always)]
pub(crate) fn class_of(pointer: *mut u8) -> u8 {
    if region_of(pointer.addr()) != region::ARENA {
        return 0;
    }
    // SAFETY: the region is an arena.
    unsafe { class_in_arena(pointer) }
}

/// The class of the small object at a pointer into an arena; 0 if there is none.
///
/// # Safety
/// The pointer is into an arena, to memory that nobody frees meanwhile.
#[inline(always)]
pub(crate) unsafe fn class_in_arena(pointer: *mut u8) -> u8 {
    // SAFETY: the caller says that this is an arena, whose head is committed and never unmapped; the index
    // is masked to the array's length. The class of pages in use does not change.
    unsafe {
        let classes = (&raw const (*arena_of(pointer)).classes).cast::<RacyU8>();
        classes.add(page_of(pointer)).as_ref_unchecked().get_settled()
    }
}

/// The span at a pointer into an arena.
///
/// # Safety
/// The pointer is into an arena.
#[inline(always)]
pub(crate) unsafe fn span_at(pointer: *mut u8) -> Option<SpanRef> {
    // SAFETY: the caller says that this is an arena, whose head is committed and never unmapped.
    let arena = unsafe { &*arena_of(pointer) };
    // SAFETY: spans are type-stable and live as long as the process.
    unsafe { arena.spans[page_of(pointer)].get().as_ref() }
}

/// Enters a span: all its pages for a size class, the first for a large object.
pub(crate) fn enter(span: SpanRef) {
    set_pages(span, span.class.get(), core::ptr::from_ref(span).cast_mut());
}

/// Enters a span of sampled objects: all its pages, with class 0.
pub(crate) fn enter_sampled(span: SpanRef) {
    set_pages(span, 0, core::ptr::from_ref(span).cast_mut());
}

/// Takes a span out again.
pub(crate) fn remove(span: SpanRef) {
    set_pages(span, 0, core::ptr::null_mut());
}

fn set_pages(span: SpanRef, class: u8, entry: *mut Span) {
    // SAFETY: a span's base is in an arena, whose head is committed and never unmapped.
    let arena = unsafe { &*arena_of(span.base()) };
    let first = page_of(span.base());
    let pages = if span.class.get() == 0 { 1 } else { usize::from(span.pages.get()) };
    for page in first..first + pages {
        arena.classes[page].set(class);
        arena.spans[page].set(entry);
    }
}

/// The spans of an arena, in address order, as anyone may see them: new ones may be missed.
///
/// # Safety
/// `arena` is the base of an arena.
pub(crate) unsafe fn spans_of(arena: *mut u8) -> impl Iterator<Item = SpanRef> {
    let mut page = ARENA_HEAD_PAGES;
    core::iter::from_fn(move || {
        while page < ARENA_PAGES {
            // SAFETY: the caller says that this is an arena, and the page is one of its pages.
            let span = unsafe { span_at(arena.wrapping_add(page * PAGE_BYTES)) };
            page += span.map_or(1, |span| usize::from(span.pages.get()).max(1));
            if span.is_some() {
                return span;
            }
        }
        None
    })
}

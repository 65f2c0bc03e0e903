//! `guarded=BYTES`: some objects lie between forbidden pages, with the stacks of allocation and free.
//!
//! Which ones, the sampler says: one in so many bytes on average, and with 1 every one. Those over 32 KiB
//! have ranges of their own (`guarded_large.rs`). One of a size class has a slot of its own and ends where a
//! forbidden page begins:
//!
//! ```text
//!   | forbidden |  (forbidden)  | marks, the object, marks | forbidden |  (forbidden) ...
//!      8 KiB      up to 32 KiB, as many pages as it needs     8 KiB, before the next slot
//! ```
//!
//! A touch behind its end, or before its page, is a fault, and so is any touch once it was freed: the report
//! tells which of the three, and who allocated and freed it. What lies in its pages beside it has marks,
//! which are looked at when it is freed. Slots are used one after the other, and freed ones only when there
//! is no fresh one, the one that was freed first before the others.
//!
//! An object has the bytes that were asked for, not those of its class, and marks behind them where it has to
//! be aligned. So a `realloc` always moves it: [`ends_exactly`] tells which object must not stay.
//!
//! All of this happens under the lock of the profile, but for the report of a fault.

use core::mem::ManuallyDrop;
use core::ops::Range;
use core::ptr::null_mut;

use spandrel_classes::{CLASS_COUNT, PAGE_BYTES, SMALL_BYTES_MAX, object_bytes};
use spandrel_platform::memory::{Advice, OS_PAGE_BYTES, commit, forbid, scavenge};
use spandrel_platform::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use spandrel_platform::trap;

use crate::config::{ARENA_BYTES, GUARDED_ARENAS_MAX};
use crate::guarded_object::{Known, Spot, bytes_of};
use crate::page_map::{self, region};
use crate::{die, guarded_large, meta, page_heap, sampled_pages};

/// Bytes between two guarded objects; 0: there are none.
static PERIOD: AtomicU64 = AtomicU64::new(0);

const DATA_BYTES: usize = SMALL_BYTES_MAX;
const SLOT_BYTES: usize = DATA_BYTES + PAGE_BYTES;
/// The first page of an arena is forbidden, too.
const SLOTS: usize = (ARENA_BYTES - PAGE_BYTES) / SLOT_BYTES;

/// Where slots lie, and what is known of each.
static ARENAS: [AtomicPtr<u8>; GUARDED_ARENAS_MAX] =
    [const { AtomicPtr::new(null_mut()) }; GUARDED_ARENAS_MAX];
static TABLES: [AtomicPtr<Slot>; GUARDED_ARENAS_MAX] =
    [const { AtomicPtr::new(null_mut()) }; GUARDED_ARENAS_MAX];
static ARENAS_LEN: AtomicUsize = AtomicUsize::new(0);
/// Guarded objects in use, by class; and the bytes of their pages.
static LIVE: [AtomicU32; CLASS_COUNT] = [const { AtomicU32::new(0) }; CLASS_COUNT];

/// What is known of a slot. All zero: it was never used.
#[derive(Debug)]
struct Slot {
    known: Known,
    /// The next of the freed ones, the first of which was freed first.
    next: *mut Slot,
}

/// The slots that can be used; behind the profile's lock.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// Slots of the last arena that were used.
    begun: usize,
    first: *mut Slot,
    last: *mut Slot,
}

impl Guarded {
    pub(crate) const NONE: Self = Self { begun: SLOTS, first: null_mut(), last: null_mut() };

    /// A slot for an object of a class, its pages accessible; `None` if there is none.
    pub(crate) fn take(&mut self, class: u8, bytes: usize) -> Option<Taken> {
        let (slot, end) = self.slot()?;
        if !page_heap::begin_own_mapping(counted_bytes(class), 0) {
            return None;
        }
        let spot = Spot { object: end.wrapping_sub(room_bytes(class, bytes)), bytes, class };
        let taken = Taken { slot, spot, pages: pages_before(end, class, bytes) };
        // SAFETY: the slot is nobody's, and its pages lie in an arena of this module.
        unsafe { commit(taken.pages.start, bytes_of(&taken.pages)) }.then_some(taken)
    }

    /// The object is in use from now on.
    pub(crate) fn begin(&mut self, taken: Taken, record: u32, frames: &[usize]) -> *mut u8 {
        let taken = ManuallyDrop::new(taken);
        let Taken { slot, spot, ref pages } = *taken;
        // SAFETY: slots are in metadata memory; the lock of the profile guards them.
        let slot = unsafe { &mut *slot };
        // `take` has found it to be the next one, under the same lock.
        if self.begun < SLOTS {
            self.begun += 1;
        } else {
            self.first = slot.next;
        }
        // SAFETY: the pages were made accessible for this object.
        unsafe { slot.known.begin(spot, pages, record, frames) };
        LIVE[usize::from(spot.class)].fetch_add(1, Ordering::Relaxed);
        spot.object
    }

    /// The next slot that nobody uses, and where its data end. It stays the next one.
    fn slot(&mut self) -> Option<(*mut Slot, *mut u8)> {
        if self.begun == SLOTS && !self.new_arena() {
            // SAFETY: slots are in metadata memory; the lock guards them.
            let freed = unsafe { self.first.as_ref() }?;
            return Some((self.first, place_of(freed.known.object)?.end));
        }
        let arena = ARENAS_LEN.load(Ordering::Relaxed) - 1;
        let slot = TABLES[arena].load(Ordering::Relaxed).wrapping_add(self.begun);
        Some((slot, ARENAS[arena].load(Ordering::Relaxed).wrapping_add((self.begun + 1) * SLOT_BYTES)))
    }

    fn new_arena(&mut self) -> bool {
        let number = ARENAS_LEN.load(Ordering::Relaxed);
        if number == GUARDED_ARENAS_MAX {
            return false;
        }
        let table = meta::alloc_for_profile(SLOTS * size_of::<Slot>(), align_of::<Slot>()).cast::<Slot>();
        let base = if table.is_null() { null_mut() } else { sampled_pages::reserve_tagged() };
        if base.is_null() {
            return false;
        }
        TABLES[number].store(table, Ordering::Relaxed);
        ARENAS[number].store(base, Ordering::Relaxed);
        ARENAS_LEN.store(number + 1, Ordering::Release);
        page_map::set_region(base, region::GUARDED);
        self.begun = 0;
        true
    }

    /// Ends the use of the object at a pointer, or says what is wrong with it; its record.
    pub(crate) fn free(&mut self, object: *mut u8, class: u8, frames: &[usize]) -> u32 {
        let Some(place) = place_of(object) else { die::foreign_pointer(object.addr()) };
        // SAFETY: slots are in metadata memory; the lock guards them.
        let slot = unsafe { &mut *place.slot };
        if slot.known.object.is_null() {
            die::foreign_pointer(object.addr());
        }
        let pages = pages_before(place.end, slot.known.class, slot.known.bytes);
        slot.known.check(&pages, object, class);
        let record = slot.known.end(frames);
        slot.next = null_mut();
        // SAFETY: as above.
        match unsafe { self.last.as_mut() } {
            Some(last) if !self.first.is_null() => last.next = place.slot,
            _ => self.first = place.slot,
        }
        self.last = place.slot;
        // SAFETY: the object was just freed, and nothing else is in its pages.
        let _is_given = unsafe { scavenge(pages.start, bytes_of(&pages), Advice::DontNeed) };
        // SAFETY: as above.
        unsafe { give_back(&pages, slot.known.class) };
        LIVE[usize::from(slot.known.class)].fetch_sub(1, Ordering::Relaxed);
        record
    }
}

/// A slot, its pages, and where the object is to be, until it is in use.
pub(crate) struct Taken {
    slot: *mut Slot,
    spot: Spot,
    pages: Range<*mut u8>,
}

/// There is no memory for the record: the slot stays the next one.
impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: nobody knows the pages.
        unsafe { give_back(&self.pages, self.spot.class) };
    }
}

/// Forbids the pages of an object of a class, and counts them no more.
///
/// # Safety
/// Nobody uses them any more.
unsafe fn give_back(pages: &Range<*mut u8>, class: u8) {
    // SAFETY: the caller's promise.
    let _is_forbidden = unsafe { forbid(pages.start, bytes_of(pages)) };
    page_heap::end_own_mapping(counted_bytes(class), 0);
}

/// A forbidden address was touched: one of ours?
fn touched(address: usize) {
    let Some(place) = place_of(core::ptr::without_provenance_mut(address)) else {
        return guarded_large::touched(address);
    };
    // SAFETY: slots are in metadata memory. If their owner is at work, the report may be wrong in part.
    let mut known = unsafe { &(*place.slot).known };
    let is_behind = address >= place.end.addr() && !known.in_use;
    if (known.object.is_null() || is_behind) && place.number + 1 < SLOTS {
        // The forbidden page behind a slot is the one before the next.
        // SAFETY: as above; the table has one more.
        known = unsafe { &(*place.slot.wrapping_add(1)).known };
    }
    known.report_touch(address);
}

/// Where an address is among the slots.
struct Place {
    slot: *mut Slot,
    number: usize,
    /// The end of its data.
    end: *mut u8,
}

/// The slot of an address, to which the forbidden page behind it belongs.
fn place_of(address: *mut u8) -> Option<Place> {
    let arena = ARENAS[..ARENAS_LEN.load(Ordering::Acquire)]
        .iter()
        .position(|base| address.addr().wrapping_sub(base.load(Ordering::Relaxed).addr()) < ARENA_BYTES)?;
    let base = ARENAS[arena].load(Ordering::Relaxed);
    let number = (address.addr() - base.addr()).saturating_sub(PAGE_BYTES) / SLOT_BYTES;
    if number >= SLOTS {
        return None;
    }
    let slot = TABLES[arena].load(Ordering::Relaxed).wrapping_add(number);
    Some(Place { slot, number, end: base.wrapping_add((number + 1) * SLOT_BYTES) })
}

/// Calls `see` for each arena.
pub(crate) fn each(mut see: impl FnMut(*mut u8, usize)) {
    let arenas = &ARENAS[..ARENAS_LEN.load(Ordering::Acquire)];
    arenas.iter().for_each(|base| see(base.load(Ordering::Relaxed), ARENA_BYTES));
}

/// What the objects of a class are aligned to.
fn align_of_class(class: u8) -> usize {
    (1 << object_bytes(class).trailing_zeros()).min(PAGE_BYTES)
}

/// From the start of an object to the forbidden page.
fn room_bytes(class: u8, bytes: usize) -> usize {
    bytes.max(1).next_multiple_of(align_of_class(class))
}

/// The pages of an object, which end at `end`.
fn pages_before(end: *mut u8, class: u8, bytes: usize) -> Range<*mut u8> {
    end.wrapping_sub(room_bytes(class, bytes).next_multiple_of(OS_PAGE_BYTES))..end
}

/// The bytes of pages that an object of a class counts for, however short it is.
fn counted_bytes(class: u8) -> usize {
    room_bytes(class, object_bytes(class)).next_multiple_of(OS_PAGE_BYTES)
}

/// The bytes of the guarded object at a pointer.
pub(crate) fn usable_bytes(object: *mut u8) -> usize {
    let Some(place) = place_of(object) else { die::foreign_pointer(object.addr()) };
    // SAFETY: slots are in metadata memory; the caller's object keeps this one what it is.
    unsafe { (*place.slot).known.bytes }
}

/// The class of the guarded object at a pointer, which may just have been freed.
pub(crate) fn class_of(object: *mut u8) -> u8 {
    // SAFETY: as above.
    place_of(object).map_or(0, |place| unsafe { (*place.slot).known.class })
}

/// Whether there is a guarded object at an address, or was.
pub(crate) fn is_guarded(pointer: *mut u8) -> bool {
    pointer.addr() >> crate::config::ADDRESS_BITS == 0
        && page_map::region_of(pointer.addr()) == region::GUARDED
}

/// Whether an object of a size class has no room behind the bytes that were asked for. The others pay for
/// the answer with a look at a bit of the address.
#[inline(always)]
pub(crate) fn ends_exactly(pointer: *mut u8) -> bool {
    #[cold]
    #[inline(never)]
    fn has_slot(pointer: *mut u8) -> bool {
        is_guarded(pointer)
    }
    sampled_pages::is_tagged(pointer) && has_slot(pointer)
}

/// Guarded objects of a class in use, and the bytes of pages that one has.
pub(crate) fn live(class: u8) -> (u64, u64) {
    (LIVE[usize::from(class)].load(Ordering::Relaxed).into(), counted_bytes(class) as u64)
}

/// The process begins: from now on faults are looked at. Before `main`, since Rust's runtime sets a handler
/// of its own only where there was none when it began, and allocates while it does so.
pub(crate) fn watch() {
    trap::watch(touched);
}

/// The option was read.
pub(crate) fn begin(period: u64) {
    PERIOD.store(period, Ordering::Relaxed);
}

/// Whether there are guarded objects.
#[inline]
pub(crate) fn is_on() -> bool {
    PERIOD.load(Ordering::Relaxed) != 0
}

/// Whether a sample that was drawn with a period is to be guarded; `bits` are random.
pub(crate) fn wants(period: u64, bits: u64) -> bool {
    let own = PERIOD.load(Ordering::Relaxed);
    own != 0 && (own <= period || bits.is_multiple_of(own / period))
}

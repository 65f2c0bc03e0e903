//! Guarded objects over 32 KiB: each in a range of addresses of its own, between forbidden pages.
//!
//! ```text
//!   base (a multiple of 64 MiB)                                   base + reserved_bytes
//!   | forbidden: an OS page, or the alignment | marks, the object, marks | forbidden: an OS page |
//! ```
//!
//! The region of the page map in which the object begins sends frees and resizes here. What is known of it
//! lies in metadata memory, on the chain that the region's number picks. A freed one gives its pages back and
//! stays forbidden, so that a touch is known for what it is, until many others were freed after it.
//!
//! A guarded object is never resized where it is, nor kept for the next request of its size. When there are
//! as many as may be at once, the others are ordinary ones: a process may have only so many mappings.
//!
//! All of this happens under the lock of the profile, but for the report of a fault.

use core::mem::ManuallyDrop;
use core::ops::Range;
use core::ptr::null_mut;

use spandrel_platform::memory::{
    Access, Advice, OS_PAGE_BYTES, commit, forbid, release, reserve_aligned, scavenge,
};
use spandrel_platform::sync::{AtomicPtr, AtomicU64, Ordering};

use crate::config::{
    ARENA_BYTES, ARENA_SHIFT, GUARDED_CHAINS, GUARDED_FREED, GUARDED_FREED_BYTES, GUARDED_LARGE_MAX,
};
use crate::guarded_object::{Known, Spot, bytes_of};
use crate::page_map::{self, region};
use crate::{die, meta, page_heap};

/// What is known of a range. It is never unmapped, and serves other ranges later.
struct Own {
    known: Known,
    base: *mut u8,
    reserved_bytes: usize,
    pages: Range<*mut u8>,
    /// The next of its chain.
    next: AtomicPtr<Own>,
    /// The next one that was freed, or the next that serves no range.
    later: *mut Own,
}

static CHAINS: [AtomicPtr<Own>; GUARDED_CHAINS] = [const { AtomicPtr::new(null_mut()) }; GUARDED_CHAINS];
/// Objects in use: how many, their bytes, and the bytes of their pages.
static LIVE: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// The ranges that are in no use; behind the profile's lock.
#[derive(Debug)]
pub(crate) struct GuardedLarge {
    /// Freed ones, in the order in which they were freed; how many, and their bytes of addresses.
    first: *mut Own,
    last: *mut Own,
    freed: usize,
    freed_bytes: usize,
    unused: *mut Own,
}

/// Room for an object, until the object is in use.
pub(crate) struct Room {
    base: *mut u8,
    reserved_bytes: usize,
    pages: Range<*mut u8>,
    spot: Spot,
}

impl GuardedLarge {
    pub(crate) const NONE: Self =
        Self { first: null_mut(), last: null_mut(), freed: 0, freed_bytes: 0, unused: null_mut() };

    /// A range for an object, its pages accessible; `None` if there is none.
    pub(crate) fn take(&mut self, bytes: usize, align: usize) -> Option<Room> {
        let room_bytes = bytes.max(1).next_multiple_of(align.min(OS_PAGE_BYTES));
        let pages_bytes = room_bytes.next_multiple_of(OS_PAGE_BYTES);
        let before_bytes = align.max(OS_PAGE_BYTES);
        let reserved_bytes = before_bytes.checked_add(pages_bytes + OS_PAGE_BYTES)?;
        if !self.has_unused() || !page_heap::begin_own_mapping(pages_bytes, reserved_bytes) {
            return None;
        }
        let base = reserve_aligned(reserved_bytes, ARENA_BYTES.max(align), Access::None);
        let first = base.wrapping_add(before_bytes);
        // SAFETY: the range was just reserved, and nobody knows it.
        if base.is_null() || !unsafe { commit(first, pages_bytes) } {
            // SAFETY: as above.
            unsafe { give_back(base, reserved_bytes, pages_bytes) };
            return None;
        }
        let pages = first..first.wrapping_add(pages_bytes);
        let spot = Spot { object: pages.end.wrapping_sub(room_bytes), bytes, class: 0 };
        Some(Room { base, reserved_bytes, pages, spot })
    }

    /// The object is in use from now on.
    pub(crate) fn begin(&mut self, room: Room, record: u32, frames: &[usize]) -> *mut u8 {
        let room = ManuallyDrop::new(room);
        let Room { base, reserved_bytes, ref pages, spot } = *room;
        let place = self.unused;
        // SAFETY: what is known of ranges is in metadata memory, where zeros are a value, and the lock of the
        // profile guards it. `take` has seen to it that there is one, and was called under the same lock.
        let own = unsafe { &mut *place };
        self.unused = own.later;
        // SAFETY: the pages were just made accessible for this object.
        unsafe { own.known.begin(spot, pages, record, frames) };
        (own.base, own.reserved_bytes, own.pages) = (base, reserved_bytes, pages.clone());
        count(spot.bytes, bytes_of(&own.pages), |sum, figure| {
            sum.fetch_add(figure, Ordering::Relaxed);
        });
        let chain = chain_of(spot.object);
        own.next.store(chain.load(Ordering::Relaxed), Ordering::Relaxed);
        // Release: whoever follows the chain without the lock finds what is on it written.
        chain.store(place, Ordering::Release);
        page_map::set_region(spot.object, region::GUARDED_LARGE);
        spot.object
    }

    /// Ends the use of the object at a pointer, or says what is wrong with it; its record.
    pub(crate) fn free(&mut self, object: *mut u8, frames: &[usize]) -> u32 {
        let place = find(object);
        // SAFETY: what is known of ranges is in metadata memory, and the lock guards it.
        let Some(own) = (unsafe { place.as_mut() }) else { die::foreign_pointer(object.addr()) };
        own.known.check(&own.pages, object, 0);
        let record = own.known.end(frames);
        let pages_bytes = bytes_of(&own.pages);
        count(own.known.bytes, pages_bytes, |sum, figure| {
            sum.fetch_sub(figure, Ordering::Relaxed);
        });
        let first = own.pages.start;
        // SAFETY: the object was just freed, and nothing else is in its pages.
        let is_forbidden =
            unsafe { scavenge(first, pages_bytes, Advice::DontNeed) && forbid(first, pages_bytes) };
        page_heap::end_own_mapping(pages_bytes, 0);
        if is_forbidden {
            self.put_freed(place);
        } else {
            self.unmap(place);
        }
        while self.freed > GUARDED_FREED || self.freed_bytes > GUARDED_FREED_BYTES {
            self.unmap_first();
        }
        record
    }

    /// Unmaps all freed ones.
    pub(crate) fn flush(&mut self) {
        while !self.first.is_null() {
            self.unmap_first();
        }
    }

    fn put_freed(&mut self, place: *mut Own) {
        // SAFETY: what is known of ranges is in metadata memory, and the lock guards it.
        let own = unsafe { &mut *place };
        own.later = null_mut();
        self.freed += 1;
        self.freed_bytes += own.reserved_bytes;
        // SAFETY: as above.
        match unsafe { self.last.as_mut() } {
            Some(last) if !self.first.is_null() => last.later = place,
            _ => self.first = place,
        }
        self.last = place;
    }

    fn unmap_first(&mut self) {
        let place = self.first;
        // SAFETY: as above.
        let own = unsafe { &mut *place };
        self.first = own.later;
        self.freed -= 1;
        self.freed_bytes -= own.reserved_bytes;
        self.unmap(place);
    }

    /// Unmaps a range whose object was freed and counts no more.
    fn unmap(&mut self, place: *mut Own) {
        // SAFETY: as above.
        let own = unsafe { &mut *place };
        unlink(place);
        page_map::set_region(own.known.object, region::FOREIGN);
        // SAFETY: the range holds nothing any more, and nobody knows it.
        unsafe { give_back(own.base, own.reserved_bytes, 0) };
        self.put_unused(place);
    }

    /// Sees to it that there is memory for what is known of one more range; false if there is none.
    fn has_unused(&mut self) -> bool {
        if self.unused.is_null() {
            self.unused = meta::alloc_for_profile(size_of::<Own>(), align_of::<Own>()).cast();
        }
        !self.unused.is_null()
    }

    fn put_unused(&mut self, place: *mut Own) {
        // SAFETY: as above; it serves no range.
        unsafe { (*place).later = self.unused };
        self.unused = place;
    }
}

/// Unmaps a range, if there is one, and counts it no more, nor as many bytes of its pages.
///
/// # Safety
/// The range is the caller's, and nobody uses it any more.
unsafe fn give_back(base: *mut u8, reserved_bytes: usize, pages_bytes: usize) {
    if !base.is_null() {
        // SAFETY: the caller's promise.
        unsafe { release(base, reserved_bytes) };
    }
    page_heap::end_own_mapping(pages_bytes, reserved_bytes);
}

/// There is no memory for the record: the range goes back.
impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: nobody knows the range.
        unsafe { give_back(self.base, self.reserved_bytes, bytes_of(&self.pages)) };
    }
}

fn count(bytes: usize, pages_bytes: usize, change: impl Fn(&AtomicU64, u64)) {
    LIVE.iter().zip([1, bytes, pages_bytes]).for_each(|(sum, figure)| change(sum, figure as u64));
}

fn chain_of(address: *mut u8) -> &'static AtomicPtr<Own> {
    &CHAINS[(address.addr() >> ARENA_SHIFT) % GUARDED_CHAINS]
}

/// What is on a chain.
fn chained(chain: &AtomicPtr<Own>) -> impl Iterator<Item = *mut Own> {
    let mut place = chain.load(Ordering::Acquire);
    core::iter::from_fn(move || {
        let found = place;
        // SAFETY: what is known of ranges is in metadata memory, which is never unmapped.
        place = unsafe { found.as_ref() }?.next.load(Ordering::Acquire);
        Some(found)
    })
}

fn unlink(place: *mut Own) {
    // SAFETY: as above, and the caller has the lock.
    let own = unsafe { &*place };
    let (chain, next) = (chain_of(own.known.object), own.next.load(Ordering::Relaxed));
    // SAFETY: as above.
    let before = chained(chain).map(|own| unsafe { &(*own).next });
    if let Some(link) =
        core::iter::once(chain).chain(before).find(|link| link.load(Ordering::Relaxed) == place)
    {
        link.store(next, Ordering::Release);
    }
}

/// The range whose object begins in the region of an address; null if there is none.
fn find(address: *mut u8) -> *mut Own {
    // SAFETY: as above.
    let begins = |own: &*mut Own| unsafe { (**own).known.object.addr() } >> ARENA_SHIFT;
    let holds = |own: &*mut Own| begins(own) == address.addr() >> ARENA_SHIFT;
    chained(chain_of(address)).find(holds).unwrap_or(null_mut())
}

/// The bytes of the object at a pointer.
pub(crate) fn usable_bytes(object: *mut u8) -> usize {
    // SAFETY: as above; the caller's object keeps this one what it is.
    match unsafe { find(object).as_ref() } {
        Some(own) => own.known.bytes,
        None => die::foreign_pointer(object.addr()),
    }
}

/// Whether there is such an object at an address, or was.
pub(crate) fn is_one(object: *mut u8) -> bool {
    page_map::region_of(object.addr()) == region::GUARDED_LARGE
}

/// Whether there may be one more.
pub(crate) fn has_room() -> bool {
    LIVE[0].load(Ordering::Relaxed) < GUARDED_LARGE_MAX
}

/// Objects in use: how many, their bytes, and the bytes of their pages.
pub(crate) fn live() -> [u64; 3] {
    [0, 1, 2].map(|figure| LIVE[figure].load(Ordering::Relaxed))
}

/// Calls `see` for each range, with its base and length. The caller has the lock.
pub(crate) fn each(mut see: impl FnMut(*mut u8, usize)) {
    for place in CHAINS.iter().flat_map(chained) {
        // SAFETY: as above.
        let own = unsafe { &*place };
        see(own.base, own.reserved_bytes);
    }
}

/// A forbidden address was touched: one of ours?
pub(crate) fn touched(address: usize) {
    for place in CHAINS.iter().flat_map(chained) {
        // SAFETY: as above. If its owner is at work, the report may be wrong in part.
        let own = unsafe { &*place };
        if address.wrapping_sub(own.base.addr()) < own.reserved_bytes {
            own.known.report_touch(address);
        }
    }
}

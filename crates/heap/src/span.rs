//! A span: a run of pages that holds objects of one class, or one large object.
//!
//! One cache line of metadata, out of line from the objects. Its memory is type-stable: it comes from
//! [`crate::meta`], is never unmapped, and when a span is freed the line serves another span. So a
//! [`SpanRef`] can be followed at any time; what it says can be trusted by the span's owner (or, on a
//! central list, by the holder of the list's lock), and is a hint to anyone else.
//!
//! The objects of a span are, at any moment, each in one of four places:
//!
//! ```text
//!   capacity  =  used                     handed out: to callers, hot lists, or freed by other threads
//!              + length of `free`         the owner's list
//!              + capacity - fresh         never carved: the untouched tail of the span
//! ```
//!
//! `used == 0` means that the whole span is free; `used == capacity` that it is full.

use core::ptr::null_mut;

use spandrel_classes::{PAGE_BYTES, object_bytes};
use spandrel_platform::sync::{RacyPtr, RacyU8, RacyU16, RacyU32};

use crate::config::IS_PARCEL;
use crate::die;
use crate::object::{self, List, Object, Run};
use crate::parcel;
use crate::remote::Remote;

/// A span, for as long as the process lives.
pub(crate) type SpanRef = &'static Span;

/// The owner of a span that no thread cache owns. Not 0, which a cache has where it must match no owner.
pub(crate) const NOBODY: u32 = u32::MAX;

/// On which list a span is.
pub(crate) mod place {
    /// Not in use.
    pub(crate) const FREE: u8 = 0;
    /// On no list: full, or a large object.
    pub(crate) const NONE: u8 = 1;
    /// On its owner's list of partial spans.
    pub(crate) const CACHE: u8 = 2;
    /// On the central list of its class.
    pub(crate) const CENTRAL: u8 = 3;
    /// In a thread cache, as the pages of a large object to come.
    pub(crate) const KEPT: u8 = 4;
    /// Among the spans of sampled objects.
    pub(crate) const SAMPLED: u8 = 5;
}

/// The metadata of a span.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Span {
    /// Ownership, and what other threads have freed.
    pub(crate) remote: Remote,
    /// The owner's list of free objects, linked or in parcels. For a large object that is sampled: the number
    /// of its record, as an address.
    free: RacyPtr<Object>,
    /// The number of the thread cache that owns it, or [`NOBODY`]. Only ever set to a cache's number by that
    /// cache, so a thread that reads its own number there is the owner.
    pub(crate) owner: RacyU32,
    /// Objects handed out.
    pub(crate) used: RacyU16,
    /// Objects carved so far.
    pub(crate) fresh: RacyU16,
    /// Objects that fit.
    pub(crate) capacity: RacyU16,
    /// The size class; 0 for a large object.
    pub(crate) class: RacyU8,
    /// Where it is: see [`place`].
    pub(crate) place: RacyU8,
    /// Length in pages.
    pub(crate) pages: RacyU16,
    /// 1 if what was never carved is known to be zero.
    zeroed: RacyU8,
    /// Which of the central occupancy lists it is on.
    pub(crate) occupancy: RacyU8,
    /// First byte.
    base: RacyPtr<u8>,
    /// Neighbours on the list that it is on.
    pub(crate) next: RacyPtr<Span>,
    /// See `next`.
    pub(crate) prev: RacyPtr<Span>,
    /// With `stats=exact`: the requested size of each object. For a large object: the bytes requested,
    /// as an address. In a span of sampled objects: the number of each object's record.
    pub(crate) sizes: RacyPtr<u16>,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Span>() == 64);

impl Span {
    /// A line of metadata without a span, for models: elsewhere it is zeros.
    #[cfg(all(test, loom))]
    pub(crate) fn unused() -> Self {
        Self {
            remote: Remote::owned(),
            free: RacyPtr::null(),
            owner: RacyU32::new(NOBODY),
            used: RacyU16::new(0),
            fresh: RacyU16::new(0),
            capacity: RacyU16::new(0),
            class: RacyU8::new(0),
            place: RacyU8::new(place::FREE),
            pages: RacyU16::new(0),
            zeroed: RacyU8::new(0),
            occupancy: RacyU8::new(0),
            base: RacyPtr::null(),
            next: RacyPtr::null(),
            prev: RacyPtr::null(),
            sizes: RacyPtr::null(),
        }
    }

    /// Makes this line the metadata of `pages` fresh pages at `base`, owned by whoever calls.
    pub(crate) fn begin(&self, base: *mut u8, pages: usize, class: u8, zeroed: bool) {
        self.remote.begin_owned();
        self.free.set(null_mut());
        self.owner.set(NOBODY);
        self.used.set(0);
        self.fresh.set(0);
        self.capacity.set((pages * PAGE_BYTES).checked_div(object_bytes(class)).unwrap_or(1) as u16);
        self.class.set(class);
        self.place.set(place::NONE);
        self.pages.set(pages as u16);
        self.zeroed.set(u8::from(zeroed));
        self.base.set(base);
        self.next.set(null_mut());
        self.prev.set(null_mut());
        self.sizes.set(null_mut());
    }

    /// First byte of the first page.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.get()
    }

    /// Bytes of all its pages.
    pub(crate) fn bytes(&self) -> usize {
        usize::from(self.pages.get()) * PAGE_BYTES
    }

    /// Whether every object is handed out.
    pub(crate) fn is_full(&self) -> bool {
        self.used.get() == self.capacity.get()
    }

    /// Whether the span starts out as zeros where nothing was carved yet.
    pub(crate) fn is_zeroed(&self) -> bool {
        self.zeroed.get() == 1
    }

    /// The owner puts objects back; how many are still handed out, below 0 if fewer were than came back.
    #[inline(always)]
    pub(crate) fn push(&self, run: Run) -> i16 {
        // SAFETY: the objects were given back to this span's owner, who calls.
        unsafe { object::link(run.last, self.free.get()) };
        self.free.set(run.first);
        let used = self.used.get().wrapping_sub(run.objs as u16);
        self.used.set(used);
        used as i16
    }

    /// With `hardened=1`, whose links lie elsewhere: the owner puts back objects that it has linked, the last
    /// of them to what was on its list.
    pub(crate) fn put_linked(&self, list: List) {
        self.free.set(list.head);
        self.used.sub(list.objs as u16);
    }

    /// With `hardened=1`: the owner takes the objects that it put back last, after which comes `next`.
    pub(crate) fn take_linked(&self, next: *mut Object, objs: u32) {
        self.free.set(next);
        self.used.add(objs as u16);
    }

    /// The object that the owner put back last.
    pub(crate) fn latest(&self) -> *mut Object {
        parcel::object_at(self.free.get())
    }

    /// The record of a large object; 0 if it is not sampled.
    #[inline]
    pub(crate) fn record(&self) -> u32 {
        self.free.get().addr() as u32
    }

    /// Sets the record of a large object.
    #[inline]
    pub(crate) fn set_record(&self, record: u32) {
        self.free.set(core::ptr::without_provenance_mut(record as usize));
    }

    /// Objects handed out and not freed again, as anyone may see them.
    pub(crate) fn handed_out_objs(&self) -> u64 {
        u64::from(self.used.get()).saturating_sub(self.remote.pushed_objs().into())
    }

    /// The owner of a wholly free span forgets its list: the objects will be carved again, in address order,
    /// which undoes the disorder in which they were freed.
    pub(crate) fn restart(&self) {
        debug_assert!(self.used.get() == 0);
        self.free.set(null_mut());
        self.fresh.set(0);
        self.zeroed.set(0);
    }

    /// The owner takes its list of free objects, whole, with the parcels in it.
    pub(crate) fn take_list(&self) -> List {
        let objs = self.fresh.get() - self.used.get();
        let list = List { head: self.free.get(), objs: objs.into() };
        self.free.set(null_mut());
        self.used.set(self.fresh.get());
        list
    }

    /// The owner takes one object from its list, in which there are no parcels: with `stats=exact`, for which
    /// this is, objects travel one by one.
    pub(crate) fn take_one(&self) -> *mut Object {
        let object = self.free.get();
        debug_assert!(!parcel::is_parcel(object));
        if !object.is_null() {
            // SAFETY: the owner's list holds free objects, linked.
            self.free.set(unsafe { object::next(object) });
            self.used.add(1);
        }
        object
    }

    /// The owner counts and returns up to `objs` objects that were never handed out, as the address of
    /// the first and their number; they follow each other.
    pub(crate) fn carve(&self, objs: u32) -> (*mut u8, u32) {
        let object_bytes = object_bytes(self.class.get());
        let fresh = self.fresh.get();
        let objs = objs.min(u32::from(self.capacity.get() - fresh));
        let first = self.base().wrapping_add(usize::from(fresh) * object_bytes);
        self.fresh.set(fresh + objs as u16);
        self.used.add(objs as u16);
        (first, objs)
    }

    /// The owner moves what other threads have freed to its own list, if that is empty; `true` if there
    /// was something.
    pub(crate) fn collect(&self) -> bool {
        debug_assert!(self.free.get().is_null());
        let list = self.collect_list();
        self.free.set(list.head);
        self.used.sub(list.objs as u16);
        list.objs > 0
    }

    /// The owner takes what other threads have freed, which is at most what is handed out.
    pub(crate) fn collect_list(&self) -> List {
        let list = self.remote.collect();
        if list.objs > self.used.get().into() {
            die::double_free(list.head.addr() & !IS_PARCEL, self.class.get());
        }
        list
    }
}

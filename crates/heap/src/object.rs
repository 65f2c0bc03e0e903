//! Dead objects: the code that reads and writes inside them, but for parcels (`parcel.rs`).
//!
//! A free object holds the address of the next one in its first eight bytes; a list ends with null.
//! Whoever holds the head of a list owns all objects on it.

use core::ptr::null_mut;

use spandrel_classes::PAGE_BYTES;

use crate::observed;

/// The first word of a free object. Objects are at least eight bytes and aligned to eight.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Object {
    next: *mut Object,
}

impl Object {
    /// No object: where a list begins that is being made.
    pub(crate) const fn unlinked() -> Self {
        Self { next: null_mut() }
    }

    /// The first object of the list.
    pub(crate) fn next(&self) -> *mut Self {
        self.next
    }
}

/// Objects linked one to the next, ended by null, and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) head: *mut Object,
    pub(crate) objs: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self { head: null_mut(), objs: 0 };
}

/// Part of a list: at least one object, linked from the first to the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) first: *mut Object,
    pub(crate) last: *mut Object,
    pub(crate) objs: u32,
}

impl Run {
    /// A run of one object.
    pub(crate) fn of_one(object: *mut Object) -> Self {
        Self { first: object, last: object, objs: 1 }
    }
}

/// The object after `object`.
///
/// # Safety
/// `object` is a free object that the caller owns and that [`link`] has written.
#[inline(always)]
pub(crate) unsafe fn next(object: *mut Object) -> *mut Object {
    observed::read(object);
    // SAFETY: a free object is at least one aligned word of the heap's own memory.
    unsafe { (*object).next }
}

/// Makes `next` the object after `object`.
///
/// # Safety
/// `object` is a free object that the caller owns.
#[inline(always)]
pub(crate) unsafe fn link(object: *mut Object, next: *mut Object) {
    observed::written(object);
    // SAFETY: a free object is at least one aligned word of the heap's own memory.
    unsafe { (*object).next = next };
}

/// The objects at the start of a list that lie in the same page, and the rest of the list.
///
/// # Safety
/// The list has at least one object, and all belong to the caller.
#[inline(always)]
pub(crate) unsafe fn first_run(list: List) -> (Run, List) {
    let mut run = Run::of_one(list.head);
    // SAFETY: the caller's promise; the loop goes no further than the list.
    let mut after = unsafe { next(run.last) };
    while run.objs < list.objs && (after.addr() ^ list.head.addr()) < PAGE_BYTES {
        run.last = after;
        run.objs += 1;
        // SAFETY: as above.
        after = unsafe { next(after) };
    }
    (run, List { head: after, objs: list.objs - run.objs })
}

/// Links `objs` objects of `object_bytes` each, which lie one after the other from `first` on.
///
/// # Safety
/// They are free objects that the caller owns, and there is at least one.
pub(crate) unsafe fn link_row(first: *mut u8, object_bytes: usize, objs: u32) -> List {
    let mut object = first;
    for _ in 1..objs {
        let next = object.wrapping_add(object_bytes);
        // SAFETY: `object` is one of the caller's.
        unsafe { link(object.cast(), next.cast()) };
        object = next;
    }
    // SAFETY: the last of the row.
    unsafe { link(object.cast(), null_mut()) };
    List { head: first.cast(), objs }
}

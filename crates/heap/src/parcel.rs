//! Parcels: free objects that travel to another thread without being written to.
//!
//! Linking an object writes to it. When one thread frees what another has allocated, that write takes the
//! object's cache line from the one core to the other, and the next use of the object takes it back: two
//! transfers for each object, even if the thread that frees never looked into it. So objects on their way
//! are packed: the first of some, the **parcel**, lists where the others lie, and is the only one that is
//! written to. Whoever is about to allocate them links them all, in its own cache; until then the list of
//! free objects of a span may have parcels in it.
//!
//! ```text
//!   parcel:  | next | others | place | place | ...      next: the next parcel, as in any free object
//!   bytes       8       2       2       2               place: words from the start of the span
//! ```
//!
//! The address of a parcel has [`IS_PARCEL`] set, in links and in the span's word. Objects of classes too
//! small to list others worth the while are linked.

use core::mem::offset_of;
use core::ptr::null_mut;

use spandrel_classes::{CLASS_COUNT, CLASSES};

use crate::config::{IS_PARCEL, OUTBOX_OBJS, PARCEL_BYTES_MIN};
use crate::object::{self, List, Object, Run};
use crate::span::Span;
use crate::{die, observed};

/// A parcel, seen as what it lists. There is room for as many places as [`room`] says.
#[repr(C)]
struct Parcel {
    next: *mut Object,
    others: u16,
    places: [u16; 0],
}

/// How many others a parcel of each class lists; 0 if objects of the class are linked.
static ROOM: [u8; CLASS_COUNT] = {
    let mut room = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        let bytes = CLASSES[class].object_bytes as usize;
        if bytes >= PARCEL_BYTES_MIN {
            let places = (bytes - offset_of!(Parcel, places)) / size_of::<u16>();
            let most = OUTBOX_OBJS as usize - 1;
            room[class] = if places < most { places as u8 } else { most as u8 };
        }
        class += 1;
    }
    room
};

/// How many others a parcel of the class lists; 0 if objects of the class are linked.
#[inline(always)]
pub(crate) fn room(class: u8) -> u16 {
    ROOM[usize::from(class)].into()
}

/// Makes an object a parcel that lists no others yet, in front of `next`; returns its address as links have
/// it.
///
/// # Safety
/// The object is free, the caller's, and of a class with [`room`].
pub(crate) unsafe fn begin(object: *mut Object, next: *mut Object) -> *mut Object {
    // SAFETY: the object has room for a parcel.
    unsafe {
        object::link(object, next);
        (*object.cast::<Parcel>()).others = 0;
    }
    object.map_addr(|address| address | IS_PARCEL)
}

/// Lists an object of `span` in a parcel of the same span; `false` if the parcel is full.
///
/// # Safety
/// What `parcel` leads to is the caller's, and if it is null or no parcel, the class has no [`room`].
pub(crate) unsafe fn add(span: &Span, parcel: *mut Object, object: *mut Object, room: u16) -> bool {
    if !is_parcel(parcel) {
        return false;
    }
    observed::written(object_at(parcel));
    let parcel = object_at(parcel).cast::<Parcel>();
    // SAFETY: a parcel of the caller's; places up to `room` lie in it.
    unsafe {
        let others = (*parcel).others;
        if others >= room {
            return false;
        }
        let place = (object.addr() - span.base().addr()) / size_of::<u64>();
        (&raw mut (*parcel).places).cast::<u16>().add(others.into()).write(place as u16);
        (*parcel).others = others + 1;
    }
    true
}

/// Whether an address, as links have it, is that of a parcel.
pub(crate) fn is_parcel(object: *mut Object) -> bool {
    object.addr() & IS_PARCEL != 0
}

/// A list of objects and parcels of `span`, linked.
///
/// # Safety
/// As [`unpack`].
pub(crate) unsafe fn opened(span: &Span, list: List) -> List {
    if room(span.class.get()) == 0 {
        return list;
    }
    // SAFETY: the caller's promise.
    let run = unsafe { unpack(span, list) };
    List { head: run.first, objs: run.objs }
}

/// Links all objects of a list of objects and parcels of one span, the last to null.
///
/// # Safety
/// There is at least one object; all are free, in `span`, and the caller's.
pub(crate) unsafe fn unpack(span: &Span, list: List) -> Run {
    let room = room(span.class.get());
    let mut before = Object::unlinked();
    let mut last = &raw mut before;
    let mut objs = 0;
    let mut next = list.head;
    while objs < list.objs {
        let object = object_at(next);
        if object.is_null() {
            die::overwritten(last.addr(), span.class.get());
        }
        if object == last {
            die::double_free(object.addr(), span.class.get());
        }
        // SAFETY: these are objects of the list, and each is read before the next one is linked to it.
        unsafe {
            object::link(last, object);
            last = object;
            objs += 1;
            if !is_parcel(next) {
                next = object::next(object);
                continue;
            }
            observed::read(object);
            let parcel = object.cast::<Parcel>();
            let (others, places) = ((*parcel).others.min(room), (&raw const (*parcel).places).cast::<u16>());
            next = (*parcel).next;
            for index in 0..others {
                let other = other(span, object, places.add(index.into()).read());
                if other == last {
                    die::double_free(other.addr(), span.class.get());
                }
                object::link(last, other);
                last = other;
            }
            objs += u32::from(others);
        }
    }
    // SAFETY: the last object of the list.
    unsafe { object::link(last, null_mut()) };
    Run { first: before.next(), last, objs }
}

/// The object at a place that a parcel lists.
fn other(span: &Span, parcel: *mut Object, place: u16) -> *mut Object {
    let offset = usize::from(place) * size_of::<u64>();
    if offset >= span.bytes() {
        die::overwritten(parcel.addr(), span.class.get());
    }
    span.base().wrapping_add(offset).cast()
}

/// The object at an address, as links have it.
pub(crate) fn object_at(address: *mut Object) -> *mut Object {
    address.map_addr(|address| address & !IS_PARCEL)
}

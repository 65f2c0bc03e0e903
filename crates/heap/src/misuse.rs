//! What is checked of a pointer that comes back, wherever its span is entered: not on the fast paths.

use spandrel_classes::{CLASS_COUNT, CLASSES, PAGE_BYTES, start_index};

use crate::config::ADDRESS_BITS;
use crate::die;
use crate::page_map::{self, region};
use crate::span::SpanRef;

/// Ends the process unless an address lies in an arena.
#[cold]
#[inline(never)]
pub(crate) fn check_arena(pointer: *mut u8) {
    if !is_in_arena(pointer) {
        die::foreign_pointer(pointer.addr());
    }
}

#[inline]
fn is_in_arena(pointer: *mut u8) -> bool {
    pointer.addr() >> ADDRESS_BITS == 0 && page_map::region_of(pointer.addr()) == region::ARENA
}

/// The span of an object of a class, which is all that the slow path of a free has the time to check.
#[inline(always)]
pub(crate) fn span_of_class(class: u8, object: *mut u8) -> SpanRef {
    if page_map::region_of(object.addr()) != region::ARENA {
        die::foreign_pointer(object.addr());
    }
    // SAFETY: it lies in an arena.
    match unsafe { page_map::span_at(object) } {
        Some(span) if span.class.get() == class => span,
        _ => not_of_class(class, object),
    }
}

/// Ends the process, since [`checked_span`] finds what is wrong.
#[cold]
#[inline(never)]
fn not_of_class(class: u8, object: *mut u8) -> SpanRef {
    checked_span(class, object)
}

/// As [`checked_span`], for the paths that have no room for it.
#[inline(never)]
pub(crate) extern "C" fn checked_span_apart(class: u8, object: *mut u8) -> SpanRef {
    checked_span(class, object)
}

/// Ends the process: a pointer is to no object of a span, or to one that is not handed out.
#[cold]
#[inline(never)]
fn not_handed_out(object: *mut u8, span: SpanRef, index: u32) -> ! {
    if index < span.capacity.get().into() {
        die::double_free(object.addr(), span.class.get());
    }
    die::interior_pointer(object.addr(), span.base().addr(), span.class.get())
}

/// Whether a pointer is to where an object of a class starts, as far as its page tells: that of an object in
/// a span of several pages does not, and that of a span of more pages than its class has is not asked.
#[inline(always)]
pub(crate) fn is_start_in_page(class: u8, object: *mut u8) -> bool {
    let offset = object.addr() % PAGE_BYTES;
    // SAFETY: it lies in an arena.
    is_in_arena(object)
        && unsafe { page_map::class_in_arena(object) } == class
        && start_index(class, offset as u32) < PAGE_OBJS[usize::from(class)].into()
}

/// How many objects there are in the one page of a span; 0 for classes whose spans have more.
static PAGE_OBJS: [u16; CLASS_COUNT] = {
    let mut objs = [0; CLASS_COUNT];
    let mut class = 1;
    while class < CLASS_COUNT {
        if CLASSES[class].span_pages == 1 {
            objs[class] = CLASSES[class].span_objs as u16;
        }
        class += 1;
    }
    objs
};

/// The span of an object of a class; ends the process unless there is one, of that class, and the pointer is
/// to the start of one of its objects.
#[inline]
pub(crate) fn checked_span(class: u8, object: *mut u8) -> SpanRef {
    if !is_in_arena(object) {
        die::foreign_pointer(object.addr());
    }
    // SAFETY: it lies in an arena.
    let Some(span) = (unsafe { page_map::span_at(object) }) else { die::foreign_pointer(object.addr()) };
    let has_class = span.class.get();
    if has_class != class {
        die::wrong_class(object.addr(), class, has_class);
    }
    let offset = object.addr().wrapping_sub(span.base().addr());
    let index = start_index(class, offset as u32);
    if index >= span.fresh.get().into() {
        not_handed_out(object, span, index);
    }
    span
}

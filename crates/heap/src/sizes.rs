//! What is kept beside a span for each of its objects: a table in metadata memory.
//!
//! ```text
//!   table:  | links, two bytes an object | requested sizes, two bytes an object |
//! ```
//!
//! The links are there with `hardened=1` (`hardened/spans.rs`), the requested sizes with `stats=exact`.
//! Without these options there are no tables, and the statistics estimate what was requested from the
//! allocations that pass through the slow path.

use core::ptr::null_mut;

use spandrel_classes::{object_bytes, object_index};
use spandrel_platform::lock::{Mutex, Rank};

use crate::span::SpanRef;
use crate::{hardened, meta, options};

/// Tables of spans that are gone, for the next span of the same class, linked through their first words.
pub(crate) struct Unused([*mut u16; spandrel_classes::CLASS_COUNT]);

// SAFETY: the tables belong to the process.
unsafe impl Send for Unused {}

pub(crate) static UNUSED: Mutex<Unused> =
    Mutex::new(Rank::Sizes, Unused([null_mut(); spandrel_classes::CLASS_COUNT]));

/// Gives a fresh span a table, where one is wanted and there is memory for it; `false` if the span can't do
/// without and has none.
pub(crate) fn begin_span(span: SpanRef) -> bool {
    if !options::each() {
        return true;
    }
    let class = usize::from(span.class.get());
    let mut unused = UNUSED.lock();
    let mut table = unused.0[class];
    if table.is_null() {
        table = meta::alloc(table_bytes(span), align_of::<*mut u16>()).cast();
    } else {
        // SAFETY: an unused table holds the address of the next one in its first word.
        unused.0[class] = unsafe { table.cast::<*mut u16>().read() };
        // SAFETY: the table has this many bytes.
        unsafe { table.cast::<u8>().write_bytes(0, table_bytes(span)) };
    }
    span.sizes.set(table);
    drop(unused);
    if options::hardened() && !table.is_null() {
        hardened::begin_span(span);
    }
    !table.is_null() || !options::hardened()
}

/// Takes the table back from a span that is taken apart.
pub(crate) fn end_span(span: SpanRef) {
    let table = span.sizes.get();
    if table.is_null() {
        return;
    }
    if options::hardened() {
        hardened::check_all(span);
    }
    let mut unused = UNUSED.lock();
    let class = usize::from(span.class.get());
    // SAFETY: the table is aligned for a pointer and has room for one.
    unsafe { table.cast::<*mut u16>().write(unused.0[class]) };
    unused.0[class] = table;
    span.sizes.set(null_mut());
}

/// Notes the requested size of an object that is being allocated; returns it, or the size of the class
/// where there is no table.
pub(crate) fn set(span: SpanRef, object: *mut u8, requested_bytes: usize) -> usize {
    let Some(entry) = entry(span, object) else {
        return object_bytes(span.class.get());
    };
    // SAFETY: the entry belongs to the object, which belongs to the caller.
    unsafe { entry.write(requested_bytes as u16) };
    requested_bytes
}

/// The noted size of an object that is being freed; the size of the class where there is no table.
pub(crate) fn get(span: SpanRef, object: *mut u8) -> usize {
    // SAFETY: the entry belongs to the object, which belongs to the caller.
    entry(span, object).map_or(object_bytes(span.class.get()), |entry| unsafe { entry.read() }.into())
}

fn entry(span: SpanRef, object: *mut u8) -> Option<*mut u16> {
    let table = span.sizes.get();
    let offset = object.addr().wrapping_sub(span.base().addr());
    let index = object_index(span.class.get(), offset);
    let is_there = !table.is_null() && index < usize::from(span.capacity.get());
    is_there.then(|| table.wrapping_byte_add(links_bytes(span)).wrapping_add(index))
}

fn links_bytes(span: SpanRef) -> usize {
    if options::hardened() { usize::from(span.capacity.get()) * size_of::<u16>() } else { 0 }
}

fn table_bytes(span: SpanRef) -> usize {
    let sizes_bytes = if options::exact() { usize::from(span.capacity.get()) * size_of::<u16>() } else { 0 };
    (links_bytes(span) + sizes_bytes).next_multiple_of(align_of::<*mut u16>())
}

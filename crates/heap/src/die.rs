//! The end of a process whose heap is misused: one line on standard error, then `SIGABRT`.
//!
//! It allocates nothing and takes no lock, so that it works when the heap is broken.

use spandrel_platform::process::abort;

use crate::line::Line;

/// A pointer came back that the allocator never gave out.
#[cold]
pub(crate) fn foreign_pointer(address: usize) -> ! {
    Line::new().text(b"spandrel: free of ").address(address).text(b", which is not from this heap").print();
    abort()
}

/// A pointer came back that points into an object, not to its start.
#[cold]
pub(crate) fn interior_pointer(address: usize, start: usize, class: u8) -> ! {
    Line::new()
        .text(b"spandrel: free of ")
        .address(address)
        .text(b", which points into a span (class ")
        .decimal(class.into())
        .text(b", start ")
        .address(start)
        .text(b") but not to an object")
        .print();
    abort()
}

/// An object came back as one of another class: with a layout that it was not allocated with.
#[cold]
pub(crate) fn wrong_class(address: usize, class: u8, has_class: u8) -> ! {
    Line::new()
        .text(b"spandrel: free of ")
        .address(address)
        .text(b" with a wrong layout (of class ")
        .decimal(class.into())
        .text(b", the object's is ")
        .decimal(has_class.into())
        .text(b")")
        .print();
    abort()
}

/// A pointer came back whose span has no object in use: it was freed before.
#[cold]
pub(crate) fn double_free(address: usize, class: u8) -> ! {
    Line::new()
        .text(b"spandrel: double free of ")
        .address(address)
        .text(b" (class ")
        .decimal(class.into())
        .text(b")")
        .print();
    abort()
}

/// An object that was free does not hold what the allocator wrote there.
#[cold]
pub(crate) fn overwritten(address: usize, class: u8) -> ! {
    Line::new()
        .text(b"spandrel: the object at ")
        .address(address)
        .text(b" (class ")
        .decimal(class.into())
        .text(b") was written to after it was freed")
        .print();
    abort()
}

/// A bug of the allocator.
#[cold]
pub(crate) fn panicked(file: &[u8], line: u32) -> ! {
    Line::new().text(b"spandrel: panic at ").text(file).text(b":").decimal(line.into()).print();
    abort()
}

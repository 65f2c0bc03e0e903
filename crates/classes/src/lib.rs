//! The 67 size classes of Go's allocator: their generator, their table, lookup and waste.
//!
//! # What a class is
//!
//! An allocator that kept a list for every size that anybody ever asks for would keep lists of one
//! object. So a request is rounded up to one of a few fixed sizes, the *size classes*. All objects of a
//! class are interchangeable: the object that one caller gives back serves the next one who asks for
//! any size of the class. Objects of a class lie side by side in *spans*, runs of pages of 8 KiB, and a
//! span holds objects of one class alone; the class of a span is thereby the size of everything in it,
//! and no object needs a header.
//!
//! Classes have the numbers 1 to 67, from 8 bytes to 32 KiB. Class 0 stands for *large objects*: each
//! of these has a span of its own, of whole pages.
//!
//! # What rounding costs
//!
//! Two kinds of memory are lost, and the [generator](CLASSES) holds each to about an eighth:
//!
//! * **Inside objects.** A request between two classes pays for the larger one. From 128 bytes up, the
//!   generator tries sizes in steps of at most an eighth of the size, so that neighbours are at most
//!   12.5 % apart.
//! * **At the end of spans.** What is left behind the last object is the span's *tail*. A span gets one
//!   more page until the tail is at most 12.5 % of it.
//!
//! The bound on the tail is exact. The one on rounding has two exceptions. Below 128 bytes the step is
//! 8 or 16 bytes, which is a larger part of a small object: the worst request of class 1 is a single
//! byte (87.5 % lost), that of class 2 is 9 bytes (43.75 %), that of class 5 is 33 bytes (31.52 % with
//! the tail). And neighbours of which a span would hold equally many are merged into the larger one,
//! which costs no memory in full spans, but widens a step: the worst request of more than 1 KiB is
//! 4097 bytes in class 45, where rounding and the tail take 16.65 % of the span together.
//! [`SizeClass::max_waste_basis_points`] tells the number for each class and [`fit`] what one request
//! loses.
//!
//! # From a request to a class
//!
//! [`class_of`] serves Rust layouts and [`c_class_of`] serves `malloc`, whose objects are aligned to 16
//! bytes as soon as they have more than 8. Both cost two comparisons and the load of one byte (larger
//! alignments a little more). All of it is `const fn` without a path that panics, so a constant size
//! costs nothing at run time.
//!
//! ```
//! use spandrel_classes::{c_class_of, c_class_of_frequent, class_of, object_bytes, object_index};
//!
//! let class = class_of(33, 8);
//! assert_eq!(class, 5);
//! assert_eq!(object_bytes(class), 48);
//! assert_eq!(object_index(class, 100), 2); // bytes 96..144 of the span are its third object
//! assert_eq!(object_bytes(class_of(24, 8)), 24);
//! assert_eq!(object_bytes(c_class_of(24)), 32);
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod generate;
mod lookup;
mod table;
mod waste;

pub use lookup::{
    c_class_of, c_class_of_frequent, class_of, class_of_size, object_bytes, object_index, size_class,
    start_index,
};
pub use table::{C_CLASS_BY_8, CLASS_BY_8, CLASS_BY_128, CLASSES};
pub use waste::{Fit, fit};

/// The logarithm of [`PAGE_BYTES`] to base 2.
pub const PAGE_SHIFT: u32 = 13;

/// Bytes of a page: Go's runtime page, not the page of the operating system.
pub const PAGE_BYTES: usize = 1 << PAGE_SHIFT;

/// The largest request, in bytes, that a size class serves; larger ones are large objects.
pub const SMALL_BYTES_MAX: usize = 32 << 10;

/// The number of size classes, with class 0 for large objects.
pub const CLASS_COUNT: usize = 68;

/// One size class: the sizes of its objects and spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeClass {
    /// The number of the class: 1 to 67, or 0 for large objects.
    pub class: u8,
    /// Bytes of one object: a multiple of 8, at most [`SMALL_BYTES_MAX`].
    pub object_bytes: u32,
    /// Pages of one span: 1 to 10.
    pub span_pages: u32,
    /// Objects of one span: 1 to 1024.
    pub span_objs: u32,
    /// Bytes at the end of a span that belong to no object: less than one object, at most an eighth of
    /// the span.
    pub tail_bytes: u32,
    /// The alignment in bytes that every object of the class has, given that spans start at a page
    /// boundary: the largest power of two that divides `object_bytes`, but at most [`PAGE_BYTES`].
    pub align: u32,
    /// The multiplier that stands for division by `object_bytes`; see [`object_index`].
    pub magic: u32,
}

impl SizeClass {
    /// Class 0: large objects have neither a common size nor a common span.
    pub(crate) const LARGE: SizeClass = SizeClass {
        class: 0,
        object_bytes: 0,
        span_pages: 0,
        span_objs: 0,
        tail_bytes: 0,
        align: 0,
        magic: 0,
    };

    /// Bytes of one span of this class, its tail included; 0 for class 0.
    #[inline(always)]
    pub const fn span_bytes(&self) -> usize {
        (self.span_pages as usize) << PAGE_SHIFT
    }
}

const _: () = assert!(CLASS_COUNT <= 1 << u8::BITS, "the number of a class fits a byte");
const _: () = assert!(SMALL_BYTES_MAX.is_multiple_of(PAGE_BYTES));

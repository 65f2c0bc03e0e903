//! From a request to its class, and from an offset in a span to the object there.
//!
//! Sizes up to 1 KiB are looked up in steps of 8 bytes and larger ones in steps of 128, as in Go.
//! Alignments up to 16 have tables of their own; above that, a set of the classes that have the
//! alignment is searched from the class of the size upwards, by counting zero bits. No function here
//! has a path that panics, and none has a loop, so all of them fold to a constant where their arguments
//! are constant.

use crate::table::{
    ALIGN_16_BY_8, BY_1, BY_1_BYTES_MAX, BY_8, BY_8_BYTES_MAX, BY_8_LEN, BY_128, C_BY_1, C_BY_8,
    CLASSES_BY_ALIGN, INVERSE, MAGIC, OBJECT_BYTES,
};
use crate::{CLASS_COUNT, CLASSES, PAGE_BYTES, SMALL_BYTES_MAX, SizeClass};

/// The smallest class whose objects have at least `bytes`: 1 to 67, or 0, for a large object, above
/// [`SMALL_BYTES_MAX`]. A request of 0 bytes belongs to class 1.
///
/// Objects of the class are aligned to 8 bytes; for more see [`class_of`]. O(1).
///
/// ```
/// use spandrel_classes::class_of_size;
///
/// assert_eq!(class_of_size(0), 1);
/// assert_eq!(class_of_size(24), 3);
/// assert_eq!(class_of_size(32768), 67);
/// assert_eq!(class_of_size(32769), 0);
/// ```
#[inline(always)]
pub const fn class_of_size(bytes: usize) -> u8 {
    class_by_tables(bytes, BY_8)
}

/// The smallest class whose objects have at least `bytes` and are aligned to `align`, a power of two; 0
/// if there is none, so that the request is a large object.
///
/// There is always one unless `bytes` is above [`SMALL_BYTES_MAX`] or `align` above [`PAGE_BYTES`]. An
/// alignment below 8 counts as 8. If `align` is no power of two, the class is unspecified. O(1).
///
/// ```
/// use spandrel_classes::{class_of, object_bytes};
///
/// assert_eq!(object_bytes(class_of(24, 8)), 24);
/// assert_eq!(object_bytes(class_of(24, 16)), 32);
/// assert_eq!(object_bytes(class_of(24, 64)), 64);
/// assert_eq!(class_of(24, 16384), 0);
/// ```
#[inline(always)]
pub const fn class_of(bytes: usize, align: usize) -> u8 {
    if align <= 8 {
        if bytes <= BY_1_BYTES_MAX { BY_1[bytes] } else { class_by_tables(bytes, BY_8) }
    } else if align == 16 {
        class_by_tables(bytes, ALIGN_16_BY_8)
    } else {
        class_of_aligned(bytes, align)
    }
}

/// The class of a request to `malloc`: as [`class_of_size`], but what has more than 8 bytes is aligned to
/// 16, so that class 3 with its 24 bytes serves nobody.
///
/// ```
/// use spandrel_classes::{c_class_of, object_bytes};
///
/// assert_eq!(object_bytes(c_class_of(0)), 8);
/// assert_eq!(object_bytes(c_class_of(9)), 16);
/// assert_eq!(object_bytes(c_class_of(17)), 32);
/// assert_eq!(c_class_of(32769), 0);
/// ```
#[inline(always)]
pub const fn c_class_of(bytes: usize) -> u8 {
    class_by_tables(bytes, C_BY_8)
}

/// The same for a frequent request, of up to 1024 bytes, by a single load; `None` for any other.
///
/// ```
/// use spandrel_classes::{c_class_of, c_class_of_frequent};
///
/// assert_eq!(c_class_of_frequent(100), Some(c_class_of(100)));
/// assert_eq!(c_class_of_frequent(1025), None);
/// ```
#[inline(always)]
pub const fn c_class_of_frequent(bytes: usize) -> Option<u8> {
    if bytes <= BY_1_BYTES_MAX { Some(C_BY_1[bytes]) } else { None }
}

/// The bytes of an object of `class`; 0 for class 0 and for numbers that are no class.
#[inline(always)]
pub const fn object_bytes(class: u8) -> usize {
    OBJECT_BYTES[class as usize] as usize
}

/// The index in its span of the object that holds the byte at `offset_bytes` from the span's start, by a
/// multiplication instead of a division.
///
/// Exact for every offset in a span of the class. The tail belongs to no object: there the result is
/// `span_objs`. For class 0 it is 0, as a large object is alone in its span.
///
/// ```
/// use spandrel_classes::object_index;
///
/// assert_eq!(object_index(5, 47), 0);
/// assert_eq!(object_index(5, 48), 1);
/// assert_eq!(object_index(0, 123_456), 0);
/// ```
#[inline(always)]
pub const fn object_index(class: u8, offset_bytes: usize) -> usize {
    ((offset_bytes as u64 * MAGIC[class as usize] as u64) >> 32) as usize
}

/// The index in its span of the object that starts at `offset_bytes` from the span's start; a number above
/// every index if none does there. For class 0 it is 0.
///
/// A multiple of a number is undone by a multiplication, and what is no multiple becomes something large: one
/// multiplication and one rotation tell both (Granlund and Montgomery, *Division by Invariant Integers using
/// Multiplication*, 1994, section 9).
///
/// ```
/// use spandrel_classes::start_index;
///
/// assert_eq!(start_index(5, 48), 1);
/// assert!(start_index(5, 47) > 8192);
/// ```
#[inline(always)]
pub const fn start_index(class: u8, offset_bytes: u32) -> u32 {
    let (inverse, evens) = INVERSE[class as usize];
    offset_bytes.wrapping_mul(inverse).rotate_right(evens)
}

/// All about `class`; class 0 for numbers that are no class.
///
/// ```
/// assert_eq!(spandrel_classes::size_class(67).span_pages, 4);
/// ```
#[inline(always)]
pub const fn size_class(class: u8) -> &'static SizeClass {
    const BY_CLASS: &[SizeClass; CLASS_COUNT] = &CLASSES;
    let index = class as usize;
    &BY_CLASS[if index < CLASS_COUNT { index } else { 0 }]
}

/// Looks `bytes` up in `by_8` or, above 1 KiB, in the table that all alignments up to 128 share.
///
/// The second index is `(bytes - 1024).div_ceil(128)` in a form of which the compiler sees that it is in
/// bounds, and which differs enough from the first one that it does not join the two loads into one
/// with a variable shift.
#[inline(always)]
const fn class_by_tables(bytes: usize, by_8: &[u8; BY_8_LEN]) -> u8 {
    if bytes <= BY_8_BYTES_MAX {
        by_8[(bytes + 7) >> 3]
    } else if bytes <= SMALL_BYTES_MAX {
        BY_128[((bytes - 1) >> 7) + 1 - (BY_8_BYTES_MAX >> 7)]
    } else {
        0
    }
}

/// The class for an alignment above 16: the first class of the alignment's set from the plain one on.
#[inline(always)]
const fn class_of_aligned(bytes: usize, align: usize) -> u8 {
    let class = class_by_tables(bytes, BY_8);
    if class == 0 || align > PAGE_BYTES {
        return 0;
    }
    let set = CLASSES_BY_ALIGN[align.trailing_zeros() as usize & 15];
    class + (set >> (class & 127)).trailing_zeros() as u8
}

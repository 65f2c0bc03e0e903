//! What rounding up to a class costs: the worst case of each class and the price of one request.
//!
//! Shares are told in basis points, hundredths of a percent, rounded to the nearest one.

use crate::{CLASSES, PAGE_BYTES, SizeClass, class_of_size, size_class};

/// `part_bytes` of `whole_bytes` in basis points, rounded half up.
const fn basis_points(part_bytes: usize, whole_bytes: usize) -> u32 {
    let (part, whole) = (part_bytes as u64, whole_bytes as u64);
    ((part * 10_000 + whole / 2) / whole) as u32
}

impl SizeClass {
    /// The most of a full span that can be lost, in basis points: each object serves the smallest
    /// request of the class, one byte more than the objects of the class before have, and the tail
    /// serves nobody. 0 for class 0.
    ///
    /// ```
    /// // 170 requests for 33 bytes lose 170 * 15 bytes, and 32 bytes of tail, of 8192.
    /// assert_eq!(spandrel_classes::CLASSES[5].max_waste_basis_points(), 3152);
    /// ```
    pub const fn max_waste_basis_points(&self) -> u32 {
        if self.class == 0 {
            return 0;
        }
        let worst_request_bytes = size_class(self.class - 1).object_bytes + 1;
        let rounding_bytes = (self.object_bytes - worst_request_bytes) * self.span_objs;
        basis_points((rounding_bytes + self.tail_bytes) as usize, self.span_bytes())
    }
}

/// How one request fits the object that serves it; see [`fit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The requested bytes.
    pub bytes: usize,
    /// The class of the object; 0 for a large one.
    pub class: u8,
    /// Bytes of the object. A request of as many would waste nothing and cost the same.
    pub object_bytes: usize,
    /// Bytes of the object that were not requested.
    pub waste_bytes: usize,
    /// The same as a share of the object, in basis points (hundredths of a percent).
    pub waste_basis_points: u32,
    /// Pages of the span that the object lies in.
    pub span_pages: usize,
    /// Objects of that span; 1 for a large object.
    pub span_objs: usize,
    /// The largest size up to `bytes` that wastes nothing: `bytes` itself, or else the object size of
    /// the class before, or the next smaller number of whole pages. 0 below 8 bytes: there is none.
    pub exact_size: usize,
}

/// How a request of `bytes` without special alignment fits: its class, and what rounding up wastes.
///
/// Requests above [`SMALL_BYTES_MAX`](crate::SMALL_BYTES_MAX) are rounded up to whole pages, as class 0.
/// (A request within one page of `usize::MAX`, which nothing can serve, counts as an exact fit.) O(1).
///
/// ```
/// use spandrel_classes::fit;
///
/// let five_words_and_a_byte = fit(41);
/// assert_eq!(five_words_and_a_byte.object_bytes, 48);
/// assert_eq!(five_words_and_a_byte.waste_bytes, 7);
/// assert_eq!(five_words_and_a_byte.exact_size, 32);
///
/// assert_eq!(fit(40_000).object_bytes, 40_960);
/// ```
pub const fn fit(bytes: usize) -> Fit {
    let class = class_of_size(bytes);
    if class == 0 {
        return fit_large(bytes);
    }
    let it = size_class(class);
    let object_bytes = it.object_bytes as usize;
    let waste_bytes = object_bytes - bytes;
    Fit {
        bytes,
        class,
        object_bytes,
        waste_bytes,
        waste_basis_points: basis_points(waste_bytes, object_bytes),
        span_pages: it.span_pages as usize,
        span_objs: it.span_objs as usize,
        exact_size: if waste_bytes == 0 { bytes } else { size_class(class - 1).object_bytes as usize },
    }
}

/// The fit of a large object: whole pages, alone in its span.
const fn fit_large(bytes: usize) -> Fit {
    let span_pages = bytes.div_ceil(PAGE_BYTES);
    let object_bytes = match span_pages.checked_mul(PAGE_BYTES) {
        Some(object_bytes) => object_bytes,
        None => bytes,
    };
    let waste_bytes = object_bytes - bytes;
    Fit {
        bytes,
        class: 0,
        object_bytes,
        waste_bytes,
        waste_basis_points: basis_points(waste_bytes, object_bytes),
        span_pages,
        span_objs: 1,
        exact_size: if waste_bytes == 0 { bytes } else { bytes / PAGE_BYTES * PAGE_BYTES },
    }
}

/// The worst cases that the introduction of the crate names.
const _: () = {
    assert!(CLASSES[1].max_waste_basis_points() == 8750);
    assert!(CLASSES[2].max_waste_basis_points() == 4375);
    assert!(CLASSES[5].max_waste_basis_points() == 3152);
    assert!(CLASSES[45].max_waste_basis_points() == 1665);
    let mut class = 33;
    while class < CLASSES.len() {
        assert!(CLASSES[class].object_bytes > 1024);
        assert!(CLASSES[class].max_waste_basis_points() <= 1665);
        class += 1;
    }
};

//! Go's generator of size classes (`mksizeclasses.go`) as a `const fn`.
//!
//! The rule has three parts.
//!
//! 1. **Candidates.** Sizes go up from 8 bytes by a step that changes at powers of two: 8 bytes at
//!    first, 16 from 32 bytes, an eighth of the size from 128, and 256 bytes from 2 KiB. A candidate's
//!    span is the smallest number of pages of which at most an eighth is left over as its tail.
//! 2. **Merging.** When a candidate's span has as many pages and as many objects as that of the class
//!    before it, the smaller of the two saves nothing; the candidate takes its place.
//! 3. **Growing.** The objects of a class then share out the tail of their span: each becomes as large
//!    as it can be at the same number of objects, in multiples of 128 bytes.
//!
//! The third part makes some sizes odd at first sight: 2688 bytes is what a page holds three of.

use crate::{CLASS_COUNT, PAGE_BYTES, SMALL_BYTES_MAX, SizeClass};

/// The unit, in bytes, in which objects grow into the tail of their span.
const GROWTH_BYTES: u32 = 128;

/// All classes, class 0 first. Takes some hundred steps; a wrong number of classes does not compile.
pub(crate) const fn generate() -> [SizeClass; CLASS_COUNT] {
    let mut classes = [SizeClass::LARGE; CLASS_COUNT];
    let mut last = 0;
    let mut object_bytes = 8;
    let mut step_bytes = 8;
    while object_bytes <= SMALL_BYTES_MAX as u32 {
        step_bytes = step_from(object_bytes, step_bytes);
        let candidate = class_of_objects(object_bytes, span_pages_for(object_bytes));
        let merged = last > 0
            && candidate.span_pages == classes[last].span_pages
            && candidate.span_objs == classes[last].span_objs;
        if !merged {
            last += 1;
        }
        classes[last] = candidate;
        object_bytes += step_bytes;
    }
    assert!(last + 1 == CLASS_COUNT, "the rule makes 67 classes and class 0");

    let mut class = 1;
    while class < CLASS_COUNT {
        classes[class] = grown(classes[class]);
        classes[class].class = class as u8;
        class += 1;
    }
    classes
}

/// The step in bytes from the candidate `object_bytes` to the next one.
const fn step_from(object_bytes: u32, step_bytes: u32) -> u32 {
    if !object_bytes.is_power_of_two() {
        return step_bytes;
    }
    match object_bytes {
        2048.. => 256,
        128.. => object_bytes / 8,
        32.. => 16,
        _ => step_bytes,
    }
}

/// The fewest pages of which objects of `object_bytes` leave at most an eighth.
const fn span_pages_for(object_bytes: u32) -> u32 {
    let page_bytes = PAGE_BYTES as u32;
    let mut span_pages = 1;
    while (span_pages * page_bytes) % object_bytes > span_pages * page_bytes / 8 {
        span_pages += 1;
    }
    span_pages
}

/// `class` with objects that have taken over what they can of the tail.
const fn grown(class: SizeClass) -> SizeClass {
    let share_bytes = class.span_bytes() as u32 / class.span_objs;
    let object_bytes = share_bytes / GROWTH_BYTES * GROWTH_BYTES;
    if object_bytes > class.object_bytes { class_of_objects(object_bytes, class.span_pages) } else { class }
}

/// The class of objects of `object_bytes` in spans of `span_pages`, still without a number.
const fn class_of_objects(object_bytes: u32, span_pages: u32) -> SizeClass {
    let span_bytes = span_pages * PAGE_BYTES as u32;
    let lowest_bit = 1 << object_bytes.trailing_zeros();
    SizeClass {
        class: 0,
        object_bytes,
        span_pages,
        span_objs: span_bytes / object_bytes,
        tail_bytes: span_bytes % object_bytes,
        align: if lowest_bit < PAGE_BYTES as u32 { lowest_bit } else { PAGE_BYTES as u32 },
        magic: u32::MAX / object_bytes + 1,
    }
}

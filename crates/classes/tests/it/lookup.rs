//! Every request against the definition of its class.

use spandrel_classes::{
    C_CLASS_BY_8, CLASS_BY_8, CLASS_BY_128, CLASSES, PAGE_BYTES, SMALL_BYTES_MAX, c_class_of, class_of,
    class_of_size, object_bytes,
};

/// Sizes around which something happens far above the classes.
const LARGE_BYTES: [usize; 5] = [SMALL_BYTES_MAX + 1, 40_000, 1 << 31, isize::MAX as usize, usize::MAX];

/// The definition: the first class that is large enough and a multiple of `align`.
fn naive_class_of(bytes: usize, align: usize) -> u8 {
    let fits = |class: &&spandrel_classes::SizeClass| {
        let object_bytes = class.object_bytes as usize;
        object_bytes >= bytes && object_bytes.is_multiple_of(align) && align <= PAGE_BYTES
    };
    CLASSES[1..].iter().find(fits).map_or(0, |class| class.class)
}

#[test]
fn sizes_find_the_smallest_class() {
    for bytes in (0..=SMALL_BYTES_MAX + 300).chain(LARGE_BYTES) {
        assert_eq!(class_of_size(bytes), naive_class_of(bytes, 1), "{bytes} bytes");
    }
}

#[test]
fn layouts_find_the_smallest_aligned_class() {
    for align in (0..usize::BITS).map(|shift| 1 << shift) {
        for bytes in (0..=SMALL_BYTES_MAX + 300).chain(LARGE_BYTES) {
            let class = class_of(bytes, align);
            assert_eq!(class, naive_class_of(bytes, align), "{bytes} bytes aligned to {align}");
        }
    }
}

#[test]
fn c_requests_over_8_bytes_are_aligned_to_16() {
    for bytes in (0..=SMALL_BYTES_MAX + 300).chain(LARGE_BYTES) {
        let align = if bytes > 8 { 16 } else { 8 };
        assert_eq!(c_class_of(bytes), naive_class_of(bytes, align), "{bytes} bytes");
        assert_ne!(c_class_of(bytes), 3);
    }
}

#[test]
fn object_bytes_are_those_of_the_class() {
    for class in 0..=u8::MAX {
        let expected = CLASSES.get(class as usize).map_or(0, |it| it.object_bytes as usize);
        assert_eq!(object_bytes(class), expected);
    }
}

#[test]
fn tables_lead_to_the_same_classes() {
    for bytes in 0..=1024_usize {
        assert_eq!(CLASS_BY_8[bytes.div_ceil(8)], class_of_size(bytes));
        assert_eq!(C_CLASS_BY_8[bytes.div_ceil(8)], c_class_of(bytes));
    }
    for bytes in 1024..=SMALL_BYTES_MAX {
        assert_eq!(CLASS_BY_128[(bytes - 1024).div_ceil(128)], class_of_size(bytes));
    }
}

#[test]
fn lookups_work_in_constants() {
    const CLASS: u8 = class_of(24, 16);
    const C_CLASS: u8 = c_class_of(24);
    const ALIGNED: u8 = class_of(1, 4096);
    assert_eq!((CLASS, C_CLASS, ALIGNED), (4, 4, 44));
}

//! The price of rounding: known requests, and identities for all.

use spandrel_classes::{CLASSES, Fit, PAGE_BYTES, SMALL_BYTES_MAX, class_of_size, fit};

#[test]
fn known_requests() {
    let small = Fit {
        bytes: 33,
        class: 5,
        object_bytes: 48,
        waste_bytes: 15,
        waste_basis_points: 3125,
        span_pages: 1,
        span_objs: 170,
        exact_size: 32,
    };
    assert_eq!(fit(33), small);

    let large = Fit {
        bytes: 40_000,
        class: 0,
        object_bytes: 40_960,
        waste_bytes: 960,
        waste_basis_points: 234,
        span_pages: 5,
        span_objs: 1,
        exact_size: 32_768,
    };
    assert_eq!(fit(40_000), large);

    assert_eq!((fit(0).object_bytes, fit(0).waste_basis_points, fit(0).exact_size), (8, 10_000, 0));
    assert_eq!((fit(48).waste_bytes, fit(48).exact_size), (0, 48));
    assert_eq!((fit(40_960).waste_bytes, fit(40_960).exact_size), (0, 40_960));
}

#[test]
fn requests_that_nothing_can_serve_do_not_overflow() {
    for bytes in [isize::MAX as usize, usize::MAX - PAGE_BYTES, usize::MAX - 1, usize::MAX] {
        let fit = fit(bytes);
        assert_eq!(fit.object_bytes - fit.waste_bytes, bytes);
        assert_eq!(fit.waste_basis_points, 0);
    }
}

#[test]
fn every_fit_adds_up() {
    for bytes in 0..=SMALL_BYTES_MAX + 3 * PAGE_BYTES {
        let it = fit(bytes);
        assert_eq!(it.class, class_of_size(bytes));
        assert_eq!(it.bytes + it.waste_bytes, it.object_bytes);
        assert!(it.span_objs * it.object_bytes <= it.span_pages * PAGE_BYTES);
        let told = it.waste_basis_points as usize * it.object_bytes;
        assert!(2 * told.abs_diff(it.waste_bytes * 10_000) <= it.object_bytes, "{bytes} bytes");

        assert!(it.exact_size <= bytes && bytes - it.exact_size < it.object_bytes);
        assert_eq!(fit(it.object_bytes).waste_bytes, 0);
        if it.exact_size > 0 {
            assert_eq!(fit(it.exact_size).waste_bytes, 0);
            assert!((it.exact_size + 1..bytes).all(|smaller| fit(smaller).waste_bytes > 0));
        } else {
            assert!(bytes < 8);
        }
    }
}

#[test]
fn the_worst_case_of_a_class_is_its_worst_request() {
    for class in &CLASSES[1..] {
        let worst = (0..=SMALL_BYTES_MAX)
            .filter(|bytes| class_of_size(*bytes) == class.class && *bytes > 0)
            .map(|bytes| fit(bytes).waste_bytes * class.span_objs as usize)
            .max()
            .expect("a class serves some request");
        let lost_bytes = worst + class.tail_bytes as usize;
        let told = class.max_waste_basis_points() as usize * class.span_bytes();
        let off_by = told.abs_diff(lost_bytes * 10_000);
        assert!(2 * off_by <= class.span_bytes(), "class {}", class.class);
    }
}

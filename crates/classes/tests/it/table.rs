//! The generated table against Go's, against the text in `table.rs`, and division against the machine's.

use spandrel_classes::{CLASS_COUNT, CLASSES, PAGE_BYTES, SizeClass, object_index, size_class, start_index};

/// The table of Go 1.27 (`internal/runtime/gc/sizeclasses.go`), tab-separated, with a head line.
const GO_TABLE: &str = include_str!("../go_sizeclasses.tsv");

/// The source of the table, whose introduction shows the classes to people.
const TABLE_SOURCE: &str = include_str!("../../src/table.rs");

/// A share in basis points as percent with two decimals.
fn percent(basis_points: u32) -> String {
    format!("{}.{:02}", basis_points / 100, basis_points % 100)
}

/// One line of Go's table.
fn go_line(class: &SizeClass) -> String {
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}",
        class.class,
        class.object_bytes,
        class.span_bytes(),
        class.span_objs,
        class.tail_bytes,
        percent(class.max_waste_basis_points()),
        class.align
    )
}

#[test]
fn the_table_is_go_s() {
    let lines: Vec<&str> = GO_TABLE.lines().skip(1).collect();
    assert_eq!(lines.len(), CLASS_COUNT - 1);
    for (line, class) in lines.iter().zip(&CLASSES[1..]) {
        assert_eq!(*line, go_line(class));
    }
}

#[test]
fn the_table_for_people_is_the_table() {
    let shown: Vec<&str> = TABLE_SOURCE
        .lines()
        .skip_while(|line| *line != "//! ```text")
        .skip(2)
        .take_while(|line| *line != "//! ```")
        .collect();
    let expected: Vec<String> = CLASSES[1..]
        .iter()
        .map(|class| {
            format!(
                "//! {:>5}  {:>12}  {:>10}  {:>7}  {:>10}  {:>7} %  {:>5}",
                class.class,
                class.object_bytes,
                class.span_bytes(),
                class.span_objs,
                class.tail_bytes,
                percent(class.max_waste_basis_points()),
                class.align
            )
        })
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn class_0_is_all_zero() {
    let zero = SizeClass {
        class: 0,
        object_bytes: 0,
        span_pages: 0,
        span_objs: 0,
        tail_bytes: 0,
        align: 0,
        magic: 0,
    };
    assert_eq!(CLASSES[0], zero);
    for class in CLASS_COUNT as u8..=u8::MAX {
        assert_eq!(*size_class(class), zero);
    }
}

#[test]
fn spans_add_up_and_objects_are_aligned() {
    for class in &CLASSES[1..] {
        let span_bytes = class.span_pages as usize * PAGE_BYTES;
        assert_eq!(class.span_bytes(), span_bytes);
        assert_eq!((class.span_objs * class.object_bytes + class.tail_bytes) as usize, span_bytes);
        let offset_bits = (0..class.span_objs)
            .map(|index| index * class.object_bytes)
            .fold(PAGE_BYTES as u32, |bits, offset_bytes| bits | offset_bytes);
        let common_align = 1 << offset_bits.trailing_zeros();
        assert!(class.align <= common_align, "class {}", class.class);
        assert_eq!(size_class(class.class), class);
    }
}

#[test]
fn magic_divides_exactly_at_every_offset() {
    for class in &CLASSES[1..] {
        for offset_bytes in 0..class.span_bytes() {
            let index = object_index(class.class, offset_bytes);
            assert_eq!(index, offset_bytes / class.object_bytes as usize);
            let start = start_index(class.class, offset_bytes as u32) as usize;
            let is_start = offset_bytes.is_multiple_of(class.object_bytes as usize);
            assert!(if is_start { start == index } else { start > u16::MAX.into() }, "{start}");
        }
    }
}

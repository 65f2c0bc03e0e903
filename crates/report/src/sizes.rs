//! The table of size classes, and how single sizes fit it, as text.

use std::fmt::Write;

use anstyle::Style;
use spandrel_classes::{CLASSES, Fit, PAGE_BYTES, SizeClass, c_class_of, fit, object_bytes};

use crate::page::{Column, Page, Row};
use crate::style::DIM;
use crate::units::{bytes, count, percent};

/// The 67 classes in tab-separated columns, with a head line: numbers alone, shares in percent.
///
/// ```
/// let tsv = spandrel_report::sizes::tsv();
/// assert_eq!(tsv.lines().nth(5), Some("5\t48\t8192\t170\t32\t31.52\t16"));
/// ```
#[must_use]
pub fn tsv() -> String {
    let mut tsv =
        "class\tbytes_per_obj\tbytes_per_span\tobjects\ttail_waste\tmax_waste_pct\tmin_align\n".to_string();
    for class in &CLASSES[1..] {
        let waste = class.max_waste_basis_points();
        writeln!(
            tsv,
            "{}\t{}\t{}\t{}\t{}\t{}.{:02}\t{}",
            class.class,
            class.object_bytes,
            class.span_bytes(),
            class.span_objs,
            class.tail_bytes,
            waste / 100,
            waste % 100,
            class.align,
        )
        .expect("a String takes everything");
    }
    tsv
}

/// The 67 classes as a table that fits `width` columns.
#[must_use]
pub fn table(width: Option<usize>) -> String {
    let columns = columns([
        ("class", 0),
        ("object", 0),
        ("span", 2),
        ("objects", 1),
        ("tail", 3),
        ("worst waste", 1),
        ("align", 4),
    ]);
    let rows: Vec<_> = CLASSES[1..].iter().map(class_row).collect();
    let mut page = Page::new(width);
    page.table(&columns, &rows);
    page.into_text()
}

fn class_row(class: &SizeClass) -> Row {
    Row {
        cells: vec![
            class.class.to_string(),
            whole_bytes(class.object_bytes as usize),
            bytes(class.span_bytes() as u64),
            count(u64::from(class.span_objs)),
            bytes(u64::from(class.tail_bytes)),
            percent(u64::from(class.max_waste_basis_points()), 10_000),
            whole_bytes(class.align as usize),
        ],
        style: Style::new(),
    }
}

/// How each of `sizes` fits: its class, what is wasted, and at which sizes nothing would be.
///
/// ```
/// let text = spandrel_report::sizes::fits(&[33], None);
/// assert!(text.contains("32 or 48 B"));
/// ```
#[must_use]
pub fn fits(sizes: &[usize], width: Option<usize>) -> String {
    let columns = columns([
        ("bytes", 0),
        ("class", 0),
        ("object", 0),
        ("waste", 0),
        ("share", 1),
        ("objects a span", 3),
        ("span", 2),
        ("no waste at", 1),
    ]);
    let rows: Vec<_> = sizes.iter().map(|&size| fit_row(&fit(size))).collect();
    let mut page = Page::new(width);
    page.table(&columns, &rows);
    for &size in sizes {
        let (class, c_class) = (fit(size).class, c_class_of(size));
        if class != c_class {
            let note = format!(
                "{size} B from C take class {c_class} ({} B): malloc aligns them to 16 bytes.",
                object_bytes(c_class)
            );
            page.note(&note, DIM);
        }
    }
    page.into_text()
}

fn fit_row(fit: &Fit) -> Row {
    let exact = match fit.exact_size {
        exact if exact == fit.bytes => format!("{exact} B"),
        0 => format!("{} B", fit.object_bytes),
        smaller => format!("{smaller} or {} B", fit.object_bytes),
    };
    let class = match fit.class {
        0 => "large".to_string(),
        class => class.to_string(),
    };
    Row {
        cells: vec![
            fit.bytes.to_string(),
            class,
            whole_bytes(fit.object_bytes),
            whole_bytes(fit.waste_bytes),
            percent(fit.waste_bytes as u64, fit.object_bytes as u64),
            count(fit.span_objs as u64),
            bytes((fit.span_pages as u64).saturating_mul(PAGE_BYTES as u64)),
            exact,
        ],
        style: Style::new(),
    }
}

/// Bytes in full: a size class is a number to compare with, not a magnitude.
fn whole_bytes(bytes: usize) -> String {
    format!("{bytes} B")
}

fn columns<const N: usize>(columns: [(&'static str, u8); N]) -> [Column; N] {
    columns.map(|(head, drop_rank)| Column { head, drop_rank })
}

#[cfg(test)]
mod tests {
    use super::{fits, table, tsv};

    #[test]
    fn every_class_has_a_row() {
        assert_eq!(tsv().lines().count(), 68);
        assert_eq!(table(None).lines().count(), 68);
        assert_eq!(tsv().lines().last(), Some("67\t32768\t32768\t1\t0\t12.50\t8192"));
    }

    #[test]
    fn fits_tell_class_waste_and_the_exact_sizes() {
        let text = anstream::adapter::strip_str(&fits(&[33, 40_000, 48, 1], None)).to_string();
        let rows: Vec<_> =
            text.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(rows[0].join(" "), "33 5 48 B 15 B 31 % 170 8 KiB 32 or 48 B");
        assert_eq!(rows[1].join(" "), "40000 large 40960 B 960 B 2.3 % 1 40 KiB 32768 or 40960 B");
        assert_eq!(rows[2].join(" "), "48 5 48 B 0 B 0 % 170 8 KiB 48 B");
        assert_eq!(rows[3].join(" "), "1 1 8 B 7 B 88 % 1,024 8 KiB 8 B");
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn sizes_that_c_rounds_differently_are_named() {
        assert!(fits(&[24], None).contains("24 B from C take class 4 (32 B)"));
        assert!(!fits(&[16, 25], None).contains("from C"));
    }
}

//! Pictures and tables of types, drawn for terminals of any width.

use anstream::adapter::strip_str;
use spandrel_report::layout::schema::{
    BestReport, CostReport, FindingReport, GapReport, LayoutReport, MemberReport, PlaceReport, TagReport,
    TypeReport, VariantReport,
};
use spandrel_report::layout::{Workspace, messages, overview, picture, sarif};

fn member(name: &str, type_name: &str, offset_bits: u64, bits: u64) -> MemberReport {
    MemberReport {
        name: name.to_string(),
        type_name: type_name.to_string(),
        role: "field",
        offset_bits: Some(offset_bits),
        bits: Some(bits),
        align: 8,
        deep_padding_bits: 0,
        line: Some(3),
    }
}

/// A record of 200 bytes with everything that a picture can show, and text that could harm a terminal.
fn record() -> TypeReport {
    let variant = VariantReport {
        name: "Full".to_string(),
        value: Some(1),
        used_bytes: 8,
        wasted_bytes: 190,
        bytes_if_boxed: 16,
        members: vec![member("inner", "u64", 64, 64)],
    };
    TypeReport {
        name: "app::a_module_with_a_long_name::Record".to_string(),
        kind: "enum".to_string(),
        language: "Rust".to_string(),
        is_own: true,
        units: 1,
        bytes: Some(200),
        align: 8,
        is_align_bound: false,
        source: Some(PlaceReport { file: "/ws/src/a b.rs".to_string(), line: 3, text: None }),
        members: vec![
            member("a", "u8\u{1b}[2J", 0, 8),
            member(
                "a_member_with_a_very_long_name_indeed",
                "alloc::vec::Vec<alloc::string::String>",
                64,
                192,
            ),
            member("at_the_end", "[u64; 20]", 320, 1280),
        ],
        variants: vec![variant],
        tag: Some(TagReport { offset_bits: 8, bits: 8, is_niche: false }),
        gaps: vec![GapReport { offset_bits: 16, bits: 48, is_padding: false }],
        hole_bytes: 6,
        padding_bytes: 0,
        deep_padding_bits: 48,
        lines: 4,
        best: Some(BestReport {
            bytes: 192,
            saved_bytes: 8,
            is_proven: true,
            order: ["b", "a", "c"].map(str::to_string).to_vec(),
            pointer_bytes_now: 0,
            pointer_bytes: 0,
            verdict: Some("review"),
            reasons: vec!["it is serialised".to_string()],
        }),
        obstacle: None,
        cost: CostReport {
            allocator: "spandrel".to_string(),
            heap_bytes: 208,
            heap_bytes_best: 192,
            head_room: 8,
            next_cheaper: 192,
        },
        findings: vec![FindingReport {
            kind: "reorder",
            level: "warning",
            message: "200 bytes, 192 in the best order".to_string(),
            saved_bytes: 16,
            member: None,
        }],
        weight: None,
    }
}

fn report() -> LayoutReport {
    LayoutReport {
        schema: "spandrel.layout",
        version: 1,
        binary: "target/debug/app".to_string(),
        records: 7,
        types: vec![record()],
        problems: vec!["unit at 0x10: unexpected end of input".to_string()],
        heap: None,
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 30..160 {
        for text in [picture(&record(), Some(width)), overview(&report(), 20, Some(width))] {
            let text = strip_str(&text).to_string();
            assert!(!text.contains('\u{1b}'), "no text of others moves the cursor");
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn a_picture_is_drawn_to_scale() {
    let text = strip_str(&picture(&record(), None)).to_string();
    let bar = |name: &str| {
        let line =
            text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.split('|').nth(1).expect("a bar").to_string()
    };
    // 200 bytes in 64 columns: four a column, fifty columns.
    assert_eq!(bar("at_the_end").chars().count(), 50);
    assert_eq!(bar("at_the_end").find('#'), Some(10));
    assert_eq!(bar("at_the_end").matches('#').count(), 40);
    assert_eq!(bar("(hole)").matches('-').count(), 2, "bytes 2 to 8 touch two columns");
    assert!(text.contains("variant Full = 1"), "{text}");
}

#[test]
fn places_are_told_as_each_form_wants_them() {
    let json = sarif(&report(), "/ws");
    let place = &json["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/a%20b.rs");
    let json = sarif(&report(), "/elsewhere");
    let place = &json["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "file:///ws/src/a%20b.rs");
    let elsewhere = Workspace { root: "/elsewhere".to_string(), targets: Vec::new() };
    let lines = messages(&report(), &elsewhere);
    assert_eq!(lines, "{\"reason\":\"build-finished\",\"success\":true}\n", "nothing of the workspace");
}

//! Records that no allocator of ours would write: the report may be nonsense, but it is written.

use spandrel::record::{COMMAND_BYTES, RECORD_VERSION, Record};
use spandrel_report::schema::SkippedRecord;
use spandrel_report::text;

use crate::records::{record, report};

#[test]
fn any_bit_pattern_behind_the_magic_gives_a_report() {
    for fill in [0x00, 0x01, 0x7f, 0x80, 0xff] {
        let mut bytes = vec![fill; size_of::<Record>()];
        bytes[..8].copy_from_slice(b"spandrel");
        bytes[8..16].copy_from_slice(&RECORD_VERSION.to_ne_bytes());
        let record = Record::from_bytes(&bytes).expect("magic and version are right");
        let report = report(vec![record, record]);
        for width in [None, Some(80), Some(1), Some(0)] {
            assert!(!text::run(&report, width).is_empty());
        }
        assert!(serde_json::to_string(&report).is_ok());
    }
}

#[test]
fn commands_cannot_move_the_cursor_and_are_cut() {
    let long = format!("\u{1b}[2J{}", "a".repeat(COMMAND_BYTES));
    let report = report(vec![record(1, &["sh", "-c", &long])]);
    assert!(report.processes[0].command_cut);
    let text = anstream::adapter::strip_str(&text::run(&report, Some(40))).to_string();
    let first = text.lines().next().expect("a heading");
    assert_eq!(first, format!("spandrel: sh -c \\u{{1b}}[2J{}…", "a".repeat(14)));
}

#[test]
fn no_record_is_one_line_that_says_so() {
    let report = report(Vec::new());
    let text = anstream::adapter::strip_str(&text::run(&report, None)).to_string();
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("spandrel: no process left a record: `cargo build` (exit code 0)"), "{text}");
}

#[test]
fn skipped_files_are_named_up_to_a_limit() {
    let mut report = report(Vec::new());
    report.skipped_records = (0..7)
        .map(|file| SkippedRecord { file: format!("{file}.spandrel"), reason: "too short".to_string() })
        .collect();
    let text = anstream::adapter::strip_str(&text::run(&report, None)).to_string();
    assert!(text.contains("skipped the record 4.spandrel: too short"));
    assert!(text.ends_with("skipped 2 more records\n"), "{text}");
}

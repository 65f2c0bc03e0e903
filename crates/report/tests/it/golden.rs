//! Text and JSON of one constructed run, against the files under `golden/`.
//!
//! `sizes.tsv` is Go's own table, the others are ours: `UPDATE_GOLDEN=1 cargo test -p spandrel-report`
//! writes them anew; read the difference.

use std::path::Path;

use anstream::adapter::strip_str;
use spandrel::Ledger;
use spandrel_report::schema::{RunReport, Sample, SampleSeries, SkippedRecord};
use spandrel_report::{sizes, text};

use crate::records::{KIB, MIB, class, large, record, report, settle};

pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("golden files can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{name} differs; it now is:\n{actual}");
}

/// A build with a large compiler, killed helpers and more classes than rows.
fn build() -> RunReport {
    let mut largest = record(4711, &["rustc", "--crate-name", "spandrel", "src/lib.rs"]);
    largest.peak.classes[0] = large(12, MIB);
    for (index, live) in [(2, 90_000), (5, 170_000), (6, 64_000), (12, 9), (45, 300)] {
        let spans = live / u64::from(spandrel_classes::CLASSES[index].span_objs) + 1;
        largest.peak.classes[index] =
            class(index, live, u64::from(spandrel_classes::CLASSES[index].object_bytes) * 4 / 5, spans);
    }
    largest.peak.classes[6].span_bytes *= 2;
    largest.peak.classes[6].spans_partial = largest.peak.classes[6].spans_full;
    for index in 20..40 {
        largest.peak.classes[index] = class(
            index,
            10,
            u64::from(spandrel_classes::CLASSES[index].object_bytes),
            10 / u64::from(spandrel_classes::CLASSES[index].span_objs) + 1,
        );
    }
    settle(&mut largest.peak, 5 * MIB);
    largest.peak.page_heap.largest_free_run_bytes = 3 * MIB;
    largest.peak.page_heap.scavenged_bytes = 200 * KIB;
    largest.peak.page_heap.metadata_bytes = 700 * KIB;
    largest.peak.thread_caches = 4;
    largest.last = largest.peak;
    largest.last.page_heap.returned_bytes = 9 * MIB;
    largest.last.os.madvise_calls = 14;
    largest.last.os.mmap_calls = 3;
    largest.peak_resident_bytes = 44 * MIB;
    largest.resident_bytes = 20 * MIB;

    let mut records = vec![largest];
    for helper in 0..23 {
        let mut small = record(5000 + helper, &["sh", "-c", "exit 0\n"]);
        small.peak_resident_bytes = 2 * MIB + helper * KIB;
        small.ended = helper % 2;
        small.last.classes[1] = class(1, 100 * helper, 8, 1);
        small.peak = small.last;
        records.push(small);
    }
    let mut report = report(records);
    report.skipped_records =
        vec![SkippedRecord { file: "9.spandrel".to_string(), reason: "shorter than a record".to_string() }];
    report
}

#[test]
fn text_is_golden() {
    let report = build();
    assert_golden("run.txt", &strip_str(&text::run(&report, None)).to_string());
    assert_golden("run_60_columns.txt", &strip_str(&text::run(&report, Some(60))).to_string());
    assert_golden("run_80_columns.ansi", &text::run(&report, Some(80)));
    assert_golden("sizes.tsv", &sizes::tsv());
    assert_golden("sizes.txt", &strip_str(&sizes::table(None)).to_string());
}

/// With every row, and more than 3 % unexplained.
fn ledger() -> Ledger {
    Ledger {
        requested_bytes: 680_000,
        requested_exact: 1,
        rounding_bytes: 136_000,
        slack_bytes: 3_200,
        cached_bytes: 9_600,
        free_bytes: 40 * KIB,
        metadata_bytes: MIB,
        untouched_bytes: 900 * KIB as i64,
        heap_resident_bytes: 828_800 + 40 * KIB + MIB - 900 * KIB,
        only_read_bytes: 8 * KIB,
        files_bytes: MIB,
        shared_bytes: 12 * KIB,
        break_bytes: 132 * KIB,
        stack_bytes: 16 * KIB,
        mapped_bytes: 64 * KIB,
        resident_bytes: 828_800 + 40 * KIB + MIB - 900 * KIB + MIB + 224 * KIB + 100 * KIB,
        unexplained_bytes: 100 * KIB as i64,
    }
}

#[test]
fn a_killed_process_with_exact_statistics_is_golden() {
    let mut killed = record(77, &["./leak"]);
    killed.ended = 0;
    killed.peak_resident_bytes = 3 * MIB;
    killed.peak.exact = 1;
    killed.peak.classes[5] = class(5, 17_000, 33, 100);
    killed.peak.classes[5].exact_live_bytes = 17_000 * 40;
    settle(&mut killed.peak, 0);
    killed.peak.page_heap.limit_bytes = 512 * MIB;
    killed.last = killed.peak;
    killed.peak_ledger = ledger();
    let mut report = report(vec![killed]);
    report.signal = Some(9);
    report.exit_code = 137;
    report.samples = Some(SampleSeries {
        interval_ns: 1_000_000_000,
        series: vec![Sample {
            elapsed_ns: 1_000_100_000,
            pid: 77,
            resident_bytes: 2 * MIB,
            live_bytes: MIB,
            committed_bytes: 3 * MIB,
            allocs: 51_000,
            allocs_per_s: 40_000,
        }],
    });
    assert_golden("killed.txt", &strip_str(&text::run(&report, None)).to_string());
    let json = serde_json::to_string_pretty(&report).expect("plain data");
    assert_golden("killed.json", &(json + "\n"));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let report = build();
    for width in 56..140 {
        let text = strip_str(&text::run(&report, Some(width))).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

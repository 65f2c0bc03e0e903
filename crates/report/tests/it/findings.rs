//! What stands out, and in which order.

use spandrel_report::schema::{Finding, FindingKind, Knowledge};

use crate::records::{KIB, MIB, class, large, record, report, settle};

fn texts(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.text.as_str()).collect()
}

#[test]
fn findings_are_ranked_by_their_bytes() {
    let mut it = record(1, &["x"]);
    it.peak.classes[5] = class(5, 17_000, 33, 100);
    it.peak.classes[6] = class(6, 6_400, 64, 100);
    settle(&mut it.peak, 3 * MIB);
    let report = report(vec![it]);
    let findings = &report.processes[0].findings;
    assert_eq!(
        texts(findings),
        [
            "the page heap keeps 3 MiB free, 66 % of what is committed",
            "span slack of 400 KiB: spans of class 6 (64 B) are 50 % full",
            "class 5 (48 B) holds 797 KiB; about 31 % of it is rounding (249 KiB)",
        ]
    );
    assert!(findings.is_sorted_by(|one, next| one.bytes >= next.bytes));
    assert_eq!(findings[1].class, Some(6));
    assert_eq!(findings[1].bytes, 400 * KIB);
}

#[test]
fn exact_statistics_are_not_called_estimates() {
    let mut it = record(1, &["x"]);
    it.peak.exact = 1;
    it.peak.classes[5] = class(5, 17_000, 40, 100);
    it.peak.classes[5].exact_live_bytes = 17_000 * 36;
    settle(&mut it.peak, 0);
    let report = report(vec![it]);
    assert_eq!(report.processes[0].peak.fragmentation_bytes, 17_000 * 12);
    assert_eq!(
        texts(&report.processes[0].findings)[0],
        "class 5 (48 B) holds 797 KiB; 25 % of it is rounding (199 KiB)"
    );
}

#[test]
fn without_samples_nothing_is_said_about_rounding() {
    let mut it = record(1, &["x"]);
    it.peak.classes[5] = class(5, 9, 33, 1);
    settle(&mut it.peak, 0);
    let report = report(vec![it]);
    let kinds: Vec<_> = report.processes[0].findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::SpanSlack]);
}

#[test]
fn the_rounding_of_large_objects_is_counted() {
    let mut it = record(1, &["x"]);
    it.peak.classes[0] = large(2, MIB);
    it.peak.classes[0].exact_live_bytes -= 9 * KIB;
    it.peak.classes[0].sampled_allocs = 9;
    it.peak.classes[0].sampled_bytes = 9 * 40 * KIB;
    settle(&mut it.peak, 0);
    let report = report(vec![it]);
    let large = &report.processes[0].peak.large;
    assert_eq!((large.requested_known, large.fragmentation_bytes), (Knowledge::Exact, 9 * KIB));
}

#[test]
fn large_objects_are_named_when_they_hold_half_of_the_heap() {
    for (large_objs, named) in [(1, true), (0, false)] {
        let mut it = record(1, &["x"]);
        it.peak.classes[5] = class(5, 17_000, 48, 100);
        it.peak.classes[0] = large(large_objs, 100 * 8 * KIB);
        settle(&mut it.peak, 0);
        let report = report(vec![it]);
        let found = texts(&report.processes[0].findings);
        let sentence = "large objects hold 50 % of the heap: 800 KiB in 1 object";
        assert_eq!(found.contains(&sentence), named, "{found:?}");
    }
}

#[test]
fn metadata_and_memory_outside_the_heap_are_told_apart() {
    let mut it = record(1, &["x"]);
    it.peak.classes[0] = large(1, 8 * MIB);
    settle(&mut it.peak, 0);
    it.peak.page_heap.metadata_bytes = MIB;
    it.peak_resident_bytes = 12 * MIB;
    let report = report(vec![it]);
    assert_eq!(
        texts(&report.processes[0].findings)[1..],
        [
            "at least 3 MiB of the peak resident memory is not heap: code, stacks, mappings",
            "the allocator needs 1 MiB for its own metadata",
        ]
    );
}

#[test]
fn what_is_below_a_hundredth_is_left_out() {
    let mut it = record(1, &["x"]);
    it.peak.classes[5] = class(5, 17_000, 48, 100);
    settle(&mut it.peak, 0);
    it.last = it.peak;
    let report = report(vec![it]);
    // The tail of 100 spans is 3200 bytes of 800 KiB.
    assert_eq!(report.processes[0].peak.slack_bytes, 3200);
    assert_eq!(texts(&report.processes[0].findings), [""; 0]);
    assert!(spandrel_report::text::run(&report, None).contains("Nothing stands out"));
}

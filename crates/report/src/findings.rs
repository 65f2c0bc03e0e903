//! What stands out in a heap, in words, ranked by the bytes it is about.
//!
//! Candidates are where memory goes beyond what was requested (rounding, span slack, free pages,
//! metadata), large objects when they hold most of the heap, and resident memory that no allocator
//! answers for. Whatever is below a hundredth of the whole is left out, so that a list of findings is
//! never a list of noise; it may be empty.

use crate::schema::{ClassReport, Finding, FindingKind, HeapReport, Knowledge};
use crate::units::{bytes, count, percent};

/// A finding must be about at least the whole divided by this.
const NOISE_DIVISOR: u64 = 100;

/// Ranks what stands out in `peak`, most bytes first.
///
/// `committed_bytes` and `resident_bytes` are the most that the process had of each; the larger of the
/// two is the whole that findings are measured against.
#[must_use]
pub fn rank(peak: &HeapReport, committed_bytes: u64, resident_bytes: u64) -> Vec<Finding> {
    let heap_bytes = committed_bytes.saturating_add(peak.page_heap.metadata_bytes);
    let noise_bytes = heap_bytes.max(resident_bytes) / NOISE_DIVISOR;
    let mut findings: Vec<_> = peak
        .classes
        .iter()
        .chain([&peak.large])
        .flat_map(|class| [rounding(class), span_slack(class)])
        .chain([
            large_objects(peak),
            page_heap_free(peak),
            metadata(peak),
            outside_heap(resident_bytes, heap_bytes),
        ])
        .flatten()
        .filter(|finding| finding.bytes > noise_bytes)
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.bytes));
    findings
}

/// How a class is named in a sentence: `class 5 (48 B)`.
fn class_name(class: &ClassReport) -> String {
    format!("class {} ({})", class.class, bytes(class.object_bytes))
}

fn rounding(class: &ClassReport) -> Option<Finding> {
    let about = match class.requested_known {
        Knowledge::Exact => "",
        Knowledge::Estimated => "about ",
        Knowledge::Unknown => return None,
    };
    let wasted = class.fragmentation_bytes;
    let holder = match class.class {
        0 => "large objects hold".to_string(),
        _ => format!("{} holds", class_name(class)),
    };
    Some(Finding {
        kind: FindingKind::Rounding,
        class: Some(class.class),
        bytes: wasted,
        text: format!(
            "{holder} {}; {about}{} of it is rounding ({})",
            bytes(class.allocated_bytes),
            percent(wasted, class.allocated_bytes),
            bytes(wasted),
        ),
    })
}

fn span_slack(class: &ClassReport) -> Option<Finding> {
    let place = match class.class {
        0 => "spans of large objects".to_string(),
        _ => format!("spans of {}", class_name(class)),
    };
    (class.slack_bytes > 0).then(|| Finding {
        kind: FindingKind::SpanSlack,
        class: Some(class.class),
        bytes: class.slack_bytes,
        text: format!(
            "span slack of {}: {place} are {} full",
            bytes(class.slack_bytes),
            percent(class.allocated_bytes, class.in_use_bytes),
        ),
    })
}

fn large_objects(peak: &HeapReport) -> Option<Finding> {
    let held = peak.large.allocated_bytes;
    (held > 0 && held >= peak.in_use_bytes.saturating_sub(held)).then(|| Finding {
        kind: FindingKind::LargeObjects,
        class: Some(0),
        bytes: held,
        text: format!(
            "large objects hold {} of the heap: {} in {}",
            percent(held, peak.in_use_bytes),
            bytes(held),
            match peak.large.live_objs {
                1 => "1 object".to_string(),
                live => format!("{} objects", count(live)),
            },
        ),
    })
}

fn page_heap_free(peak: &HeapReport) -> Option<Finding> {
    let free = peak.page_heap.free_bytes;
    (free > 0).then(|| Finding {
        kind: FindingKind::PageHeapFree,
        class: None,
        bytes: free,
        text: format!(
            "the page heap keeps {} free, {} of what is committed",
            bytes(free),
            percent(free, peak.page_heap.committed_bytes),
        ),
    })
}

fn metadata(peak: &HeapReport) -> Option<Finding> {
    let metadata = peak.page_heap.metadata_bytes;
    (metadata > 0).then(|| Finding {
        kind: FindingKind::Metadata,
        class: None,
        bytes: metadata,
        text: format!("the allocator needs {} for its own metadata", bytes(metadata)),
    })
}

/// The heap may have committed pages that nobody touched, so what is resident beyond it is a lower bound.
fn outside_heap(resident_bytes: u64, heap_bytes: u64) -> Option<Finding> {
    let outside = resident_bytes.saturating_sub(heap_bytes);
    (outside > 0).then(|| Finding {
        kind: FindingKind::OutsideHeap,
        class: None,
        bytes: outside,
        text: format!(
            "at least {} of the peak resident memory is not heap: code, stacks, mappings",
            bytes(outside)
        ),
    })
}

//! The suite finds each of the bugs planted into an allocator, and into the functions of C.

use crate::planted::{Bug, Planted};
use crate::planted_c as c;
use crate::planted_lock::LockAcrossFork;
use spandrel_testkit::c_conformance::C_PROPERTIES;
use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{CFunctions, CSubject, Scale, conformance, walk};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a run says when it finds a fault.
fn message_of(run: impl FnOnce()) -> Option<String> {
    let payload: Box<dyn Any + Send> = catch_unwind(AssertUnwindSafe(run)).err()?;
    let message = payload.downcast::<String>().map(|message| *message);
    Some(message.unwrap_or_else(|_| "a panic without a formatted message".into()))
}

fn planted(bug: Bug) -> &'static Planted {
    Box::leak(Box::new(Planted::new(bug)))
}

/// Every bug with a part of the message that it must cause.
const BUGS: [(Bug, &str); 17] = [
    (Bug::Overlap, "overlaps the live block"),
    (Bug::HandsOutTwice, "overlaps the live block"),
    (Bug::IgnoresAlign, "is not aligned to"),
    (Bug::OffByOne, "is not aligned to"),
    (Bug::DirtyZeroed, "byte 0 of the zeroed block"),
    (Bug::DirtyTail, "is not zero"),
    (Bug::ReallocLosesLastByte, "lost byte"),
    (Bug::ReallocLosesPages, "lost byte 4096"),
    (Bug::ReallocGrowsOverNeighbour, "overlaps the live block"),
    (Bug::ReallocSpoilsOnFailure, "was overwritten"),
    (Bug::ClassTooSmall, "overlaps the live block"),
    (Bug::NullForOneSize, "null for 4096 bytes"),
    (Bug::GrantsTheImpossible, "memory for an impossible"),
    (Bug::UsableTooBig, "overlaps the live block"),
    (Bug::UsableTooSmall, "usable size"),
    (Bug::WritesBehind, "was overwritten"),
    (Bug::WritesLate, "was overwritten"),
];

#[test]
fn the_planted_allocator_without_a_bug_passes() {
    conformance(planted(Bug::None), Scale::Quick);
    stress(planted(Bug::None), Load { threads: 4, blocks: 20_000, seed: 1 });
}

#[test]
fn conformance_finds_every_bug() {
    for (bug, expected) in BUGS {
        let message = message_of(|| conformance(planted(bug), Scale::Quick));
        let message = message.unwrap_or_else(|| panic!("{bug:?} goes unseen"));
        assert!(message.contains(expected), "{bug:?}: {message}");
        let names = ["operation ", "seed 0x"].iter().all(|part| message.contains(part));
        assert!(names, "no place to look for {bug:?}: {message}");
    }
}

#[test]
fn random_walks_alone_find_what_they_can_reach() {
    let out_of_reach = [Bug::ReallocSpoilsOnFailure, Bug::GrantsTheImpossible];
    for (bug, _) in BUGS.into_iter().filter(|(bug, _)| !out_of_reach.contains(bug)) {
        let message = message_of(|| conformance::random_walks(planted(bug), Scale::Quick));
        assert!(message.is_some(), "{bug:?} goes unseen");
    }
}

#[test]
fn stress_finds_blocks_that_two_threads_own() {
    for bug in [Bug::HandsOutTwice, Bug::Overlap, Bug::WritesLate, Bug::DirtyZeroed] {
        let message = message_of(|| stress(planted(bug), Load { threads: 4, blocks: 20_000, seed: 1 }));
        assert!(message.is_some_and(|message| message.contains("seed 0x")), "{bug:?} goes unseen");
    }
}

#[test]
fn fork_finds_a_lock_that_another_thread_held() {
    let message = message_of(|| fork_under_churn(&LockAcrossFork::new(), 0, 3));
    assert!(
        message.as_ref().is_some_and(|text| text.contains("hung")),
        "the child does not hang: {message:?}"
    );
}

#[test]
fn a_failing_walk_shrinks_to_the_operations_that_matter() {
    let fails = |operations: &[_]| {
        message_of(|| walk::replay(&Planted::new(Bug::ReallocLosesLastByte), operations)).is_some()
    };
    let failing = (0..100).map(|seed| walk::operations(seed, 60)).find(|operations| fails(operations));
    let failing = failing.expect("some walk resizes a block");
    let minimal = walk::minimize(&failing, fails);
    assert_eq!(minimal.len(), 2, "an allocation and its realloc: {minimal:?}");
}

/// A property of C must fail when `plant` has changed the functions.
fn c_property_fails(property: &str, plant: impl FnOnce(&mut CFunctions)) {
    let mut subject = CSubject::process();
    plant(&mut subject.functions);
    let (name, check) = C_PROPERTIES.into_iter().find(|(name, _)| *name == property).unwrap();
    assert!(message_of(|| check(&subject)).is_some(), "a bug goes unseen by {name:?}");
}

#[test]
fn every_property_of_c_can_fail() {
    c_property_fails("null pointers", |f| f.realloc = c::realloc_of_null_is_null);
    c_property_fails("zero sizes of C", |f| f.malloc = c::malloc_of_zero_is_null);
    c_property_fails("zero sizes of C", |f| f.malloc = c::malloc_of_zero_is_shared);
    c_property_fails("natural alignment", |f| f.calloc = c::calloc_aligned_to_8);
    c_property_fails("free keeps errno", |f| f.free = c::free_sets_errno);
    c_property_fails("overflow is ENOMEM", |f| f.calloc = c::calloc_wraps_around);
    c_property_fails("overflow is ENOMEM", |f| f.malloc = c::malloc_without_errno);
    c_property_fails("overflow is ENOMEM", |f| f.realloc = c::realloc_spoils_the_block);
    c_property_fails("posix_memalign", |f| f.posix_memalign = c::posix_memalign_takes_any_alignment);
    c_property_fails("posix_memalign", |f| f.posix_memalign = c::posix_memalign_clears_on_error);
    c_property_fails("aligned_alloc and memalign", |f| f.memalign = Some(c::memalign_without_alignment));
    c_property_fails("aligned_alloc and memalign", |f| f.aligned_alloc = c::memalign_without_alignment);
    c_property_fails("usable size", |f| f.malloc_usable_size = Some(c::usable_size_of_seven));
    c_property_fails("sized frees", |f| {
        f.malloc = c::malloc_of_the_sized;
        f.free_sized = Some(c::free_sized_and_forget);
    });
}

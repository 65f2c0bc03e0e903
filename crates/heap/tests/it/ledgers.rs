//! The ledger balances, and each page is in the row where it belongs.

use std::time::{Duration, Instant};

use spandrel::Ledger;

use crate::statistics::{allocate, alone, free};

const MIB: u64 = 1 << 20;
/// What the kernel's own counters of resident pages may be late by, and what the test harness does.
const NOISE_BYTES: u64 = 512 << 10;

/// What holds in every ledger.
fn balanced(ledger: &Ledger) {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap();
    let heap = signed(ledger.committed_bytes()) - ledger.untouched_bytes;
    assert_eq!(signed(ledger.heap_resident_bytes), heap);
    let explained = ledger.heap_resident_bytes + ledger.foreign_bytes();
    assert_eq!(signed(ledger.resident_bytes), signed(explained) + ledger.unexplained_bytes);
    let allowed = ledger.resident_bytes / 33 + NOISE_BYTES;
    assert!(ledger.unexplained_bytes.unsigned_abs() <= allowed, "{ledger:#?}");
}

fn near(what: &str, found: u64, expected: u64) {
    assert!(found.abs_diff(expected) <= NOISE_BYTES, "{what}: {found}, expected {expected}");
}

fn touch(objects: &[*mut u8], bytes: usize) {
    for object in objects {
        // SAFETY: the objects have at least so many bytes, and are this test's.
        unsafe { object.write_bytes(1, bytes) };
    }
}

#[test]
fn rows_hold_what_they_say() {
    alone("ledgers::rows_hold_what_they_say", "background=0,thp=never", || {
        let before = spandrel::ledger();
        balanced(&before);
        // Small, in arenas; large, there too; with a mapping of its own, of which a quarter is touched.
        let small = allocate(100, 200_000);
        touch(&small, 100);
        let large = allocate(100_000, 100);
        touch(&large, 100_000);
        let own = allocate(48 << 20, 1);
        touch(&own, 12 << 20);
        let full = spandrel::ledger();
        balanced(&full);
        near("requested", full.requested_bytes - before.requested_bytes, 30_000_000 + 48 * MIB);
        near("rounding", full.rounding_bytes - before.rounding_bytes, 200_000 * 12 + 100 * 6496);
        let in_arenas = 200_000 * 112 + 100 * 106_496;
        let resident = full.heap_resident_bytes - before.heap_resident_bytes;
        near("resident", resident, in_arenas + 12 * MIB);
        let untouched = full.untouched_bytes - before.untouched_bytes;
        // And of each large object the last OS page, and of metadata what is set aside.
        let metadata = full.metadata_bytes - before.metadata_bytes;
        near("untouched", untouched.unsigned_abs(), 36 * MIB + 100 * 4096 + metadata);
        // Nothing was: what is counted twice would show here.
        near("only read", full.only_read_bytes, 0);
        assert_eq!(full.requested_exact, 0);
        free(100, small);
        free(100_000, large);
        free(48 << 20, own);
        // What was freed is free, or kept in a cache, and resident until it is returned.
        let freed = spandrel::ledger();
        balanced(&freed);
        near("requested", freed.requested_bytes, before.requested_bytes);
        near(
            "free and kept",
            freed.free_bytes + freed.cached_bytes + freed.slack_bytes,
            in_arenas + 48 * MIB,
        );
        near("still resident", freed.heap_resident_bytes, full.heap_resident_bytes);
        spandrel::release_free_memory();
        let returned = spandrel::ledger();
        balanced(&returned);
        assert_eq!((returned.free_bytes, returned.cached_bytes), (0, 0));
        near("returned", returned.heap_resident_bytes, before.heap_resident_bytes);
    });
}

#[test]
fn what_was_only_read_is_not_resident() {
    alone("ledgers::what_was_only_read_is_not_resident", "background=0,thp=never", || {
        let before = spandrel::ledger();
        assert_eq!(before.only_read_bytes, 0);
        let object = allocate(48 << 20, 1)[0];
        let sum: u64 = (0..12 << 20)
            .step_by(4096)
            .map(|offset| {
                // SAFETY: within the object, whose mapping is fresh, and so initialised by the kernel.
                u64::from(unsafe { object.wrapping_add(offset).read_volatile() })
            })
            .sum();
        assert_eq!(sum, 0);
        let read = spandrel::ledger();
        balanced(&read);
        near("only read", read.only_read_bytes, 12 * MIB);
        near("resident", read.heap_resident_bytes, before.heap_resident_bytes);
        let metadata = read.metadata_bytes - before.metadata_bytes;
        let untouched = read.untouched_bytes - before.untouched_bytes;
        near("untouched", untouched.unsigned_abs(), 48 * MIB + metadata);
        free(48 << 20, vec![object]);
    });
}

#[test]
fn mappings_come_and_go_meanwhile() {
    alone("ledgers::mappings_come_and_go_meanwhile", "", || {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for seed in 0..3usize {
                scope.spawn(move || {
                    let mut bytes = (5 + seed) << 20;
                    let mut object = allocate(bytes, 1)[0];
                    while start.elapsed() < Duration::from_secs(2) {
                        touch(&[object], 4096);
                        let new_bytes = (4 << 20) + bytes * 7 % (60 << 20);
                        object = crate::snapshots::reallocate(object, bytes, new_bytes);
                        bytes = new_bytes;
                        free(6 << 20, allocate(6 << 20, 2));
                    }
                    free(bytes, vec![object]);
                });
            }
            while start.elapsed() < Duration::from_secs(2) {
                let ledger = spandrel::ledger();
                assert!(ledger.resident_bytes > 0 && ledger.files_bytes > 0);
            }
        });
        balanced(&spandrel::ledger());
    });
}

#[test]
fn exact_requests_are_exact() {
    alone("ledgers::exact_requests_are_exact", "stats=exact", || {
        let before = spandrel::ledger();
        let objects = allocate(33, 10_000);
        let after = spandrel::ledger();
        assert_eq!(after.requested_bytes - before.requested_bytes, 330_000);
        assert_eq!(after.rounding_bytes - before.rounding_bytes, 150_000);
        assert_eq!(after.requested_exact, 1);
        free(33, objects);
    });
}

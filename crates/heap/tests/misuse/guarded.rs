//! What `guarded=` notices, and that everything else goes on as ever.

use std::alloc::{GlobalAlloc, Layout};

use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{GlobalSubject, Scale};

use crate::{
    ALLOC, again, get, give, hardened_is_as_good_as_ever, in_child, is_inside, layout, noticed, well,
};

fn read(address: *mut u8) {
    // SAFETY: misuse that ends the child.
    std::hint::black_box(unsafe { address.read_volatile() });
}

/// Every object of a size class is guarded.
const GUARDED: &str = "guarded=1";

#[test]
fn conforms_guarded() {
    well("guarded::conforms_guarded", "guarded=100000", hardened_is_as_good_as_ever);
}

#[test]
fn conforms_all_guarded() {
    well("guarded::conforms_all_guarded", "guarded=1,hardened=1", hardened_is_as_good_as_ever);
}

#[test]
fn survives_threads_guarded() {
    well("guarded::survives_threads_guarded", "guarded=10000", || {
        stress(&GlobalSubject, Load { blocks: 20_000, ..Load::of(Scale::Quick) });
    });
}

#[test]
fn guarded_objects_end_at_a_forbidden_page() {
    well("guarded::guarded_objects_end_at_a_forbidden_page", GUARDED, || {
        for bytes in [8, 16, 48, 64, 112, 1024, 1152, 5376, 8192, 32 << 10] {
            let object = get(bytes);
            // SAFETY: writes within the object; those beside it end a process of their own.
            unsafe {
                object.write_bytes(1, bytes);
                assert_eq!(in_child(|| object.wrapping_add(bytes).write(1)), Ok(libc::SIGABRT), "{bytes}");
                assert_eq!(in_child(|| read(object.wrapping_add(bytes))), Ok(libc::SIGABRT), "{bytes}");
            }
            if bytes % 4096 != 0 {
                let before = in_child(|| {
                    // SAFETY: misuse that is to be noticed by the free.
                    unsafe { object.wrapping_sub(1).write(1) };
                    give(object, bytes);
                });
                assert_eq!(before, Ok(libc::SIGABRT), "{bytes}");
            }
            give(object, bytes);
            assert_eq!(in_child(|| read(object)), Ok(libc::SIGABRT), "{bytes}");
            assert_eq!(in_child(|| give(object, bytes)), Ok(libc::SIGABRT), "{bytes}");
        }
    });
}

/// One byte too many, written to an object in a process of its own and seen at the free if not before.
fn overflow_is_seen(object: *mut u8, bytes: usize) {
    // SAFETY: the object has these bytes.
    unsafe { object.write_bytes(1, bytes) };
    let ended = in_child(|| {
        // SAFETY: misuse that is to be noticed, here or by the free.
        unsafe { object.wrapping_add(bytes).write(1) };
        give(object, bytes);
    });
    assert_eq!(ended, Ok(libc::SIGABRT), "{bytes} bytes");
}

/// Lengths of objects of size classes: every short one, and those around the ends of classes and pages.
fn lengths() -> impl Iterator<Item = usize> {
    let longer = [255, 256, 257, 1000, 1024, 1025, 4095, 4096, 4097, 8192, 9000, 32_767, 32_768];
    (1..=200).chain(longer)
}

#[test]
fn overflows_of_guarded_objects() {
    well("guarded::overflows_of_guarded_objects", GUARDED, || {
        for bytes in lengths() {
            // SAFETY: the size is not zero.
            let object = unsafe {
                if bytes % 8 == 1 { ALLOC.alloc_zeroed(layout(bytes)) } else { ALLOC.alloc(layout(bytes)) }
            };
            overflow_is_seen(object, bytes);
            give(object, bytes);
        }
    });
}

/// Lengths of large objects, those with spans, and those that would have a mapping of their own.
const LARGE: [usize; 11] = [
    (32 << 10) + 1,
    40_960,
    65_535,
    100_001,
    128 << 10,
    (128 << 10) + 8,
    1 << 20,
    (1 << 20) + 1,
    5_000_003,
    8 << 20,
    (8 << 20) + 7,
];

#[test]
fn overflows_of_guarded_large_objects() {
    well("guarded::overflows_of_guarded_large_objects", GUARDED, || {
        for bytes in LARGE {
            let object = get(bytes);
            overflow_is_seen(object, bytes);
            // SAFETY: the object has these bytes, and with the longer length those.
            let longer = unsafe { ALLOC.realloc(object, layout(bytes), bytes + 1) };
            overflow_is_seen(longer, bytes + 1);
            // SAFETY: as above.
            let shorter = unsafe {
                assert!(std::slice::from_raw_parts(longer, bytes).iter().all(|&byte| byte == 1), "{bytes}");
                ALLOC.realloc(longer, layout(bytes + 1), bytes - 1)
            };
            overflow_is_seen(shorter, bytes - 1);
            give(shorter, bytes - 1);
            // SAFETY: the size is not zero.
            let zeroed = unsafe { ALLOC.alloc_zeroed(layout(bytes)) };
            // SAFETY: it has these bytes.
            assert!(unsafe { std::slice::from_raw_parts(zeroed, bytes) }.iter().all(|&byte| byte == 0));
            overflow_is_seen(zeroed, bytes);
            give(zeroed, bytes);
        }
    });
}

/// However it is aligned, to more than a region of the page map even.
#[test]
fn guarded_large_objects_are_aligned() {
    well("guarded::guarded_large_objects_are_aligned", GUARDED, || {
        for align in [1, 16, 4096, 16 << 10, 1 << 20, 64 << 20, 256 << 20] {
            for bytes in [100_001, 6 << 20] {
                let layout = Layout::from_size_align(bytes, align).unwrap();
                // SAFETY: the size is not zero; what goes beyond the object is misuse that is to be noticed.
                unsafe {
                    let object = ALLOC.alloc(layout);
                    assert!(object.addr().is_multiple_of(align));
                    let behind = object.wrapping_add(bytes);
                    let ended = in_child(|| {
                        behind.write(1);
                        ALLOC.dealloc(object, layout);
                    });
                    assert_eq!(ended, Ok(libc::SIGABRT), "{bytes} bytes, aligned to {align}");
                    ALLOC.dealloc(object, layout);
                    assert_eq!(in_child(|| read(object)), Ok(libc::SIGABRT), "{bytes}, aligned to {align}");
                }
            }
        }
    });
}

#[test]
fn guarded_large_objects_lie_between_forbidden_pages() {
    well("guarded::guarded_large_objects_lie_between_forbidden_pages", GUARDED, || {
        for bytes in [40_961, 1 << 20, 5_000_003] {
            let object = get(bytes);
            let before = in_child(|| {
                // SAFETY: misuse that is to be noticed, here or by the free.
                unsafe { object.wrapping_sub(1).write(1) };
                give(object, bytes);
            });
            assert_eq!(before, Ok(libc::SIGABRT), "{bytes}");
            for address in [object.wrapping_add(bytes + 8), object.wrapping_sub(4096)] {
                assert_eq!(in_child(|| read(address)), Ok(libc::SIGABRT), "{bytes}");
            }
            for offset in [1, bytes - 1] {
                assert_eq!(
                    in_child(|| give(object.wrapping_add(offset), bytes)),
                    Ok(libc::SIGABRT),
                    "{bytes}"
                );
            }
            give(object, bytes);
            // It stays known for a while.
            (0..100).for_each(|_| give(get(bytes), bytes));
            for address in [object, object.wrapping_add(bytes - 1)] {
                assert_eq!(in_child(|| read(address)), Ok(libc::SIGABRT), "{bytes}");
            }
            assert_eq!(in_child(|| give(object, bytes)), Ok(libc::SIGABRT), "{bytes}");
        }
    });
}

#[test]
fn a_guarded_large_object_tells_its_life() {
    const NAME: &str = "guarded::a_guarded_large_object_tells_its_life";
    let body = || {
        let object = get(100_000);
        give(object, 100_000);
        read(object.wrapping_add(70_000));
    };
    noticed(NAME, GUARDED, "a touch of a freed object", body);
    if is_inside() {
        return;
    }
    let error = String::from_utf8_lossy(&again(NAME, GUARDED).stderr).into_owned();
    let this = std::env::current_exe().unwrap();
    for part in ["offset 70000 of 100000 bytes", "allocated in ", "freed in ", this.to_str().unwrap()] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// More than may be guarded at once, in several threads; and what the statistics say of them, exactly.
#[test]
fn many_guarded_large_objects() {
    well("guarded::many_guarded_large_objects", GUARDED, || {
        let live =
            || (spandrel::stats().classes[0].live_objs(), spandrel::stats().classes[0].exact_live_bytes);
        let mut objects = Vec::with_capacity(3600);
        let before = live();
        let hold = || (0..1200).map(|_| get(33_001).expose_provenance()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(hold)).collect();
        threads.into_iter().for_each(|thread| objects.extend(thread.join().unwrap()));
        let stats = spandrel::stats();
        assert_eq!(live(), (before.0 + 3600, before.1 + 3600 * 33_001));
        assert_eq!(stats.heap_inuse, stats.classes.iter().map(|class| class.span_bytes).sum::<u64>());
        objects.iter().for_each(|&object| give(std::ptr::with_exposed_provenance_mut(object), 33_001));
        assert_eq!(live(), before);
    });
}

/// Guarded memory is the heap's, and no other mapping's.
#[test]
fn the_ledger_knows_guarded_objects() {
    well("guarded::the_ledger_knows_guarded_objects", GUARDED, || {
        for bytes in [9000, 100_000] {
            let before = spandrel::ledger();
            let objects: Vec<_> = (0..300).map(|_| get(bytes)).collect();
            // SAFETY: the objects are this test's, and have these bytes.
            objects.iter().for_each(|&object| unsafe { object.write_bytes(1, bytes) });
            let during = spandrel::ledger();
            objects.into_iter().for_each(|object| give(object, bytes));
            let after = spandrel::ledger();
            let grown = during.heap_resident_bytes - before.heap_resident_bytes;
            assert!(grown >= 300 * bytes as u64, "{before:?} {during:?}");
            assert!(after.heap_resident_bytes < before.heap_resident_bytes + (1 << 20), "{after:?}");
            for ledger in [before, during, after] {
                assert!(ledger.unexplained_bytes.abs() < 1 << 20, "{ledger:?}");
                assert!(ledger.mapped_bytes < 8 << 20, "{ledger:?}");
            }
        }
    });
}

#[test]
fn the_limit_holds_for_guarded_objects() {
    well("guarded::the_limit_holds_for_guarded_objects", "guarded=1,memlimit=64MiB", || {
        for bytes in [300_000, 5 << 20] {
            for _ in 0..2 {
                let mut objects = Vec::with_capacity(1000);
                // SAFETY: the size is not zero.
                objects.extend((0..1000).map(|_| unsafe { ALLOC.alloc(layout(bytes)) }));
                objects.retain(|object| !object.is_null());
                let held_bytes = objects.len() * bytes;
                assert!((56 << 20..64 << 20).contains(&held_bytes), "{bytes}: {}", objects.len());
                objects.into_iter().for_each(|object| give(object, bytes));
            }
        }
    });
}

/// One in about so many bytes, as of small ones.
#[test]
fn some_large_objects_are_guarded() {
    well("guarded::some_large_objects_are_guarded", "guarded=1MiB", || {
        let objects: Vec<_> = (0..1000).map(|_| get(100_000)).collect();
        // Ordinary ones begin with a page.
        let count = objects.iter().filter(|object| !object.addr().is_multiple_of(8192)).count();
        objects.into_iter().for_each(|object| give(object, 100_000));
        // 91 are expected; six standard deviations are 55.
        assert!((36..=146).contains(&count), "{count}");
    });
}

/// Longer or shorter by a little, it stays in its class, and yet has to be as long as was asked for.
#[test]
fn guarded_objects_resized() {
    well("guarded::guarded_objects_resized", GUARDED, || {
        for bytes in lengths().step_by(11) {
            for new_bytes in [bytes - bytes / 20, bytes, bytes + bytes / 20 + 1] {
                let new_bytes = new_bytes.min(32 << 10);
                let object = get(bytes);
                // SAFETY: the object is this test's, with these bytes, and moves with the shorter of both.
                let resized = unsafe {
                    object.write_bytes(7, bytes);
                    let resized = ALLOC.realloc(object, layout(bytes), new_bytes);
                    let kept = std::slice::from_raw_parts(resized, bytes.min(new_bytes));
                    assert!(kept.iter().all(|&byte| byte == 7), "{bytes} to {new_bytes} bytes");
                    resized
                };
                overflow_is_seen(resized, new_bytes);
                assert_eq!(in_child(|| give(object, bytes)), Ok(libc::SIGABRT), "{bytes} to {new_bytes}");
                give(resized, new_bytes);
            }
        }
    });
}

#[test]
fn a_guarded_object_tells_its_life() {
    noticed("guarded::a_guarded_object_tells_its_life", GUARDED, "behind the end of the object", || {
        let object = get(48);
        // SAFETY: misuse that is to be noticed.
        unsafe { object.wrapping_add(48).write(1) };
    });
    if is_inside() {
        return;
    }
    let error = String::from_utf8_lossy(&again("guarded::a_guarded_object_tells_its_life", GUARDED).stderr)
        .into_owned();
    let this = std::env::current_exe().unwrap();
    for part in ["offset 48 of 48 bytes, class 5", "allocated in thread ", this.to_str().unwrap()] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// As many are guarded as was said: about one in 4096 bytes.
#[test]
fn the_stated_rate_is_kept() {
    fn guarded(objs: usize) -> usize {
        let objects: Vec<_> = (0..objs).map(|_| get(64)).collect();
        let is_at_end = |object: &&*mut u8| (object.addr() + 64).is_multiple_of(4096);
        let is_tagged = |object: &&*mut u8| object.addr() & 1 << 44 != 0;
        let count = objects.iter().filter(is_tagged).filter(is_at_end).count();
        objects.into_iter().for_each(|object| give(object, 64));
        count
    }
    well("guarded::the_stated_rate_is_kept", "guarded=4096", || {
        let count = guarded(20_000);
        // 312 are expected; six standard deviations are 106.
        assert!((206..=418).contains(&count), "{count}");
    });
}

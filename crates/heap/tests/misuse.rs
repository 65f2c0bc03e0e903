//! Misuse of the heap, each kind in a process of its own, which has to end with one line that says what was
//! done, before the call returns.

use std::alloc::{GlobalAlloc, Layout};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use spandrel::Spandrel;
use spandrel_testkit::fork::fork_under_churn;
use spandrel_testkit::threads::{Load, stress};
use spandrel_testkit::{GlobalSubject, Random, Scale, conformance};

#[global_allocator]
static ALLOC: Spandrel = Spandrel::new();

/// Set in the test that was started once more.
const INSIDE: &str = "TEST_MISUSES";
const HARDENED: &str = "hardened=1";

fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// This test once more, alone, with `options`.
fn again(name: &str, options: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("SPANDREL", options)
        .env(INSIDE, "1")
        .output()
        .unwrap()
}

/// Runs `body`, whose last call is to be noticed with a line that has `words`.
fn noticed(name: &str, options: &str, words: &str, body: fn()) {
    if is_inside() {
        body();
        println!("it returned");
        return;
    }
    let output = again(name, options);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{out}{error}");
    assert!(!out.contains("it returned"), "{out}{error}");
    let first = error.lines().find(|line| line.starts_with("spandrel: ")).unwrap_or_default();
    assert!(first.contains(words), "{error}");
}

/// Runs `body`, which has to end well and say nothing.
fn well(name: &str, options: &str, body: fn()) {
    if is_inside() {
        return body();
    }
    let output = again(name, options);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !error.contains("spandrel:"), "{error}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).unwrap()
}

fn get(bytes: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    let object = unsafe { ALLOC.alloc(layout(bytes)) };
    assert!(!object.is_null());
    object
}

/// Frees, rightly or not.
fn give(object: *mut u8, bytes: usize) {
    // SAFETY: where it breaks the contract, the allocator is to notice.
    unsafe { ALLOC.dealloc(object, layout(bytes)) };
}

/// Freed objects of a class that wait before one is used again.
const WAITING: usize = 64;
/// Sizes of all kinds: the smallest class, middle ones, the largest.
const SIZES: [usize; 7] = [8, 24, 64, 1000, 1024, 5000, 32 << 10];

fn hardened_is_as_good_as_ever() {
    conformance(&GlobalSubject, Scale::Quick);
}

#[test]
fn conforms() {
    well("conforms", HARDENED, hardened_is_as_good_as_ever);
}

#[test]
fn conforms_with_exact_statistics() {
    well("conforms_with_exact_statistics", "hardened=1,stats=exact", hardened_is_as_good_as_ever);
}

#[test]
fn conforms_while_sampled() {
    well("conforms_while_sampled", "hardened=1,memprofilerate=1000", hardened_is_as_good_as_ever);
}

#[test]
fn survives_threads() {
    well("survives_threads", HARDENED, || stress(&GlobalSubject, Load::of(Scale::Quick)));
}

#[test]
fn survives_forks() {
    well("survives_forks", HARDENED, || fork_under_churn(&GlobalSubject, 4, 50));
}

#[test]
fn statistics_hold() {
    well("statistics_hold", HARDENED, || {
        let live = || spandrel::stats().classes[10..].iter().map(|class| class.live_objs()).sum::<u64>();
        let before = live();
        let objects: Vec<_> = (0..10_000).map(|_| get(1000)).collect();
        let during = live();
        objects.into_iter().for_each(|object| give(object, 1000));
        let after = live();
        assert!((10_000..10_020).contains(&(during - before)), "{before} {during} {after}");
        assert!(after.abs_diff(before) < 20, "{before} {during} {after}");
    });
}

/// Every one of the last 64 freed objects, of every kind of size, whatever was allocated since.
fn double_frees(age: usize) {
    for bytes in SIZES {
        let objects: Vec<_> = (0..WAITING).map(|_| get(bytes)).collect();
        objects.iter().for_each(|&object| give(object, bytes));
        let since: Vec<_> = (0..200).map(|_| get(bytes)).collect();
        let again = objects[objects.len() - age];
        assert!(!since.contains(&again), "the object of {bytes} bytes freed {age} frees ago is in use");
        match in_child(|| give(again, bytes)) {
            Ok(libc::SIGABRT) => {}
            ended => panic!("{bytes} bytes, {age} frees ago: {ended:?}"),
        }
        since.into_iter().for_each(|object| give(object, bytes));
    }
}

/// The signal that ends a copy of this process that does `misuse`; or else the code that it returns.
fn in_child(misuse: impl FnOnce()) -> Result<i32, i32> {
    // SAFETY: the child only misuses the heap, closes its standard error, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: a file of the child's own; then its end.
        unsafe {
            libc::close(libc::STDERR_FILENO);
            misuse();
            libc::_exit(0);
        }
    }
    let mut status = 0;
    // SAFETY: the status is a live local.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if libc::WIFSIGNALED(status) { Ok(libc::WTERMSIG(status)) } else { Err(libc::WEXITSTATUS(status)) }
}

#[test]
fn all_late_double_frees_are_noticed() {
    well("all_late_double_frees_are_noticed", HARDENED, || (1..=WAITING).for_each(double_frees));
}

#[test]
fn double_free_at_once() {
    noticed("double_free_at_once", HARDENED, "double free", || {
        let object = get(48);
        give(object, 48);
        give(object, 48);
    });
}

#[test]
fn double_free_in_another_thread() {
    noticed("double_free_in_another_thread", HARDENED, "double free", || {
        let object = std::thread::spawn(|| {
            let object = get(100);
            give(object, 100);
            object.addr()
        });
        give(std::ptr::with_exposed_provenance_mut(object.join().unwrap()), 100);
    });
}

#[test]
fn interior_pointers() {
    well("interior_pointers", HARDENED, || {
        for bytes in SIZES {
            let object = get(bytes);
            for offset in [1, 4, bytes / 2, bytes - 1] {
                let ended = in_child(|| give(object.wrapping_add(offset), bytes));
                assert_eq!(ended, Ok(libc::SIGABRT), "{bytes} bytes and {offset}");
            }
            give(object, bytes);
        }
    });
}

#[test]
fn foreign_pointers() {
    well("foreign_pointers", HARDENED, || {
        static PLACE: [u64; 16] = [0; 16];
        let local = [0u64; 16];
        // SAFETY: a mapping of its own.
        let mapped = unsafe {
            let (access, flags) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            libc::mmap(std::ptr::null_mut(), 1 << 16, access, flags, -1, 0)
        };
        let wild = [0x1000, 0x10_0000_0008, 1 << 46, (1 << 47) + 8, usize::MAX - 7];
        let wild = wild.map(std::ptr::without_provenance_mut::<u8>);
        let foreign =
            [(&raw const PLACE).cast_mut().cast(), (&raw const local).cast_mut().cast(), mapped.cast()];
        for object in foreign.into_iter().chain(wild) {
            for bytes in SIZES {
                let ended = in_child(|| give(object, bytes));
                assert_eq!(ended, Ok(libc::SIGABRT), "{object:?} as {bytes} bytes");
            }
        }
    });
}

#[test]
fn layouts_of_other_classes() {
    well("layouts_of_other_classes", HARDENED, || {
        let sizes = [8, 16, 64, 1000, 5000, 32 << 10, 40_000, 5 << 20];
        for bytes in sizes {
            for wrong in sizes.into_iter().filter(|&wrong| wrong != bytes && wrong.max(bytes) < 5 << 20) {
                let object = get(bytes);
                assert_eq!(in_child(|| give(object, wrong)), Ok(libc::SIGABRT), "{bytes} as {wrong} bytes");
                give(object, bytes);
            }
        }
    });
}

/// A write to a dead object, at a random place of it, and what then happens when it is used again. Its
/// neighbours are in use, so that its pages serve nothing else meanwhile.
fn write_after_free(random: &mut Random, neighbours: &[(usize, Vec<*mut u8>)]) -> bool {
    let (bytes, neighbours) = &neighbours[random.below(neighbours.len())];
    let bytes = *bytes;
    let object = get(bytes);
    assert!(!neighbours.contains(&object));
    give(object, bytes);
    // Before the write, it may have gone some way.
    let (rounds, size) = (random.below(4), 1 + random.below(100));
    for _ in 0..rounds {
        let others: Vec<_> = (0..size).map(|_| get(bytes)).collect();
        let is_back = others.contains(&object);
        others.into_iter().for_each(|object| give(object, bytes));
        if is_back {
            return false;
        }
    }
    let (place, value) = (random.below(bytes.min(1024)), 1 + random.below(255) as u8);
    let ended = in_child(|| {
        // SAFETY: misuse that is to be noticed; the memory is the allocator's, and mapped.
        unsafe { object.wrapping_add(place).write(object.wrapping_add(place).read() ^ value) };
        // Only so many objects are there: what waits comes out when others are freed.
        (0..WAITING).map(|_| get(bytes)).collect::<Vec<_>>().into_iter().for_each(|other| give(other, bytes));
        if !is_back(object, bytes) {
            // SAFETY: the child's end.
            unsafe { libc::_exit(2) };
        }
    });
    assert_eq!(ended, Ok(libc::SIGABRT), "{bytes} bytes, written at {place}, {rounds} rounds of {size}");
    true
}

/// Allocates until an object is used again.
fn is_back(object: *mut u8, bytes: usize) -> bool {
    (0..20_000).any(|_| get(bytes) == object)
}

#[test]
fn writes_to_dead_objects() {
    well("writes_to_dead_objects", HARDENED, || {
        let mut random = Random::new(7);
        let neighbours: Vec<_> = [8, 16, 48, 64, 200, 512, 1024, 2048]
            .map(|bytes| {
                let objects: Vec<_> = (0..1000).map(|_| get(bytes)).collect();
                let (kept, freed): (Vec<_>, _) =
                    objects.into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
                freed.into_iter().for_each(|(_, object)| give(object, bytes));
                (bytes, kept.into_iter().map(|(_, object)| object).collect::<Vec<_>>())
            })
            .into();
        let mut trials = 0;
        while trials < 1000 {
            trials += u32::from(write_after_free(&mut random, &neighbours));
        }
    });
}

/// What comes next can't be told from what came before.
#[test]
fn order_is_random() {
    well("order_is_random", HARDENED, || {
        let objects: Vec<_> = (0..1000).map(|_| get(64).addr()).collect();
        let steps = objects.windows(2).filter(|pair| pair[1].abs_diff(pair[0]) == 64).count();
        assert!(steps < 300, "{steps} of 999 objects lie beside the one before");
    });
}

#[test]
fn large_objects() {
    noticed("large_objects", "", "double free", || {
        let object = get(100_000);
        give(object, 100_000);
        give(object, 100_000);
    });
}

fn read(address: *mut u8) {
    // SAFETY: misuse that ends the child.
    std::hint::black_box(unsafe { address.read_volatile() });
}

/// Every object of a size class is guarded.
const GUARDED: &str = "guarded=1";

#[test]
fn conforms_guarded() {
    well("conforms_guarded", "guarded=100000", hardened_is_as_good_as_ever);
}

#[test]
fn conforms_all_guarded() {
    well("conforms_all_guarded", "guarded=1,hardened=1", hardened_is_as_good_as_ever);
}

#[test]
fn survives_threads_guarded() {
    well("survives_threads_guarded", "guarded=10000", || {
        stress(&GlobalSubject, Load { blocks: 20_000, ..Load::of(Scale::Quick) });
    });
}

#[test]
fn guarded_objects_end_at_a_forbidden_page() {
    well("guarded_objects_end_at_a_forbidden_page", GUARDED, || {
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
    well("overflows_of_guarded_objects", GUARDED, || {
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
    well("overflows_of_guarded_large_objects", GUARDED, || {
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
    well("guarded_large_objects_are_aligned", GUARDED, || {
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
    well("guarded_large_objects_lie_between_forbidden_pages", GUARDED, || {
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
    const NAME: &str = "a_guarded_large_object_tells_its_life";
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
    well("many_guarded_large_objects", GUARDED, || {
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
    well("the_ledger_knows_guarded_objects", GUARDED, || {
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
    well("the_limit_holds_for_guarded_objects", "guarded=1,memlimit=64MiB", || {
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
    well("some_large_objects_are_guarded", "guarded=1MiB", || {
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
    well("guarded_objects_resized", GUARDED, || {
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
    noticed("a_guarded_object_tells_its_life", GUARDED, "behind the end of the object", || {
        let object = get(48);
        // SAFETY: misuse that is to be noticed.
        unsafe { object.wrapping_add(48).write(1) };
    });
    if is_inside() {
        return;
    }
    let error =
        String::from_utf8_lossy(&again("a_guarded_object_tells_its_life", GUARDED).stderr).into_owned();
    let this = std::env::current_exe().unwrap();
    for part in ["offset 48 of 48 bytes, class 5", "allocated in thread ", this.to_str().unwrap()] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// What is noticed without an option: whatever comes back to a span or to the central list.
#[test]
fn always() {
    well("always", "", || {
        let objects = || (0..1000).map(|_| get(3000)).collect::<Vec<_>>();
        let cases: [&dyn Fn(); 7] = [
            &|| give(get(3000), 100),
            &|| give([0u64; 512].as_mut_ptr().cast(), 3000),
            &|| {
                let object = get(64 << 20);
                give(object, 64 << 20);
                give(object, 64 << 20);
            },
            &|| {
                let objects = objects();
                objects.iter().for_each(|&object| give(object, 3000));
                give(objects[0], 3000);
            },
            // On the hot list twice, and then with the others back to their spans.
            &|| {
                let object = get(3000);
                give(object, 3000);
                give(object, 3000);
                objects().into_iter().for_each(|object| give(object, 3000));
            },
            // Beside an object: it was never handed out.
            &|| {
                objects().into_iter().for_each(|object| give(object.wrapping_add(8), 3000));
            },
            // Freed twice here, collected there.
            &|| {
                let object = std::thread::spawn(|| get(3000).expose_provenance()).join().unwrap();
                let object = std::ptr::with_exposed_provenance_mut(object);
                give(object, 3000);
                give(object, 3000);
                objects().into_iter().for_each(|object| give(object, 3000));
                std::thread::spawn(|| drop((0..1000).map(|_| get(3000)).collect::<Vec<_>>())).join().unwrap();
            },
        ];
        for (number, case) in cases.into_iter().enumerate() {
            assert_eq!(in_child(case), Ok(libc::SIGABRT), "case {number}");
        }
    });
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
    well("the_stated_rate_is_kept", "guarded=4096", || {
        let count = guarded(20_000);
        // 312 are expected; six standard deviations are 106.
        assert!((206..=418).contains(&count), "{count}");
    });
}

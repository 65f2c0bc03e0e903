//! Misuse of the heap, each kind in a process of its own, which has to end with one line that says what was
//! done, before the call returns.

mod guarded;

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

/// What ended threads have freed reaches its span, which then has more objects than it gave.
#[test]
fn here_and_in_a_thread_that_ends() {
    noticed("here_and_in_a_thread_that_ends", "", "", || {
        let object = get(3000);
        give(object, 3000);
        let address = object.expose_provenance();
        let again = move || give(std::ptr::with_exposed_provenance_mut(address), 3000);
        std::thread::spawn(again).join().unwrap();
        for _ in 0..2 {
            let objects: Vec<_> = (0..1000).map(|_| get(3000)).collect();
            objects.into_iter().for_each(|object| give(object, 3000));
        }
    });
}

/// A dead object that lost its mark can be freed once more, but is not handed out twice.
#[test]
fn written_to_and_freed_again() {
    noticed("written_to_and_freed_again", HARDENED, "", || {
        let object = get(100);
        give(object, 100);
        // SAFETY: misuse that is to be noticed; the memory is the allocator's, and mapped.
        unsafe { object.cast::<usize>().write(1) };
        give(object, 100);
        for _ in 0..2 {
            let objects: Vec<_> = (0..200).map(|_| get(100)).collect();
            objects.into_iter().for_each(|object| give(object, 100));
        }
    });
}

/// The only object of a class that is in use; all others of its page are dead.
#[test]
fn never_handed_out() {
    noticed("never_handed_out", HARDENED, "double free", || {
        let object = get(1000);
        let first = object.map_addr(|address| address & !8191);
        let last = first.wrapping_add(7 * 1024);
        give(if object == last { first } else { last }, 1000);
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
        let objects: Vec<_> = (0..10_000).map(|_| get(64).addr()).collect();
        let steps = objects.windows(2).filter(|pair| pair[1].abs_diff(pair[0]) == 64).count();
        assert!(steps < 3000, "{steps} of 9,999 objects lie beside the one before");
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

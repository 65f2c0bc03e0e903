//! The helpers for tests, in a program whose global allocator is Spandrel, with all tests in parallel.

use std::panic::catch_unwind;
use std::sync::mpsc::channel;
use std::thread;

use spandrel::test::{Measured, assert_allocs, bench, header, measure};

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

fn counts(counted: &Measured) -> (u64, u64, u64, u64) {
    (counted.allocs, counted.frees, counted.alloc_bytes, counted.free_bytes)
}

#[test]
fn nothing_is_nothing() {
    for _ in 0..100 {
        assert_eq!(counts(&measure(|| 1 + 1).1), (0, 0, 0, 0));
    }
}

/// Sizes on both sides of every path: hot lists, spans, large objects, mappings of their own.
#[test]
fn every_size_is_counted() {
    for (bytes, rounded) in [(1, 8), (48, 48), (49, 64), (4096, 4096), (32_768, 32_768), (32_769, 40_960)]
        .into_iter()
        .chain([(1 << 20, 1 << 20), (5 << 20, 5 << 20)])
    {
        for objs in [1u64, 10, 1000].into_iter().filter(|objs| objs * rounded < 1 << 30) {
            let total = objs * rounded;
            let (list, made) = measure(|| {
                let mut list = Vec::with_capacity(objs as usize);
                list.extend((0..objs).map(|_| Vec::<u8>::with_capacity(bytes)));
                list
            });
            assert_eq!((made.allocs, made.frees), (objs + 1, 0), "{bytes} bytes");
            assert!(made.alloc_bytes >= total + objs * 24, "{bytes} bytes, {made}");
            let (list, freed) = measure(|| {
                let mut list = list;
                list.clear();
                list
            });
            assert_eq!(counts(&freed), (0, objs, 0, total), "{bytes} bytes");
            drop(list);
        }
    }
}

/// After bulk frees the hot list is aside, or filled to the brim: whatever came before, frees are seen.
#[test]
fn what_came_before_does_not_matter() {
    for before in [0usize, 1, 31, 32, 33, 100, 1000, 10_000] {
        let list: Vec<_> = (0..2 * before).map(|number| Box::new([number; 6])).collect();
        let keep: Vec<_> = list.into_iter().enumerate().filter(|(at, _)| at % 2 == 0).collect();
        for inside in [1u64, 40, 5000] {
            let ((), counted) = measure(|| {
                for number in 0..inside {
                    drop(std::hint::black_box(Box::new([number; 6])));
                }
            });
            assert_eq!(counts(&counted), (inside, inside, 48 * inside, 48 * inside), "after {before}");
        }
        let objs = keep.len() as u64;
        let ((), counted) = measure(|| keep.into_iter().for_each(|(_, object)| drop(object)));
        assert_eq!((counted.allocs, counted.frees), (0, objs + u64::from(objs > 0)), "after {before}");
    }
}

#[test]
fn reallocs_are_an_allocation_and_a_free() {
    let mut list = Vec::<u8>::with_capacity(33);
    let ((), same) = measure(|| list.reserve_exact(48));
    assert_eq!((same.allocs, same.frees), (0, 0), "the same class: {same}");
    let ((), grown) = measure(|| list.reserve_exact(100));
    assert_eq!(counts(&grown), (1, 1, 112, 48));
    for bytes in [40_000, 50_000, 3 << 20, 6 << 20, 60 << 20] {
        let ((), grown) = measure(|| list.reserve_exact(bytes));
        assert_eq!((grown.allocs, grown.frees), (1, 1), "{bytes} bytes");
        assert!(grown.live_bytes() > 0 && grown.alloc_bytes >= bytes as u64, "{grown}");
    }
    let ((), dropped) = measure(|| drop(list));
    assert_eq!((dropped.allocs, dropped.frees), (0, 1));
    assert!(dropped.free_bytes >= 60 << 20, "{dropped}");
}

#[test]
fn other_threads_do_not_matter() {
    let (to_other, from_main) = channel::<Vec<Box<u64>>>();
    let other = thread::spawn(move || {
        let mut own: Vec<Box<u64>> = Vec::new();
        for list in from_main {
            drop(list);
            own.extend((0..100).map(Box::new));
            own.truncate(50);
        }
    });
    for _ in 0..200 {
        let (list, counted) = measure(|| (0..500).map(Box::new).collect::<Vec<_>>());
        assert_eq!((counted.allocs, counted.frees), (501, 0));
        to_other.send(list).unwrap();
        // Meanwhile the other thread frees what this one has allocated.
        let ((), counted) = measure(|| {
            for number in 0..200u64 {
                drop(std::hint::black_box(Box::new(number)));
            }
        });
        assert_eq!((counted.allocs, counted.frees), (200, 200));
    }
    drop(to_other);
    other.join().unwrap();
}

#[test]
fn foreign_objects_are_freed_here() {
    for _ in 0..20 {
        let list = thread::spawn(|| (0..1000).map(|number| vec![number; 5]).collect::<Vec<_>>());
        let list = list.join().unwrap();
        let ((), counted) = measure(|| drop(list));
        assert_eq!((counted.allocs, counted.frees), (0, 1001));
    }
}

#[test]
fn measures_nest_and_survive_panics() {
    let ((_, inner), outer) = measure(|| {
        drop(std::hint::black_box(Box::new(1u8)));
        measure(|| drop(std::hint::black_box(Box::new(2u8))))
    });
    assert_eq!((inner.allocs, inner.frees, outer.allocs, outer.frees), (1, 1, 2, 2));
    assert!(catch_unwind(|| measure(|| panic!("inside"))).is_err());
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(3u8)))).1.frees, 1);
}

#[test]
fn assertions_give_the_value() {
    let list = assert_allocs!(1, vec![1, 2, 3]);
    assert_eq!(list, [1, 2, 3]);
    assert_allocs!(0, list.len());
    assert_allocs!(1..=2, list.clone());
    assert_allocs!(allocs = 0, frees = 1, bytes = 0, live = 0; drop(list));
    assert_allocs!(allocs = ..2, bytes = 40..49, live = 1; String::with_capacity(41));
}

#[test]
fn a_failure_says_everything() {
    let failure = catch_unwind(|| {
        assert_allocs!(frees = 1, allocs = 0..=2; {
            let list = [vec![0u8; 40], vec![0u8; 48], vec![0u8; 1000], vec![0u8; 40_000]];
            list.len()
        })
    });
    let text = failure.unwrap_err().downcast::<String>().unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("`{ let list = "), "{text}");
    assert!(lines[0].ends_with("`: expected frees 1, got 4"), "{text}");
    assert_eq!(
        lines[1..],
        [
            "4 allocs of 42080 B, 4 frees of 42080 B",
            "      48 B: 2 allocs, 2 frees",
            "    1024 B: 1 allocs, 1 frees",
            "     large: 1 allocs, 1 frees",
        ]
    );
}

#[test]
fn benchmarks_count_what_they_do() {
    println!("{}", header("measured"));
    let result = bench("push and drop", |b| {
        let seed = std::hint::black_box(7u64);
        b.iter(|| vec![Box::new(seed)]);
    });
    assert_eq!(result.name, "BenchmarkPush_and_drop");
    assert_eq!((result.allocs, result.alloc_bytes), (2 * result.ops, 16 * result.ops));
}

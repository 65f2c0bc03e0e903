//! The statistics add up, and they count what happened.

use std::alloc::{GlobalAlloc, Layout};
use std::process::Command;
use std::time::{Duration, Instant};

use spandrel::{ClassStats, MemStats, Spandrel};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Runs `body` in a process of its own, where nothing else allocates, with `options` set: starts this test
/// once more, alone, and there runs the body.
pub(crate) fn alone(name: &str, options: &str, body: fn()) {
    const INSIDE: &str = "TEST_RUNS_ALONE";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("SPANDREL", options)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

pub(crate) fn allocate(bytes: usize, objs: usize) -> Vec<*mut u8> {
    let layout = Layout::from_size_align(bytes, 8).unwrap();
    // SAFETY: the size is not zero.
    (0..objs).map(|_| unsafe { Spandrel::new().alloc(layout) }).collect()
}

pub(crate) fn free(bytes: usize, objects: Vec<*mut u8>) {
    let layout = Layout::from_size_align(bytes, 8).unwrap();
    for object in objects {
        // SAFETY: allocated with this layout, and freed once.
        unsafe { Spandrel::new().dealloc(object, layout) };
    }
}

/// What holds in every snapshot, whatever other threads do.
pub(crate) fn identities(stats: &MemStats) {
    let heap = &stats.page_heap;
    assert_eq!(stats.heap_sys, stats.heap_idle + stats.heap_inuse);
    let metadata = stats.mspan_sys + stats.mcache_sys + stats.buck_hash_sys + stats.other_sys;
    assert_eq!(stats.sys, stats.heap_sys + metadata);
    assert!(metadata >= heap.metadata_bytes);
    assert!(stats.mspan_inuse <= stats.mspan_sys && stats.mcache_inuse <= stats.mcache_sys);
    assert_eq!(stats.alloc, stats.heap_alloc);
    assert_eq!(stats.heap_objects, stats.mallocs - stats.frees);
    assert!(stats.heap_released <= stats.heap_idle && stats.heap_alloc <= stats.heap_inuse);
    assert_eq!(heap.in_use_bytes, stats.heap_inuse);
    assert_eq!(heap.committed_bytes, heap.in_use_bytes + heap.free_bytes);
    assert_eq!(heap.committed_bytes, stats.heap_sys - stats.heap_released);
    assert!(heap.kept_bytes <= heap.free_bytes && heap.committed_bytes <= heap.peak_committed_bytes);
    let sum = |figure: fn(&ClassStats) -> u64| stats.classes.iter().map(figure).sum::<u64>();
    assert_eq!(sum(|class| class.span_bytes), stats.heap_inuse);
    assert_eq!(sum(|class| class.allocs), stats.mallocs);
    assert_eq!(sum(|class| class.frees), stats.frees);
    assert_eq!(sum(|class| class.alloc_bytes), stats.total_alloc);
    assert_eq!(sum(|class| class.alloc_bytes - class.free_bytes), stats.heap_alloc);
    for class in &stats.classes {
        assert!(class.frees <= class.allocs && class.free_bytes <= class.alloc_bytes, "{class:?}");
        assert!(class.live_bytes() <= class.span_bytes, "{class:?}");
        assert!(class.requested_bytes() <= class.live_bytes(), "{class:?}");
    }
    for class in &stats.classes[1..] {
        assert_eq!(class.alloc_bytes, class.allocs * class.object_bytes);
        assert_eq!(class.free_bytes, class.frees * class.object_bytes);
    }
}

#[test]
fn counters_are_exact() {
    alone("statistics::counters_are_exact", "", counters);
}

fn counters() {
    let sizes = [8, 24, 33, 100, 1024, 5000, 32768, 40000, 1 << 20, 5 << 20];
    let before = spandrel::stats();
    let objects: Vec<_> = sizes.iter().map(|&bytes| allocate(bytes, 100)).collect();
    let full = spandrel::stats();
    identities(&full);
    for (bytes, objects) in sizes.iter().zip(objects) {
        free(*bytes, objects);
    }
    let after = spandrel::stats();
    identities(&after);
    assert_eq!(full.allocs() - before.allocs(), 1000);
    assert_eq!(full.frees(), before.frees());
    assert_eq!(after.frees() - before.frees(), 1000);
    assert_eq!(after.live_bytes(), before.live_bytes());
    let class_of_48 = full.classes[5];
    assert_eq!((class_of_48.object_bytes, class_of_48.live_objs()), (48, 100));
    assert_eq!(class_of_48.requested_bytes(), 3300, "every sample asked for 33 bytes");
    assert_eq!(full.classes[0].live_objs(), 300);
}

#[test]
fn exact_sizes_are_exact() {
    alone("statistics::exact_sizes_are_exact", "stats=exact", exact_sizes);
}

fn exact_sizes() {
    let (small, large) = (allocate(33, 1000), allocate(47, 500));
    let stats = spandrel::stats();
    assert_eq!(stats.exact, 1);
    assert_eq!(stats.classes[5].exact_live_bytes, 33 * 1000 + 47 * 500);
    free(33, small);
    assert_eq!(spandrel::stats().classes[5].exact_live_bytes, 47 * 500);
    free(47, large);
    let stats = spandrel::stats();
    assert_eq!(stats.classes[5].exact_live_bytes, 0);
    identities(&stats);
}

#[test]
fn what_others_free_is_used_again() {
    alone("statistics::what_others_free_is_used_again", "background=0", sweepers);
}

/// One thread replaces objects at random; what it drops four others free, as the sweepers of a garbage
/// collector do, in turns. They must not sit on the memory.
fn sweepers() {
    const SIZES: [usize; 10] = [200, 400, 600, 900, 1200, 1600, 2000, 2600, 3200, 4000];
    const OBJECTS: usize = 10_000;
    let (send, receive): (Vec<_>, Vec<_>) =
        (0..4).map(|_| std::sync::mpsc::sync_channel::<Vec<(usize, usize)>>(0)).unzip();
    let sweepers: Vec<_> = receive
        .into_iter()
        .map(|receive| {
            std::thread::spawn(move || {
                for (bytes, object) in receive.into_iter().flatten() {
                    free(bytes, vec![std::ptr::with_exposed_provenance_mut(object)]);
                }
            })
        })
        .collect();
    let mut live = vec![None; OBJECTS];
    let mut random = 1_u64;
    for round in 0..40 {
        let mut dropped = Vec::new();
        for _ in 0..OBJECTS {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bytes = SIZES[(random >> 40) as usize % SIZES.len()];
            let object = (bytes, allocate(bytes, 1)[0].expose_provenance());
            dropped.extend(live[(random >> 50) as usize % OBJECTS].replace(object));
        }
        // The second send returns when the first has been freed.
        send[round % 4].send(dropped).unwrap();
        send[round % 4].send(Vec::new()).unwrap();
    }
    drop(send);
    sweepers.into_iter().for_each(|sweeper| sweeper.join().unwrap());
    let live_bytes = 2 * OBJECTS as u64 * SIZES.iter().sum::<usize>() as u64 / SIZES.len() as u64;
    let peak_bytes = spandrel::stats().page_heap.peak_committed_bytes;
    assert!(peak_bytes < 2 * live_bytes, "{peak_bytes} bytes committed for {live_bytes} in use at a time");
}

#[test]
fn remote_frees_are_counted() {
    alone("statistics::remote_frees_are_counted", "", remote_frees);
}

fn remote_frees() {
    let before = spandrel::stats();
    for _ in 0..10 {
        let objects: Vec<usize> = allocate(64, 10_000).into_iter().map(|object| object.addr()).collect();
        std::thread::spawn(move || {
            let objects = objects.into_iter().map(std::ptr::with_exposed_provenance_mut).collect();
            free(64, objects);
        })
        .join()
        .unwrap();
    }
    let after = spandrel::stats();
    assert_eq!(after.classes[6].allocs - before.classes[6].allocs, 100_000);
    assert_eq!(after.classes[6].frees - before.classes[6].frees, 100_000);
    // 640 KiB live at most; what was freed elsewhere must have been used again.
    assert!(after.page_heap.peak_committed_bytes - before.page_heap.committed_bytes < 4 * MIB);
}

/// The limit is the control group's, or none where there is none: either way the program runs.
#[test]
fn a_limit_may_be_the_groups() {
    alone("statistics::a_limit_may_be_the_groups", "memlimit=cgroup", || {
        assert!(spandrel::stats().page_heap.limit_bytes > 0);
        free(1000, allocate(1000, 1000));
    });
}

#[test]
fn a_limit_is_kept() {
    alone("statistics::a_limit_is_kept", "memlimit=64MiB", limit);
}

#[test]
fn a_limit_is_kept_hardened() {
    alone("statistics::a_limit_is_kept_hardened", "memlimit=64MiB,hardened=1", limit);
}

fn limit() {
    assert_eq!(spandrel::pressure(), 0);
    for bytes in [1000, 40_000, 1 << 20, 5 << 20] {
        let layout = Layout::from_size_align(bytes, 8).unwrap();
        let mut objects = Vec::new();
        loop {
            // SAFETY: the size is not zero.
            let object = unsafe { Spandrel::new().alloc(layout) };
            if object.is_null() {
                break;
            }
            objects.push(object);
        }
        let held = objects.len() * bytes;
        assert!(held > 50 << 20 && held <= 64 << 20, "{held} bytes in objects of {bytes}");
        assert!(spandrel::stats().page_heap.committed_bytes <= 64 * MIB);
        free(bytes, objects);
    }
    free(33, allocate(33, 1000));
    assert!(spandrel::pressure() >= 4, "each size has met the limit");
}

#[test]
fn free_memory_goes_back() {
    alone("statistics::free_memory_goes_back", "", idle);
}

fn idle() {
    let objects: Vec<_> = [64, 1000, 20_000, 100_000].map(|bytes| allocate(bytes, (32 << 20) / bytes)).into();
    let peak = spandrel::stats().page_heap.committed_bytes;
    assert!(peak > 120 * MIB);
    for (bytes, objects) in [64, 1000, 20_000, 100_000].into_iter().zip(objects) {
        free(bytes, objects);
    }
    let start = Instant::now();
    while spandrel::stats().page_heap.committed_bytes > 8 * MIB {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", spandrel::stats().page_heap);
        std::thread::sleep(Duration::from_millis(50));
    }
    spandrel::release_free_memory();
    assert!(spandrel::stats().page_heap.free_bytes < 64 * KIB);
}

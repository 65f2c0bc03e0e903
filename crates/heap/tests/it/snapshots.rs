//! Snapshots while threads work, end, and fork; and against a count kept beside.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};

use proptest::test_runner::{Config, TestRunner};
use spandrel::{MemStats, MetricKind, Metrics, Spandrel};

use crate::statistics::{allocate, alone, free, identities};

const THREADS: u64 = 8;
/// Fewer allocations are not worth looking at.
const ALLOCS_MIN: u64 = 50_000;
/// Small, middle, large, and with mappings of their own.
const SIZES: [usize; 8] = [8, 33, 100, 1024, 20_000, 40_000, 300_000, 5 << 20];

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).unwrap()
}

pub(crate) fn reallocate(object: *mut u8, old_bytes: usize, bytes: usize) -> *mut u8 {
    // SAFETY: allocated with this layout, and in use.
    unsafe { Spandrel::new().realloc(object, layout(old_bytes), bytes) }
}

/// A generator that needs no memory.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Addresses and sizes that threads leave to each other.
type Exchange = Mutex<Vec<(usize, usize)>>;

/// Allocates and frees until told to stop; some objects are left to other threads, some taken from them.
/// Returns how many objects it has allocated.
fn churn(seed: u64, stop: &AtomicBool, exchange: &Exchange) -> u64 {
    let mut random = Random(seed);
    let mut mine: Vec<(usize, usize)> = Vec::new();
    let mut allocs = 0;
    let dealloc = |(address, bytes): (usize, usize)| {
        let object = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: allocated below with this layout; each is on one list, and freed once.
        unsafe { Spandrel::new().dealloc(object, layout(bytes)) };
    };
    while !stop.load(Ordering::Relaxed) {
        // Mostly small objects.
        let bytes = SIZES[random.below(4 * SIZES.len()).min(random.below(SIZES.len()))];
        // SAFETY: the size is not zero.
        let object = unsafe { Spandrel::new().alloc(layout(bytes)) };
        assert!(!object.is_null());
        allocs += 1;
        mine.push((object.expose_provenance(), bytes));
        if mine.len() > 64 {
            let object = mine.swap_remove(random.below(mine.len()));
            if random.below(4) == 0 {
                exchange.lock().unwrap().push(object);
            } else {
                dealloc(object);
            }
        }
        if random.below(8) == 0
            && let Some(object) = exchange.lock().unwrap().pop()
        {
            dealloc(object);
        }
    }
    mine.into_iter().for_each(dealloc);
    allocs
}

/// Runs `meanwhile` while eight threads churn; returns how many objects they have allocated, all of which
/// are freed again.
fn under_churn(meanwhile: impl FnOnce()) -> u64 {
    let (stop, exchange, allocs) = (AtomicBool::new(false), Exchange::default(), AtomicU64::new(0));
    let barrier = Barrier::new(THREADS as usize + 1);
    std::thread::scope(|scope| {
        let spawn = |seed| {
            let (stop, exchange, allocs, barrier) = (&stop, &exchange, &allocs, &barrier);
            scope.spawn(move || {
                barrier.wait();
                allocs.fetch_add(churn(seed, stop, exchange), Ordering::Relaxed);
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        barrier.wait();
        meanwhile();
        stop.store(true, Ordering::Relaxed);
        // A scope does not wait for what threads do after their closures: give back their caches.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    for (address, bytes) in exchange.into_inner().unwrap() {
        free(bytes, vec![std::ptr::with_exposed_provenance_mut(address)]);
    }
    allocs.into_inner()
}

#[test]
fn identities_hold_under_churn() {
    alone("snapshots::identities_hold_under_churn", "", || {
        let before = spandrel::stats();
        let allocs = under_churn(|| {
            let mut previous = before;
            let mut snapshots = 0;
            while snapshots < 300 || previous.mallocs < before.mallocs + ALLOCS_MIN {
                let stats = spandrel::stats();
                identities(&stats);
                for (class, earlier) in stats.classes.iter().zip(&previous.classes) {
                    assert!(class.allocs >= earlier.allocs, "{earlier:?}, then {class:?}");
                }
                previous = stats;
                snapshots += 1;
            }
        });
        // The threads have ended, and nothing is missed or counted twice.
        let after = spandrel::stats();
        identities(&after);
        assert!(allocs >= ALLOCS_MIN);
        assert_eq!(after.mallocs - before.mallocs, allocs);
        assert_eq!(after.frees - before.frees, allocs);
        assert_eq!(after.heap_alloc, before.heap_alloc);
    });
}

#[test]
fn a_quiet_heap_has_no_remainder() {
    alone("snapshots::a_quiet_heap_has_no_remainder", "background=0", || {
        free(8, allocate(8, 1));
        let threads = spandrel::stats().threads;
        under_churn(|| std::thread::sleep(std::time::Duration::from_millis(200)));
        let objects = SIZES.map(|bytes| allocate(bytes, 10));
        let stats = spandrel::stats();
        identities(&stats);
        assert_eq!(stats.threads, threads, "eight have come and gone");
        assert_eq!(stats.mcache_sys / stats.thread_caches * stats.threads, stats.mcache_inuse);
        // What the spans say and what the page heap says is the same when nobody works: with everything free
        // given back, no idle page is left but the released ones.
        spandrel::release_free_memory();
        let stats = spandrel::stats();
        identities(&stats);
        assert_eq!(stats.heap_idle, stats.heap_released);
        assert!(stats.page_heap.purges > 0 && stats.page_heap.returned_bytes > 0);
        for (bytes, objects) in SIZES.into_iter().zip(objects) {
            free(bytes, objects);
        }
    });
}

#[test]
fn a_child_counts_on() {
    alone("snapshots::a_child_counts_on", "", || {
        under_churn(|| {
            for _ in 0..20 {
                // SAFETY: the child uses the allocator and leaves by `_exit`.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    // A panic may wait for a lock of the standard library that nobody will give back.
                    // SAFETY: the default action of the signal ends the child.
                    unsafe { libc::alarm(60) };
                    let counts_on = std::panic::catch_unwind(child_counts_on).is_ok();
                    // SAFETY: ends the child.
                    unsafe { libc::_exit(i32::from(!counts_on)) };
                }
                let mut status = 0;
                // SAFETY: the child is this process's, the pointer is to a live local.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                assert_eq!(status, 0, "the child's snapshots are wrong");
            }
        });
    });
}

/// In the child of a threaded process, with the threads gone in the middle of what they did.
fn child_counts_on() {
    let before = spandrel::stats();
    identities(&before);
    let objects = SIZES.map(|bytes| allocate(bytes, 100));
    let full = spandrel::stats();
    identities(&full);
    assert_eq!(full.mallocs - before.mallocs, 100 * SIZES.len() as u64);
    for (bytes, objects) in SIZES.into_iter().zip(objects) {
        free(bytes, objects);
    }
    identities(&spandrel::stats());
}

/// A count beside the allocator's: for each class what was allocated and freed, objects and bytes.
struct Shadow {
    live: Vec<(*mut u8, usize)>,
    allocs: [u64; 68],
    frees: [u64; 68],
    live_bytes: [u64; 68],
}

impl Shadow {
    fn new() -> Self {
        Self { live: Vec::new(), allocs: [0; 68], frees: [0; 68], live_bytes: [0; 68] }
    }

    fn class_and_bytes(bytes: usize) -> (usize, u64) {
        let class = spandrel_classes::class_of(bytes, 8);
        let page = if bytes < 4 << 20 { 8192 } else { 4096 };
        let rounded =
            if class == 0 { bytes.next_multiple_of(page) } else { spandrel_classes::object_bytes(class) };
        (usize::from(class), rounded as u64)
    }

    fn count(&mut self, bytes: usize) {
        let (class, rounded) = Self::class_and_bytes(bytes);
        self.allocs[class] += 1;
        self.live_bytes[class] += rounded;
    }

    fn uncount(&mut self, bytes: usize) {
        let (class, rounded) = Self::class_and_bytes(bytes);
        self.frees[class] += 1;
        self.live_bytes[class] -= rounded;
    }

    /// 0: allocate, 1: free, 2: another size.
    fn step(&mut self, (what, which, bytes): (u8, usize, usize)) {
        if what == 0 || self.live.is_empty() {
            self.live.push((allocate(bytes, 1)[0], bytes));
            return self.count(bytes);
        }
        let which = which % self.live.len();
        let (object, old_bytes) = self.live[which];
        if what == 1 {
            self.live.swap_remove(which);
            free(old_bytes, vec![object]);
            return self.uncount(old_bytes);
        }
        let object = reallocate(object, old_bytes, bytes);
        self.live[which] = (object, bytes);
        let (old, new) = (Self::class_and_bytes(old_bytes).0, Self::class_and_bytes(bytes).0);
        if old != new || old == 0 {
            self.count(bytes);
            self.uncount(old_bytes);
        }
    }

    fn compare(&self, before: &MemStats) {
        let now = spandrel::stats();
        identities(&now);
        for (index, (now, before)) in now.classes.iter().zip(&before.classes).enumerate() {
            assert_eq!(now.allocs - before.allocs, self.allocs[index], "allocations of class {index}");
            assert_eq!(now.frees - before.frees, self.frees[index], "frees of class {index}");
            assert_eq!(now.live_bytes() - before.live_bytes(), self.live_bytes[index], "class {index}");
        }
    }
}

#[test]
fn a_shadow_counts_the_same() {
    alone("snapshots::a_shadow_counts_the_same", "", || {
        let sizes = proptest::strategy::Union::new([1..64usize, 1..4096, 1..40_000, 1..1 << 20, 1..8 << 20]);
        let step = (0..3u8, 0..1000usize, sizes);
        let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
        let run = TestRunner::new(config).run(&proptest::collection::vec(step, 1..400), |steps| {
            let before = spandrel::stats();
            let mut shadow = Shadow::new();
            for (number, step) in steps.into_iter().enumerate() {
                shadow.step(step);
                if number % 16 == 0 {
                    shadow.compare(&before);
                }
            }
            shadow.compare(&before);
            for (object, bytes) in std::mem::take(&mut shadow.live) {
                free(bytes, vec![object]);
                shadow.uncount(bytes);
            }
            shadow.compare(&before);
            Ok(())
        });
        run.unwrap();
    });
}

#[test]
fn metrics_are_the_statistics() {
    let metrics = spandrel::metrics();
    let number = |name: &str| metrics.get(name).and_then(|value| value.number()).expect(name);
    let classes = metrics.iter().filter(|metric| {
        let name = metric.description.name;
        name.starts_with("/memory/classes/") && name != "/memory/classes/total:bytes"
    });
    let sum: u64 = classes.map(|metric| number(metric.description.name)).sum();
    assert_eq!(sum, number("/memory/classes/total:bytes"), "the classes add up");
    let objects = number("/gc/heap/allocs:objects") - number("/gc/heap/frees:objects");
    assert_eq!(objects, number("/gc/heap/objects:objects"));
    assert!(number("/spandrel/process/resident:bytes") > 0);
    let allocs = metrics.get("/gc/heap/allocs-by-size:bytes").and_then(|value| value.histogram()).unwrap();
    assert_eq!(allocs.counts().iter().sum::<u64>(), metrics.stats().mallocs);
    assert_eq!(allocs.counts()[4], metrics.stats().classes[5].allocs);
    assert_eq!(allocs.counts()[67], metrics.stats().classes[0].allocs);
    assert_eq!(allocs.sum_bytes(), metrics.stats().total_alloc);
    assert_eq!(spandrel::SIZE_BOUNDS[..3], [1.0, 9.0, 17.0]);
    assert_eq!(spandrel::SIZE_BOUNDS[67..], [32769.0, f64::INFINITY]);
}

#[test]
fn metrics_are_described() {
    let descriptions = Metrics::descriptions();
    assert!(descriptions.is_sorted_by(|one, next| one.name < next.name), "sorted, none twice");
    for metric in descriptions {
        let (path, unit) = metric.name.split_once(':').unwrap();
        assert!(path.starts_with('/') && !unit.is_empty(), "{}", metric.name);
        assert!(metric.description.ends_with('.'), "{}", metric.name);
        let is_histogram = spandrel::metrics().get(metric.name).unwrap().histogram().is_some();
        assert_eq!(is_histogram, metric.kind == MetricKind::Histogram, "{}", metric.name);
    }
}

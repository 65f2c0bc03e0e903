//! Heap profiles: what is sampled, what it stands for, and what the file says.

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::process::Command;

use spandrel::profile::{self, Kind};
use spandrel::{Spandrel, with_label};
use spandrel_profile::{Profile, read};

/// Set in the process that runs alone.
const INSIDE: &str = "TEST_RUNS_ALONE";

/// Runs `body` in a process of its own, where nothing else allocates, with `options` set: starts this test
/// once more, alone, and there runs the body.
fn alone(name: &str, options: &str, body: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("profile::{name}"), "--nocapture", "--test-threads=1"])
        .env("SPANDREL", options)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).unwrap()
}

/// The allocator's fast path is inlined here, so that the sites are short, however it grows.
#[inline(never)]
fn allocate(bytes: usize, zeroed: bool) -> *mut u8 {
    let spandrel = Spandrel::new();
    // SAFETY: the size is not zero.
    black_box(unsafe {
        if zeroed { spandrel.alloc_zeroed(layout(bytes)) } else { spandrel.alloc(layout(bytes)) }
    })
}

#[inline(never)]
fn first_site(bytes: usize) -> *mut u8 {
    black_box(allocate(bytes, false))
}

#[inline(never)]
fn second_site(bytes: usize) -> *mut u8 {
    black_box(allocate(bytes, true))
}

fn free(bytes: usize, object: *mut u8) {
    // SAFETY: allocated with this layout, and freed once.
    unsafe { Spandrel::new().dealloc(object, layout(bytes)) };
}

/// The profile of this process.
fn profile_now(kind: Kind) -> Profile {
    written(|file| profile::write(file, kind))
}

/// The profile that `write` writes to an open file.
fn written(write: impl FnOnce(i32) -> Result<(), profile::ProfileError>) -> Profile {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let mut file = tempfile();
    write(file.as_raw_fd()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    read(&bytes).unwrap().0
}

fn tempfile() -> std::fs::File {
    let path = std::env::temp_dir().join(format!("spandrel-test-{}", std::process::id()));
    let file =
        std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

/// The values of all samples that were allocated in a function and satisfy `wanted`, added up.
fn values_at(
    profile: &Profile,
    function: fn(usize) -> *mut u8,
    wanted: impl Fn(&spandrel_profile::Sample) -> bool,
) -> [i64; 4] {
    /// More than the code of one of the functions above has.
    const FUNCTION_BYTES: u64 = 160;
    let start = function as usize as u64;
    let mut sums = [0; 4];
    for sample in profile.samples.iter().filter(|sample| wanted(sample)) {
        let frames = || sample.stack.iter().map(|id| profile.locations[id.index()].address);
        let nearest = frames().filter(|at| *at >= start && *at < start + FUNCTION_BYTES).count();
        if nearest > 0 {
            sums.iter_mut().zip(&sample.values).for_each(|(sum, value)| *sum += value);
        }
    }
    sums
}

#[test]
fn rate_one_is_exact() {
    alone("rate_one_is_exact", "memprofilerate=1", || {
        let small: Vec<_> = (0..1000).map(|_| first_site(41)).collect();
        let other: Vec<_> = (0..300).map(|_| second_site(1000)).collect();
        let large: Vec<_> = (0..10).map(|_| second_site(100_000)).collect();
        let own: Vec<_> = (0..3).map(|_| first_site(5 << 20)).collect();
        small[..600].iter().for_each(|&object| free(41, object));
        large[..4].iter().for_each(|&object| free(100_000, object));
        free(5 << 20, own[0]);
        let now = profile_now(Kind::Heap);
        let of = |bytes: i64| move |sample: &spandrel_profile::Sample| sample.number("bytes") == Some(bytes);
        assert_eq!(values_at(&now, first_site, of(41)), [1000, 48_000, 400, 19_200]);
        assert_eq!(values_at(&now, second_site, of(1000)), [300, 307_200, 300, 307_200]);
        let pages = 106_496;
        assert_eq!(values_at(&now, second_site, of(100_000)), [10, 10 * pages, 6, 6 * pages]);
        assert_eq!(values_at(&now, first_site, of(5 << 20))[..3], [3, 3 * (5 << 20), 2]);
        let peak = profile_now(Kind::Peak);
        assert_eq!(values_at(&peak, first_site, of(41))[2], 1000);
        small[600..].iter().for_each(|&object| free(41, object));
        other.iter().for_each(|&object| free(1000, object));
        large[4..].iter().for_each(|&object| free(100_000, object));
        own[1..].iter().for_each(|&object| free(5 << 20, object));
        let now = profile_now(Kind::Allocs);
        assert_eq!(&*now.default_sample_type, "alloc_space");
        assert!(now.samples.iter().all(|sample| sample.values[2..] == [0, 0]));
        assert_eq!(values_at(&now, first_site, |_| true)[0], 1003);
        assert_eq!((now.period, profile::stats().live_samples), (1, 0));
        let text = now.comments.iter().find(|text| text.starts_with("alloc_space:")).unwrap();
        assert!(text.contains("error 0.00 %"), "{text}");
    });
}

/// What has changed is a difference: more, less, or nothing.
#[test]
fn a_snapshot_tells_what_has_changed() {
    alone("a_snapshot_tells_what_has_changed", "memprofilerate=1", || {
        let old: Vec<_> = (0..100).map(|_| first_site(41)).collect();
        let same = second_site(1000);
        let before = profile::Snapshot::take().unwrap();
        old.iter().for_each(|&object| free(41, object));
        let new: Vec<_> = (0..7).map(|_| second_site(100)).collect();
        for _ in 0..2 {
            let change = written(|file| before.write(file));
            assert_eq!(values_at(&change, first_site, |_| true), [0, 0, -100, -4800]);
            assert_eq!(values_at(&change, second_site, |_| true), [7, 7 * 112, 7, 7 * 112]);
            assert!(change.duration_ns > 0);
        }
        let path = std::env::temp_dir().join(format!("spandrel-change-{}", std::process::id()));
        before.write_pprof(path.to_str().unwrap()).unwrap();
        let change = read(&std::fs::read(&path).unwrap()).unwrap().0;
        std::fs::remove_file(path).unwrap();
        assert_eq!(values_at(&change, second_site, |_| true), [7, 7 * 112, 7, 7 * 112]);
        new.iter().for_each(|&object| free(100, object));
        free(1000, same);
    });
}

/// A profile states an interval; it holds the truth in 95 of 100.
#[test]
fn the_stated_interval_holds() {
    alone("the_stated_interval_holds", "memprofilerate=4096", || {
        const PROFILES: u64 = 400;
        let sizes = [16, 40, 100, 333, 1024, 5000, 40_000];
        let mut inside = 0;
        let mut sum = 0.0;
        let truth_per_profile: f64 = 2.0 * 300.0 * sizes.iter().map(|&bytes| rounded(bytes)).sum::<f64>();
        for seed in 0..PROFILES {
            let before = profile::stats();
            profile::restart(4096, seed + 1);
            for round in 0..600 {
                // Lists of different lengths, so that samples fall on either path.
                let objects = sizes.map(|bytes| (bytes, first_site(bytes)));
                if round % 3 != 0 {
                    objects.iter().for_each(|&(bytes, object)| free(bytes, object));
                } else {
                    std::hint::black_box(&objects);
                    objects.iter().rev().for_each(|&(bytes, object)| free(bytes, object));
                }
            }
            let after = profile::stats();
            let estimate = (after.estimated_bytes - before.estimated_bytes) as f64;
            let square = |bytes: u64| bytes as f64 * bytes as f64;
            let half = (square(after.interval_bytes) - square(before.interval_bytes)).sqrt();
            inside += u64::from((estimate - truth_per_profile).abs() <= half);
            sum += estimate;
        }
        let mean_error = (sum / PROFILES as f64 - truth_per_profile) / truth_per_profile;
        assert!(mean_error.abs() < 0.01, "biased by {mean_error}");
        assert!(inside * 100 >= PROFILES * 95, "{inside} of {PROFILES} hold the truth");
        assert!(inside < PROFILES, "an interval that always holds is too wide");
    });
}

fn rounded(bytes: usize) -> f64 {
    match spandrel_classes::class_of(bytes, 8) {
        0 => bytes.next_multiple_of(8192) as f64,
        class => spandrel_classes::object_bytes(class) as f64,
    }
}

#[test]
fn labels_threads_and_fates() {
    alone("labels_threads_and_fates", "memprofilerate=1", || {
        let text = |key: &'static str, value: &'static str| {
            move |sample: &spandrel_profile::Sample| sample.text(key).is_some_and(|text| **text == *value)
        };
        let kept = with_label("tenant", "acme", || {
            let inner = with_label("tenant", "other", || with_label("kind", "x", || first_site(200)));
            free(200, inner);
            first_site(200) as usize
        });
        let elsewhere = std::thread::Builder::new()
            .name("worker-7".into())
            .spawn(move || {
                free(200, kept as *mut u8);
                first_site(300) as usize
            })
            .unwrap()
            .join()
            .unwrap();
        let now = profile_now(Kind::Heap);
        assert_eq!(values_at(&now, first_site, text("tenant", "acme"))[..3], [1, 208, 0]);
        assert_eq!(values_at(&now, first_site, text("tenant", "other"))[..3], [1, 208, 0]);
        assert_eq!(values_at(&now, first_site, text("kind", "x"))[0], 1);
        assert_eq!(values_at(&now, first_site, text("free", "remote"))[0], 1);
        assert_eq!(values_at(&now, first_site, text("free", "same_thread"))[0], 1);
        assert_eq!(values_at(&now, first_site, text("free", "live"))[..3], [1, 320, 1]);
        assert_eq!(values_at(&now, first_site, text("thread", "worker-7"))[0], 1);
        free(300, elsewhere as *mut u8);
    });
}

/// Nothing of the program is lost in what C calls `realloc`.
#[test]
fn realloc_of_sampled_objects() {
    alone("realloc_of_sampled_objects", "memprofilerate=1", || {
        use spandrel::c_abi;
        let mut object = c_abi::alloc(20);
        // SAFETY: the object is this test's, and as long as each step has made it.
        unsafe {
            object.write(42);
            for bytes in [30, 32, 33, 5000, 50_000, 60_000, 6 << 20, 9 << 20, 40_000, 700, 7] {
                object = c_abi::realloc(object, bytes);
                assert!(!object.is_null() && c_abi::usable_bytes(object) >= bytes);
                assert_eq!(object.read(), 42);
                object.add(bytes - 1).write(1);
                object.write(42);
                assert_eq!(profile::stats().live_samples, 1);
            }
            c_abi::free(object);
            let aligned = c_abi::alloc_aligned(100, 4096);
            assert_eq!(aligned.addr() % 4096, 0);
            c_abi::free(aligned);
        }
        assert_eq!(profile::stats().live_samples, 0);
    });
}

#[test]
fn off_is_off() {
    alone("off_is_off", "memprofilerate=0", || {
        (0..10_000).for_each(|_| free(100_000, first_site(100_000)));
        assert_eq!(profile::stats().samples, 0);
        assert_eq!(profile::write_pprof("/dev/null"), Err(profile::ProfileError::Off));
    });
}

/// The suite again with every object sampled, and with many.
#[test]
fn conforms_while_sampled() {
    for options in ["memprofilerate=1", "memprofilerate=64,stats=exact"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "conforms", "--nocapture", "--test-threads=1"])
            .env("SPANDREL", options)
            .output()
            .unwrap();
        assert!(output.status.success(), "{options}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Threads that allocate, free and hand over, one that loads libraries, one that forks, and one that takes
/// profiles all the time: nobody waits for ever, and the statistics add up at the end. For two seconds, or
/// as `SPANDREL_TEST_SECONDS` says.
#[test]
fn profiles_while_all_goes_on() {
    let rates = ["memprofilerate=1", "memprofilerate=1024"];
    let count = if std::env::var_os(INSIDE).is_some() { 1 } else { rates.len() };
    for options in &rates[..count] {
        alone("profiles_while_all_goes_on", options, all_goes_on);
    }
}

fn all_goes_on() {
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    static STOP: AtomicBool = AtomicBool::new(false);
    // Before the first allocation there is nothing to take a profile of, and that is an error.
    churn(0, &mut |bytes, object| free(bytes, object));
    let goes_on = || !STOP.load(Ordering::Relaxed);
    let (sender, receiver) = channel::<(usize, usize)>();
    let mut threads: Vec<_> = (0..8)
        .map(|seed| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                while goes_on() {
                    churn(seed, &mut |bytes, object| {
                        sender.send((bytes, object.addr())).unwrap();
                    });
                }
            })
        })
        .collect();
    drop(sender);
    threads.push(std::thread::spawn(move || {
        while goes_on() {
            for name in [c"libz.so.1", c"libcrypt.so.1", c"libresolv.so.2"] {
                // SAFETY: libraries of the system, which may be loaded and unloaded.
                unsafe {
                    let handle = libc::dlopen(name.as_ptr(), libc::RTLD_NOW);
                    if !handle.is_null() {
                        libc::dlclose(handle);
                    }
                }
            }
        }
    }));
    threads.push(std::thread::spawn(move || {
        while goes_on() {
            // SAFETY: the child only allocates, frees and leaves.
            let child = unsafe { libc::fork() };
            if child == 0 {
                churn(99, &mut |bytes, object| free(bytes, object));
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) };
            }
            let mut status = 0;
            // SAFETY: the child is this thread's.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
    }));
    threads.push(std::thread::spawn(move || {
        let file = std::fs::File::create("/dev/null").unwrap();
        let mut kinds = [Kind::Heap, Kind::Allocs, Kind::Peak].iter().cycle();
        while goes_on() {
            profile::write(file.as_raw_fd(), *kinds.next().unwrap()).unwrap();
        }
    }));
    let seconds = std::env::var("SPANDREL_TEST_SECONDS").map_or(2, |text| text.parse().expect("seconds"));
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        if let Ok((bytes, object)) = receiver.recv_timeout(Duration::from_millis(10)) {
            free(bytes, std::ptr::with_exposed_provenance_mut(object));
        }
    }
    STOP.store(true, Ordering::Relaxed);
    for (bytes, object) in receiver {
        free(bytes, std::ptr::with_exposed_provenance_mut(object));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let live: u64 = spandrel::stats().classes.iter().map(spandrel::ClassStats::live_objs).sum();
    assert_eq!((live, profile::stats().live_samples), (0, 0));
}

/// Allocates and frees a few thousand objects; some are handed to `give`.
fn churn(seed: usize, give: &mut dyn FnMut(usize, *mut u8)) {
    let mut kept: Vec<(usize, *mut u8)> = Vec::new();
    for round in 0..4000usize {
        let random = (round + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let bytes = if random.is_multiple_of(100) { 40_000 + random % 100_000 } else { 1 + random % 2000 };
        let object = first_site(bytes);
        // SAFETY: the object is this function's.
        unsafe { object.write(random as u8) };
        match random % 3 {
            0 if random.is_multiple_of(50) => {
                object.expose_provenance();
                give(bytes, object);
            }
            0 => free(bytes, object),
            _ => kept.push((bytes, object)),
        }
        if kept.len() > 300 {
            let (bytes, object) = kept.swap_remove(random % 300);
            free(bytes, object);
        }
    }
    kept.into_iter().for_each(|(bytes, object)| free(bytes, object));
}

#[test]
fn tokens_of_the_compiler() {
    alone("tokens_of_the_compiler", "memprofilerate=1", || {
        use spandrel::c_abi;
        let object = c_abi::with_token(77, || c_abi::alloc(50));
        let other = c_abi::alloc(50);
        let tokens: Vec<_> =
            profile_now(Kind::Heap).samples.iter().map(|it| it.number("alloc_token")).collect();
        assert!(tokens.len() == 2 && tokens.contains(&Some(77)) && tokens.contains(&None), "{tokens:?}");
        // SAFETY: both are this test's.
        unsafe {
            c_abi::free(object);
            c_abi::free(other);
        }
    });
}

/// A line for each allocation and each free of an object, and nothing else.
#[test]
fn a_trace_tells_all() {
    traces("a_trace_tells_all", "", "0xe000");
}

/// Of objects between forbidden pages, too.
#[test]
fn a_trace_tells_of_guarded_objects() {
    traces("a_trace_tells_of_guarded_objects", ",guarded=1", "0xc350");
}

#[track_caller]
fn traces(name: &str, options: &str, large: &str) {
    let path = std::env::temp_dir().join(format!("spandrel-{name}-{}", std::process::id()));
    alone(name, &format!("allocfreetrace={}{options}", path.display()), || {
        for bytes in [24, 700, 50_000] {
            (0..10).for_each(|_| free(bytes, first_site(bytes)));
        }
    });
    if let Ok(text) = std::fs::read_to_string(&path) {
        let lines = |what: &str| text.lines().filter(|line| line.starts_with(what)).count();
        assert_eq!((lines("tracealloc(0x"), lines("tracefree(0x"), text.lines().count()), (30, 30, 60));
        let addresses = |what: &str| -> Vec<_> {
            let lines = text.lines().filter(|line| line.starts_with(what));
            lines.map(|line| line.split(['(', ',']).nth(1).unwrap().to_string()).collect()
        };
        assert_eq!(addresses("tracealloc"), addresses("tracefree"));
        assert!(text.contains(", 0x18, class 3) requested 24 thread "), "{text}");
        let large = format!(", {large}, class 0) requested 50000 thread ");
        assert!(text.contains(&large), "{large}: {text}");
        std::fs::remove_file(path).unwrap();
    }
}

/// What a signal handler does that comes while its thread takes a sample: the lock is held, and nobody waits
/// for it.
#[test]
fn in_the_middle_of_a_sample() {
    alone("in_the_middle_of_a_sample", "memprofilerate=1", || {
        let object = first_site(100);
        assert_eq!(profile::stats().live_samples, 1);
        profile::in_a_sample(|| {
            free(100, object);
            free(100_000, first_site(100_000));
            assert_eq!(profile::write_pprof("/dev/null"), Err(profile::ProfileError::Busy));
        });
        let stats = profile::stats();
        assert_eq!((stats.live_samples, stats.samples), (0, 1));
    });
}

//! Heap profiles: what is sampled, what it stands for, and what the file says.

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::process::Command;

use spandrel::profile::{self, Kind};
use spandrel::{Spandrel, with_label};
use spandrel_profile::{Profile, read};

/// Runs `body` in a process of its own, where nothing else allocates, with `options` set: starts this test
/// once more, alone, and there runs the body.
fn alone(name: &str, options: &str, body: fn()) {
    const INSIDE: &str = "TEST_RUNS_ALONE";
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

#[inline(never)]
fn first_site(bytes: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    black_box(unsafe { Spandrel::new().alloc(layout(bytes)) })
}

#[inline(never)]
fn second_site(bytes: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    black_box(unsafe { Spandrel::new().alloc_zeroed(layout(bytes)) })
}

fn free(bytes: usize, object: *mut u8) {
    // SAFETY: allocated with this layout, and freed once.
    unsafe { Spandrel::new().dealloc(object, layout(bytes)) };
}

/// The profile of this process.
fn profile_now(kind: Kind) -> Profile {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let mut file = tempfile();
    profile::write(file.as_raw_fd(), kind).unwrap();
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

//! The kernel refuses: every call, one after the other, and every one from some call on.
//!
//! A run is a process of its own that works with the heap while one kind of call fails, at the n-th call
//! or from the n-th on. Whatever is refused, every live block keeps its bytes, and a block that could not be
//! resized is as it was. Then the kernel has memory again, and the same work must succeed in full. The runs
//! go on, n by n, until the n-th call is not reached any more. At the end every place in the heap's sources
//! that calls the kernel must have been refused at least once.
//!
//! `cargo test --release -p spandrel --features faults --test faults -- --nocapture` prints the counts.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use spandrel::Spandrel;
use spandrel_platform::fault::{self, Call};
use spandrel_testkit::Random;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Tells a process which run it is: kinds of call, each with the first and last call to fail.
const RUN: &str = "TEST_FAULT";
/// Bytes that are filled and checked at each end of a block.
const EDGE_BYTES: usize = 256;

const CALLS: [Call; 9] = [
    Call::Mmap,
    Call::Munmap,
    Call::Mprotect,
    Call::Madvise,
    Call::Resize,
    Call::Remap,
    Call::MapFile,
    Call::Thread,
    Call::Key,
];

/// The options that the work is done under.
fn option_sets() -> [String; 5] {
    let folder = std::env::temp_dir();
    [
        String::new(),
        "memlimit=160MiB,background=0".to_owned(),
        format!("stats=exact,record={}", folder.display()),
        "memprofilerate=1,background=0".to_owned(),
        "hardened=1,guarded=100000,background=0".to_owned(),
    ]
}

/// A live block, filled at both ends.
struct Held {
    address: *mut u8,
    layout: Layout,
    seed: u8,
}

impl Held {
    fn edge(&self) -> usize {
        self.layout.size().min(EDGE_BYTES)
    }

    fn fill(&self) {
        let (edge, end) = (self.edge(), self.layout.size());
        // SAFETY: the block is live, and at least as long as its edge.
        unsafe {
            self.address.write_bytes(self.seed, edge);
            self.address.add(end - edge).write_bytes(self.seed, edge);
        }
    }

    /// Checks the first `bytes` of the block, as far as they were filled.
    fn check(&self, bytes: usize) {
        let edge = self.edge().min(bytes);
        // SAFETY: the block is live and was filled.
        let start = unsafe { std::slice::from_raw_parts(self.address, edge) };
        assert!(start.iter().all(|&byte| byte == self.seed), "{:?} lost its bytes", self.layout);
    }

    fn check_all(&self) {
        let (edge, end) = (self.edge(), self.layout.size());
        self.check(end);
        // SAFETY: as above.
        let tail = unsafe { std::slice::from_raw_parts(self.address.add(end - edge), edge) };
        assert!(tail.iter().all(|&byte| byte == self.seed), "{:?} lost its last bytes", self.layout);
    }

    fn free(self) {
        self.check_all();
        // SAFETY: the block is live and was allocated with this layout.
        unsafe { Spandrel::new().dealloc(self.address, self.layout) };
    }
}

// SAFETY: a block belongs to whoever has it.
unsafe impl Send for Held {}

/// The live blocks, and how often the heap has said no.
struct Work {
    held: Vec<Held>,
    refused: usize,
    random: Random,
}

impl Work {
    fn new() -> Self {
        Self { held: Vec::new(), refused: 0, random: Random::new(7) }
    }

    fn alloc(&mut self, bytes: usize, align: usize) {
        let layout = Layout::from_size_align(bytes, align).unwrap();
        let zeroed = self.random.one_in(4);
        // SAFETY: the size is not zero.
        let address = unsafe {
            if zeroed { Spandrel::new().alloc_zeroed(layout) } else { Spandrel::new().alloc(layout) }
        };
        if address.is_null() {
            self.refused += 1;
            return;
        }
        assert!(address.addr().is_multiple_of(align));
        let held = Held { address, layout, seed: self.random.next() as u8 | 1 };
        if zeroed {
            Held { address, layout, seed: 0 }.check_all();
        }
        held.fill();
        self.held.push(held);
    }

    /// Resizes the block at `index`; it stays as it was if that is refused.
    fn resize(&mut self, index: usize, bytes: usize) {
        let Some(old) = self.held.get_mut(index) else { return };
        old.check_all();
        // SAFETY: the block is live and was allocated with this layout.
        let address = unsafe { Spandrel::new().realloc(old.address, old.layout, bytes) };
        if address.is_null() {
            self.refused += 1;
            return old.check_all();
        }
        let kept_bytes = bytes.min(old.layout.size());
        old.address = address;
        old.layout = Layout::from_size_align(bytes, old.layout.align()).unwrap();
        old.check(kept_bytes);
        old.fill();
    }

    fn free_last(&mut self, blocks: usize) {
        for held in self.held.split_off(self.held.len().saturating_sub(blocks)) {
            held.free();
        }
    }

    fn check(&self) {
        self.held.iter().for_each(Held::check_all);
    }

    /// The work, within 160 MiB.
    fn all(&mut self) {
        self.small();
        self.large();
        self.mappings();
        self.threads();
        self.check();
        spandrel::release_free_memory();
        self.check();
        self.reuse_under_the_limit();
    }

    fn small(&mut self) {
        for _ in 0..400 {
            let bytes = self.random.log_between(1, 32 * KIB);
            let align = 1 << self.random.between(0, 12);
            self.alloc(bytes, align);
        }
        for index in 0..100 {
            let bytes = self.random.log_between(1, 64 * KIB);
            self.resize(index * 3, bytes);
        }
    }

    /// More than an arena full of large objects.
    fn large(&mut self) {
        let before = self.held.len();
        for _ in 0..35 {
            self.alloc(2 * MIB - 8 * KIB, 8);
        }
        for index in 0..8 {
            self.resize(before + 2 * index, 40 * KIB);
            self.resize(before + 2 * index, MIB);
        }
        let blocks = self.held.len() - before;
        self.free_last(blocks);
        self.alloc(70 * KIB, 64 * KIB);
    }

    /// Blocks that are mappings: grown in place, moved, shrunk, kept and used again.
    fn mappings(&mut self) {
        let before = self.held.len();
        self.alloc(5 * MIB, 8);
        self.resize(before, 6 * MIB);
        self.alloc(5 * MIB, 8);
        // The block behind is in the way.
        self.resize(before, 80 * MIB);
        self.resize(before, 4 * MIB);
        self.alloc(8 * MIB, 8 * MIB);
        self.free_last(3);
        // The kept ones are made longer and shorter.
        self.alloc(9 * MIB, 8);
        self.alloc(4 * MIB, 8);
        self.free_last(2);
        spandrel::release_free_memory();
    }

    /// Threads that allocate, free what others have allocated, and end.
    fn threads(&mut self) {
        for round in 0..3 {
            let theirs = self.held.split_off(self.held.len() / 2);
            let mut back = thread::spawn(move || {
                let mut work = Self { held: theirs, refused: 0, random: Random::new(round) };
                work.small();
                work.free_last(300);
                work
            })
            .join()
            .expect("the thread does not panic");
            self.refused += back.refused;
            self.held.append(&mut back.held);
        }
    }

    /// What is free and resident must go back before there is room for something else.
    fn reuse_under_the_limit(&mut self) {
        let before = self.held.len();
        for _ in 0..100 {
            self.alloc(MIB, 8);
        }
        let blocks = self.held.len() - before;
        self.free_last(blocks * 6 / 10);
        self.alloc(70 * MIB, 8);
        self.free_last(1);
        for _ in 0..10 {
            self.alloc(3 * MIB, 8);
        }
        let blocks = self.held.len() - before;
        self.free_last(blocks);
    }
}

/// Calls `first..=last` of a kind fail.
#[derive(Clone, Copy)]
struct Plan {
    call: usize,
    first: u64,
    last: u64,
}

/// The plans of this process, which [`RUN`] has as text.
fn plans_of(text: &str) -> Vec<Plan> {
    let numbers: Vec<u64> = text.split(':').map(|word| word.parse().unwrap()).collect();
    let plan = |triple: &[u64]| Plan { call: triple[0] as usize, first: triple[1], last: triple[2] };
    numbers.chunks(3).map(plan).collect()
}

/// One run, in its own process: prints whether the first call that had to fail came, and the sites.
fn run(plans: &[Plan]) {
    for plan in plans {
        fault::plan(CALLS[plan.call], plan.first, plan.last);
    }
    let mut work = Work::new();
    work.all();
    work.check();
    let is_reached = fault::made(CALLS[plans[0].call]) >= plans[0].first;
    fault::clear();
    // Memory is back: what was refused succeeds now.
    work.refused = 0;
    work.free_last(usize::MAX);
    work.all();
    work.free_last(usize::MAX);
    assert_eq!(work.refused, 0, "refused with memory at hand");
    assert_ne!(fault::squatter(), Some(false), "another's page was written to");
    // The harness has left a line open.
    println!("\nRUN {is_reached}");
    for site in fault::sites() {
        println!("SITE {} {} {} {}", site.location.file(), site.location.line(), site.made, site.refused);
    }
}

/// Calls made and refused, by file and line.
type Sites = BTreeMap<(String, u64), [u64; 2]>;

/// Starts a run and adds up its sites; whether its first call to fail was reached.
fn start(plans: &[Plan], options: &str, sites: &Mutex<Sites>) -> bool {
    let numbers = plans.iter().flat_map(|plan| [plan.call as u64, plan.first, plan.last]);
    let plan = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(":");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "every_call_may_fail", "--nocapture", "--test-threads=1"])
        .env("SPANDREL", options)
        .env(RUN, &plan)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let what = format!("{RUN}={plan} SPANDREL={options}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{text}{errors}", output.status);
    let mut is_reached = None;
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["RUN", reached] => is_reached = Some(reached == "true"),
            ["SITE", file, line, made, refused] => {
                let file = Path::new(file).file_name().unwrap().to_string_lossy().into_owned();
                let mut sites = sites.lock().unwrap();
                let sums = sites.entry((file, line.parse().unwrap())).or_default();
                sums[0] += made.parse::<u64>().unwrap();
                sums[1] += refused.parse::<u64>().unwrap();
            }
            _ => {}
        }
    }
    is_reached.unwrap_or_else(|| panic!("{what}: no result\n{text}"))
}

/// Runs with one kind of call, n by n.
struct Series {
    call: usize,
    options: usize,
    /// Whether all later calls fail as well.
    for_good: bool,
    /// A kind of which every call fails, so that what is done instead is reached.
    also: Option<usize>,
}

fn all_series() -> Vec<Series> {
    let mut all = Vec::new();
    for call in 0..CALLS.len() {
        for options in 0..option_sets().len() {
            all.extend([false, true].map(|for_good| Series { call, options, for_good, also: None }));
        }
    }
    let number = |call| CALLS.iter().position(|&other| other == call).unwrap();
    for (call, also) in [(Call::Madvise, Call::Resize), (Call::Munmap, Call::Mprotect)] {
        all.push(Series { call: number(call), options: 0, for_good: true, also: Some(number(also)) });
    }
    all
}

/// Goes on until the first call that should fail is not reached any more; how many runs that took.
fn work_off(series: &Series, sites: &Mutex<Sites>) -> usize {
    let options = &option_sets()[series.options];
    let mut first = 1;
    let mut runs = 0;
    loop {
        let last = if series.for_good { u64::MAX } else { first };
        let mut plans = vec![Plan { call: series.call, first, last }];
        plans.extend(series.also.map(|call| Plan { call, first: 1, last: u64::MAX }));
        runs += 1;
        if !start(&plans, options, sites) {
            return runs;
        }
        // A refusal that lasts differs little from one that begins a few calls later.
        first += if series.for_good { 1 + first / 8 } else { 1 };
    }
}

#[test]
fn every_call_may_fail() {
    if let Ok(text) = std::env::var(RUN) {
        return run(&plans_of(&text));
    }
    let sites = Mutex::new(Sites::new());
    let [runs, next] = [const { AtomicUsize::new(0) }; 2];
    let all = all_series();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(series) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    runs.fetch_add(work_off(series, &sites), Ordering::Relaxed);
                }
            });
        }
    });
    let sites = sites.into_inner().unwrap();
    for ((file, line), [made, refused]) in &sites {
        println!("{file}:{line}: {refused} of {made} calls refused");
    }
    println!("{} runs", runs.into_inner());
    let refused: BTreeSet<_> =
        sites.iter().filter(|(_, sums)| sums[1] > 0).map(|(site, _)| site.clone()).collect();
    let missed: Vec<_> = sites_in_sources().difference(&refused).cloned().collect();
    assert!(missed.is_empty(), "no run refused the calls at {missed:?}: let the work reach them");
}

/// Every line of the heap's sources that calls a function which may be refused.
fn sites_in_sources() -> BTreeSet<(String, u64)> {
    const FUNCTIONS: [&str; 9] = [
        "reserve_aligned",
        "map",
        "commit",
        "release",
        "scavenge",
        "wish_huge_pages",
        "resize",
        "remap",
        "map_file",
    ];
    let mut found = BTreeSet::new();
    let mut paths = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut names = vec!["ExitKey::new".to_owned(), "bare_thread::spawn".to_owned()];
        if let Some((_, rest)) = text.split_once("use spandrel_platform::memory::") {
            let list = rest.split_once(';').unwrap().0;
            for item in list.trim_matches(['{', '}', '\n', ' ']).split(',') {
                let (function, name) = item.trim().split_once(" as ").unwrap_or((item.trim(), item.trim()));
                if FUNCTIONS.contains(&function) {
                    names.push(name.to_owned());
                }
            }
        }
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let is_call = |name: &String| {
                line.match_indices(&format!("{name}(")).any(|(at, _)| {
                    let before = line[..at].chars().next_back().unwrap_or(' ');
                    !before.is_alphanumeric() && !"_.:".contains(before) && !line[..at].ends_with("fn ")
                })
            };
            if names.iter().any(is_call) {
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                found.insert((file, number as u64 + 1));
            }
        }
    }
    assert!(found.len() >= 15, "the sources have changed their form: {found:?}");
    found
}

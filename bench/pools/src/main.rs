//! Pools beside each other: get an object, touch it, give it back. `cargo run --release -p pools` prints
//! nanoseconds of processor time an operation, medians of five rounds, the contenders interleaved; with names
//! behind it (`-- spandrel-pool malloc`) those rows alone.
//!
//! Two objects: a box of 64 bytes, and a `Vec` of 1 KiB capacity. The malloc row makes and frees the same;
//! `malloc, unwritten` only allocates, and `zeropool` neither touches nor clears. `two held` is two gets, one
//! within the other. A feature of the name of an allocator (`-F mimalloc`) makes it the program's.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[cfg(feature = "snmalloc")]
#[global_allocator]
static ALLOC: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;
#[cfg(feature = "spandrel")]
#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();
#[cfg(feature = "tcmalloc")]
#[global_allocator]
static ALLOC: tcmalloc_better::TCMalloc = tcmalloc_better::TCMalloc;

const ROUNDS: usize = 5;
const OPS: u64 = 200_000;
const THREADS: [usize; 3] = [1, 2, 8];

type Object = Box<[u8; 64]>;
type Buffer = Vec<u8>;

fn object() -> Object {
    Box::new([0; 64])
}

fn buffer() -> Buffer {
    Vec::with_capacity(1024)
}

fn touch_object(object: &mut [u8; 64]) {
    black_box(object)[0] += 1;
}

fn touch_buffer(buffer: &mut Buffer) {
    let buffer = black_box(buffer);
    buffer.clear();
    buffer.push(1);
}

/// One contender: runs so many operations on the calling thread.
type Run = Arc<dyn Fn(u64) + Send + Sync>;

fn repeat(op: impl Fn() + Send + Sync + 'static) -> Run {
    Arc::new(move |ops| (0..ops).for_each(|_| op()))
}

/// A row for each pool, for one kind of object.
macro_rules! contenders {
    ($kind:ty, $make:path, $touch:path, $ours:expr) => {{
        let mut rows: Vec<(&'static str, Run)> = Vec::new();
        rows.push(("spandrel-pool", $ours));
        rows.push(("malloc", repeat(|| $touch(&mut $make()))));
        let pool = object_pool::Pool::new(64, $make);
        rows.push(("object-pool", repeat(move || $touch(&mut pool.pull($make)))));
        let pool = opool::Pool::new_prefilled(64, Maker::<$kind>($make));
        rows.push(("opool", repeat(move || $touch(&mut pool.get()))));
        let pool = lockfree_object_pool::LinearObjectPool::new($make, |_| ());
        rows.push(("lockfree linear", repeat(move || $touch(&mut pool.pull()))));
        let pool = lockfree_object_pool::MutexObjectPool::new($make, |_| ());
        rows.push(("lockfree mutex", repeat(move || $touch(&mut pool.pull()))));
        let pool = regex_automata::util::pool::Pool::new($make as fn() -> $kind);
        rows.push(("regex-automata", repeat(move || $touch(&mut pool.get()))));
        let pool = objectpool::Pool::<$kind>::bounded(64, $make, |_| ());
        rows.push(("objectpool", repeat(move || $touch(&mut pool.get()))));
        let pool = dynamic_pool::DynamicPool::new(64, 64, || Held($make()));
        rows.push(("dynamic-pool", repeat(move || $touch(&mut pool.take().0))));
        let pool = Mutex::new(syncpool::SyncPool::with_builder($make));
        rows.push((
            "syncpool",
            repeat(move || {
                let mut object = pool.lock().expect("no panics").get();
                $touch(&mut object);
                drop(pool.lock().expect("no panics").put(object));
            }),
        ));
        let pool = sharded_slab::Pool::<Held<Option<$kind>>>::new();
        rows.push((
            "sharded-slab",
            repeat(move || {
                let mut object = pool.create().expect("there is room");
                $touch(object.0.get_or_insert_with($make));
                let key = object.key();
                drop(object);
                pool.clear(key);
            }),
        ));
        let queue = crossbeam_queue::ArrayQueue::new(64);
        rows.push((
            "ArrayQueue",
            repeat(move || {
                let mut object = queue.pop().unwrap_or_else($make);
                $touch(&mut object);
                drop(queue.push(object));
            }),
        ));
        let stack = Mutex::new(Vec::new());
        rows.push((
            "Mutex<Vec>",
            repeat(move || {
                let object = stack.lock().expect("no panics").pop();
                let mut object = object.unwrap_or_else($make);
                $touch(&mut object);
                stack.lock().expect("no panics").push(object);
            }),
        ));
        let cells = thread_local::ThreadLocal::new();
        rows.push((
            "thread_local",
            repeat(move || {
                let cell = cells.get_or(|| RefCell::new(Vec::new()));
                let object = cell.borrow_mut().pop();
                let mut object = object.unwrap_or_else($make);
                $touch(&mut object);
                cell.borrow_mut().push(object);
            }),
        ));
        rows
    }};
}

/// An object that two of the crates want a trait of.
#[derive(Debug, Default)]
struct Held<T>(T);

impl<T> dynamic_pool::DynamicReset for Held<T> {
    fn reset(&mut self) {}
}

impl<T> sharded_slab::Clear for Held<T> {
    fn clear(&mut self) {}
}

#[derive(Debug)]
struct Maker<T>(fn() -> T);

impl<T> opool::PoolAllocator<T> for Maker<T> {
    fn allocate(&self) -> T {
        (self.0)()
    }
}

fn main() {
    let ours = spandrel_pool::Pool::new(|| [0u8; 64]);
    let mut objects =
        contenders!(Object, object, touch_object, repeat(move || touch_object(&mut ours.get())));
    let ours = spandrel_pool::Pool::new(buffer);
    let mut buffers =
        contenders!(Buffer, buffer, touch_buffer, repeat(move || touch_buffer(&mut ours.get())));
    let ours = spandrel_pool::Pool::new(|| [0u8; 64]);
    let two = repeat(move || {
        let mut first = ours.get();
        touch_object(&mut ours.get());
        touch_object(&mut first);
    });
    objects.push(("two held", two));
    objects.push(("malloc, unwritten", repeat(|| drop(black_box(Box::<[u8; 64]>::new_uninit())))));
    let pool = zeropool::ZeroPool::new();
    buffers.push(("zeropool", repeat(move || drop(black_box(pool.alloc_uninit(1024))))));
    print!("{:<10} {:<18}", "object", "pool");
    THREADS.iter().for_each(|threads| print!(" {:>8}", format!("{threads}T")));
    println!("   ns of processor time an operation");
    let names: Vec<String> = std::env::args().skip(1).collect();
    for (kind, mut rows) in [("64 B", objects), ("1 KiB", buffers)] {
        rows.retain(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name));
        table(kind, &rows);
    }
}

fn table(kind: &str, rows: &[(&str, Run)]) {
    let mut samples = vec![vec![Vec::new(); THREADS.len()]; rows.len()];
    for _ in 0..ROUNDS {
        for (at, threads) in THREADS.into_iter().enumerate() {
            for (row, (_, run)) in rows.iter().enumerate() {
                samples[row][at].push(sample(run, threads));
            }
        }
    }
    for ((name, _), samples) in rows.iter().zip(&mut samples) {
        print!("{kind:<10} {name:<18}");
        samples.iter_mut().for_each(|samples| print!(" {:>8.1}", median(samples)));
        println!();
    }
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Each thread reads its own processor clock, after a warm-up and a barrier.
fn sample(run: &Run, threads: usize) -> f64 {
    let barrier = Arc::new(Barrier::new(threads));
    let start = |_| {
        let (run, barrier) = (Arc::clone(run), Arc::clone(&barrier));
        thread::spawn(move || {
            run(1000);
            barrier.wait();
            let begin = thread_ns();
            run(OPS);
            thread_ns() - begin
        })
    };
    let handles: Vec<_> = (0..threads).map(start).collect();
    let total: u64 = handles.into_iter().map(|handle| handle.join().expect("no contender panics")).sum();
    total as f64 / (OPS * threads as u64) as f64
}

fn thread_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a call with a pointer to a live local.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(code, 0, "the system has clocks of threads");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

//! Stress with threads: blocks that are freed elsewhere than where they were allocated, and threads that
//! come, go and leave blocks behind.
//!
//! Every block carries the pattern of its own seed from end to end and is checked by whoever frees it, so a
//! block that two threads own at once is found when the first of them looks at it. A thread that finds a
//! fault ends; the others notice that their channels are closed, and end too; then the calling thread panics.

use core::cell::RefCell;
use core::ffi::c_void;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::block::Block;
use crate::conformance::Scale;
use crate::fault::Fault;
use crate::random::Random;
use crate::sizes::KIB;
use crate::subject::Subject;

/// How much the threads are given to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Number of threads that run at a time.
    pub threads: usize,
    /// Number of blocks that go through each pattern, over all threads.
    pub blocks: usize,
    /// Decides on sizes and choices. The interleaving remains the machine's.
    pub seed: u64,
}

impl Load {
    /// Eight threads with 100,000 blocks (quick) or a million.
    pub fn of(scale: Scale) -> Self {
        Self { threads: 8, blocks: scale.choose(100_000, 1_000_000), seed: 1 }
    }

    fn blocks_per_thread(&self) -> usize {
        self.blocks / self.threads
    }

    /// A generator for one of the threads.
    fn random(&self, thread: usize) -> Random {
        Random::new(self.seed ^ ((thread as u64 + 1) << 32))
    }
}

/// Runs every pattern.
///
/// # Panics
/// On the first fault of the subject, with the pattern's name.
pub fn stress(subject: &'static dyn Subject, load: Load) {
    shared_bins(subject, load);
    ring(subject, load);
    producers_and_consumers(subject, load);
    threads_that_only_free(subject, load);
    survivors(subject, load);
    bursts_of_short_threads(subject, load);
    frees_after_teardown(subject, load);
}

type Outcome<T> = Result<T, Fault>;
type Handle<'scope, T> = ScopedJoinHandle<'scope, Outcome<T>>;

/// Waits for threads until they are gone, thread-local destructors and all.
fn join<T>(pattern: &str, load: Load, handles: Vec<Handle<'_, T>>) -> Vec<T> {
    let finish = |handle: Handle<'_, T>| match handle.join() {
        Ok(outcome) => expect(pattern, load, outcome),
        Err(payload) => resume_unwind(payload),
    };
    handles.into_iter().map(finish).collect()
}

fn expect<T>(pattern: &str, load: Load, outcome: Outcome<T>) -> T {
    outcome.unwrap_or_else(|fault| panic!("{pattern}: seed {:#x}: {fault}", load.seed))
}

/// A block of a size that programs ask for: mostly small, one in 100 of up to 256 KiB, some zeroed or
/// aligned.
fn some_block<'s>(subject: &'s dyn Subject, random: &mut Random) -> Outcome<Block<'s>> {
    let bytes_max = if random.one_in(100) { 256 * KIB } else { KIB };
    let bytes = random.log_between(1, bytes_max);
    let align = if random.one_in(32) { 64 } else { 8 };
    let seed = random.next();
    match random.one_in(8) {
        true => Block::alloc_zeroed(subject, bytes, align, seed),
        false => Block::alloc(subject, bytes, align, seed),
    }
}

fn free_all(blocks: impl IntoIterator<Item = Block<'static>>) -> Outcome<()> {
    blocks.into_iter().try_for_each(Block::free)
}

/// Threads put blocks into bins that all share, and free or resize what they find there.
///
/// # Panics
/// On a fault of the subject, like every pattern.
pub fn shared_bins(subject: &'static dyn Subject, load: Load) {
    let bins: Vec<Mutex<Option<Block<'static>>>> = (0..1024).map(|_| Mutex::new(None)).collect();
    let swap = |bin: usize, block| bins[bin].lock().expect("no thread panics inside").replace(block);
    let worker = |mut random: Random| {
        for _ in 0..load.blocks_per_thread() {
            let block = some_block(subject, &mut random)?;
            let Some(found) = swap(random.below(bins.len()), block) else {
                continue;
            };
            if random.one_in(8) {
                let resized = found.realloc(random.log_between(1, 4 * KIB), random.next())?;
                swap(random.below(bins.len()), resized).map_or(Ok(()), Block::free)?;
            } else {
                found.free()?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let worker = &worker;
        let handles = spawn_each(scope, load, |thread| worker(load.random(thread)));
        join("shared bins", load, handles);
    });
    let left = bins.into_iter().filter_map(|bin| bin.into_inner().expect("no thread panicked"));
    expect("shared bins", load, free_all(left));
}

fn spawn_each<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    load: Load,
    work: impl Fn(usize) -> Outcome<T> + Copy + Send + 'scope,
) -> Vec<Handle<'scope, T>> {
    (0..load.threads).map(|thread| scope.spawn(move || work(thread))).collect()
}

/// Each thread allocates for the next and frees what the one before allocated.
///
/// # Panics
/// On a fault of the subject, like every pattern.
pub fn ring(subject: &'static dyn Subject, load: Load) {
    let work = move |thread, next: Sender<Block<'static>>, own: Receiver<Block<'static>>| {
        let mut random = load.random(thread);
        for _ in 0..load.blocks_per_thread() {
            if next.send(some_block(subject, &mut random)?).is_err() {
                break;
            }
            while random.one_in(2)
                && let Ok(block) = own.try_recv()
            {
                block.free()?;
            }
        }
        drop(next);
        free_all(own)
    };
    thread::scope(|scope| {
        let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..load.threads).map(|_| channel()).unzip();
        senders.rotate_left(1);
        let ends = senders.into_iter().zip(receivers).enumerate();
        let handles = ends.map(|(thread, (next, own))| scope.spawn(move || work(thread, next, own)));
        join("ring", load, handles.collect());
    });
}

/// Half of the threads only allocate, the other half only free.
///
/// # Panics
/// On a fault of the subject, like every pattern.
pub fn producers_and_consumers(subject: &'static dyn Subject, load: Load) {
    let pairs = (load.threads / 2).max(1);
    thread::scope(|scope| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..pairs).map(|_| sync_channel(1024)).unzip();
        let consumers = receivers.into_iter().map(|own| scope.spawn(move || free_all(own)));
        let consumers: Vec<_> = consumers.collect();
        let producers = (0..pairs).map(|thread| {
            let senders = senders.clone();
            scope.spawn(move || {
                let mut random = load.random(thread);
                for index in 0..load.blocks / pairs {
                    let block = some_block(subject, &mut random)?;
                    if senders[index % pairs].send(block).is_err() {
                        break;
                    }
                }
                Ok(())
            })
        });
        let producers: Vec<_> = producers.collect();
        drop(senders);
        join("producers and consumers", load, consumers);
        join("producers and consumers", load, producers);
    });
}

/// Threads whose first and only calls are frees.
///
/// # Panics
/// On a fault of the subject, like every pattern.
pub fn threads_that_only_free(subject: &'static dyn Subject, load: Load) {
    let pattern = "threads that only free";
    let mut random = load.random(0);
    for _ in 0..4 {
        let blocks: Outcome<Vec<_>> =
            (0..load.blocks / 4).map(|_| some_block(subject, &mut random)).collect();
        let mut blocks = expect(pattern, load, blocks);
        thread::scope(|scope| {
            let share = |_| blocks.split_off(blocks.len() - load.blocks_per_thread() / 4);
            let shares: Vec<_> = (0..load.threads).map(share).collect();
            let handles = shares.into_iter().map(|share| scope.spawn(|| free_all(share)));
            join(pattern, load, handles.collect());
        });
        expect(pattern, load, free_all(blocks));
    }
}

/// Threads end while their blocks live on; others, and later threads, check and free them.
///
/// # Panics
/// On a fault of the subject, like every pattern.
pub fn survivors(subject: &'static dyn Subject, load: Load) {
    const GENERATIONS: usize = 4;
    let mut heirlooms: Vec<Vec<Block<'static>>> = (0..load.threads).map(|_| Vec::new()).collect();
    for generation in 0..GENERATIONS {
        let live = |(thread, mut blocks): (usize, Vec<Block<'static>>)| {
            let mut random = load.random(generation * load.threads + thread);
            let inherited_blocks = blocks.len();
            for _ in 0..load.blocks_per_thread() / GENERATIONS {
                blocks.push(some_block(subject, &mut random)?);
            }
            free_all(blocks.drain(..inherited_blocks / 2))?;
            Ok(blocks)
        };
        heirlooms = thread::scope(|scope| {
            let parts = heirlooms.into_iter().enumerate();
            let handles = parts.map(|part| scope.spawn(move || live(part)));
            join("survivors", load, handles.collect())
        });
        heirlooms.rotate_left(1);
        let intact = heirlooms.iter().flatten().try_for_each(Block::verify);
        expect("survivors", load, intact);
    }
    expect("survivors", load, free_all(heirlooms.into_iter().flatten()));
}

/// Many threads that live for a few dozen blocks, each round freeing half of what the one before left.
///
/// # Panics
/// On a fault of the subject, like every pattern.
pub fn bursts_of_short_threads(subject: &'static dyn Subject, load: Load) {
    const BLOCKS: usize = 50;
    let pattern = "bursts of short threads";
    let mut inherited: Vec<Block<'static>> = Vec::new();
    for round in 0..load.blocks_per_thread() / BLOCKS {
        let left = thread::scope(|scope| {
            let mut spawn = |thread| {
                let old = inherited.split_off(inherited.len().saturating_sub(BLOCKS));
                let mut random = load.random(round * load.threads + thread);
                scope.spawn(move || {
                    free_all(old)?;
                    let new = (0..BLOCKS).map(|_| some_block(subject, &mut random));
                    let mut new = new.collect::<Outcome<Vec<_>>>()?;
                    free_all(new.drain(BLOCKS / 2..))?;
                    Ok(new)
                })
            };
            let handles = (0..load.threads).map(&mut spawn).collect();
            join(pattern, load, handles)
        });
        inherited.extend(left.into_iter().flatten());
    }
    expect(pattern, load, free_all(inherited));
}

/// Blocks that a thread frees, and allocates, while its thread-local values and its keys are being destroyed:
/// after the allocator's own destructor has run, where it has one.
///
/// # Panics
/// On a fault of the subject, like every pattern.
pub fn frees_after_teardown(subject: &'static dyn Subject, load: Load) {
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    let pattern = "frees after teardown";
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: the destructor gets what `pthread_setspecific` below is given.
    let error = unsafe { libc::pthread_key_create(&raw mut key, Some(destroy_key)) };
    assert_eq!(error, 0, "no key left");
    let left = Arc::new(Mutex::new(Vec::new()));
    for round in 0..50 {
        let work = |thread| {
            let late = |salt| {
                let mut random = load.random(2 * (round * load.threads + thread) + salt);
                let blocks =
                    (0..100).map(|_| some_block(subject, &mut random)).collect::<Outcome<Vec<_>>>()?;
                Ok(Late { subject, random, blocks, left: Arc::clone(&left), key, rounds: 3 })
            };
            LATE.set(Some(late(0)?));
            let value = Box::into_raw(Box::new(late(1)?));
            // SAFETY: the key is live; the thread's end takes the value back.
            let error = unsafe { libc::pthread_setspecific(key, value.cast()) };
            assert_eq!(error, 0, "no room for a value");
            Ok(())
        };
        thread::scope(|scope| join(pattern, load, spawn_each(scope, load, work)));
        let outcomes = core::mem::take(&mut *left.lock().expect("no thread panics inside"));
        assert_eq!(outcomes.len(), 5 * load.threads, "{pattern}: a destructor did not run to its end");
        outcomes.into_iter().for_each(|outcome| expect(pattern, load, outcome.and_then(Block::free)));
    }
    // SAFETY: no thread has a value for the key any more.
    unsafe { libc::pthread_key_delete(key) };
}

/// What a dying thread still has to do: free its blocks, allocate others, and leave one behind.
struct Late {
    subject: &'static dyn Subject,
    random: Random,
    blocks: Vec<Block<'static>>,
    left: Arc<Mutex<Vec<Outcome<Block<'static>>>>>,
    key: libc::pthread_key_t,
    /// How often the key's destructor asks to be called again.
    rounds: usize,
}

impl Late {
    /// Frees the blocks, allocates others in their place, and one more to leave behind.
    fn churn(&mut self) -> Outcome<Block<'static>> {
        let more =
            (0..50).map(|_| some_block(self.subject, &mut self.random)).collect::<Outcome<Vec<_>>>()?;
        free_all(core::mem::replace(&mut self.blocks, more))?;
        some_block(self.subject, &mut self.random)
    }

    fn leave(&self, outcome: Outcome<Block<'static>>) {
        // A poisoned lock means that the test has failed already, and a destructor must not panic.
        if let Ok(mut left) = self.left.lock() {
            left.push(outcome);
        }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        let outcome = self.churn().and_then(|block| free_all(self.blocks.drain(..)).map(|()| block));
        self.leave(outcome);
    }
}

/// The destructor of the key: works, and asks to be called again for as long as the value wants.
extern "C" fn destroy_key(value: *mut c_void) {
    // SAFETY: the value is the box that was given to `pthread_setspecific`, and it is given back once.
    let mut late = unsafe { Box::from_raw(value.cast::<Late>()) };
    if late.rounds == 0 {
        return;
    }
    late.rounds -= 1;
    let outcome = late.churn();
    late.leave(outcome);
    let key = late.key;
    // SAFETY: the key outlives all threads that have a value for it.
    unsafe { libc::pthread_setspecific(key, Box::into_raw(late).cast()) };
}

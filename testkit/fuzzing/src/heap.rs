//! Operations on the heap, through Rust's interface and C's, by two threads.
//!
//! Each operation is a byte that says what, and a few that say of what size and which block. A block keeps
//! the interface that it came from. A second thread frees what it is sent, so that spans change their
//! owners. What blocks hold is checked whenever they are touched: an overlap shows as a byte that changed.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{LazyLock, Mutex};
use std::thread;

use spandrel::{Spandrel, c_abi};
use spandrel_testkit::{Block, RustSubject, Subject};

use crate::Input;

/// Blocks of one run at most; more free the oldest.
const BLOCKS_MAX: usize = 512;
/// Bytes of one run at most.
const BYTES_MAX: usize = 64 << 20;

static RUST: RustSubject<Spandrel> = RustSubject(Spandrel::new());
static C: CInterface = CInterface;

/// The functions of C, without a library to load.
struct CInterface;

// SAFETY: the functions behind `malloc` and its relatives keep the promises of a subject.
unsafe impl Subject for CInterface {
    unsafe fn alloc(&self, bytes: usize, align: usize) -> *mut u8 {
        if align <= 8 { c_abi::alloc(bytes) } else { c_abi::alloc_aligned(bytes, align) }
    }

    unsafe fn alloc_zeroed(&self, bytes: usize, align: usize) -> *mut u8 {
        let block = if align <= 8 { c_abi::alloc_zeroed(bytes) } else { c_abi::alloc_aligned(bytes, align) };
        if align > 8 && !block.is_null() {
            // SAFETY: the block has as many bytes.
            unsafe { block.write_bytes(0, bytes) };
        }
        block
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _bytes: usize, _align: usize) {
        // SAFETY: the caller's promise.
        unsafe { c_abi::free(ptr) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, _bytes: usize, _align: usize, new_bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { c_abi::realloc(ptr, new_bytes) }
    }

    unsafe fn usable(&self, ptr: *mut u8) -> Option<usize> {
        // SAFETY: the caller's promise.
        Some(unsafe { c_abi::usable_bytes(ptr) })
    }

    fn realloc_align(&self, align: usize, new_bytes: usize) -> usize {
        align.min(if new_bytes < 16 { 8 } else { 16 })
    }
}

/// The thread that frees what it is sent, and a way to wait until it has freed all.
struct Freer {
    blocks: SyncSender<Option<Block<'static>>>,
    done: Receiver<()>,
}

static FREER: LazyLock<Mutex<Freer>> = LazyLock::new(|| {
    let (blocks, received) = sync_channel::<Option<Block<'static>>>(64);
    let (tell, done) = sync_channel(0);
    thread::spawn(move || {
        for block in received {
            match block {
                Some(block) => block.free().unwrap_or_else(|fault| die(&fault.to_string())),
                None => tell.send(()).unwrap_or_else(|_| die("nobody waits")),
            }
        }
    });
    Mutex::new(Freer { blocks, done })
});

/// A panic of the second thread would only end that thread.
fn die(what: &str) -> ! {
    eprintln!("the thread that frees: {what}");
    std::process::abort()
}

/// Runs the operations that the bytes stand for.
///
/// # Panics
/// If the heap loses or mixes up something.
pub fn heap(bytes: &[u8]) {
    let freer = FREER.lock().unwrap_or_else(|broken| broken.into_inner());
    let mut input = Input(bytes);
    let mut blocks: Vec<Block<'static>> = Vec::new();
    let mut live_bytes = 0;
    let mut seed = 0;
    while !input.is_empty() {
        seed += 1;
        let what = input.byte();
        let subject: &'static dyn Subject = if what & 8 == 0 { &RUST } else { &C };
        match what & 7 {
            kind @ 0..=2 => {
                let (bytes, align) = (length(&mut input), 1 << (input.byte() % 16).saturating_sub(4));
                let made = if kind == 0 {
                    Block::alloc_zeroed(subject, bytes, align, seed)
                } else {
                    Block::alloc(subject, bytes, align, seed)
                };
                live_bytes += bytes;
                blocks.push(made.unwrap_or_else(|fault| panic!("operation {seed}: {fault}")));
            }
            3 => {
                if let Some(block) = pick(&mut blocks, &mut input) {
                    live_bytes -= block.bytes();
                    let bytes = length(&mut input);
                    live_bytes += bytes;
                    let resized = block.realloc(bytes, seed);
                    blocks.push(resized.unwrap_or_else(|fault| panic!("operation {seed}: {fault}")));
                }
            }
            4 | 5 => {
                if let Some(block) = pick(&mut blocks, &mut input) {
                    live_bytes -= block.bytes();
                    block.free().unwrap_or_else(|fault| panic!("operation {seed}: {fault}"));
                }
            }
            6 => {
                if let Some(block) = pick(&mut blocks, &mut input) {
                    live_bytes -= block.bytes();
                    freer.blocks.send(Some(block)).expect("the thread is there");
                }
            }
            _ if what == 255 => _ = spandrel::release_free_memory(),
            _ => {
                if let Some(block) = blocks.last() {
                    block.verify().unwrap_or_else(|fault| panic!("operation {seed}: {fault}"));
                }
            }
        }
        while blocks.len() > BLOCKS_MAX || live_bytes > BYTES_MAX {
            let block = blocks.swap_remove(0);
            live_bytes -= block.bytes();
            block.free().unwrap_or_else(|fault| panic!("operation {seed}: {fault}"));
        }
    }
    for block in blocks {
        block.free().unwrap_or_else(|fault| panic!("at the end: {fault}"));
    }
    freer.blocks.send(None).expect("the thread is there");
    freer.done.recv().expect("the thread answers");
}

/// A length in bytes: mostly small ones, some around the edges of the ways in which the heap serves.
fn length(input: &mut Input<'_>) -> usize {
    let first = input.byte();
    match first {
        0..=159 => 1 + first * 3,
        160..=223 => 1 + input.pair() % 4096,
        224..=249 => 1 + input.pair(),
        250..=253 => (64 << 10) + input.pair() * 8,
        254 => (1 << (12 + input.byte() % 11)) + input.byte() % 17 - 8,
        _ => (4 << 20) - (64 << 10) + input.pair() * 128,
    }
}

fn pick(blocks: &mut Vec<Block<'static>>, input: &mut Input<'_>) -> Option<Block<'static>> {
    let index = input.byte();
    match (blocks.len(), index) {
        (0, _) => None,
        (_, 128..) => blocks.pop(),
        (len, _) => Some(blocks.swap_remove(index * 4 % len)),
    }
}

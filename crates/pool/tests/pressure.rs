//! Memory that is short: under a limit, idle objects make room for what the program asks the allocator for.

use std::alloc::{GlobalAlloc, Layout};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use spandrel::Spandrel;
use spandrel_pool::{Keeper, Limits, Pool};

#[global_allocator]
static HEAP: Spandrel = Spandrel::new();

const MIB: usize = 1 << 20;
const LIMIT: &str = "memlimit=64MiB";
/// What the parent sets and the child finds.
const CHILD: &str = "SPANDREL_POOL_TEST_CHILD";

static BLOCKS: Pool<Vec<u8>> = Pool::with(|| vec![1; MIB], Limits::new().epoch(Duration::from_secs(3600)));

fn fits(bytes: usize) -> bool {
    let layout = Layout::from_size_align(bytes, 8).expect("a small alignment");
    // SAFETY: the size is not zero; the block is freed with its layout.
    unsafe {
        let block = HEAP.alloc(layout);
        if !block.is_null() {
            HEAP.dealloc(block, layout);
        }
        !block.is_null()
    }
}

#[test]
fn pools_give_way_at_the_limit_of_the_heap() {
    if std::env::var_os(CHILD).is_some() {
        return at_the_limit();
    }
    let this = std::env::current_exe().expect("the test is a program");
    let mut child = Command::new(this);
    child.args(["--exact", "pools_give_way_at_the_limit_of_the_heap", "--nocapture"]);
    let status = child.env("SPANDREL", LIMIT).env(CHILD, "1").status().expect("the test runs again");
    assert!(status.success());
}

fn at_the_limit() {
    drop((0..48).map(|_| BLOCKS.get()).collect::<Vec<_>>());
    assert!(!fits(32 * MIB), "48 of 64 MiB lie in the pool");
    assert!(!fits(32 * MIB), "and stay there, with nobody to look");
    let _keeper = Keeper::start(Duration::from_millis(5), spandrel::pressure).expect("a thread");
    let begin = Instant::now();
    while !fits(32 * MIB) {
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", BLOCKS.stats());
        thread::sleep(Duration::from_millis(1));
    }
    assert!(BLOCKS.stats().dropped_stale > 0);
    assert_eq!(BLOCKS.get()[0], 1, "and the pool goes on");
}

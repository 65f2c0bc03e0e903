//! The whole heap under schedules that shuttle draws, on an operating system that refuses now and then.
//!
//! Loom takes each protocol by itself and tries every order. Here all of them run together, with the locks,
//! lists and page heap as they are: at each access to a shared word another thread may go on. Threads
//! allocate blocks of sizes that leave few objects to a span, free their own, pass some on to each other, and
//! give memory back; in each run some calls into the kernel fail ([`spandrel_platform::fault`]). What has to
//! hold: no block overlaps another one, no thread waits for ever, and when all is freed nothing is in use or
//! lost.

#[cfg(all(test, shuttle))]
mod models {
    extern crate std;

    use core::alloc::{GlobalAlloc, Layout};
    use std::sync::Once;
    use std::vec::Vec;

    use shuttle::rand::{Rng, thread_rng};
    use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
    use shuttle::sync::{Arc, Mutex};
    use shuttle::{Config, Runner, thread};
    use spandrel_platform::fault::{self, Call};

    use crate::config::OWN_MAPPING_BYTES;
    use crate::{Spandrel, caches, page_heap};

    const THREADS: usize = 3;
    const STEPS: usize = 24;
    /// Four, one, three and one small objects to a span; large ones of a few pages; one of many; mappings.
    const SIZES: [usize; 7] = [2048, 8192, 10_240, 32_768, 40_000, 300_000, OWN_MAPPING_BYTES + 8192];
    /// Calls that may fail in the middle of a run.
    const CALLS: [Call; 6] =
        [Call::Mmap, Call::Munmap, Call::Mprotect, Call::Madvise, Call::Resize, Call::Remap];
    /// How many runs a test makes, unless the variable `SPANDREL_MODEL_RUNS` says otherwise.
    const RUNS: usize = 1000;

    /// A block that begins and ends with bytes of its own.
    struct Block {
        first: *mut u8,
        layout: Layout,
        mark: u64,
    }

    // SAFETY: a block belongs to whoever has the value.
    unsafe impl Send for Block {}

    impl Block {
        /// `None` if there is no memory.
        fn new(bytes: usize, zeroed: bool) -> Option<Self> {
            let layout = Layout::from_size_align(bytes, 8).expect("a small alignment");
            let heap = Spandrel::new();
            // SAFETY: the size is not zero.
            let first = unsafe { if zeroed { heap.alloc_zeroed(layout) } else { heap.alloc(layout) } };
            if first.is_null() {
                return None;
            }
            let block = Self { first, layout, mark: thread_rng().r#gen() };
            if zeroed {
                assert_eq!(block.ends(), [0; 2], "memory that was asked for as zero");
            }
            block.write();
            Some(block)
        }

        fn words(&self) -> [*mut u64; 2] {
            [self.first.cast(), self.first.wrapping_add(self.layout.size() - 8).cast()]
        }

        fn write(&self) {
            // SAFETY: the words are the block's, aligned, and this thread's.
            self.words().into_iter().for_each(|word| unsafe { word.write(self.mark) });
        }

        fn ends(&self) -> [u64; 2] {
            // SAFETY: as above; what was never written is zero or what the block held before.
            self.words().map(|word| unsafe { word.read() })
        }

        fn free(self) {
            assert_eq!(self.ends(), [self.mark; 2], "a block was written to by another's owner");
            // SAFETY: allocated with this layout, and freed once.
            unsafe { Spandrel::new().dealloc(self.first, self.layout) };
        }

        fn resize(mut self, bytes: usize) -> Self {
            assert_eq!(self.ends(), [self.mark; 2], "a block was written to by another's owner");
            // SAFETY: allocated with this layout.
            let moved = unsafe { Spandrel::new().realloc(self.first, self.layout, bytes) };
            if moved.is_null() {
                assert_eq!(self.ends(), [self.mark; 2], "a block changed that could not be resized");
                return self;
            }
            // SAFETY: a block begins with an aligned word.
            assert_eq!(unsafe { moved.cast::<u64>().read() }, self.mark, "the beginning moved along");
            self.first = moved;
            self.layout = Layout::from_size_align(bytes, 8).expect("a small alignment");
            self.write();
            self
        }
    }

    /// Half of all blocks share their span with others.
    fn some_size() -> usize {
        if thread_rng().r#gen() { SIZES[0] } else { SIZES[thread_rng().gen_range(1..SIZES.len())] }
    }

    /// What a thread does with the blocks of its own and those that are passed around.
    fn work(passed: &Mutex<Vec<Block>>) {
        let mut own: Vec<Block> = Vec::new();
        for _ in 0..STEPS {
            let choice = thread_rng().gen_range(0..10);
            match choice {
                0..5 => own.extend(Block::new(some_size(), choice == 0)),
                5 => own.pop().into_iter().for_each(Block::free),
                6 => {
                    let block = own.pop();
                    passed.lock().unwrap().extend(block);
                }
                7 => {
                    let block = passed.lock().unwrap().pop();
                    block.into_iter().for_each(Block::free);
                }
                8 => {
                    let bytes = SIZES[thread_rng().gen_range(4..SIZES.len())];
                    let block = own.pop().map(|block| block.resize(bytes));
                    own.extend(block);
                }
                _ => _ = crate::release_free_memory(),
            }
        }
        let left = own.len() / 2;
        own.drain(left..).for_each(Block::free);
        passed.lock().unwrap().append(&mut own);
        caches::end_thread();
    }

    /// Bytes in use when nobody holds on to any that is free.
    fn settled_in_use_bytes() -> usize {
        crate::release_free_memory();
        page_heap::sums().in_use
    }

    fn one_run() {
        let before_bytes = settled_in_use_bytes();
        // For good, so that the heap has to grow in each run.
        let grown = Block::new(3 << 20, false).expect("no call fails yet");
        let call = CALLS[thread_rng().gen_range(0..CALLS.len())];
        let first = fault::made(call) + thread_rng().gen_range(1..8);
        fault::plan(call, first, first + thread_rng().gen_range(0..4));
        let passed = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let passed = Arc::clone(&passed);
                thread::spawn(move || work(&passed))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        fault::plan(call, 0, 0);
        for bytes in SIZES {
            Block::new(bytes, true).expect("no call fails any more").free();
        }
        passed.lock().unwrap().drain(..).for_each(Block::free);
        let grown_bytes = grown.layout.size().next_multiple_of(spandrel_classes::PAGE_BYTES);
        assert_eq!(settled_in_use_bytes(), before_bytes + grown_bytes, "all was freed");
        assert_eq!(page_heap::lost_pages(), 0, "pages are in use or free");
        caches::end_thread();
    }

    fn runs() -> usize {
        std::env::var("SPANDREL_MODEL_RUNS").map_or(RUNS, |runs| runs.parse().expect("a number"))
    }

    /// One heap serves all runs of all tests, one after the other: all threads are one of the system's.
    fn explore(scheduler: impl Scheduler + 'static) {
        static HEAP: std::sync::Mutex<()> = std::sync::Mutex::new(());
        static BEGIN: Once = Once::new();
        let _heap = HEAP.lock().unwrap();
        BEGIN.call_once(|| {
            // SAFETY: no other thread reads the environment meanwhile.
            unsafe { std::env::set_var("SPANDREL", "background=0,memprofilerate=0") };
            // Threads of a model end otherwise.
            fault::plan(Call::Key, 1, u64::MAX);
        });
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        Runner::new(scheduler, config).run(one_run);
    }

    #[test]
    fn drawn_at_random() {
        explore(RandomScheduler::new(runs()));
    }

    /// Few switches, at the worst moments: Burckhardt and others, *A Randomized Scheduler with Probabilistic
    /// Guarantees of Finding Bugs*, 2010.
    #[test]
    fn drawn_by_priorities() {
        explore(PctScheduler::new(3, runs()));
    }
}

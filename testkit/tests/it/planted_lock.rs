//! An allocator whose lock knows nothing of forks, and is held by another thread at every fork.

use spandrel_testkit::{RustSubject, Subject};
use std::alloc::System;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// What the kit allocates in the forking thread right before it forks.
const ALLOCS_BEFORE_FORK: usize = 100;

pub(crate) struct LockAcrossFork {
    lock: Mutex<()>,
    forking: ThreadId,
    allocs: AtomicUsize,
}

impl LockAcrossFork {
    /// For forks of the calling thread.
    pub(crate) fn new() -> &'static Self {
        let forking = thread::current().id();
        Box::leak(Box::new(Self { lock: Mutex::new(()), forking, allocs: AtomicUsize::new(0) }))
    }

    /// The next fork is about to come: another thread takes the lock, and keeps it until after.
    fn hold(&'static self) {
        let (held, wait) = mpsc::channel();
        thread::spawn(move || {
            let _held = self.lock.lock();
            held.send(()).expect("the forking thread waits");
            thread::sleep(Duration::from_millis(100));
        });
        wait.recv().expect("the lock is taken");
    }
}

// SAFETY: the system allocator does it all.
unsafe impl Subject for &'static LockAcrossFork {
    unsafe fn alloc(&self, bytes: usize, align: usize) -> *mut u8 {
        let block = {
            let _held = self.lock.lock();
            // SAFETY: the caller's promise is the same.
            unsafe { RustSubject(System).alloc(bytes, align) }
        };
        let is_last = thread::current().id() == self.forking
            && (self.allocs.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(ALLOCS_BEFORE_FORK);
        if is_last {
            self.hold();
        }
        block
    }

    unsafe fn alloc_zeroed(&self, bytes: usize, align: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        unsafe { RustSubject(System).alloc_zeroed(bytes, align) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, bytes: usize, align: usize) {
        // SAFETY: the caller's promise is the same.
        unsafe { RustSubject(System).dealloc(ptr, bytes, align) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, bytes: usize, align: usize, new_bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        unsafe { RustSubject(System).realloc(ptr, bytes, align, new_bytes) }
    }
}

//! Threads of our own that libc does not know.
//!
//! An allocator that starts a thread by `pthread_create` starts it from inside `malloc` or `free`: with
//! any of libc's locks held by the caller (glibc frees thread stacks under the lock that
//! `pthread_create` wants), and `pthread_create` itself allocates. So these threads are made by the bare
//! system call: each needs no memory but its static block, takes no lock, and can be started from
//! anywhere, a signal handler included. In exchange its body may use nothing of libc but plain system
//! calls. All signals are blocked in it; it ends with the process, is not copied by `fork`, and leaves
//! `setuid` and its kind alone, since it holds no rights that it uses.
//!
//! The thread gets a TLS area of zeros, so that `errno` and the allocator's own slots have a place that is
//! not the starting thread's. Its open files are the program's, or a table of its own that starts as a copy:
//! then neither side can close, or take for its own, what the other one has opened.

#[cfg(not(spandrel_sanitized))]
use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::ptr::null_mut;

use crate::fault::{Call, fails};
#[cfg(not(spandrel_sanitized))]
use crate::memory::OS_PAGE_BYTES;
use crate::sync::{AtomicBool, AtomicU32, Ordering};
use crate::thread::keeping_errno;

/// Unused where libc makes the thread.
const STACK_BYTES: usize = 128 << 10;
/// Zeros on both sides of the thread pointer: x86-64 has its static TLS below, aarch64 above.
const TLS_BYTES: usize = 256 << 10;
/// Words of a page, which is written as a whole or not at all.
#[cfg(not(spandrel_sanitized))]
const PAGE_WORDS: usize = OS_PAGE_BYTES / size_of::<u64>();

/// Room for one thread, and whether it runs. Lives in a `static`; untouched it costs addresses alone.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct BareThread {
    stack: UnsafeCell<[u8; STACK_BYTES]>,
    tls: UnsafeCell<[u8; TLS_BYTES]>,
    /// Not 0 from before the thread starts; the kernel writes its id when it starts, and 0 when it has left
    /// its stack for good.
    alive: AtomicU32,
    /// Whether a thread has ever used the block: then its TLS area holds what that one left.
    was_used: AtomicBool,
}

// SAFETY: the kernel's word `alive` lets one thread at a time use the block.
unsafe impl Sync for BareThread {}

/// Whose open files a thread works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// The program's.
    Shared,
    /// Its own, which are copies of the program's at the start.
    Copied,
}

impl BareThread {
    /// Room for a thread that does not run yet.
    #[must_use]
    #[allow(clippy::new_without_default)] // belongs into a static, where a default is of no use
    pub const fn new() -> Self {
        Self {
            stack: UnsafeCell::new([0; STACK_BYTES]),
            tls: UnsafeCell::new([0; TLS_BYTES]),
            alive: AtomicU32::new(0),
            was_used: AtomicBool::new(false),
        }
    }

    /// Starts the thread with `body`, which must use nothing of libc but plain system calls. `false` if it
    /// runs already or the kernel refuses.
    #[cfg_attr(feature = "faults", track_caller)]
    pub fn spawn(&'static self, body: extern "C" fn(), files: Files) -> bool {
        if fails(Call::Thread) {
            return false;
        }
        if self.alive.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return false;
        }
        let started = keeping_errno(|| {
            let before = block_signals(!0);
            // SAFETY: no thread uses the block: the word was 0.
            let is_started = unsafe { self.start(body, files) };
            block_signals(before);
            is_started
        });
        if !started {
            self.alive.store(0, Ordering::Release);
        }
        started
    }

    /// Makes the thread, by the bare system call.
    ///
    /// # Safety
    /// No thread uses the block.
    #[cfg(not(spandrel_sanitized))]
    unsafe fn start(&'static self, body: extern "C" fn(), files: Files) -> bool {
        let tls = self.tls.get().cast::<u8>().wrapping_add(TLS_BYTES / 2);
        let stack_end = self.stack.get().cast::<u8>().wrapping_add(STACK_BYTES);
        // The very flags of libc's threads: sandboxes that let programs have threads know these.
        let flags = libc::CLONE_VM
            | libc::CLONE_FS
            | if files == Files::Shared { libc::CLONE_FILES } else { 0 }
            | libc::CLONE_SIGHAND
            | libc::CLONE_THREAD
            | libc::CLONE_SYSVSEM
            | libc::CLONE_SETTLS
            | libc::CLONE_PARENT_SETTID
            | libc::CLONE_CHILD_CLEARTID;
        // SAFETY: no thread uses the block, the x86-64 ABI wants the thread pointer to point to itself, and
        // the new thread runs `body` on a stack that nobody else touches.
        unsafe {
            if self.was_used.swap(true, Ordering::Relaxed) {
                self.clear_tls();
            }
            tls.cast::<*mut u8>().write(tls);
            clone(flags as usize, stack_end, self.alive.as_ptr(), tls, body) > 0
        }
    }

    /// Makes the TLS area zeros again; pages that were never written stay untouched. What an earlier thread
    /// left may be from the middle of its work, in the child of a `fork` which that thread was not copied to.
    ///
    /// # Safety
    /// No thread uses the block.
    #[cfg(not(spandrel_sanitized))]
    unsafe fn clear_tls(&self) {
        // SAFETY: the area is the caller's, whole and aligned pages of numbers.
        let pages = unsafe { &mut *self.tls.get().cast::<[[u64; PAGE_WORDS]; TLS_BYTES / OS_PAGE_BYTES]>() };
        for page in pages.iter_mut().filter(|page| page.iter().any(|&word| word != 0)) {
            page.fill(0);
        }
    }

    /// Makes the thread by way of libc. Code that a sanitizer has changed runs only in threads that the
    /// sanitizer knows; that calls of libc may come from inside an allocation is no matter there, since
    /// sanitizers bring a `malloc` of their own, and only Rust's allocations are ours.
    ///
    /// # Safety
    /// No thread uses the block.
    #[cfg(spandrel_sanitized)]
    unsafe fn start(&'static self, body: extern "C" fn(), files: Files) -> bool {
        let mut thread = 0;
        // SAFETY: no thread uses the block, which is larger than what it holds meanwhile and lives for good;
        // the thread is made with libc's defaults.
        unsafe {
            self.tls.get().cast::<Order>().write(Order { alive: &self.alive, body, files });
            let order = self.tls.get().cast();
            let error = libc::pthread_create(&raw mut thread, core::ptr::null(), obey, order);
            error == 0 && libc::pthread_detach(thread) == 0
        }
    }

    /// Says that the thread does not exist: in the child of a `fork`, which copies only its caller.
    pub fn forget(&self) {
        self.alive.store(0, Ordering::Release);
    }

    /// Waits until the thread has ended, for tests; at most about five seconds.
    #[doc(hidden)]
    pub fn wait_for_end(&self) -> bool {
        for _ in 0..5000 {
            if self.alive.load(Ordering::Acquire) == 0 {
                return true;
            }
            let time = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            // SAFETY: the pointer is to a live local; no remainder is asked for.
            unsafe { libc::nanosleep(&raw const time, null_mut()) };
        }
        false
    }
}

/// What a thread of libc is to do.
#[cfg(spandrel_sanitized)]
struct Order {
    alive: &'static AtomicU32,
    body: extern "C" fn(),
    files: Files,
}

#[cfg(spandrel_sanitized)]
extern "C" fn obey(order: *mut core::ffi::c_void) -> *mut core::ffi::c_void {
    // SAFETY: whoever started the thread has written the order, and leaves it alone while that is alive.
    let order = unsafe { order.cast::<Order>().read() };
    if order.files == Files::Copied {
        // SAFETY: concerns this thread's open files alone.
        unsafe { libc::unshare(libc::CLONE_FILES) };
    }
    (order.body)();
    order.alive.store(0, Ordering::Release);
    null_mut()
}

/// Closes every file of the calling thread but `kept`. For a thread whose files are copies, and would keep
/// pipes open that the program closes.
pub fn close_all_but(kept: u32) {
    keeping_errno(|| {
        let closed = |first: u32, last: u32| {
            // SAFETY: the files are copies that only this thread knows of.
            let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
            result == 0
        };
        let is_closed = (kept == 0 || closed(0, kept - 1)) && closed(kept + 1, u32::MAX);
        if !is_closed {
            // Linux before 5.9 closes one by one.
            for file in (0..OLD_FILES_MAX).filter(|file| *file != kept) {
                // SAFETY: as above.
                unsafe { libc::syscall(libc::SYS_close, file) };
            }
        }
    });
}

/// Files that are closed where the kernel can't close ranges.
const OLD_FILES_MAX: u32 = 1 << 16;

/// Sets the mask of blocked signals, those that libc keeps for itself included, and returns the old one.
fn block_signals(mask: u64) -> u64 {
    let mut before = 0u64;
    // SAFETY: both pointers are to 8-byte masks, the size that the kernel is told.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            &raw mut before,
            size_of::<u64>(),
        );
    }
    before
}

/// The system call, and in the new thread the body and the end. Returns the thread's id or `-errno`.
#[cfg(all(target_arch = "x86_64", not(spandrel_sanitized)))]
#[unsafe(naked)]
unsafe extern "C" fn clone(
    flags: usize,
    stack_end: *mut u8,
    alive: *mut u32,
    tls: *mut u8,
    body: extern "C" fn(),
) -> isize {
    naked_asm!(
        "mov r9, r8",
        "mov r10, rdx",
        "mov r8, rcx",
        "mov eax, {clone}",
        "syscall",
        "test rax, rax",
        "jnz 2f",
        "xor ebp, ebp",
        "call r9",
        "xor edi, edi",
        "mov eax, {exit}",
        "syscall",
        "ud2",
        "2:",
        "ret",
        clone = const libc::SYS_clone,
        exit = const libc::SYS_exit,
    )
}

/// The system call, and in the new thread the body and the end. Returns the thread's id or `-errno`.
#[cfg(all(target_arch = "aarch64", not(spandrel_sanitized)))]
#[unsafe(naked)]
unsafe extern "C" fn clone(
    flags: usize,
    stack_end: *mut u8,
    alive: *mut u32,
    tls: *mut u8,
    body: extern "C" fn(),
) -> isize {
    naked_asm!(
        "mov x9, x4",
        "mov x4, x2",
        "mov x8, {clone}",
        "svc 0",
        "cbnz x0, 2f",
        "mov x29, xzr",
        "blr x9",
        "mov x0, xzr",
        "mov x8, {exit}",
        "svc 0",
        "brk 1",
        "2:",
        "ret",
        clone = const libc::SYS_clone,
        exit = const libc::SYS_exit,
    )
}

#[cfg(test)]
mod tests {
    use super::{BareThread, Files};
    use crate::lock::{Mutex, Rank};
    use crate::sync::{AtomicU32, Ordering};

    static THREAD: BareThread = BareThread::new();
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static TOTAL: Mutex<u32> = Mutex::new(Rank::PageHeap, 0);

    extern "C" fn body() {
        RUNS.fetch_add(1, Ordering::Relaxed);
        // Locks check their ranks in a slot of this thread's own.
        *TOTAL.lock() += 1;
    }

    #[test]
    fn runs_ends_and_can_run_again() {
        for round in 1..=20 {
            assert!(THREAD.spawn(body, Files::Shared));
            assert!(THREAD.wait_for_end());
            assert_eq!(RUNS.load(Ordering::Relaxed), round);
        }
        assert_eq!(*TOTAL.lock(), 20);
    }

    crate::thread_slot!(left, 0usize);
    static FOUND: AtomicU32 = AtomicU32::new(0);

    extern "C" fn leaves_something() {
        if !left::get().is_null() {
            FOUND.fetch_add(1, Ordering::Relaxed);
        }
        left::set(core::ptr::without_provenance_mut(1));
    }

    #[test]
    fn nothing_is_left_of_the_thread_before() {
        static LEAVING: BareThread = BareThread::new();
        for _ in 0..3 {
            assert!(LEAVING.spawn(leaves_something, Files::Shared));
            assert!(LEAVING.wait_for_end());
        }
        assert_eq!(FOUND.load(Ordering::Relaxed), 0);
    }
}

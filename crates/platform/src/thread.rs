//! Threads: sleeping on a word, the clock, the hook at a thread's end.

use core::ffi::c_void;
use core::ptr::null;
use core::time::Duration;

use crate::fault::{Call, fails};
use crate::sync::AtomicU32;

/// Sleeps while `*word == expected`, until woken, a signal comes, or the time is over.
pub fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timespec = timeout.map(|time| libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let timespec = timespec.as_ref().map_or(null(), core::ptr::from_ref);
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    keeping_errno(|| {
        // SAFETY: the kernel reads the word and the time, both of which outlive the call.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, expected, timespec) };
    });
}

/// Wakes one thread that sleeps on `word`.
pub fn futex_wake_one(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    keeping_errno(|| {
        // SAFETY: the kernel uses the address as a key only.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
    });
}

/// Makes each thread of the process finish the moves to and from memory that it has begun, before this
/// returns. So another thread may keep the order of its own by a mere `compiler_fence`. False if the kernel
/// can't (before 4.14, or in a sandbox); then nothing was achieved.
#[must_use]
pub fn barrier_everywhere() -> bool {
    const EXPEDITED: i32 = 1 << 3;
    const REGISTER_EXPEDITED: i32 = 1 << 4;
    let call = |command: i32| {
        // SAFETY: the call has no pointers.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    };
    // A process registers once; before that the first call fails.
    keeping_errno(|| call(EXPEDITED) || call(REGISTER_EXPEDITED) && call(EXPEDITED))
}

/// Nanoseconds of the monotonic clock.
#[must_use]
pub fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`; the monotonic clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Seconds of the calendar's clock, since 1970, in hundredths; and of the time since the machine's start.
#[must_use]
pub fn calendar_and_uptime_ticks() -> (u64, u64) {
    let ticks = |clock| {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel writes one `timespec`, or nothing.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        time.tv_sec.cast_unsigned() * 100 + time.tv_nsec.cast_unsigned() / 10_000_000
    };
    (ticks(libc::CLOCK_REALTIME), ticks(libc::CLOCK_BOOTTIME))
}

/// Runs `action` and puts `errno` back to what it was.
#[inline]
pub fn keeping_errno<T>(action: impl FnOnce() -> T) -> T {
    // SAFETY: glibc and musl give a valid address for the calling thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above; no other thread uses this address.
    let before = unsafe { errno.read() };
    let result = action();
    // SAFETY: as above.
    unsafe { errno.write(before) };
    result
}

pub use libc::ENOMEM;

/// The calling thread's `errno`.
#[must_use]
pub fn errno() -> i32 {
    // SAFETY: glibc and musl give a valid address for the calling thread, which no other thread uses.
    unsafe { libc::__errno_location().read() }
}

/// Sets the calling thread's `errno`.
pub fn set_errno(error: i32) {
    // SAFETY: glibc and musl give a valid address for the calling thread, which no other thread uses.
    unsafe { libc::__errno_location().write(error) };
}

/// A pointer of each thread whose hook runs at the thread's end, after its thread-local destructors.
#[derive(Clone, Copy, Debug)]
pub struct ExitKey(libc::pthread_key_t);

impl ExitKey {
    /// Makes a key; `None` when the process has no key left. Does not allocate.
    #[must_use]
    #[cfg_attr(feature = "faults", track_caller)]
    pub fn new(hook: unsafe extern "C" fn(*mut c_void)) -> Option<Self> {
        if fails(Call::Key) {
            return None;
        }
        let mut key = 0;
        // SAFETY: `key` is written before the call returns 0.
        let error = unsafe { libc::pthread_key_create(&raw mut key, Some(hook)) };
        (error == 0).then_some(Self(key))
    }

    /// Asks for the hook to be called with `value` (not null) when the calling thread ends. libc may
    /// allocate in here: the caller holds no lock and its thread can already allocate.
    pub fn arm(self, value: *mut u8) {
        // SAFETY: the key exists for the whole life of the process.
        unsafe { libc::pthread_setspecific(self.0, value.cast()) };
    }

    /// The raw key, for storage in an atomic.
    #[must_use]
    pub const fn to_raw(self) -> u32 {
        self.0
    }

    /// The key that [`to_raw`](Self::to_raw) gave.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}

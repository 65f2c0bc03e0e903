//! Forbidden addresses: who touched one, before the process ends by it.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, transmute};
use core::ptr::null_mut;

use crate::sync::{AtomicBool, AtomicPtr, Ordering};

/// What is called with the address, and returns if that is none of its business.
pub type See = fn(usize);

/// A [`See`]; null: none.
static SEE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// Whether the handler has been set.
static IS_SET: AtomicBool = AtomicBool::new(false);
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What was set before, for each signal.
struct Before(UnsafeCell<[MaybeUninit<libc::sigaction>; SIGNALS.len()]>);

// SAFETY: written once, before the handler that reads it is set.
unsafe impl Sync for Before {}

/// All zero is the default action.
static BEFORE: Before = Before(UnsafeCell::new([const { MaybeUninit::zeroed() }; SIGNALS.len()]));

/// Calls `see` when a forbidden address is touched (`SIGSEGV`, `SIGBUS`). What it returns from goes to the
/// handler that was set before, or ends the process. One that the program sets later takes this one's place.
/// Once.
///
/// It runs on the thread's own stack: those that programs set aside for signals are too small for a report.
/// So a thread whose stack is full ends without a word.
pub fn watch(see: See) {
    if IS_SET.swap(true, Ordering::Relaxed) {
        return;
    }
    SEE.store(see as *mut c_void, Ordering::Release);
    for (place, signal) in SIGNALS.into_iter().enumerate() {
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = touched;
        // SAFETY: zeros are a value of this structure.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        // SAFETY: the handler has the type that SA_SIGINFO asks for; its place is written here alone, once.
        unsafe {
            let before = &raw mut (*BEFORE.0.get())[place];
            if libc::sigaction(signal, null_mut(), before.cast()) == 0 {
                libc::sigaction(signal, &raw const action, null_mut());
            }
        }
    }
}

extern "C" fn touched(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    let see = SEE.load(Ordering::Acquire);
    if !see.is_null() {
        // SAFETY: only `watch` sets it, to a function of this type.
        let see = unsafe { transmute::<*mut c_void, See>(see) };
        // SAFETY: with SA_SIGINFO the kernel says what was touched.
        see(unsafe { (*info).si_addr() }.addr());
    }
    // The instruction is tried again, and the signal goes where it would have gone.
    if let Some(place) = SIGNALS.iter().position(|&known| known == signal) {
        // SAFETY: written before the handler was set; if not, zeros.
        unsafe { libc::sigaction(signal, (&raw const (*BEFORE.0.get())[place]).cast(), null_mut()) };
    }
}

//! Children of a process whose threads are in the middle of allocating.
//!
//! A fork copies the memory of all threads but only one thread: locks that others held stay locked in the
//! child, and lists that others were changing stay half changed, unless the allocator took care. The child
//! allocates, checks and frees, also what it inherited, and says by its exit code what it found; an alarm
//! ends a child that hangs.

use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use crate::block::Block;
use crate::fault::Fault;
use crate::random::Random;
use crate::sizes::KIB;
use crate::subject::Subject;

/// Seconds after which a child counts as hanging.
const CHILD_SECONDS_MAX: u32 = 10;

/// The exit code of a child that panicked; those of faults are smaller.
const PANICKED: i32 = 100;

/// Forks `forks` times while `threads` threads allocate and free.
///
/// # Panics
/// If a child hangs, crashes or finds a fault, or a thread of the parent finds one.
pub fn fork_under_churn(subject: &dyn Subject, threads: usize, forks: u64) {
    let stop = AtomicBool::new(false);
    let churn = |thread: u64| {
        let mut round = thread << 32;
        while !stop.load(Ordering::Relaxed) {
            churn_round(subject, round)?;
            round += 1;
        }
        Ok::<(), Fault>(())
    };
    let (children, churners) = thread::scope(|scope| {
        let churn = &churn;
        let handles: Vec<_> = (0..threads as u64).map(|thread| scope.spawn(move || churn(thread))).collect();
        // The threads must be told to stop before anything panics, or their scope would wait for them
        // forever.
        let children = (0..forks).try_for_each(|index| fork_once(subject, index));
        stop.store(true, Ordering::Relaxed);
        (children, handles.into_iter().map(|handle| handle.join()).collect::<Vec<_>>())
    });
    if let Err(message) = children {
        panic!("fork under churn: {message}");
    }
    for outcome in churners {
        let found = outcome.expect("fork under churn: a thread of the parent panicked");
        found.unwrap_or_else(|fault| panic!("fork under churn: in the parent: {fault}"));
    }
}

/// Allocates 64 blocks, resizes every third, and frees them in an order other than that of their making. Uses
/// no memory but the stack and the subject's.
fn churn_round(subject: &dyn Subject, seed: u64) -> Result<(), Fault> {
    const BLOCKS: usize = 64;
    let mut random = Random::new(seed);
    let mut blocks = [const { None }; BLOCKS];
    for (index, slot) in blocks.iter_mut().enumerate() {
        let bytes_max = if random.one_in(16) { 256 * KIB } else { 2 * KIB };
        let block = Block::alloc(subject, random.log_between(1, bytes_max), 8, random.next())?;
        let resize = index % 3 == 0;
        *slot = Some(if resize { block.realloc(random.log_between(1, 64 * KIB), seed)? } else { block });
    }
    for index in 0..BLOCKS {
        // 27 and 64 have no common divisor, so each block has its turn.
        if let Some(block) = blocks[index * 27 % BLOCKS].take() {
            block.free()?;
        }
    }
    Ok(())
}

/// Forks, waits for the child, and tells what became of it.
fn fork_once(subject: &dyn Subject, index: u64) -> Result<(), String> {
    let inherited: Result<Vec<_>, Fault> =
        (0..100).map(|seed| Block::alloc(subject, 10 + 40 * seed as usize, 8, seed)).collect();
    let inherited = inherited.map_err(|fault| format!("in the parent: {fault}"))?;
    // Without a pause the fork would come right after an allocation, when the other threads just wait for a
    // lock; with a pause that is always the same, it could fall into step with them.
    thread::sleep(Duration::from_micros(index * 1237 % 8000));
    // SAFETY: the child uses the subject, the global allocator and threads of its own, all of which the C
    // library and the allocators keep usable across a fork, and ends with `_exit`.
    let child = unsafe { libc::fork() };
    match child {
        -1 => return Err("no child could be made".into()),
        0 => run_child(subject, inherited, index),
        _ => {}
    }
    let outcome = wait(child);
    let intact = inherited.into_iter().try_for_each(Block::free);
    intact.map_err(|fault| format!("in the parent after fork {index}: {fault}"))?;
    outcome.map_err(|message| format!("child {index} {message}"))
}

fn run_child(subject: &dyn Subject, inherited: Vec<Block<'_>>, index: u64) -> ! {
    // SAFETY: nobody else in the child uses the alarm.
    unsafe { libc::alarm(CHILD_SECONDS_MAX) };
    let work = AssertUnwindSafe(|| {
        let churn = |seed| (0..10).try_for_each(|round| churn_round(subject, seed ^ (round << 40)));
        churn(index)?;
        inherited.into_iter().try_for_each(Block::free)?;
        thread::scope(|scope| scope.spawn(|| churn(!index)).join().expect("churning does not panic"))?;
        churn(index + 1)
    });
    let code = match catch_unwind(work) {
        Ok(outcome) => outcome.map_or_else(|fault| fault.code(), |()| 0),
        Err(_) => PANICKED,
    };
    // SAFETY: ends the child without running what the parent has registered for its own end.
    unsafe { libc::_exit(code) }
}

/// Waits for a child and judges its end.
fn wait(child: libc::pid_t) -> Result<(), String> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is ours to write.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        if waited == child {
            break;
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(format!("was lost: {error}"));
        }
    }
    if libc::WIFSIGNALED(status) {
        return Err(match libc::WTERMSIG(status) {
            libc::SIGALRM => format!("hung for {CHILD_SECONDS_MAX} seconds"),
            signal => format!("was killed by signal {signal}"),
        });
    }
    match libc::WEXITSTATUS(status) {
        0 => Ok(()),
        PANICKED => Err("panicked".into()),
        code => Err(format!("found a fault of kind {code} (see `Fault::code`)")),
    }
}

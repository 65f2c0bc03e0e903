//! The hard places of a process's life, with Spandrel as Rust's global allocator. `places.rs` of the preload
//! library goes to the same ones from C. Threads that only free, frees after a thread's end and forks under
//! churn are the testkit's, in `global.rs`.

use std::cell::{Cell, RefCell};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

#[global_allocator]
static ALLOC: spandrel::Spandrel = spandrel::Spandrel::new();

/// Set in a process that this test started: the name of the place that it goes to.
const PLACE: &str = "TEST_GOES_TO";

/// This program, to run one test and nothing else.
fn go(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(PLACE, test).env_remove("SPANDREL");
    command
}

fn is_there(test: &str) -> bool {
    std::env::var(PLACE).is_ok_and(|place| place == test)
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Allocates, checks and frees 64 blocks.
fn churn(seed: u32) {
    let mut state = seed;
    let mut some = |most: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + (state >> 8) % most
    };
    let blocks: Vec<Vec<u8>> = (0..64u8)
        .map(|mark| {
            let most = if some(16) == 1 { 200_000 } else { 2000 };
            vec![mark; some(most) as usize]
        })
        .collect();
    let mut blocks: Vec<_> = blocks.into_iter().map(Some).collect();
    for index in 0..64 {
        let block = blocks[index * 27 % 64].take().unwrap();
        assert!(block.iter().all(|&byte| usize::from(byte) == index * 27 % 64), "another one's bytes");
    }
}

// Before main, before constructors even, and after main.

static EARLY: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

#[used]
#[unsafe(link_section = ".preinit_array")]
static BEFORE_CONSTRUCTORS: extern "C" fn() = take_early;

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructed;

#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = destructed;

extern "C" fn take_early() {
    EARLY.lock().unwrap().extend((1..100).map(|length| vec![7; length * 40].into_boxed_slice()));
}

extern "C" fn constructed() {
    take_early();
    churn(1);
}

/// What was taken before main is whole after it.
extern "C" fn destructed() {
    let early = std::mem::take(&mut *EARLY.lock().unwrap());
    let is_whole = early.len() == 198 && early.iter().flatten().all(|&byte| byte == 7);
    drop(early);
    churn(2);
    say(if is_whole { b"destructed\n" } else { b"not whole!\n" });
}

extern "C" fn exits() {
    churn(3);
    say(b"exited\n");
}

/// Says it where this process was started for that.
fn say(words: &[u8]) {
    if std::env::var_os(PLACE).is_some() {
        // SAFETY: pointer and length are a slice's.
        unsafe { libc::write(1, words.as_ptr().cast(), words.len()) };
    }
}

#[test]
fn before_main_and_after_exit() {
    if !is_there("before_main_and_after_exit") {
        let (out, err) = said(&go("before_main_and_after_exit").output().unwrap());
        assert_eq!(out.matches("exited\n").count(), 40, "{out}{err}");
        assert!(out.contains("destructed\n") && !out.contains("not whole!"), "{out}{err}");
        return;
    }
    assert_eq!(EARLY.lock().unwrap().len(), 198);
    for _ in 0..40 {
        // More than the C library has places for without memory of its own.
        // SAFETY: a function lives as long as the program.
        assert_eq!(unsafe { libc::atexit(exits) }, 0);
    }
}

/// Allocates and frees while its thread ends, and looks at values that may be gone by then.
struct Late(u32);

thread_local! {
    static FIRST: RefCell<Option<Late>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<(Late, Vec<u8>)>> = const { RefCell::new(None) };
    static ROUNDS: Cell<u32> = const { Cell::new(0) };
}

static LATE: AtomicU32 = AtomicU32::new(0);

impl Drop for Late {
    fn drop(&mut self) {
        churn(self.0);
        LATE.fetch_add(1, Ordering::Relaxed);
        ROUNDS.set(ROUNDS.get() + 1);
        if ROUNDS.get() < 4 {
            // A value whose destructor has run is gone; another one gets a new value, to be destroyed too.
            let _is_gone =
                SECOND.try_with(|second| second.replace(Some((Late(ROUNDS.get()), vec![1; 3000]))));
        }
    }
}

#[test]
fn thread_local_destructors() {
    for seed in 0..200 {
        let thread = thread::spawn(move || {
            SECOND.set(Some((Late(seed), vec![1; 100])));
            FIRST.set(Some(Late(seed + 1)));
        });
        thread.join().unwrap();
    }
    assert!(LATE.load(Ordering::Relaxed) >= 400);
}

#[test]
fn many_short_threads() {
    let resident_bytes = || spandrel::ledger().heap_resident_bytes;
    let mut before_bytes = 0;
    for round in 0..500 {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let block = vec![1u8; 64];
                thread::spawn(move || {
                    drop(block);
                    churn(round * 4 + thread);
                    vec![2u8; 100]
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
        if round == 100 {
            before_bytes = resident_bytes();
        }
    }
    // Other tests of this program run meanwhile.
    assert!(resident_bytes() < before_bytes + (256 << 20));
}

#[test]
fn a_thousand_live_threads() {
    const THREADS: usize = 1000;
    let all_are_there = Barrier::new(THREADS);
    let all_are_there = &all_are_there;
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let live = move || {
                let blocks: Vec<_> = (0..50).map(|index| vec![index as u8; 1 + index * 60]).collect();
                all_are_there.wait();
                churn(seed as u32);
                blocks.iter().enumerate().all(|(mark, block)| block.iter().all(|&byte| byte == mark as u8))
            };
            let builder = thread::Builder::new().stack_size(64 << 10);
            builder.spawn_scoped(scope, move || assert!(live())).unwrap();
        }
    });
}

/// Runs `action` while four threads allocate.
fn under_churn(action: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..4 {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut seed = thread;
                while !is_over.load(Ordering::Relaxed) {
                    churn(seed);
                    seed += 4;
                }
            });
        }
        action();
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Without more ado the standard library starts programs by `posix_spawn`, which shares the parent's memory
/// until the program begins; with something to do in the child, by `fork`.
#[test]
fn programs_are_started_under_churn() {
    under_churn(|| {
        for _ in 0..100 {
            assert!(Command::new("true").status().unwrap().success());
            let mut forked = Command::new("true");
            // SAFETY: the child allocates, which Spandrel allows in the child of a fork.
            unsafe {
                forked.pre_exec(|| {
                    churn(9);
                    Ok(())
                })
            };
            assert!(forked.status().unwrap().success());
        }
    });
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_signal(_: i32) {
    let block = std::hint::black_box(vec![7u8; 60]);
    SIGNALS.fetch_add(u32::from(block[59]), Ordering::Relaxed);
}

/// Between two calls. In the middle of one a handler that allocates is undefined, as under any allocator.
#[test]
fn handlers_on_a_stack_of_their_own() {
    let mut stack = vec![0u8; 64 << 10];
    let alternate = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    let mut before = none;
    // SAFETY: the stack outlives its being this thread's; the handler is a function of the right type.
    unsafe {
        assert_eq!(libc::sigaltstack(&raw const alternate, &raw mut before), 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(i32) as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
    for index in 0..10_000 {
        let block = vec![index as u8; 1 + index * 31 % 5000];
        // SAFETY: comes to this thread, whose handler is in place.
        unsafe { libc::raise(libc::SIGUSR1) };
        assert!(block.iter().all(|&byte| byte == index as u8));
    }
    // SAFETY: the stack that the thread had before.
    unsafe { libc::sigaltstack(&raw const before, std::ptr::null_mut()) };
    assert_eq!(SIGNALS.load(Ordering::Relaxed), 70_000);
}

/// What a program does that is started by the tests below.
#[test]
fn plain() {
    (0..50).for_each(churn);
    let mut grown = Vec::new();
    (0..3_000_000u32).for_each(|number| grown.push(number));
    assert!(grown.iter().copied().eq(0..3_000_000));
}

#[test]
fn standard_error_is_closed() {
    let mut command = Command::new("sh");
    let exe = std::env::current_exe().unwrap();
    command.args(["-c", "exec 2>&-; exec \"$0\" --exact plain --nocapture"]).arg(exe).env_remove(PLACE);
    let output = command.env("SPANDREL", "stats=exit,no-such-option=1").output().unwrap();
    let (out, _) = said(&output);
    assert!(output.status.success() && out.contains("1 passed"), "{output:?}");
    assert!(!out.contains("spandrel:"), "reports went somewhere else: {out}");
    let output = go("plain").env("SPANDREL", "stats=exit,no-such-option=1").output().unwrap();
    let (_, err) = said(&output);
    assert!(err.contains("no-such-option") && err.contains("KiB live"), "where they go otherwise: {err}");
}

#[test]
fn under_a_debugger() {
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set startup-with-shell off", "-ex", "set disable-randomization off"]);
    gdb.args(["-ex", "break main", "-ex", "run", "-ex", "backtrace 2", "-ex", "delete"]);
    gdb.args(["-ex", "catch syscall munmap", "-ex", "continue", "-ex", "delete", "-ex", "continue"]);
    gdb.arg("--args").arg(std::env::current_exe().unwrap());
    gdb.args(["--exact", "plain", "--test-threads=1"]).env_remove(PLACE);
    let output = gdb.stdin(Stdio::null()).output().unwrap();
    let (out, err) = said(&output);
    assert!(out.contains("Breakpoint 1") && out.contains("Catchpoint 2"), "{out}{err}");
    assert!(out.contains("exited normally"), "{out}{err}");
    assert_eq!(output.status.signal(), None);
}

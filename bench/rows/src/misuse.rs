//! Misuse of the heap, a case a process: what does an allocator notice, and when?
//!
//! `contender-NAME misuse CASE [on]`: the process ends by `SIGABRT` if the allocator has noticed; otherwise
//! it prints `missed`. With `on` it goes on first, as a program would: allocates and frees objects of the
//! same size in two threads, and says if one was handed out twice.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread;

/// A size that nothing else here uses.
const BYTES: usize = 3000;
/// Objects that a program goes on with.
const OBJS: usize = 2000;

/// The cases, by name.
pub(crate) const CASES: [(&str, fn()); 14] = [
    ("only-object-twice", || twice(get(BYTES), BYTES)),
    ("twice-others-live", || twice(many(4)[1], BYTES)),
    ("twice-one-between", || {
        let objects = many(2);
        [objects[0], objects[1], objects[0]].into_iter().for_each(|object| give(object, BYTES));
    }),
    ("all-then-first", || all_then(|objects| give(objects[0], BYTES))),
    ("all-then-last", || all_then(|objects| give(objects[999], BYTES))),
    ("all-then-all", || all_then(|objects| objects.iter().for_each(|&object| give(object, BYTES)))),
    ("of-ended-thread-twice", || {
        let object = thread::spawn(|| get(BYTES).expose_provenance()).join().expect("it ends");
        twice(std::ptr::with_exposed_provenance_mut(object), BYTES);
    }),
    ("of-live-thread-twice", of_live_thread_twice),
    ("here-then-in-another", || {
        let object = get(BYTES);
        give(object, BYTES);
        let object = object.expose_provenance();
        let again = move || give(std::ptr::with_exposed_provenance_mut(object), BYTES);
        thread::spawn(again).join().expect("it ends");
    }),
    ("100-KB-twice", || twice(get(100_000), 100_000)),
    ("64-MiB-twice", || twice(get(64 << 20), 64 << 20)),
    ("into-an-object", || give(get(BYTES).wrapping_add(64), BYTES)),
    ("the-stack", || give([0u64; 512].as_mut_ptr().cast(), BYTES)),
    ("wrong-size", || give(get(BYTES), 100)),
];

/// Runs a case.
pub(crate) fn run(name: &str, goes_on: bool) -> ExitCode {
    let Some((_, case)) = CASES.iter().find(|(known, _)| *known == name) else {
        eprintln!("cases: {}", CASES.map(|(name, _)| name).join(" "));
        return ExitCode::from(2);
    };
    case();
    println!("{}", if goes_on && !is_sound() { "handed out twice" } else { "missed" });
    ExitCode::SUCCESS
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).expect("it is small")
}

fn get(bytes: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    black_box(unsafe { alloc(layout(bytes)) })
}

/// Frees, rightly or not.
fn give(object: *mut u8, bytes: usize) {
    // SAFETY: where it breaks the contract, that is the case; the process ends soon.
    unsafe { dealloc(black_box(object), layout(bytes)) };
}

fn many(objs: usize) -> Vec<*mut u8> {
    (0..objs).map(|_| get(BYTES)).collect()
}

fn twice(object: *mut u8, bytes: usize) {
    give(object, bytes);
    give(object, bytes);
}

fn all_then(misuse: impl FnOnce(&[*mut u8])) {
    let objects = many(1000);
    objects.iter().for_each(|&object| give(object, BYTES));
    misuse(&objects);
}

fn of_live_thread_twice() {
    let (to_main, from_owner) = channel();
    let (to_owner, from_main) = channel::<()>();
    let owner = thread::spawn(move || {
        to_main.send(get(BYTES).expose_provenance()).expect("main waits");
        from_main.recv().expect("main tells");
    });
    twice(std::ptr::with_exposed_provenance_mut(from_owner.recv().expect("it comes")), BYTES);
    to_owner.send(()).expect("it waits");
    owner.join().expect("it ends");
}

/// Goes on; `false` if an object was handed out twice.
fn is_sound() -> bool {
    let objects = many(OBJS);
    let mut addresses: Vec<usize> = objects.iter().map(|object| object.addr()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    objects.into_iter().for_each(|object| give(object, BYTES));
    let other = thread::spawn(|| many(OBJS).into_iter().for_each(|object| give(object, BYTES)));
    other.join().expect("it ends");
    addresses.len() == OBJS
}

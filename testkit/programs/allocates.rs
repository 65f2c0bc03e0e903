//! A program that allocates in functions named after what they allocate, and prints the stack and size of
//! each allocation as a heap profile in text. Built by the tests, with every kind of debug information.
#![deny(unsafe_op_in_unsafe_fn)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString, c_int, c_void};
use std::hint::black_box;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const SAMPLES_MAX: usize = 4000;
const FRAMES_MAX: usize = 40;

/// Addresses of returns, behind the size of the object; written once, before `LEN` counts it.
static SAMPLES: [[AtomicUsize; FRAMES_MAX + 1]; SAMPLES_MAX] =
    [const { [const { AtomicUsize::new(0) }; FRAMES_MAX + 1] }; SAMPLES_MAX];
static LEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static IS_RECORDING: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" {
    fn _Unwind_Backtrace(
        visit: extern "C" fn(context: *mut c_void, argument: *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

struct Recorder;

#[global_allocator]
static ALLOC: Recorder = Recorder;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Recorder {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        record(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `alloc` was that of the system.
        unsafe { System.dealloc(object, layout) }
    }

    unsafe fn realloc(&self, object: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        record(bytes);
        // SAFETY: the caller keeps the contract of `realloc`, and `alloc` was that of the system.
        unsafe { System.realloc(object, layout, bytes) }
    }
}

#[inline(never)]
fn record(bytes: usize) {
    if !IS_RECORDING.replace(false) {
        return;
    }
    let mut cursor = (LEN.load(Relaxed), 0_usize);
    if cursor.0 < SAMPLES_MAX {
        SAMPLES[cursor.0][0].store(bytes, Relaxed);
        // SAFETY: `visit` gets the cursor, which outlives the call, as its argument.
        unsafe { _Unwind_Backtrace(visit, (&raw mut cursor).cast()) };
        LEN.store(cursor.0 + 1, Relaxed);
    }
    IS_RECORDING.set(true);
}

extern "C" fn visit(context: *mut c_void, argument: *mut c_void) -> c_int {
    // SAFETY: `record` passes its cursor, and nobody else uses it meanwhile.
    let (sample, frame) = unsafe { &mut *argument.cast::<(usize, usize)>() };
    // SAFETY: the unwinder passes a context of its own.
    let address = unsafe { _Unwind_GetIP(context) };
    if *frame > FRAMES_MAX {
        return 5;
    }
    // The first one is `record` itself.
    if *frame > 0 {
        SAMPLES[*sample][*frame].store(address, Relaxed);
    }
    *frame += 1;
    0
}

#[derive(Clone)]
pub struct Order {
    pub id: u64,
    pub quantities: [u64; 5],
}

/// What the machine can't tell from an [`Order`]: the compiler makes one function of what containers of both
/// have in common.
#[derive(Clone)]
pub struct Parcel {
    pub weight: u64,
    pub sides: [u64; 5],
}

pub struct Node {
    pub value: u64,
    pub next: Option<Box<Node>>,
}

fn order(id: u64) -> Order {
    Order { id, quantities: [id; 5] }
}

fn parcel(weight: u64) -> Parcel {
    Parcel { weight, sides: [weight + 1; 5] }
}

#[inline(never)]
fn site_box_node() {
    black_box(Box::new(Node { value: black_box(1), next: None }));
}

#[inline(never)]
fn site_vec_order() {
    let mut orders = Vec::new();
    for id in 0..black_box(20) {
        orders.push(order(id));
    }
    black_box(orders);
}

#[inline(never)]
fn site_vec_parcel() {
    let mut parcels = Vec::new();
    for weight in 0..black_box(21) {
        parcels.push(parcel(weight));
    }
    black_box(parcels);
}

#[inline(never)]
fn site_vec_u16() {
    black_box(Vec::<u16>::with_capacity(black_box(100)));
}

#[inline(never)]
fn site_vec_collected() {
    black_box((0..black_box(9)).map(order).collect::<Vec<_>>());
}

#[inline(never)]
fn site_vec_of_strings(names: &[String]) {
    black_box(names.to_vec());
}

#[inline(never)]
fn site_boxed_slice() {
    black_box(vec![order(7); black_box(3)].into_boxed_slice());
}

#[inline(never)]
fn site_arc_order() {
    black_box(Arc::new(order(black_box(6))));
}

#[inline(never)]
fn site_rc_order() {
    black_box(Rc::new(order(black_box(6))));
}

#[inline(never)]
fn site_string() {
    black_box(format!("hello {}", black_box(12)));
}

#[inline(never)]
fn site_hash_map() {
    let mut map = HashMap::new();
    for id in 0..black_box(9_u32) {
        map.insert(id, order(1));
    }
    black_box(map);
}

#[inline(never)]
fn site_hash_map_parcel() {
    let mut map = HashMap::new();
    for id in 0..black_box(10_u32) {
        map.insert(id, parcel(1));
    }
    black_box(map);
}

#[inline(never)]
fn site_hash_set() {
    black_box((0..black_box(9_u64)).collect::<HashSet<_>>());
}

#[inline(never)]
fn site_btree_map() {
    let mut map = BTreeMap::new();
    for id in 0..black_box(40_u32) {
        map.insert(id, order(1));
    }
    black_box(map);
}

#[inline(never)]
fn site_btree_map_parcel() {
    let mut map = BTreeMap::new();
    for id in 0..black_box(41_u32) {
        map.insert(id, parcel(1));
    }
    black_box(map);
}

#[inline(never)]
fn site_btree_set() {
    black_box((0..black_box(9_u64)).collect::<BTreeSet<_>>());
}

#[inline(never)]
fn site_deque() {
    let mut deque = VecDeque::new();
    deque.push_back(order(black_box(1)));
    black_box(deque);
}

#[inline(never)]
fn site_deque_parcel() {
    let mut deque = VecDeque::new();
    deque.push_back(parcel(black_box(1)));
    black_box(deque);
}

#[inline(never)]
fn site_heap() {
    let mut heap = BinaryHeap::new();
    heap.push(black_box(7_u64));
    black_box(heap);
}

#[inline(never)]
fn site_list() {
    let mut list = LinkedList::new();
    list.push_back(order(black_box(1)));
    black_box(list);
}

#[inline(never)]
fn site_closure() {
    let captured = [black_box(3_u64); 4];
    let boxed: Box<dyn Fn() -> u64> = Box::new(move || captured[0]);
    let _ = black_box(boxed);
}

#[inline(never)]
fn site_c_string() {
    black_box(CString::new(black_box("hello")).expect("no zero inside"));
}

#[inline(never)]
fn site_path() {
    black_box(PathBuf::from(black_box("/a/b")).join("c"));
    black_box(OsString::from(black_box("x")));
}

fn main() {
    let names: Vec<String> = (0..3).map(|id| format!("name {id}")).collect();
    let sites: [fn(); 22] = [
        site_box_node, site_vec_order, site_vec_parcel, site_vec_u16, site_vec_collected, site_boxed_slice,
        site_arc_order, site_rc_order, site_string, site_hash_map, site_hash_map_parcel, site_hash_set,
        site_btree_map, site_btree_map_parcel, site_btree_set, site_deque, site_deque_parcel, site_heap,
        site_list, site_closure, site_c_string, site_path,
    ];
    IS_RECORDING.set(true);
    for site in sites {
        site();
    }
    site_vec_of_strings(&names);
    IS_RECORDING.set(false);
    println!("heap profile: 0: 0 [0: 0] @ heapprofile");
    for sample in &SAMPLES[..LEN.load(Relaxed)] {
        let bytes = sample[0].load(Relaxed);
        print!("1: {bytes} [1: {bytes}] @");
        for frame in sample[1..].iter().map(|frame| frame.load(Relaxed)).take_while(|frame| *frame != 0) {
            print!(" {frame:#x}");
        }
        println!();
    }
    println!("\nMAPPED_LIBRARIES:\n{}", std::fs::read_to_string("/proc/self/maps").expect("Linux has it"));
}

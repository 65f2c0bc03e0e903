//! Which magazine is this thread's, for which pool: a small table in thread-local storage.
//!
//! A pool has an **id**: a slot number in the low 16 bits, a count that never repeats above it. A thread's
//! table is indexed by the slot, and one compare of the id tells whether the entry is the pool's or that of a
//! dead pool that had the slot before. In front of it is a short one of fixed place, where the pools used
//! last are found, by the lowest bits of their slots. The tables have no destructor, so that reading them
//! costs thread-relative loads only; another variable, touched only when an entry is added, hears of the
//! thread's end.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, PoisonError};

const SLOT_BITS: u32 = 16;
const SLOTS_MAX: usize = (1 << SLOT_BITS) - 1;

/// An id whose slot no table reaches: pools beyond the number of slots share it and have no magazines.
pub(crate) const NO_MAGAZINES: u64 = SLOTS_MAX as u64;

type Release = unsafe fn(*const ());

#[derive(Clone, Copy)]
struct Entry {
    id: u64,
    cache: *const (),
    release: Option<Release>,
}

const EMPTY: Entry = Entry { id: 0, cache: ptr::null(), release: None };

/// An entry of the table in front.
struct Front {
    id: Cell<u64>,
    cache: Cell<*const ()>,
}

/// No pool has this id, and no entry of a table.
pub(crate) const NO_ID: u64 = u64::MAX;

/// Sixteen bytes each, in every thread that is linked to this.
const FRONT_MAX: usize = 64;

struct Table {
    front: [Front; FRONT_MAX],
    entries: Cell<*mut Entry>,
    len: Cell<usize>,
    ended: Cell<bool>,
}

thread_local! {
    static TABLE: Table = const {
        Table {
            front: [const { Front { id: Cell::new(0), cache: Cell::new(ptr::null()) } }; FRONT_MAX],
            entries: Cell::new(ptr::null_mut()),
            len: Cell::new(0),
            ended: Cell::new(false),
        }
    };
    static HOOK: Hook = const { Hook };
}

struct Slots {
    free: Vec<usize>,
    fresh: usize,
    pools: u64,
}

static SLOTS: Mutex<Slots> = Mutex::new(Slots { free: Vec::new(), fresh: 0, pools: 0 });

/// An id for a new pool.
pub(crate) fn new_id() -> u64 {
    let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = slots.free.pop().unwrap_or(slots.fresh);
    if slot == SLOTS_MAX {
        return NO_MAGAZINES;
    }
    slots.fresh = slots.fresh.max(slot + 1);
    slots.pools += 1;
    slots.pools << SLOT_BITS | slot as u64
}

/// The pool of this id is gone; its slot may serve another.
pub(crate) fn retire_id(id: u64) {
    if id != NO_ID && id != NO_MAGAZINES {
        SLOTS.lock().unwrap_or_else(PoisonError::into_inner).free.push(slot_of(id));
    }
}

const fn slot_of(id: u64) -> usize {
    id as usize & SLOTS_MAX
}

/// What this thread entered under `id`, if it stands in front.
#[inline(always)]
pub(crate) fn find_in_front(id: u64) -> Option<NonNull<()>> {
    TABLE.with(|table| {
        let front = table.front(id);
        // SAFETY: only `show` writes an id that a pool has, with a cache that was entered, which is not null.
        (front.id.get() == id).then(|| unsafe { NonNull::new_unchecked(front.cache.get().cast_mut()) })
    })
}

/// What this thread entered under `id`, or null.
pub(crate) fn find(id: u64) -> *const () {
    TABLE.with(|table| table.find_behind(id))
}

impl Table {
    #[inline(always)]
    fn front(&self, id: u64) -> &Front {
        &self.front[id as usize % FRONT_MAX]
    }

    /// Looks in the table behind; what is found moves to the front.
    fn find_behind(&self, id: u64) -> *const () {
        let slot = slot_of(id);
        if slot >= self.len.get() {
            return ptr::null();
        }
        // SAFETY: the table has `len` entries, and only this thread reaches it.
        let entry = unsafe { *self.entries.get().add(slot) };
        if entry.id != id {
            return ptr::null();
        }
        self.show(id, entry.cache);
        entry.cache
    }

    fn show(&self, id: u64, cache: *const ()) {
        self.front(id).id.set(id);
        self.front(id).cache.set(cache);
    }
}

/// Enters `cache` under `id`. `release` is called with it once: when the thread ends, or when the slot goes
/// to another pool. False if the thread is ending; then nothing was entered.
pub(crate) fn insert(id: u64, cache: *const (), release: Release) -> bool {
    if HOOK.try_with(|_| ()).is_err() || TABLE.with(|table| table.ended.get()) {
        return false;
    }
    let slot = slot_of(id);
    let old = TABLE.with(|table| {
        if slot >= table.len.get() {
            grow(table, (slot + 1).next_power_of_two());
        }
        table.show(id, cache);
        // SAFETY: the table was grown beyond `slot`, and only this thread reaches it.
        unsafe { ptr::replace(table.entries.get().add(slot), Entry { id, cache, release: Some(release) }) }
    });
    let_go(old);
    true
}

fn grow(table: &Table, len: usize) {
    let old = take_entries(table);
    let mut entries = vec![EMPTY; len].into_boxed_slice();
    entries[..old.len()].copy_from_slice(&old);
    table.len.set(len);
    table.entries.set(Box::into_raw(entries).cast());
}

fn take_entries(table: &Table) -> Box<[Entry]> {
    let (entries, len) = (table.entries.replace(ptr::null_mut()), table.len.replace(0));
    if entries.is_null() {
        return Box::default();
    }
    // SAFETY: `grow` made this slice from a box of this length, and the table has just forgotten it.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(entries, len)) }
}

fn let_go(entry: Entry) {
    if let Some(release) = entry.release {
        // SAFETY: whoever entered the cache gave the function for it, and the entry is out of the table.
        unsafe { release(entry.cache) }
    }
}

struct Hook;

impl Drop for Hook {
    fn drop(&mut self) {
        let entries = TABLE.with(|table| {
            table.ended.set(true);
            table.front.iter().for_each(|front| front.id.set(0));
            take_entries(table)
        });
        entries.into_iter().for_each(let_go);
    }
}

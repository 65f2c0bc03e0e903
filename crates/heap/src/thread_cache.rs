//! The thread cache: what a thread allocates from and frees into without a lock.
//!
//! For each class it has a **hot list**, the only thing that the fast paths touch, and behind it the
//! **partial spans** that the thread owns:
//!
//! ```text
//!            alloc                                   free
//!              |                                       |
//!        hot list: pop                     hot list: push, up to its cap
//!              | empty                                 | full: it is put aside
//!   the list that was put aside             the object's span:
//!              | none                         mine        -> onto its list
//!   the newest partial span's whole list      nobody's    -> claim it, onto its list
//!   or a few objects carved from it           another's   -> its remote word
//!              | none                                  | few objects of the span are in use
//!   a span of the central list              the list that was put aside goes to its spans
//!              | none                                  | none are
//!   a fresh span of the page heap           a few spans are kept, the others go to the page heap
//! ```
//!
//! A thread that allocates and frees in turns lives on its hot lists, which grow with its swings
//! (`hot_cap.rs`). One that frees and frees takes something large apart: what the hot list can't hold goes
//! straight to the spans, and once spans run empty, so does the list, since each of its objects would hold
//! on to a span. So the spans become wholly free, and are carved again in address order.
//!
//! **Whose object.** The hot list does not ask who owns an object's span; its slow path does, for one object
//! in as many as a list holds. An object of a span that another running thread owns goes back there, and no
//! frees are granted: so a thread that frees what others allocate does not go on to write to their cache
//! lines.

use core::ptr::null_mut;

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::sync::{RacyPtr, RacyU32, RacyU64, RacyUsize};

use crate::claim::Claim;
use crate::config::{BULK_SPANS, CARVE_BYTES, FEW_SHARE, LARGE_SLOTS};
use crate::object::{self, List, Object, Run};
use crate::outbox::Outbox;
use crate::remote::RemoteFree;
use crate::roster::Links;
use crate::sampling::join;
use crate::span::{Span, SpanRef};
use crate::{central, die, hardened, hot_cap, misuse, page_map, parcel};

/// The hot list of a class: all that the fast paths read and write.
#[derive(Debug)]
pub(crate) struct Bin<'a> {
    /// The free object that was freed last; null when the list is empty.
    pub(crate) head: &'a RacyPtr<Object>,
    /// All allocations, the low half of the number.
    pub(crate) allocs: &'a RacyU32,
    /// Frees until the slow path wants to see one.
    pub(crate) frees_left: &'a RacyU32,
}

/// What the slow paths keep for a class.
#[derive(Debug)]
pub(crate) struct ClassCache {
    /// The newest of the partial spans.
    pub(crate) first: RacyPtr<Span>,
    /// The oldest.
    pub(crate) last: RacyPtr<Span>,
    pub(crate) spans: RacyU32,
    /// Spans of fresh pages that were taken since the class was last given up.
    pub(crate) fresh_spans: RacyU32,
    /// Length of the hot list at the last settling.
    pub(crate) hot_objs: RacyU32,
    /// How often the cap of the hot list was doubled (see [`crate::hot_cap`]).
    pub(crate) cap_doublings: RacyU32,
    /// 1 if the hot list was full since it was last empty.
    pub(crate) was_full: RacyU32,
    /// 1 if the class was not used since the last sweep.
    pub(crate) is_unused: RacyU32,
    /// Objects on their way to other threads.
    pub(crate) outbox: Outbox,
    /// The hot list while it is put aside, or its end while the fast path sees only the beginning.
    pub(crate) hidden: RacyPtr<Object>,
    /// How many objects a span of the class has, the one that was used last.
    span_objs: RacyU32,
    /// Frees that were granted then, and how many more would have been but for a sample nearby.
    pub(crate) granted: RacyU32,
    pub(crate) owed: RacyU32,
    /// While a part of the list is hidden: how many of those that were visible can't have been taken by the
    /// last settling, and the last of them.
    pub(crate) visible_objs: RacyU32,
    pub(crate) last_visible: RacyPtr<Object>,
    /// Allocations until the next one that is sampled, that one included, as of the last settling; 0 before
    /// it is drawn.
    pub(crate) until_sample: RacyU64,
    /// How often the period had doubled when it was drawn.
    pub(crate) drawn_doublings: RacyU32,
    /// All allocations until the last settling. Written by the owner after the bin's counter, and read by
    /// others before it, so that the difference is never below 0 on machines that keep the order of writes.
    pub(crate) allocs: RacyU64,
    /// Allocations whose requested size was looked at, and the sum of the sizes.
    pub(crate) sampled_allocs: RacyU64,
    pub(crate) sampled_bytes: RacyU64,
}

/// A thread's cache. Its memory is never unmapped; when the thread ends the next one takes it over.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct ThreadCache {
    /// The bins, an array a field: so a class is an index, which the processor scales for nothing.
    heads: [RacyPtr<Object>; CLASS_COUNT],
    allocs: [RacyU32; CLASS_COUNT],
    frees_left: [RacyU32; CLASS_COUNT],
    /// The number of this cache where the hot list was full and is put aside, 0 elsewhere: what the owner of
    /// an object's span is compared with before the object goes straight there...
    pub(crate) aside: [RacyU32; CLASS_COUNT],
    /// ...and how few objects of a span may be in use until the hot list is in the way.
    pub(crate) few_objs: [RacyU32; CLASS_COUNT],
    pub(crate) classes: [ClassCache; CLASS_COUNT],
    /// Dirty runs of pages for large objects, by the number of pages...
    pub(crate) large: [RacyPtr<Span>; LARGE_SLOTS],
    /// ...and their bytes.
    pub(crate) large_bytes: RacyU32,
    /// Who may use `large`.
    pub(crate) large_claim: Claim,
    /// Not 0, and different for each cache. 0 stands for caches that exist before any thread has one.
    pub(crate) number: RacyU32,
    /// Spans that became wholly free since the last refill.
    pub(crate) drained: RacyU32,
    /// Refills since the last sweep.
    pub(crate) refills: RacyU32,
    /// Bytes by which the caps of the hot lists have grown.
    pub(crate) hot_gained_bytes: RacyU32,
    /// Bytes of the wholly free spans among the partial ones.
    pub(crate) spare_bytes: RacyU32,
    /// Allocations of large objects, and their bytes, rounded to pages and as requested.
    pub(crate) large_allocs: RacyU64,
    pub(crate) large_alloc_bytes: RacyU64,
    pub(crate) large_requested_bytes: RacyU64,
    /// With `stats=exact`: requested bytes allocated and freed, by class.
    pub(crate) exact_alloc_bytes: [RacyU64; CLASS_COUNT],
    pub(crate) exact_free_bytes: [RacyU64; CLASS_COUNT],
    /// The bytes of large objects at which the next one is sampled; 0 before it is drawn.
    pub(crate) large_sample_at: RacyU64,
    /// How many tests count what this thread frees (see [`crate::test`]).
    pub(crate) watches: RacyU32,
    /// While somebody watches: frees by class, and the bytes of the large ones.
    pub(crate) watched_frees: [RacyU64; CLASS_COUNT],
    pub(crate) watched_large_bytes: RacyU64,
    /// How often the period had doubled when it was drawn.
    pub(crate) large_drawn_doublings: RacyU32,
    /// How often the thread's period has doubled.
    pub(crate) period_doublings: RacyU32,
    /// The state of its random numbers; 0 before the first.
    pub(crate) random: RacyU64,
    /// Samples since the pace was last looked at, when that was, and what they have cost.
    pub(crate) pace_samples: RacyU32,
    pub(crate) pace_start_ns: RacyU64,
    pub(crate) pace_cost_ns: RacyU64,
    /// 1 while the thread takes a sample.
    pub(crate) is_sampling: RacyU32,
    /// The thread, as no other one before or after.
    pub(crate) thread: RacyU32,
    /// Its name among the profile's texts, and for how many more samples it holds.
    pub(crate) name: RacyU32,
    pub(crate) name_samples: RacyU32,
    /// The mapping that its stack was last seen in.
    pub(crate) stack_start: RacyUsize,
    pub(crate) stack_end: RacyUsize,
    /// How it hangs among the others.
    pub(crate) links: Links<Self>,
    /// With `hardened=1`: the dead objects that it keeps.
    pub(crate) store: RacyPtr<hardened::Store>,
    /// The same, while nothing else wants to know of each call.
    pub(crate) quick_store: RacyPtr<hardened::Store>,
}

/// What became of a free past the hot list.
pub(crate) enum DirectFree {
    /// Nothing: the span is not this thread's, or the hot list is in use.
    NotMine,
    /// The object is in its span.
    Done,
    /// The same, and [`ThreadCache::few_left`] wants to know.
    FewLeft(SpanRef),
}

/// An object, and whether all its bytes are known to be zero.
#[repr(C)]
pub(crate) struct Found {
    pub(crate) object: *mut u8,
    pub(crate) zeroed: bool,
}

impl Found {
    pub(crate) const NONE: Self = Self { object: null_mut(), zeroed: false };
}

impl ThreadCache {
    /// A cache without a number: all lists empty, no free granted, so that every path leads to the slow
    /// one, which finds the thread a cache of its own.
    pub(crate) const fn empty() -> Self {
        Self {
            heads: [const { RacyPtr::null() }; CLASS_COUNT],
            allocs: [const { RacyU32::new(0) }; CLASS_COUNT],
            frees_left: [const { RacyU32::new(0) }; CLASS_COUNT],
            aside: [const { RacyU32::new(0) }; CLASS_COUNT],
            few_objs: [const { RacyU32::new(0) }; CLASS_COUNT],
            classes: [const { ClassCache::empty() }; CLASS_COUNT],
            large: [const { RacyPtr::null() }; LARGE_SLOTS],
            large_bytes: RacyU32::new(0),
            large_claim: Claim::new(),
            number: RacyU32::new(0),
            drained: RacyU32::new(0),
            refills: RacyU32::new(0),
            hot_gained_bytes: RacyU32::new(0),
            spare_bytes: RacyU32::new(0),
            large_allocs: RacyU64::new(0),
            large_alloc_bytes: RacyU64::new(0),
            large_requested_bytes: RacyU64::new(0),
            exact_alloc_bytes: [const { RacyU64::new(0) }; CLASS_COUNT],
            exact_free_bytes: [const { RacyU64::new(0) }; CLASS_COUNT],
            large_sample_at: RacyU64::new(0),
            watches: RacyU32::new(0),
            watched_frees: [const { RacyU64::new(0) }; CLASS_COUNT],
            watched_large_bytes: RacyU64::new(0),
            large_drawn_doublings: RacyU32::new(0),
            period_doublings: RacyU32::new(0),
            random: RacyU64::new(0),
            pace_samples: RacyU32::new(0),
            pace_start_ns: RacyU64::new(0),
            pace_cost_ns: RacyU64::new(0),
            is_sampling: RacyU32::new(0),
            thread: RacyU32::new(0),
            name: RacyU32::new(0),
            name_samples: RacyU32::new(0),
            stack_start: RacyUsize::new(0),
            stack_end: RacyUsize::new(0),
            links: Links::none(),
            store: RacyPtr::null(),
            quick_store: RacyPtr::null(),
        }
    }

    /// The bin of a class.
    #[inline(always)]
    pub(crate) fn bin(&self, class: u8) -> Bin<'_> {
        let class = usize::from(class);
        debug_assert!(class < CLASS_COUNT);
        // SAFETY: classes come from `spandrel-classes` or from the page map, and are below CLASS_COUNT.
        unsafe {
            Bin {
                head: self.heads.get_unchecked(class),
                allocs: self.allocs.get_unchecked(class),
                frees_left: self.frees_left.get_unchecked(class),
            }
        }
    }

    #[inline(always)]
    pub(crate) fn class(&self, class: u8) -> &ClassCache {
        // SAFETY: as above.
        unsafe { self.classes.get_unchecked(usize::from(class)) }
    }

    /// The slow path of an allocation: the hot list is empty. Returns one object and leaves others on the
    /// hot list.
    pub(crate) fn refill(&self, class: u8, requested_bytes: usize) -> Found {
        debug_assert!(self.bin(class).head.get().is_null());
        self.note_request(class, requested_bytes);
        let hidden = self.take_hot(class);
        let (found, rest) = if hidden.objs > 0 { split(hidden) } else { self.refill_from_spans(class) };
        if found.object.is_null() {
            return found;
        }
        self.count_alloc(class);
        self.expose(class, rest, self.frees_to_grant(class, rest.objs, false));
        found
    }

    /// One object and others of its span; nothing if there is no memory.
    fn refill_from_spans(&self, class: u8) -> (Found, List) {
        self.note_empty(class);
        let Some(span) = self.span_with_objects(class) else {
            return (Found::NONE, List::EMPTY);
        };
        self.class(class).span_objs.set(span.capacity.get().into());
        if span.fresh.get() == span.used.get() {
            let taken = Self::carve(span);
            if span.is_full() {
                self.let_go_of_full(span);
            }
            return taken;
        }
        let list = span.take_list();
        if span.is_full() {
            self.let_go_of_full(span);
        }
        // SAFETY: the objects are this thread's, and keep the span what it is.
        split(unsafe { parcel::opened(span, list) })
    }

    /// The slow path of a free: as many went onto the hot list as had been granted.
    pub(crate) fn free(&self, class: u8, object: *mut u8) {
        let (bin, cache) = (self.bin(class), self.class(class));
        let is_balanced = self.unsettled_allocs(class) > cache.granted.get() / 2;
        self.settle(class);
        let span = misuse::span_of_class(class, object);
        if self.send(class, span, object) {
            return;
        }
        if !self.is_aside(class) {
            self.open_curtain(class);
        }
        let owed = cache.owed.get();
        if self.is_aside(class) || owed == 0 && cache.hot_objs.get() >= self.hot_cap(class) {
            self.put_aside(class);
            return self.free_to(span, Run::of_one(object.cast()));
        }
        // SAFETY: the object was given back to this thread.
        unsafe { object::link(object.cast(), bin.head.get()) };
        let list = List { head: object.cast(), objs: cache.hot_objs.get() + 1 };
        let frees = if owed > 0 && self.watches.get() == 0 {
            owed - 1
        } else {
            self.frees_to_grant(class, list.objs, is_balanced)
        };
        self.expose(class, list, frees);
    }

    /// Whether frees go to the spans, and no allocation has taken the hot list back.
    fn is_aside(&self, class: u8) -> bool {
        self.aside[usize::from(class)].get() == self.number.get()
    }

    /// Whether the hot list of a class is put aside. Class 0 has none.
    #[inline(always)]
    pub(crate) fn is_any_aside(&self, class: usize) -> bool {
        // SAFETY: classes are below CLASS_COUNT.
        unsafe { self.aside.get_unchecked(class) }.get() != 0
    }

    /// Puts the hot list aside, full as it is: frees go to the spans, until the next allocation finds no hot
    /// list and takes it back. Where each free has to come by, it stays, and no free is granted.
    fn put_aside(&self, class: u8) {
        let (bin, cache) = (self.bin(class), self.class(class));
        let list = List { head: bin.head.get(), objs: cache.hot_objs.get() };
        if list.head.is_null() {
            return;
        }
        if self.sees_each_free() {
            return self.expose(class, list, 0);
        }
        self.note_full(class);
        cache.hidden.set(bin.head.get());
        bin.head.set(null_mut());
        self.aside[usize::from(class)].set(self.number.get());
        let objs = cache.span_objs.get() / FEW_SHARE;
        self.few_objs[usize::from(class)].set(objs);
    }

    /// While the hot list is put aside: frees an object into its span, if the span is this thread's.
    #[inline(always)]
    pub(crate) fn free_to_own_span(&self, class: usize, object: *mut u8) -> DirectFree {
        // SAFETY: only objects in arenas come here.
        let Some(span) = (unsafe { page_map::span_at(object) }) else {
            return DirectFree::NotMine;
        };
        // SAFETY: classes are below CLASS_COUNT.
        let (aside, few_objs) =
            unsafe { (self.aside.get_unchecked(class), self.few_objs.get_unchecked(class)) };
        if span.owner.get() != aside.get() {
            return DirectFree::NotMine;
        }
        let left = span.push(Run::of_one(object.cast()));
        if i32::from(left) <= few_objs.get() as i32 { DirectFree::FewLeft(span) } else { DirectFree::Done }
    }

    /// After a free, few objects of a span are in use, or none; or as the counter then says, none was before.
    ///
    /// The thread is taking something large apart, and the hot list is only in the way: each of its objects,
    /// freed at the very beginning, holds on to a span.
    #[cold]
    #[inline(never)]
    pub(crate) extern "C" fn few_left(&self, span: SpanRef) {
        let class = span.class.get();
        if (span.used.get() as i16) < 0 {
            die::double_free(span.latest().addr(), class);
        }
        // First, since what follows may free the few that are left.
        if span.used.get() == 0 {
            self.span_is_free(span);
            self.drained.add(1);
            if self.drained.get().is_multiple_of(BULK_SPANS) {
                let is_first = self.drained.get() == BULK_SPANS;
                (1..CLASS_COUNT as u8).for_each(|class| self.go_on_with_bulk(class, is_first));
                return;
            }
        }
        if self.is_aside(class) {
            self.begin_bulk(class);
        }
    }

    /// Many spans ran empty, for the first time since the last refill or once more: what has gathered for
    /// other threads goes, so that it holds on to no span when this thread falls asleep.
    fn go_on_with_bulk(&self, class: u8, is_first: bool) {
        self.send_off(class);
        if is_first {
            self.begin_bulk(class);
        }
    }

    /// Empties the hot list of a class; until the next allocation its frees go to the spans.
    fn begin_bulk(&self, class: u8) {
        self.free_to_spans(class, self.take_hot(class));
        if !self.sees_each_free() {
            self.aside[usize::from(class)].set(self.number.get());
        }
    }

    /// Takes the hot list of a class, wherever it is.
    pub(crate) fn take_hot(&self, class: u8) -> List {
        let (bin, cache) = (self.bin(class), self.class(class));
        self.settle(class);
        let head = join(bin.head.get(), cache.hidden.get());
        let hot = List { head, objs: cache.hot_objs.get() };
        bin.head.set(null_mut());
        cache.hidden.set(null_mut());
        cache.hot_objs.set(0);
        cache.owed.set(0);
        self.aside[usize::from(class)].set(0);
        self.few_objs[usize::from(class)].set(0);
        hot
    }

    /// Takes one object past the hot list, for options that look at each call.
    pub(crate) fn alloc_one(&self, class: u8) -> Found {
        let Some(span) = self.span_with_objects(class) else {
            return Found::NONE;
        };
        let object = span.take_one();
        let found = if object.is_null() {
            Found { object: span.carve(1).0, zeroed: span.is_zeroed() }
        } else {
            Found { object: object.cast(), zeroed: false }
        };
        if span.is_full() {
            self.let_go_of_full(span);
        }
        self.count_alloc(class);
        found
    }

    /// Puts one object back past the hot list, for options that look at each call.
    pub(crate) fn free_one(&self, class: u8, object: *mut u8) {
        self.free_run(class, Run::of_one(object.cast()));
    }

    /// How many frees to allow onto the hot list: up to twice the cap, and at least a cap's worth, so that a
    /// list about as long as its cap does not send every other free to the slow path; and more if the thread
    /// lately allocated about as much as it freed.
    fn frees_to_grant(&self, class: u8, hot_objs: u32, is_balanced: bool) -> u32 {
        if self.watches.get() != 0 {
            return 0;
        }
        let cap = self.hot_cap(class);
        let frees = 2 * cap - hot_objs.min(cap);
        if is_balanced { frees.max(hot_cap::balanced_frees(class)) } else { frees }
    }

    /// Carves the next objects of a span: the first to be handed out, the rest linked.
    fn carve(span: SpanRef) -> (Found, List) {
        let bytes = object_bytes(span.class.get());
        let (first, objs) = span.carve((CARVE_BYTES / bytes).max(1) as u32);
        let found = Found { object: first, zeroed: span.is_zeroed() };
        if objs == 1 {
            return (found, List::EMPTY);
        }
        // SAFETY: the objects were just carved for this thread, and two or more are there.
        (found, unsafe { object::link_row(first.wrapping_add(bytes), bytes, objs - 1) })
    }

    /// Puts objects back into their spans, run by run.
    pub(crate) fn free_to_spans(&self, class: u8, mut list: List) {
        while list.objs > 0 {
            // SAFETY: the objects on the list are this thread's.
            let (run, rest) = unsafe { object::first_run(list) };
            list = rest;
            self.free_run(class, run);
        }
    }

    /// Puts a run of objects of one page back into their span.
    fn free_run(&self, class: u8, run: Run) {
        self.free_to(misuse::checked_span_apart(class, run.first.cast()), run);
    }

    /// Puts a run of objects, or of parcels, back into their span, whoever owns it.
    #[inline(never)]
    pub(crate) fn free_to(&self, span: SpanRef, run: Run) {
        if span.owner.get() != self.number.get() {
            // SAFETY: the objects were given back to this thread.
            let freed = span.remote.free(run, |next| unsafe { object::link(run.last, next) });
            if freed == RemoteFree::Pushed {
                return;
            }
            let class = span.class.get();
            central::of_class(class).remove_claimed(span);
            if self.has_enough(class) {
                if span.push(run) < 0 {
                    die::double_free(span.latest().addr(), class);
                }
                return self.pass_on(span);
            }
            self.adopt(span);
            self.answer_wanted(class);
        }
        if span.push(run) <= 0 {
            self.few_left(span);
        }
    }
}

/// The first object of a list, and the rest of it.
fn split(list: List) -> (Found, List) {
    // SAFETY: the list has at least one object, and it belongs to the caller.
    let rest = List { head: unsafe { object::next(list.head) }, objs: list.objs - 1 };
    (Found { object: list.head.cast(), zeroed: false }, rest)
}

impl ClassCache {
    const fn empty() -> Self {
        Self {
            first: RacyPtr::null(),
            last: RacyPtr::null(),
            spans: RacyU32::new(0),
            fresh_spans: RacyU32::new(0),
            hot_objs: RacyU32::new(0),
            cap_doublings: RacyU32::new(0),
            was_full: RacyU32::new(0),
            is_unused: RacyU32::new(0),
            outbox: Outbox::new(),
            hidden: RacyPtr::null(),
            span_objs: RacyU32::new(0),
            granted: RacyU32::new(0),
            owed: RacyU32::new(0),
            visible_objs: RacyU32::new(0),
            last_visible: RacyPtr::null(),
            until_sample: RacyU64::new(0),
            drawn_doublings: RacyU32::new(0),
            allocs: RacyU64::new(0),
            sampled_allocs: RacyU64::new(0),
            sampled_bytes: RacyU64::new(0),
        }
    }
}

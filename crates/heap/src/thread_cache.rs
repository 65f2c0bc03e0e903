//! The thread cache: what a thread allocates from and frees into without a lock.
//!
//! For each class it has a **hot list**, the only thing that the fast paths touch, and behind it the
//! **partial spans** that the thread owns:
//!
//! ```text
//!            alloc                                   free
//!              |                                       |
//!        hot list: pop                     hot list: push, up to its cap
//!              | empty: refill                         | full
//!   the newest partial span's whole list     the object's own span:
//!   or a few objects carved from it            mine        -> onto its list
//!              | none                          nobody's    -> claim it, onto its list
//!   a span of the central list                 another's   -> its remote word
//!              | none                                  | span wholly free
//!   a fresh span of the page heap            a few are kept, the others go to the page heap
//! ```
//!
//! A span's list is handed over whole, in constant time, and what does not fit into the hot list goes
//! straight back to its span: so no list is ever walked, and objects come back sorted by span.
//!
//! A span that has no free object left belongs to nobody: the next thread to free one of its objects
//! becomes its owner. A thread that only frees collects spans in this way; when another thread has to
//! take fresh pages for that class, it gives the oldest of them to the central list ([`WANTED`]).
//!
//! **Counting.** An allocation adds one to the bin's `allocs`; a free takes one of the `frees_left` that
//! the slow path has granted. Both are needed anyway (the second bounds the list), and from them follow
//! the exact numbers of allocations, of frees, and of objects on the list: [`ThreadCache::settle`].

use core::ptr::{from_ref, null_mut};

use spandrel_classes::{CLASS_COUNT, object_bytes};
use spandrel_platform::sync::{AtomicPtr, AtomicU32, Ordering, RacyPtr, RacyU32, RacyU64};

use crate::config::{
    CARVE_BYTES, HAND_OVER_SPANS, HOARD_SPANS, HOT_BYTES, HOT_OBJS_MAX, HOT_OBJS_MIN, LARGE_SLOTS,
    SPARE_SPAN_BYTES,
};
use crate::object::{self, List, Object};
use crate::remote::RemoteFree;
use crate::span::{Span, SpanRef, place};
use crate::{central, die, page_heap, page_map, record_file, sizes};

/// The hot list of a class: all that the fast paths read and write.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct Bin {
    /// The free object that was freed last; null when the list is empty.
    pub(crate) head: RacyPtr<Object>,
    /// Allocations since the last settling.
    pub(crate) allocs: RacyU32,
    /// Frees until the slow path wants to see one.
    pub(crate) frees_left: RacyU32,
}

/// What the slow paths keep for a class.
#[derive(Debug)]
pub(crate) struct ClassCache {
    /// The newest of the partial spans.
    first: RacyPtr<Span>,
    /// The oldest.
    last: RacyPtr<Span>,
    spans: RacyU32,
    /// Length of the hot list at the last settling.
    hot_objs: RacyU32,
    /// Frees that were granted then.
    granted: RacyU32,
    /// Totals until the last settling.
    allocs: RacyU64,
    frees: RacyU64,
    /// Allocations whose requested size was looked at, and the sum of the sizes.
    sampled_allocs: RacyU64,
    sampled_bytes: RacyU64,
}

/// A thread's cache. Its memory is never unmapped; when the thread ends the next one takes it over.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct ThreadCache {
    pub(crate) bins: [Bin; CLASS_COUNT],
    classes: [ClassCache; CLASS_COUNT],
    /// Dirty runs of pages for large objects, by the number of pages. Taken by swapping, so that the
    /// scavenger can take those of a thread that sleeps.
    pub(crate) large: [AtomicPtr<Span>; LARGE_SLOTS],
    /// Bytes in `large`.
    pub(crate) large_bytes: AtomicU32,
    /// Not 0, and different for each cache. 0 stands for caches that exist before any thread has one.
    pub(crate) number: RacyU32,
    /// Bytes of the wholly free spans among the partial ones.
    spare_bytes: RacyU32,
    /// Large objects: allocations, frees, and their bytes, rounded to pages and as requested.
    pub(crate) large_allocs: RacyU64,
    pub(crate) large_frees: RacyU64,
    pub(crate) large_alloc_bytes: RacyU64,
    pub(crate) large_free_bytes: RacyU64,
    pub(crate) large_requested_bytes: RacyU64,
    pub(crate) large_free_requested_bytes: RacyU64,
    /// With `stats=exact`: requested bytes allocated and freed, by class.
    pub(crate) exact_alloc_bytes: [RacyU64; CLASS_COUNT],
    pub(crate) exact_free_bytes: [RacyU64; CLASS_COUNT],
    /// The next of all caches; set once.
    pub(crate) next_of_all: RacyPtr<ThreadCache>,
    /// The next of the idle ones; guarded by their lock.
    pub(crate) next_idle: RacyPtr<ThreadCache>,
    /// 1 while no thread holds it; guarded by the lock of the idle ones.
    pub(crate) idle: RacyU32,
}

/// An object, and whether all its bytes are known to be zero.
pub(crate) struct Found {
    pub(crate) object: *mut u8,
    pub(crate) zeroed: bool,
}

impl Found {
    pub(crate) const NONE: Self = Self { object: null_mut(), zeroed: false };
}

/// The number of a thread cache that had to take fresh pages for a class; 0: none since somebody answered.
static WANTED: [AtomicU32; CLASS_COUNT] = [const { AtomicU32::new(0) }; CLASS_COUNT];

/// How many objects the hot list of each class holds.
static HOT_OBJS: [u32; CLASS_COUNT] = {
    let mut caps = [0; CLASS_COUNT];
    let mut class = 1;
    while class < CLASS_COUNT {
        let objs = (HOT_BYTES / object_bytes(class as u8)) as u32;
        caps[class] = if objs < HOT_OBJS_MIN {
            HOT_OBJS_MIN
        } else if objs > HOT_OBJS_MAX {
            HOT_OBJS_MAX
        } else {
            objs
        };
        class += 1;
    }
    caps
};

impl ThreadCache {
    /// A cache without a number: all lists empty, no free granted, so that every path leads to the slow
    /// one, which finds the thread a cache of its own.
    pub(crate) const fn empty() -> Self {
        Self {
            bins: [const { Bin::empty() }; CLASS_COUNT],
            classes: [const { ClassCache::empty() }; CLASS_COUNT],
            large: [const { AtomicPtr::new(null_mut()) }; LARGE_SLOTS],
            large_bytes: AtomicU32::new(0),
            number: RacyU32::new(0),
            spare_bytes: RacyU32::new(0),
            large_allocs: RacyU64::new(0),
            large_frees: RacyU64::new(0),
            large_alloc_bytes: RacyU64::new(0),
            large_free_bytes: RacyU64::new(0),
            large_requested_bytes: RacyU64::new(0),
            large_free_requested_bytes: RacyU64::new(0),
            exact_alloc_bytes: [const { RacyU64::new(0) }; CLASS_COUNT],
            exact_free_bytes: [const { RacyU64::new(0) }; CLASS_COUNT],
            next_of_all: RacyPtr::null(),
            next_idle: RacyPtr::null(),
            idle: RacyU32::new(0),
        }
    }

    /// The bin of a class.
    #[inline(always)]
    pub(crate) fn bin(&self, class: u8) -> &Bin {
        debug_assert!(usize::from(class) < CLASS_COUNT);
        // SAFETY: classes come from `spandrel-classes` or from the page map, and are below CLASS_COUNT.
        unsafe { self.bins.get_unchecked(usize::from(class)) }
    }

    #[inline(always)]
    fn class(&self, class: u8) -> &ClassCache {
        // SAFETY: as above.
        unsafe { self.classes.get_unchecked(usize::from(class)) }
    }

    /// The slow path of an allocation: the hot list is empty. Returns one object and leaves others on the
    /// hot list.
    pub(crate) fn refill(&self, class: u8, requested_bytes: usize) -> Found {
        debug_assert!(self.bin(class).head.get().is_null());
        let cache = self.class(class);
        self.settle(class);
        self.sample(class, requested_bytes);
        let Some(span) = self.span_with_objects(class) else {
            return Found::NONE;
        };
        let (found, rest) = if span.fresh.get() == span.used.get() {
            Self::carve(span)
        } else {
            let list = span.take_list();
            // SAFETY: the list has at least one object, and now it is ours.
            let rest = List { head: unsafe { object::next(list.head) }, objs: list.objs - 1 };
            (Found { object: list.head.cast(), zeroed: false }, rest)
        };
        if span.is_full() {
            self.let_go_of_full(span);
        }
        self.bin(class).head.set(rest.head);
        cache.hot_objs.set(rest.objs);
        cache.allocs.add(1);
        if rest.objs < HOT_OBJS[usize::from(class)] {
            self.grant(class);
        }
        found
    }

    /// The most frequent case of the slow path of a free: the hot list is known to be full, and the object
    /// goes into a span of this cache, which does not become wholly free. `false` if it is another case.
    #[inline(always)]
    pub(crate) fn free_overflow(&self, class: u8, object: *mut u8) -> bool {
        let cache = self.class(class);
        if self.bin(class).allocs.get() != 0 || cache.hot_objs.get() < HOT_OBJS[usize::from(class)] {
            return false;
        }
        // SAFETY: the object's class came from the page map or from the layout that it was allocated
        // with, so it lies in an arena.
        let Some(span) = (unsafe { page_map::span_at(object) }) else {
            return false;
        };
        if span.owner.get() != self.number.get() || span.used.get() <= 1 {
            return false;
        }
        cache.frees.add(1);
        span.push(object.cast());
        true
    }

    /// The slow path of a free: as many were pushed as had been granted.
    pub(crate) fn free(&self, class: u8, object: *mut u8) {
        let cache = self.class(class);
        self.settle(class);
        cache.frees.add(1);
        let hot_objs = cache.hot_objs.get();
        if hot_objs < HOT_OBJS[usize::from(class)] {
            let bin = self.bin(class);
            // SAFETY: the object was given back to this thread.
            unsafe { object::link(object.cast(), bin.head.get()) };
            bin.head.set(object.cast());
            cache.hot_objs.set(hot_objs + 1);
            self.grant(class);
        } else {
            self.free_to_span(object);
        }
    }

    /// Takes one object past the hot list, for `stats=exact`.
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
        self.class(class).allocs.add(1);
        found
    }

    /// Puts one object back past the hot list, for `stats=exact`.
    pub(crate) fn free_one(&self, class: u8, object: *mut u8) {
        self.class(class).frees.add(1);
        self.free_to_span(object);
    }

    /// Looks at the requested size of an allocation.
    pub(crate) fn sample(&self, class: u8, requested_bytes: usize) {
        let cache = self.class(class);
        cache.sampled_allocs.add(1);
        cache.sampled_bytes.add(requested_bytes as u64);
    }

    /// Brings the totals up to date, and takes back the frees that were granted.
    fn settle(&self, class: u8) {
        let (bin, cache) = (self.bin(class), self.class(class));
        let allocs = bin.allocs.get();
        let frees = cache.granted.get() - bin.frees_left.get();
        cache.allocs.add(allocs.into());
        cache.frees.add(frees.into());
        cache.hot_objs.set(cache.hot_objs.get().wrapping_add(frees).wrapping_sub(allocs));
        bin.allocs.set(0);
        bin.frees_left.set(0);
        cache.granted.set(0);
    }

    /// Allows a batch of frees onto the hot list. Given while the list is shorter than its cap, so that it
    /// never has more than twice the cap, and that a list about as long as its cap does not send every
    /// other free to the slow path.
    fn grant(&self, class: u8) {
        let frees = HOT_OBJS[usize::from(class)];
        self.class(class).granted.set(frees);
        self.bin(class).frees_left.set(frees);
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

    /// A span of the class that this cache owns and that has free or uncarved objects; it is on the
    /// list of partial spans.
    fn span_with_objects(&self, class: u8) -> Option<SpanRef> {
        let cache = self.class(class);
        // SAFETY: spans are type-stable.
        while let Some(span) = unsafe { cache.first.get().as_ref() } {
            if span.used.get() == 0 {
                self.spare_bytes.sub(span.bytes() as u32);
                return Some(span);
            }
            if !span.is_full() || span.collect() {
                return Some(span);
            }
            self.let_go_of_full(span);
        }
        if let Some(span) = central::take(class) {
            self.adopt(span);
            return Some(span);
        }
        self.fresh_span(class)
    }

    /// A span of fresh pages.
    fn fresh_span(&self, class: u8) -> Option<SpanRef> {
        let wanted = &WANTED[usize::from(class)];
        if wanted.load(Ordering::Relaxed) != self.number.get() {
            wanted.store(self.number.get(), Ordering::Relaxed);
        }
        let span = page_heap::alloc_span(class, page_heap::class_pages(class), 1)?;
        sizes::begin_span(span);
        self.adopt(span);
        record_file::notice();
        Some(span)
    }

    /// The owner of a span with no free object lets it go, unless others have freed some.
    fn let_go_of_full(&self, span: SpanRef) {
        debug_assert!(span.is_full());
        self.unlink(span);
        span.owner.set(0);
        if !span.remote.abandon() {
            span.collect();
            self.adopt(span);
            if span.used.get() == 0 {
                self.span_is_free(span);
            }
        }
    }

    /// Puts an object back into its span.
    fn free_to_span(&self, object: *mut u8) {
        // SAFETY: the object's class came from the page map or from the layout that it was allocated
        // with, so it lies in an arena.
        let Some(span) = (unsafe { page_map::span_at(object) }) else {
            die::foreign_pointer(object.addr());
        };
        if span.owner.get() != self.number.get() {
            // SAFETY: the object was given back to this thread.
            let freed = span.remote.free(object.cast(), |next| unsafe { object::link(object.cast(), next) });
            if freed == RemoteFree::Pushed {
                return;
            }
            if span.place.get() == place::CENTRAL {
                central::remove(span);
            }
            self.adopt(span);
            self.answer_wanted(span.class.get());
        }
        if span.used.get() == 0 {
            die::double_free(object.addr(), span.class.get());
        }
        if span.push(object.cast()) {
            self.span_is_free(span);
        }
    }

    /// A span of this cache has become wholly free: keep it for the next refill, or take it apart.
    fn span_is_free(&self, span: SpanRef) {
        let bytes = span.bytes() as u32;
        if self.spare_bytes.get() + bytes <= SPARE_SPAN_BYTES {
            self.spare_bytes.add(bytes);
            return;
        }
        self.unlink(span);
        sizes::end_span(span);
        page_heap::free_span(span);
    }

    /// Becomes the owner of a span on no list, which goes to the front of the partial ones.
    fn adopt(&self, span: SpanRef) {
        let cache = self.class(span.class.get());
        span.owner.set(self.number.get());
        span.place.set(place::CACHE);
        let first = cache.first.get();
        span.prev.set(null_mut());
        span.next.set(first);
        // SAFETY: spans are type-stable.
        match unsafe { first.as_ref() } {
            Some(first) => first.prev.set(from_ref(span).cast_mut()),
            None => cache.last.set(from_ref(span).cast_mut()),
        }
        cache.first.set(from_ref(span).cast_mut());
        cache.spans.add(1);
    }

    /// Takes a span off the list of partial ones.
    fn unlink(&self, span: SpanRef) {
        let cache = self.class(span.class.get());
        let (prev, next) = (span.prev.get(), span.next.get());
        // SAFETY: spans are type-stable.
        unsafe {
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => cache.first.set(next),
            }
            match next.as_ref() {
                Some(next) => next.prev.set(prev),
                None => cache.last.set(prev),
            }
        }
        cache.spans.sub(1);
        span.place.set(place::NONE);
    }

    /// If another thread had to take fresh pages while this one sits on many partial spans of the class,
    /// the oldest go to the central list.
    fn answer_wanted(&self, class: u8) {
        let cache = self.class(class);
        let wanted = WANTED[usize::from(class)].load(Ordering::Relaxed);
        if wanted == 0 || wanted == self.number.get() || cache.spans.get() <= HOARD_SPANS {
            return;
        }
        WANTED[usize::from(class)].store(0, Ordering::Relaxed);
        let spans = (cache.spans.get() - HOARD_SPANS).min(HAND_OVER_SPANS);
        for _ in 0..spans {
            // SAFETY: spans are type-stable; the list has more spans than this loop has rounds.
            self.give_up(unsafe { &*cache.last.get() });
        }
    }

    /// Gives a partial span to the central list, or to the page heap if it is wholly free.
    fn give_up(&self, span: SpanRef) {
        self.unlink(span);
        if span.used.get() == 0 {
            self.spare_bytes.sub(span.bytes() as u32);
            sizes::end_span(span);
            page_heap::free_span(span);
            return;
        }
        loop {
            if span.is_full() {
                span.owner.set(0);
                if span.remote.abandon() {
                    return;
                }
                span.owner.set(self.number.get());
            } else if central::give(span) {
                return;
            }
            // Others have freed objects. They go in front of the owner's list only if that is empty:
            // otherwise they are pushed one by one.
            self.collect_all(span);
            if span.used.get() == 0 {
                sizes::end_span(span);
                page_heap::free_span(span);
                return;
            }
        }
    }

    /// Moves what others have freed into the span's own list, which may hold objects.
    fn collect_all(&self, span: SpanRef) {
        let mut list = span.remote.collect();
        while !list.head.is_null() {
            // SAFETY: collecting made this thread the owner of the list's objects.
            let next = unsafe { object::next(list.head) };
            span.push(list.head);
            list.head = next;
        }
    }

    /// Gives back everything: hot lists to their spans, partial spans to the central list.
    pub(crate) fn flush(&self) {
        for class in 1..CLASS_COUNT as u8 {
            self.flush_class(class);
        }
        crate::large::flush(self);
    }

    fn flush_class(&self, class: u8) {
        let (bin, cache) = (self.bin(class), self.class(class));
        self.settle(class);
        let mut object = bin.head.get();
        bin.head.set(null_mut());
        cache.hot_objs.set(0);
        while !object.is_null() {
            // SAFETY: the hot list's objects belong to this cache.
            let next = unsafe { object::next(object) };
            self.free_to_span(object.cast());
            object = next;
        }
        // SAFETY: spans are type-stable.
        while let Some(span) = unsafe { cache.last.get().as_ref() } {
            self.give_up(span);
        }
    }

    /// In the child of a `fork`: other threads may have been pushing while memory was copied, and what
    /// they pushed can't be followed. A few objects are lost with the threads that freed them.
    pub(crate) fn drop_remote_frees(&self) {
        for cache in &self.classes {
            let mut next = cache.first.get();
            // SAFETY: spans are type-stable.
            while let Some(span) = unsafe { next.as_ref() } {
                span.remote.begin_owned();
                next = span.next.get();
            }
        }
    }

    /// Adds this cache's counters of a class to `stats`. May be called by any thread; what its owner does
    /// meanwhile may be counted in part.
    pub(crate) fn add_counts(&self, class: u8, stats: &mut crate::ClassStats) {
        let (bin, cache) = (self.bin(class), self.class(class));
        let bin_allocs = bin.allocs.get();
        let bin_frees = cache.granted.get().saturating_sub(bin.frees_left.get());
        stats.allocs += cache.allocs.get() + u64::from(bin_allocs);
        stats.frees += cache.frees.get() + u64::from(bin_frees);
        stats.hot_objs += u64::from((cache.hot_objs.get() + bin_frees).saturating_sub(bin_allocs));
        stats.sampled_allocs += cache.sampled_allocs.get();
        stats.sampled_bytes += cache.sampled_bytes.get();
    }
}

impl Bin {
    const fn empty() -> Self {
        Self { head: RacyPtr::null(), allocs: RacyU32::new(0), frees_left: RacyU32::new(0) }
    }
}

impl ClassCache {
    const fn empty() -> Self {
        Self {
            first: RacyPtr::null(),
            last: RacyPtr::null(),
            spans: RacyU32::new(0),
            hot_objs: RacyU32::new(0),
            granted: RacyU32::new(0),
            allocs: RacyU64::new(0),
            frees: RacyU64::new(0),
            sampled_allocs: RacyU64::new(0),
            sampled_bytes: RacyU64::new(0),
        }
    }
}

//! Spans of a thread cache: how they come, how they go, and who has them meanwhile.
//!
//! They come from the cache's own list, from the central list, or fresh from the page heap. They go when
//! they are full (to nobody), when they are wholly free and enough are kept (to the page heap), when another
//! thread wants memory of a class in which this one hoards (to the central list), and when the thread has
//! ended (all of them).
//!
//! A thread that frees what others have allocated becomes the owner of every full span that it frees into.
//! Were it to keep them, the memory of a garbage collector's sweepers, or of a consumer, would grow with all
//! that they ever freed while the producer takes fresh pages. So once it has enough of a class, and another
//! thread has had to take fresh pages, what it frees goes on to the central list, gathered span by span in
//! its outbox.

use core::ptr::{from_ref, null_mut};

use spandrel_classes::{CLASS_COUNT, CLASSES, object_bytes};
use spandrel_platform::sync::{AtomicU32, Ordering};

use crate::config::{
    HAND_OVER_SPANS, HOARD_ALL_SPANS, HOARD_SPANS_MIN, LONG_SPAN_AFTER, LONG_SPAN_OBJECT_BYTES,
    LONG_SPAN_PAGES_MAX, SPARE_SPAN_BYTES,
};
use crate::span::{NOBODY, SpanRef, place};
use crate::thread_cache::ThreadCache;
use crate::{caches, central, hardened, large, options, page_heap, parcel, record_file, sizes};

/// The number of a thread cache that had to take fresh pages for a class; 0: none since somebody answered.
static WANTED: [AtomicU32; CLASS_COUNT] = [const { AtomicU32::new(0) }; CLASS_COUNT];

/// How many partial spans of a class a thread may have while another one wants some.
fn hoard_spans() -> u32 {
    (HOARD_ALL_SPANS / caches::len().max(1)).max(HOARD_SPANS_MIN)
}

impl ThreadCache {
    /// A span of the class that this cache owns and that has free or uncarved objects; it is on the
    /// list of partial spans.
    pub(crate) fn span_with_objects(&self, class: u8) -> Option<SpanRef> {
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
        if let Some(span) = central::of_class(class).take() {
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
        let span = page_heap::alloc_span(class, self.span_pages(class), 1)?;
        if !sizes::begin_span(span) {
            page_heap::free_span(span);
            return None;
        }
        self.adopt(span);
        record_file::notice();
        Some(span)
    }

    /// The pages of the next fresh span. The more spans of a class a thread has taken, the longer they
    /// become: fewer lines of metadata to touch, fewer refills, and objects that follow each other over
    /// more pages.
    fn span_pages(&self, class: u8) -> usize {
        let cache = self.class(class);
        let pages = CLASSES[usize::from(class)].span_pages as usize;
        let taken = cache.fresh_spans.get();
        cache.fresh_spans.set(taken.saturating_add(1));
        if taken < LONG_SPAN_AFTER || object_bytes(class) > LONG_SPAN_OBJECT_BYTES || options::each() {
            return pages;
        }
        pages.max((2 << (taken / LONG_SPAN_AFTER).ilog2()).min(LONG_SPAN_PAGES_MAX))
    }

    /// The owner of a span with no free object lets it go, unless others have freed some.
    pub(crate) fn let_go_of_full(&self, span: SpanRef) {
        debug_assert!(span.is_full());
        self.unlink(span);
        span.owner.set(NOBODY);
        if !span.remote.abandon() {
            span.collect();
            self.adopt(span);
            if span.used.get() == 0 {
                self.span_is_free(span);
            }
        }
    }

    /// A span of this cache has become wholly free: keep it for the next refill, or take it apart.
    pub(crate) fn span_is_free(&self, span: SpanRef) {
        let bytes = span.bytes() as u32;
        if self.spare_bytes.get() + bytes <= SPARE_SPAN_BYTES {
            self.spare_bytes.add(bytes);
            if !hardened::watches(span) {
                span.restart();
            }
            return;
        }
        self.unlink(span);
        sizes::end_span(span);
        page_heap::free_span(span);
    }

    /// Becomes the owner of a span on no list, which goes to the front of the partial ones.
    pub(crate) fn adopt(&self, span: SpanRef) {
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
    pub(crate) fn answer_wanted(&self, class: u8) {
        let cache = self.class(class);
        let (spans, enough) = (cache.spans.get(), hoard_spans());
        if !self.is_wanted(class) || spans <= enough {
            return;
        }
        WANTED[usize::from(class)].store(0, Ordering::Relaxed);
        let spans = (spans - enough).min(HAND_OVER_SPANS);
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
        }
        self.pass_on(span);
    }

    /// Whether a span into which this thread frees is better left to others: it has enough partial spans of
    /// the class, and another thread had to take fresh pages.
    pub(crate) fn has_enough(&self, class: u8) -> bool {
        let spans = self.class(class).spans.get();
        // As `spans >= hoard_spans()`, without its division.
        self.is_wanted(class)
            && spans >= HOARD_SPANS_MIN
            && (spans + 1) * caches::len().max(1) > HOARD_ALL_SPANS
    }

    /// Whether another thread had to take fresh pages for the class.
    fn is_wanted(&self, class: u8) -> bool {
        let wanted = WANTED[usize::from(class)].load(Ordering::Relaxed);
        wanted != 0 && wanted != self.number.get()
    }

    /// Gives a span of this thread, on no list, to the central list, or to the page heap if it is wholly
    /// free.
    pub(crate) fn pass_on(&self, span: SpanRef) {
        while span.used.get() != 0 {
            if span.is_full() {
                span.owner.set(NOBODY);
                if span.remote.abandon() {
                    return;
                }
                span.owner.set(self.number.get());
            } else if central::of_class(span.class.get()).give(span) {
                return;
            }
            self.collect_all(span);
        }
        sizes::end_span(span);
        page_heap::free_span(span);
    }

    /// Moves what others have freed into the span's own list, which may hold objects; so the last of what
    /// came has to be known.
    fn collect_all(&self, span: SpanRef) {
        let list = span.collect_list();
        if list.objs > 0 {
            if hardened::append(span, list) {
                return;
            }
            // SAFETY: collecting made this thread the owner of the list's objects.
            span.push(unsafe { parcel::unpack(span, list) });
        }
    }

    /// Gives back everything: the lists to their spans, partial spans to the central list.
    pub(crate) fn flush(&self) {
        for class in 1..CLASS_COUNT as u8 {
            self.flush_class(class);
        }
        large::flush(self);
    }

    fn flush_class(&self, class: u8) {
        if options::hardened() {
            hardened::flush(self, class);
        } else {
            self.free_to_spans(class, self.take_hot(class));
        }
        self.send_off(class);
        let cache = self.class(class);
        cache.fresh_spans.set(0);
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
}

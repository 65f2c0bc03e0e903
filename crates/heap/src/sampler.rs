//! Taking a sample: the call stack, a record, and for small objects a place of its own.
//!
//! A sampled object of a size class lies in a span that holds nothing but sampled objects of that class, so
//! that a free recognises it by its address (`sampled_pages.rs`) and finds its record beside the span. The
//! record of a large object hangs on its span or in its header.
//!
//! The stack is walked before the profile's lock is taken. A thread that is sampling samples nothing more: a
//! signal handler that allocates in the middle gets an ordinary object, and a sampled object that it frees
//! waits in [`LATER`] until somebody has the lock anyway.

use core::ptr::{from_ref, null_mut};

use spandrel_classes::{CLASS_COUNT, object_bytes, object_index, size_class};
use spandrel_platform::lock::{Mutex, Rank};
use spandrel_platform::thread::now_ns;

use crate::config::{GUARDED_FRAMES, NAME_SAMPLES, STACK_FRAMES_MAX};
use crate::guarded::Guarded;
use crate::guarded_large::GuardedLarge;
use crate::later::Later;
use crate::object::{self, Object, Run};
use crate::profile::rows::{Key, Rows, Sample};
use crate::sampling::Drawn;
use crate::sampling_law::probability;
use crate::span::{Span, SpanRef};
use crate::thread_cache::{Found, ThreadCache};
use crate::trace::Traced;
use crate::{
    backtrace, caches, die, guarded, guarded_large, labels, meta, options, page_heap, probes, profile,
    sampled_pages, trace,
};

/// The rows, and the spans of sampled objects.
pub(crate) struct Profile {
    pub(crate) rows: Rows,
    /// The spans of each class that have room.
    spans: [*mut Span; CLASS_COUNT],
    /// Tables of records of spans that are gone, linked through their first words.
    unused_tables: [*mut u32; CLASS_COUNT],
    guarded: Guarded,
    guarded_large: GuardedLarge,
}

// SAFETY: the pointers are to spans and to metadata, which belong to the process.
unsafe impl Send for Profile {}

pub(crate) static PROFILE: Mutex<Profile> = Mutex::new(
    Rank::Profile,
    Profile {
        rows: Rows::EMPTY,
        spans: [null_mut(); CLASS_COUNT],
        unused_tables: [null_mut(); CLASS_COUNT],
        guarded: Guarded::NONE,
        guarded_large: GuardedLarge::NONE,
    },
);

/// Sampled objects that were freed while nobody could take the lock.
static LATER: Later = Later::new();

/// Samples an allocation of a size class that is due; nothing if it can't be, and then the next one is due.
#[cold]
#[inline(never)]
pub(crate) fn alloc(cache: &ThreadCache, class: u8, requested_bytes: usize) -> Found {
    let drawn = cache.take_sample(class);
    let wants_guard = guarded::wants(drawn.period, cache.random_bits());
    let object = sampling(cache, |taking| {
        let request = Request { bytes: requested_bytes, object_bytes: object_bytes(class), class, drawn };
        if wants_guard && let Some(object) = taking.enter_guarded(request) {
            return Some(object);
        }
        taking.enter(
            request,
            |profile| profile.span_with_room(class),
            |profile, span, record, _| profile.place(span, record),
        )
    });
    let Some(object) = object.flatten() else {
        cache.skip_sample(class);
        return Found::NONE;
    };
    profile::notice();
    cache.count_sampled(class, requested_bytes);
    if options::exact() {
        cache.exact_alloc_bytes[usize::from(class)].add(requested_bytes as u64);
    }
    Found { object, zeroed: false }
}

/// Samples a large object; the number of its record, 0 if it can't be.
#[cold]
#[inline(never)]
pub(crate) fn large(cache: &ThreadCache, object: *mut u8, request: Request) -> u32 {
    let mut taken = 0;
    sampling(cache, |taking| {
        taking.enter(
            request,
            |_| Some(object),
            |_, object, record, _| {
                taken = record;
                object
            },
        );
    });
    profile::notice();
    taken
}

/// Samples a large object that is to be guarded, in a place of its own; null if there is none.
#[cold]
#[inline(never)]
pub(crate) fn large_guarded(cache: &ThreadCache, request: Request, align: usize) -> *mut u8 {
    let object = sampling(cache, |taking| {
        taking.enter(
            request,
            |profile| profile.guarded_large.take(request.bytes, align),
            |profile, room, record, frames| profile.guarded_large.begin(room, record, frames),
        )
    });
    profile::notice();
    object.flatten().unwrap_or(null_mut())
}

/// Ends the record of a large object that is being freed.
#[cold]
#[inline(never)]
pub(crate) fn end_large(record: u32, object: *mut u8, bytes: usize) {
    probes::free(object.addr());
    caches::with((), |cache| {
        if trace::is_on() {
            trace::free(Traced { object: object.addr(), bytes, class: 0 }, cache);
        }
        // In a signal handler inside the sampler the record is lost, and the object counts as live.
        sampling(cache, |taking| {
            let mut profile = PROFILE.lock();
            profile.rows.end(record, taking.cache.thread.get(), taking.start_ns);
        });
    });
}

/// Frees a sampled object of a size class.
#[cold]
#[inline(never)]
pub(crate) fn free(span: SpanRef, pointer: *mut u8) {
    let object: *mut Object = pointer.cast();
    let offset = pointer.addr() - span.base().addr();
    let class = span.class.get();
    if !offset.is_multiple_of(object_bytes(class)) {
        die::interior_pointer(pointer.addr(), span.base().addr(), class);
    }
    probes::free(object.addr());
    let done = caches::with(None, |cache| {
        cache.note_free(class, || 0);
        if trace::is_on() {
            trace::free(Traced { object: object.addr(), bytes: object_bytes(class), class }, cache);
        }
        sampling(cache, |taking| {
            let mut profile = PROFILE.lock();
            profile.free_later_ones(taking);
            profile.free(taking, span, object);
        })
    });
    if done.is_none() {
        LATER.push(object);
    }
}

/// Frees a guarded object, as one of a class, 0 if that is not known; or says what is wrong with it.
#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) fn free_guarded(pointer: *mut u8, class: u8) {
    let own_class = guarded::class_of(pointer);
    let it = Traced { object: pointer.addr(), bytes: object_bytes(own_class), class: own_class };
    end_guarded(it, |profile, frames| profile.guarded.free(pointer, class, frames));
}

/// Frees a guarded large object, or says what is wrong with it.
#[cold]
#[inline(never)]
#[unsafe(link_section = "spandrel_entry")]
pub(crate) fn free_guarded_large(pointer: *mut u8) {
    let it = Traced { object: pointer.addr(), bytes: guarded_large::usable_bytes(pointer), class: 0 };
    end_guarded(it, |profile, frames| profile.guarded_large.free(pointer, frames));
}

/// Ends a guarded object by `end`, which gets the stack of the call and tells its record.
fn end_guarded(it: Traced, end: impl FnOnce(&mut Profile, &[usize]) -> u32) {
    probes::free(it.object);
    caches::with((), |cache| {
        if trace::is_on() {
            trace::free(it, cache);
        }
        // In a signal handler inside the sampler the object is lost.
        sampling(cache, |taking| {
            let mut frames = [0; GUARDED_FRAMES];
            let frames = backtrace::take(cache, &mut frames);
            let mut profile = PROFILE.lock();
            let record = end(&mut profile, frames);
            let requested_bytes = profile.rows.end(record, cache.thread.get(), taking.start_ns);
            drop(profile);
            cache.note_free(it.class, || it.bytes);
            if options::exact() && it.class != 0 {
                cache.exact_free_bytes[usize::from(it.class)].add(requested_bytes);
            }
        });
    });
}

/// Unmaps the addresses of guarded large objects that were freed.
#[cold]
pub(crate) fn flush_guarded(cache: &ThreadCache) {
    sampling(cache, |_| PROFILE.lock().guarded_large.flush());
}

/// Takes the lock and frees what has waited, for those that look at the profile.
pub(crate) fn lock_profile<R>(action: impl FnOnce(&mut Profile) -> R) -> Option<R> {
    caches::with(None, |cache| {
        sampling(cache, |taking| {
            let mut profile = PROFILE.lock();
            profile.free_later_ones(taking);
            action(&mut profile)
        })
    })
}

/// An allocation to sample.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    /// What was asked for, and what it gets.
    pub(crate) bytes: usize,
    pub(crate) object_bytes: usize,
    pub(crate) class: u8,
    pub(crate) drawn: Drawn,
}

/// A thread that takes a sample, and since when.
struct Taking<'a> {
    cache: &'a ThreadCache,
    start_ns: u64,
}

/// Runs `action` unless the thread is sampling already.
fn sampling<R>(cache: &ThreadCache, action: impl FnOnce(&Taking<'_>) -> R) -> Option<R> {
    if cache.is_sampling.get() != 0 {
        return None;
    }
    cache.is_sampling.set(1);
    spandrel_platform::sync::compiler_fence(spandrel_platform::sync::Ordering::SeqCst);
    let result = action(&Taking { cache, start_ns: now_ns() });
    spandrel_platform::sync::compiler_fence(spandrel_platform::sync::Ordering::SeqCst);
    cache.is_sampling.set(0);
    Some(result)
}

impl Taking<'_> {
    /// Walks the stack and enters the sample, if there is a `place` for the object, which `put` then gives it
    /// with its record. `None` if there is no room.
    fn enter<P>(
        &self,
        request: Request,
        place: impl FnOnce(&mut Profile) -> Option<P>,
        put: impl FnOnce(&mut Profile, P, u32, &[usize]) -> *mut u8,
    ) -> Option<*mut u8> {
        let mut frames = [0; STACK_FRAMES_MAX];
        let depth = options::stack_frames().min(STACK_FRAMES_MAX);
        let frames = backtrace::take(self.cache, &mut frames[..depth]);
        let probability = probability(request.object_bytes, request.drawn.period);
        let mut profile = PROFILE.lock();
        profile.free_later_ones(self);
        let key = Key {
            bytes: request.bytes as u64,
            object_bytes: request.object_bytes as u64,
            name: self.name(&mut profile.rows),
            labels: labels::current(),
            token: labels::current_token(),
        };
        let (thread, now) = (self.cache.thread.get(), self.start_ns);
        let sample = Sample { frames, key, probability, thread, now_ns: now };
        let result = match place(&mut profile) {
            Some(place) => match profile.rows.begin(&sample) {
                0 => None,
                record => Some(put(&mut profile, place, record, frames)),
            },
            None => {
                profile.rows.miss(&sample);
                None
            }
        };
        drop(profile);
        let object = result?;
        probes::alloc(object.addr(), request.bytes, request.bytes as f64 / probability);
        if trace::is_on() {
            let Request { object_bytes: bytes, class, .. } = request;
            let traced = Traced { object: object.addr(), bytes, class };
            trace::alloc(traced, request.bytes, self.cache, frames);
        }
        self.cache.keep_pace(self.start_ns, now_ns());
        Some(object)
    }

    /// The same, with a slot of its own for the object; `None` if there is none.
    fn enter_guarded(&self, request: Request) -> Option<*mut u8> {
        self.enter(
            request,
            |profile| profile.guarded.take(request.class, request.bytes),
            |profile, taken, record, frames| profile.guarded.begin(taken, record, frames),
        )
    }

    /// The thread's name.
    fn name(&self, rows: &mut Rows) -> u32 {
        let left = &self.cache.name_samples;
        if left.get() == 0 {
            left.set(NAME_SAMPLES);
            let mut name = [0; 16];
            self.cache.name.set(rows.texts.text(spandrel_platform::process::thread_name(&mut name)));
        }
        left.sub(1);
        self.cache.name.get()
    }
}

impl Profile {
    /// Takes an object of a span that has room, and notes its record.
    fn place(&mut self, span: SpanRef, record: u32) -> *mut u8 {
        let object = span.take_one();
        let object = if object.is_null() { span.carve(1).0 } else { object.cast() };
        if span.is_full() {
            self.unlink(span);
        }
        // SAFETY: the table has an entry for each object of the span, and the lock is held.
        unsafe { record_of(span, object).write(record) };
        object
    }

    fn span_with_room(&mut self, class: u8) -> Option<SpanRef> {
        // SAFETY: spans are type-stable.
        if let Some(span) = unsafe { self.spans[usize::from(class)].as_ref() } {
            return Some(span);
        }
        let table = self.table(class);
        if table.is_null() {
            return None;
        }
        let Some(span) = page_heap::alloc_sampled_span(class, size_class(class).span_pages as usize) else {
            self.give_table(class, table);
            return None;
        };
        span.sizes.set(table.cast());
        self.link(span);
        Some(span)
    }

    fn free_later_ones(&mut self, taking: &Taking<'_>) {
        let mut object = LATER.take_all();
        while !object.is_null() {
            // SAFETY: whoever takes the list owns its objects.
            let next = unsafe { object::next(object) };
            if let Some(span) = sampled_pages::span_of(object.cast()) {
                self.free(taking, span, object);
            }
            object = next;
        }
    }

    fn free(&mut self, taking: &Taking<'_>, span: SpanRef, object: *mut Object) {
        let class = span.class.get();
        // SAFETY: the caller has seen that the pointer is to an object of the span, and the lock is held.
        let record = unsafe { record_of(span, object.cast()).replace(0) };
        if record == 0 {
            die::double_free(object.addr(), class);
        }
        let requested_bytes = self.rows.end(record, taking.cache.thread.get(), taking.start_ns);
        if options::exact() {
            taking.cache.exact_free_bytes[usize::from(class)].add(requested_bytes);
        }
        let was_full = span.is_full();
        let left = span.push(Run::of_one(object));
        if was_full {
            self.link(span);
        }
        if left == 0 {
            self.unlink(span);
            self.give_table(class, span.sizes.get().cast());
            span.sizes.set(null_mut());
            page_heap::free_sampled_span(span);
        }
    }

    fn link(&mut self, span: SpanRef) {
        let first = &mut self.spans[usize::from(span.class.get())];
        span.prev.set(null_mut());
        span.next.set(*first);
        // SAFETY: spans are type-stable.
        if let Some(first) = unsafe { first.as_ref() } {
            first.prev.set(from_ref(span).cast_mut());
        }
        *first = from_ref(span).cast_mut();
    }

    fn unlink(&mut self, span: SpanRef) {
        let (prev, next) = (span.prev.get(), span.next.get());
        // SAFETY: spans are type-stable.
        unsafe {
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => self.spans[usize::from(span.class.get())] = next,
            }
            if let Some(next) = next.as_ref() {
                next.prev.set(prev);
            }
        }
    }

    /// A table of records for a span of a class, all 0; null if there is no memory.
    fn table(&mut self, class: u8) -> *mut u32 {
        let unused = self.unused_tables[usize::from(class)];
        if unused.is_null() {
            return meta::alloc_for_profile(table_bytes(class), align_of::<*mut u32>()).cast();
        }
        // SAFETY: an unused table holds the address of the next one in its first word, and nothing else.
        unsafe {
            self.unused_tables[usize::from(class)] = unused.cast::<*mut u32>().replace(null_mut());
        }
        unused
    }

    /// Takes back a table that is all 0.
    fn give_table(&mut self, class: u8, table: *mut u32) {
        // SAFETY: the table is aligned for a pointer and has room for one.
        unsafe { table.cast::<*mut u32>().write(self.unused_tables[usize::from(class)]) };
        self.unused_tables[usize::from(class)] = table;
    }
}

fn table_bytes(class: u8) -> usize {
    let objs = size_class(class).span_bytes() / object_bytes(class);
    (objs * size_of::<u32>()).next_multiple_of(align_of::<*mut u32>())
}

/// Where the record of an object is kept.
fn record_of(span: SpanRef, object: *mut u8) -> *mut u32 {
    let index = object_index(span.class.get(), object.addr() - span.base().addr());
    span.sizes.get().cast::<u32>().wrapping_add(index)
}

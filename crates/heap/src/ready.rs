//! Ready spans: freed a moment ago, and kept in the shape that the next span will have.
//!
//! A program that drops and rebuilds a structure frees spans and wants spans of the same few sizes again. To
//! enter each into the bitmaps, sum up its chunk, and search for it again costs more than all else that is
//! done for a span. So the short ones wait here, a stack for each number of pages, still taken as far as
//! the bitmaps know; this is the deferred coalescing of Lea's and Standish's allocators. They all go to the
//! bitmaps when a request would otherwise take memory that is not resident, and when the scavenger runs.

use core::ptr::{from_ref, null_mut};

use crate::config::READY_PAGES_MAX;
use crate::span::{Span, SpanRef};

/// The stacks, linked through the spans.
pub(crate) struct Ready {
    /// By the number of pages.
    first: [*mut Span; READY_PAGES_MAX + 1],
    pages: usize,
}

impl Ready {
    pub(crate) const EMPTY: Self = Self { first: [null_mut(); READY_PAGES_MAX + 1], pages: 0 };

    /// Pages of all of them.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    /// Adds a free span; `false` if it is too long.
    pub(crate) fn put(&mut self, span: SpanRef) -> bool {
        let pages = usize::from(span.pages.get());
        let Some(first) = self.first.get_mut(pages) else {
            return false;
        };
        span.next.set(*first);
        *first = from_ref(span).cast_mut();
        self.pages += pages;
        true
    }

    /// Takes the latest span of that many pages.
    pub(crate) fn take(&mut self, pages: usize) -> Option<SpanRef> {
        let first = self.first.get_mut(pages)?;
        // SAFETY: the stacks hold spans, which are type-stable.
        let span: SpanRef = unsafe { first.as_ref() }?;
        *first = span.next.get();
        self.pages -= pages;
        Some(span)
    }

    /// Takes any span.
    pub(crate) fn take_any(&mut self) -> Option<SpanRef> {
        let pages = self.first.iter().position(|first| !first.is_null())?;
        self.take(pages)
    }
}

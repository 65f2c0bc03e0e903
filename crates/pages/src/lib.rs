//! Page runs as arithmetic: which pages of an address space are free, and where the lowest run of n is.
//!
//! A page heap asks three things: *give me the lowest run of n free pages*, *take this run back*, and *which
//! free pages could the OS have back?* This crate answers them over page **numbers**. It maps nothing and
//! touches no page; even its own tables are lent by the caller through [`Storage`], so it can work inside
//! `malloc`, before there is any memory to be had. The form is that of Go's page allocator.
//!
//! # The nouns
//!
//! A **page** is 8 KiB of address space and known here by its number alone. It is in one of four states:
//!
//! ```text
//!              grow                    alloc, extend
//!    absent ---------> free, scavenged --------------> taken <---.
//!                            ^   (no memory behind it)   |       | alloc, extend, take_dirty
//!                            |                           | free  |
//!                            | give_scavenged            v       |
//!                            '------------------- taken  free, dirty
//!                                   (from take_dirty)    (memory still behind it)
//! ```
//!
//! *Absent* pages were never given to us by [`PageAlloc::grow`]; they look taken. Fresh pages count as
//! scavenged: either way the OS has yet to put memory behind them, and they read as zero.
//!
//! A **run** is a row of neighbouring pages, a [`Run`]. A **chunk** is 512 pages (4 MiB): two bitmaps, one
//! bit a page each, *allocated* and *scavenged*; the second is only ever set where the first is clear. Runs
//! cross chunks freely.
//!
//! A **summary** says three numbers about a stretch of pages: how many free pages it starts with, the longest
//! free run inside it, how many free pages it ends with. Summaries compose: those of two neighbours give the
//! summary of both, because a run across the border is one's end and the other's start. So they form a
//! **radix tree**, eight children a node, five levels:
//!
//! | level | one summary covers | children |
//! |---|---|---|
//! | 0 (root level) | 16 GiB, 2^21 pages | 8 of level 1 |
//! | 1 | 2 GiB | 8 of level 2 |
//! | 2 | 256 MiB | 8 of level 3 |
//! | 3 | 32 MiB | 8 of level 4 |
//! | 4 (leaves) | 4 MiB, one chunk | the chunk's bitmap |
//!
//! There is no single root: level 0 is an array, as long as the space needs, and is scanned in order.
//!
//! # First fit, lowest address first
//!
//! Taking always the lowest run that fits keeps the taken pages together at the bottom of the space, and lets
//! the top fall free in large runs, which is where [`PageAlloc::take_dirty`] looks first. The two directions
//! are one design.
//!
//! The search walks a level from left to right with one number in hand: how many free pages end right here.
//! If these and the next summary's start make n, the run crosses that border and is found without any bitmap.
//! If the next summary's longest run has n, the answer is inside it: descend. Eight summaries a level share a
//! cache line, so a search reads about five lines and one bitmap. Inside a chunk a run of n is found by
//! *shift-and doubling*: after `x &= x >> 1` a bit is left only where a run of two starts, after
//! `x &= x >> 2` of four, and so on; the lowest bit left is the answer.
//!
//! A **search hint** remembers a page below which nothing is free. Most calls end in the hint's own chunk and
//! never see the tree.
//!
//! # Cost
//!
//! For a run of n pages, in a space of r root summaries (one for 16 GiB):
//!
//! | operation | cost |
//! |---|---|
//! | `alloc`, `alloc_aligned` | O(1) if the run is in the hint's chunk, else O(r + 5 x 8); then marking |
//! | `extend` | O(n / 512) to look; then marking |
//! | `free`, `give_scavenged`, `grow` | marking |
//! | `take_dirty` | 16 words for each chunk passed over, once until a free there; then marking |
//! | counters | O(1); `largest_free_run` O(r) |
//!
//! *Marking* is O(n / 64) words of bitmaps, then a merge of eight summaries a level, upwards to the first
//! level where nothing changes.
//!
//! Nothing here allocates, locks, or recurses, and the stack need is a few hundred bytes. Misuse (a double
//! free, a run that was never grown) is caught by debug assertions only: the page heap knows its spans.
//!
//! # Example
//!
//! ```
//! use spandrel_pages::{Chunk, LEVELS, PageAlloc, Run, Storage, Summary};
//!
//! /// Room for one chunk.
//! struct Lent { chunk: Chunk, summaries: [[Summary; 1]; LEVELS] }
//!
//! impl Storage for Lent {
//!     fn chunks_max(&self) -> usize { 1 }
//!     fn chunk(&self, _: usize) -> &Chunk { &self.chunk }
//!     fn chunk_mut(&mut self, _: usize) -> &mut Chunk { &mut self.chunk }
//!     fn summaries(&self, level: usize) -> &[Summary] { &self.summaries[level] }
//!     fn summaries_mut(&mut self, level: usize) -> &mut [Summary] { &mut self.summaries[level] }
//! }
//!
//! let mut pages = PageAlloc::new(Lent { chunk: Chunk::ABSENT, summaries: [[Summary::NONE]; LEVELS] });
//! assert!(pages.alloc(1).is_none());
//!
//! pages.grow(Run { first: 0, pages: 512 });
//! let low = pages.alloc(3).unwrap();
//! assert_eq!((low.run, low.scavenged_pages), (Run { first: 0, pages: 3 }, 3));
//! let next = pages.alloc(10).unwrap().run;
//! assert_eq!(next.first, 3);
//!
//! pages.free(low.run); // free again, but dirty: the OS still has memory behind these three
//! assert_eq!((pages.free_pages(), pages.scavenged_pages()), (502, 499));
//! assert_eq!(pages.alloc(4).unwrap().run.first, 13); // three pages at the bottom are too few
//!
//! let dirty = pages.take_dirty(64, 1).unwrap(); // the caller tells the OS, without holding its lock
//! assert_eq!(dirty, low.run);
//! pages.give_scavenged(dirty);
//! assert_eq!(pages.free_pages(), pages.scavenged_pages());
//! ```

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod bitmap;
mod chunk;
mod page_alloc;
mod run;
mod scavenge;
mod storage;
mod summary;

#[cfg(test)]
mod lent;
#[cfg(test)]
mod model;
#[cfg(test)]
mod reference;

pub use chunk::{CHUNK_PAGES, Chunk};
pub use page_alloc::PageAlloc;
pub use run::{Run, Taken};
pub use storage::Storage;
pub use summary::{LEVELS, Summary, summaries_len};

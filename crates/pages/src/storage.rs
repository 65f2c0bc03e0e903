//! Where the tables live: memory that the caller lends.
//!
//! For a space of 2 TiB the leaves alone are 4 MiB and the chunks 64 MiB, nearly all of it never used. The
//! caller reserves address space and commits it as the heap grows; here it is only slices.

use crate::{Chunk, Summary};

/// The tables of a [`PageAlloc`](crate::PageAlloc), lent by its owner.
///
/// The same index must always give the same place, and nobody else may write there.
pub trait Storage {
    /// How many chunks of 512 pages the space can have. It does not change.
    fn chunks_max(&self) -> usize;

    /// The chunk of pages `512 * index ..`. Asked only for chunks that a run given to
    /// [`grow`](crate::PageAlloc::grow) touched, from the start of that call on.
    fn chunk(&self, index: usize) -> &Chunk;

    /// As [`chunk`](Storage::chunk), to write. What it holds before its first `grow` does not matter.
    fn chunk_mut(&mut self, index: usize) -> &mut Chunk;

    /// All summaries of `level`, from 0 (root level) to 4 (one a chunk); there are
    /// [`summaries_len`](crate::summaries_len) of them. All are [`Summary::NONE`] (all-zero memory will do)
    /// before the first `grow`.
    fn summaries(&self, level: usize) -> &[Summary];

    /// As [`summaries`](Storage::summaries), to write.
    fn summaries_mut(&mut self, level: usize) -> &mut [Summary];
}

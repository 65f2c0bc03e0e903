//! Tables in vectors, for tests: counts on being asked only for chunks that were announced.

use crate::{Chunk, LEVELS, Storage, Summary, summaries_len};

/// Lends tables of `chunks_max` chunks. A chunk exists once `announce` has been called for it.
#[derive(Clone, Debug)]
pub(crate) struct VecStorage {
    chunks: Vec<Option<Chunk>>,
    summaries: [Vec<Summary>; LEVELS],
}

impl VecStorage {
    pub(crate) fn new(chunks_max: usize) -> VecStorage {
        VecStorage {
            chunks: vec![None; chunks_max],
            summaries: core::array::from_fn(|level| vec![Summary::NONE; summaries_len(chunks_max, level)]),
        }
    }

    /// Makes a chunk exist, full of nonsense.
    pub(crate) fn announce(&mut self, index: usize) {
        self.chunks[index].get_or_insert_with(|| {
            let mut chunk = Chunk::ABSENT;
            chunk.release(3, 200, false);
            chunk.release(300, 100, true);
            chunk
        });
    }

    pub(crate) fn has(&self, index: usize) -> bool {
        self.chunks[index].is_some()
    }
}

impl Storage for VecStorage {
    fn chunks_max(&self) -> usize {
        self.chunks.len()
    }

    fn chunk(&self, index: usize) -> &Chunk {
        self.chunks[index].as_ref().expect("a chunk that was never announced")
    }

    fn chunk_mut(&mut self, index: usize) -> &mut Chunk {
        self.chunks[index].as_mut().expect("a chunk that was never announced")
    }

    fn summaries(&self, level: usize) -> &[Summary] {
        &self.summaries[level]
    }

    fn summaries_mut(&mut self, level: usize) -> &mut [Summary] {
        &mut self.summaries[level]
    }
}

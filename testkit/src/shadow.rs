//! The shadow heap: a second record of every live block, by which the allocator is checked.
//!
//! Each block is checked on its own by [`Block`]; the shadow knows them all, by address, and so sees two that
//! overlap *before* either is written to. The first fault ends the run with a panic that names the property,
//! the number of the operation and the seed. The shadow's own memory comes from the program's global
//! allocator, never from the subject (unless they are the same).

use std::collections::BTreeMap;

use crate::block::{Block, refuses};
use crate::fault::Fault;
use crate::subject::Subject;

/// Names a live block of a [`Shadow`]: its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(usize);

/// All live blocks of one run over one subject.
///
/// ```
/// use spandrel_testkit::{RustSubject, Shadow};
/// let subject = RustSubject(std::alloc::System);
/// let mut shadow = Shadow::new(&subject, "an example", 0);
/// let key = shadow.alloc(100, 16);
/// let key = shadow.realloc(key, 300);
/// assert_eq!(shadow.live_bytes(), 300);
/// shadow.free(key);
/// ```
pub struct Shadow<'s> {
    subject: &'s dyn Subject,
    property: &'static str,
    seed: u64,
    operations: u64,
    live_bytes: usize,
    blocks: BTreeMap<usize, Block<'s>>,
}

impl core::fmt::Debug for Shadow<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Shadow({}, {} operations, {} live)", self.property, self.operations, self.blocks.len())
    }
}

/// Every method panics on the first fault of the subject, with the property, the operation and the seed.
impl<'s> Shadow<'s> {
    /// An empty shadow for a run that tests `property`; `seed` is for messages and for the fill patterns.
    pub fn new(subject: &'s dyn Subject, property: &'static str, seed: u64) -> Self {
        Self { subject, property, seed, operations: 0, live_bytes: 0, blocks: BTreeMap::new() }
    }

    /// The subject of this run.
    pub fn subject(&self) -> &'s dyn Subject {
        self.subject
    }

    /// Requested bytes of all live blocks.
    pub fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Number of live blocks.
    pub fn live_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Allocates a block.
    pub fn alloc(&mut self, bytes: usize, align: usize) -> Key {
        let answer = Block::alloc_unfilled(self.subject, bytes, align);
        self.admit(answer)
    }

    /// Allocates a zeroed block.
    pub fn alloc_zeroed(&mut self, bytes: usize, align: usize) -> Key {
        let answer = Block::alloc_zeroed_unfilled(self.subject, bytes, align);
        self.admit(answer)
    }

    /// Resizes a block; its key may change.
    pub fn realloc(&mut self, key: Key, new_bytes: usize) -> Key {
        let answer = self.remove(key).realloc_unfilled(new_bytes);
        self.admit(answer)
    }

    /// Frees a block.
    pub fn free(&mut self, key: Key) {
        let answer = self.remove(key).free();
        self.expect(answer);
    }

    /// Frees all blocks, lowest address first.
    pub fn free_all(&mut self) {
        while let Some(&address) = self.blocks.keys().next() {
            self.free(Key(address));
        }
    }

    /// Checks the contents of a live block.
    pub fn verify(&mut self, key: Key) {
        let answer = self.blocks[&key.0].verify();
        self.expect(answer);
    }

    /// Checks the contents of all live blocks.
    pub fn verify_all(&mut self) {
        let answer = self.blocks.values().try_for_each(Block::verify);
        self.expect(answer);
    }

    /// Checks that the subject refuses an impossible request.
    pub fn refuses(&mut self, bytes: usize, align: usize) {
        let answer = refuses(self.subject, bytes, align);
        self.expect(answer);
    }

    /// Checks that the subject refuses to resize a block to an impossible size and leaves it as it was.
    pub fn refuses_realloc(&mut self, key: Key, bytes: usize) {
        let answer = self.blocks[&key.0].refuses_realloc(bytes);
        self.expect(answer);
    }

    fn remove(&mut self, key: Key) -> Block<'s> {
        let block = self.blocks.remove(&key.0).expect("a key names a live block");
        self.live_bytes -= block.bytes();
        block
    }

    /// Checks that a new block overlaps no live one, fills it and records it.
    fn admit(&mut self, answer: Result<Block<'s>, Fault>) -> Key {
        let mut block = self.expect(answer);
        let disjoint = self.disjoint(&block);
        if let Err(fault) = disjoint {
            self.fail(fault);
        }
        block.fill(self.seed ^ self.operations);
        self.live_bytes += block.bytes();
        let key = Key(block.address());
        self.blocks.insert(key.0, block);
        key
    }

    fn disjoint(&self, block: &Block<'s>) -> Result<(), Fault> {
        let below = self.blocks.range(..=block.address()).next_back();
        let above = self.blocks.range(block.address()..).next();
        for (_, other) in below.into_iter().chain(above) {
            if block.address() < end(other) && other.address() < end(block) {
                return Err(Fault::Overlap {
                    address: block.address(),
                    extent_bytes: block.extent_bytes(),
                    other_address: other.address(),
                    other_extent_bytes: other.extent_bytes(),
                });
            }
        }
        Ok(())
    }

    /// Counts an operation and ends the run if it failed.
    fn expect<T>(&mut self, answer: Result<T, Fault>) -> T {
        self.operations += 1;
        answer.unwrap_or_else(|fault| self.fail(fault))
    }

    fn fail(&self, fault: Fault) -> ! {
        let Self { property, operations, seed, .. } = self;
        panic!("{property}: operation {operations}, seed {seed:#x}: {fault}")
    }
}

/// The first address behind a block. Even a block of no bytes has an address of its own.
fn end(block: &Block<'_>) -> usize {
    block.address() + block.extent_bytes().max(1)
}

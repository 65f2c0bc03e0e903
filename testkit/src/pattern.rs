//! Fill patterns: what a block holds while its owner is not looking.
//!
//! A pattern is a seeded stamp of eight bytes followed by a slice of one fixed table of non-zero bytes,
//! started at a phase that the seed chooses. Two properties follow. Blocks with different seeds differ in
//! their first bytes, so a block handed out twice is noticed; and no byte is zero, so memory that should have
//! been cleared and was not is noticed as well. The table makes filling and checking a `memcpy` and a
//! `memcmp`: a whole block costs no more than a sparse stride over it, also in debug builds, hence blocks are
//! always checked whole. The table's period is prime, so no shift by a power of two, which is what a wrong
//! copy would show, maps a pattern to itself.

use core::mem::MaybeUninit;

use crate::random::Random;

/// Bytes after which the table repeats.
const PERIOD_BYTES: usize = 8191;

/// Bytes of the stamp at the start of a block.
const STAMP_BYTES: usize = 8;

/// Two periods, so that one period from any phase is contiguous.
static TABLE: [u8; 2 * PERIOD_BYTES] = table();

/// What memory must look like when it was promised to be zero.
static ZEROS: [u8; PERIOD_BYTES] = [0; PERIOD_BYTES];

const fn table() -> [u8; 2 * PERIOD_BYTES] {
    let mut table = [0; 2 * PERIOD_BYTES];
    let mut random = Random::new(0x5eed);
    let mut index = 0;
    while index < PERIOD_BYTES {
        table[index] = 1 + (random.next() % 255) as u8;
        table[index + PERIOD_BYTES] = table[index];
        index += 1;
    }
    table
}

/// The stamp of `seed`: no byte of it is zero.
fn stamp(seed: u64) -> [u8; STAMP_BYTES] {
    Random::new(seed).next().to_le_bytes().map(|byte| byte.max(1))
}

/// The table's bytes for a piece that starts `offset` bytes into a block, at most one period long.
fn piece(seed: u64, offset: usize, bytes: usize) -> &'static [u8] {
    let start = (seed as usize % PERIOD_BYTES + offset) % PERIOD_BYTES;
    &TABLE[start..start + bytes]
}

/// Fills `memory` with the pattern of `seed`.
pub(crate) fn fill(memory: &mut [MaybeUninit<u8>], seed: u64) {
    for (index, chunk) in memory.chunks_mut(PERIOD_BYTES).enumerate() {
        chunk.write_copy_of_slice(piece(seed, index * PERIOD_BYTES, chunk.len()));
    }
    let stamped_bytes = memory.len().min(STAMP_BYTES);
    memory[..stamped_bytes].write_copy_of_slice(&stamp(seed)[..stamped_bytes]);
}

/// The offset of the first byte of `memory` that is not as [`fill`] left it, if there is one.
///
/// A prefix of a filled block is filled too, so this also checks what `realloc` must preserve.
pub(crate) fn mismatch(memory: &[u8], seed: u64) -> Option<usize> {
    let (head, _) = memory.split_at(memory.len().min(STAMP_BYTES));
    if let Some(offset) = first_difference(head, &stamp(seed)[..head.len()]) {
        return Some(offset);
    }
    for (index, chunk) in memory.chunks(PERIOD_BYTES).enumerate() {
        let skip = if index == 0 { head.len() } else { 0 };
        let start = index * PERIOD_BYTES + skip;
        let expected = piece(seed, start, chunk.len() - skip);
        if let Some(offset) = first_difference(&chunk[skip..], expected) {
            return Some(start + offset);
        }
    }
    None
}

/// The offset of the first byte of `memory` that is not zero, if there is one.
pub(crate) fn first_nonzero(memory: &[u8]) -> Option<usize> {
    memory.chunks(PERIOD_BYTES).enumerate().find_map(|(index, chunk)| {
        first_difference(chunk, &ZEROS[..chunk.len()]).map(|offset| index * PERIOD_BYTES + offset)
    })
}

/// Compares whole slices first, as that is one `memcmp`, and looks for the place only when they differ.
fn first_difference(found: &[u8], expected: &[u8]) -> Option<usize> {
    if found == expected {
        return None;
    }
    found.iter().zip(expected).position(|(a, b)| a != b)
}

#[cfg(test)]
mod tests {
    use super::{fill, first_nonzero, mismatch};

    fn filled(bytes: usize, seed: u64) -> Vec<u8> {
        let mut memory = Vec::with_capacity(bytes);
        fill(&mut memory.spare_capacity_mut()[..bytes], seed);
        // SAFETY: `fill` has initialised the first `bytes` bytes, which the capacity covers.
        unsafe { memory.set_len(bytes) };
        memory
    }

    #[test]
    fn every_changed_byte_is_found_in_every_prefix() {
        for bytes in [1, 7, 8, 9, 100, 8190, 8191, 8192, 20_000] {
            let mut memory = filled(bytes, 42);
            assert_eq!(mismatch(&memory, 42), None);
            assert!(memory.iter().all(|&byte| byte != 0));
            for offset in [0, bytes / 2, bytes - 1] {
                memory[offset] ^= 0x10;
                assert_eq!(mismatch(&memory, 42), Some(offset));
                assert_eq!(mismatch(&memory[..offset], 42), None);
                memory[offset] ^= 0x10;
            }
        }
    }

    #[test]
    fn seeds_and_shifts_are_told_apart() {
        let memory = filled(40_000, 1);
        assert_eq!(mismatch(&memory, 2), Some(0));
        for shift in [8, 64, 4096, 8192, 16_384] {
            let mut moved = memory.clone();
            moved.copy_within(shift.., 0);
            assert!(mismatch(&moved, 1).is_some(), "a shift by {shift} goes unseen");
        }
    }

    #[test]
    fn one_dirty_byte_is_found_among_zeros() {
        let mut memory = vec![0; 20_000];
        assert_eq!(first_nonzero(&memory), None);
        memory[19_999] = 1;
        assert_eq!(first_nonzero(&memory), Some(19_999));
    }
}

//! The form of gzip around bytes that are not compressed: inside `malloc` there is no room for more.
//!
//! RFC 1952 for the frame, RFC 1951 section 3.2.4 for stored blocks.

/// Bytes of a stored block at most.
const BLOCK_BYTES: usize = u16::MAX as usize;

/// A table of the check sum of each byte, by the polynomial of RFC 1952 section 8.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xedb8_8320 ^ sum >> 1 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

fn check_sum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| TABLE[usize::from(byte ^ sum as u8)] ^ sum >> 8)
}

/// Hands the file with `bytes` in it to `out` piece by piece; `false` as soon as that is.
pub(crate) fn write(bytes: &[u8], mut out: impl FnMut(&[u8]) -> bool) -> bool {
    // Deflate, no name, no time, of no particular system.
    if !out(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]) {
        return false;
    }
    let blocks = bytes.len().div_ceil(BLOCK_BYTES).max(1);
    for index in 0..blocks {
        let block = &bytes[index * BLOCK_BYTES..bytes.len().min((index + 1) * BLOCK_BYTES)];
        let length = (block.len() as u16).to_le_bytes();
        let is_last = u8::from(index + 1 == blocks);
        if !out(&[is_last, length[0], length[1], !length[0], !length[1]]) || !out(block) {
            return false;
        }
    }
    out(&check_sum(bytes).to_le_bytes()) && out(&(bytes.len() as u32).to_le_bytes())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{check_sum, write};
    use std::vec::Vec;

    #[test]
    fn the_check_sum_of_the_standard() {
        assert_eq!(check_sum(b"123456789"), 0xcbf4_3926);
        assert_eq!(check_sum(b""), 0);
    }

    #[test]
    fn blocks_have_their_lengths() {
        for length in [0, 1, 65_535, 65_536, 200_000] {
            let bytes = std::vec![7; length];
            let mut file = Vec::new();
            assert!(write(&bytes, |piece| {
                file.extend_from_slice(piece);
                true
            }));
            let blocks = length.div_ceil(0xffff).max(1);
            assert_eq!(file.len(), 10 + 5 * blocks + length + 8);
            assert_eq!(file[file.len() - 4..], (length as u32).to_le_bytes());
        }
    }
}

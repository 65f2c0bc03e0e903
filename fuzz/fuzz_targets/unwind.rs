//! Any bytes as unwind tables: a rule or none, never a panic. The first eight bytes say where the list begins
//! and which address is looked for.
//!
//! `cargo +nightly fuzz run unwind`; put the sections `.eh_frame_hdr` and `.eh_frame` of a program into
//! `corpus/unwind` to begin with, with eight zeros in front.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spandrel_unwind::rules::Rule;
use spandrel_unwind::tables::{Segment, find_rule};

fuzz_target!(|bytes: &[u8]| {
    let Some((numbers, bytes)) = bytes.split_first_chunk::<8>() else { return };
    let number = |at: usize| {
        u32::from_le_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]) as usize
    };
    let address = 0x10_0000;
    let (header, pc) = (address + number(0), address + number(4));
    if let Some(rule) = find_rule(Segment { bytes, address }, header, pc) {
        assert!(rule.pack().is_none_or(|word| Rule::unpack(word) == Some(rule)));
    }
});

//! `cargo +nightly fuzz run heap corpus/heap seeds/heap`; see `spandrel_fuzzing::heap`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::heap(bytes));

//! `cargo +nightly fuzz run record corpus/record seeds/record`; see `spandrel_fuzzing::record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::record(bytes));

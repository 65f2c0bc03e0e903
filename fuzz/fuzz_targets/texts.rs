//! `cargo +nightly fuzz run texts corpus/texts seeds/texts`; see `spandrel_fuzzing::texts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::texts(bytes));

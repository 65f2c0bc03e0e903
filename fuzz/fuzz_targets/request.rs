//! `cargo +nightly fuzz run request corpus/request seeds/request`; see `spandrel_fuzzing::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::request(bytes));

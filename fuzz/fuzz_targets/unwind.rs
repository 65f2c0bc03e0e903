//! `cargo +nightly fuzz run unwind corpus/unwind seeds/unwind`; see `spandrel_fuzzing::unwind`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::unwind(bytes));

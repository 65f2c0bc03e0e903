//! `cargo +nightly fuzz run pages corpus/pages seeds/pages`; see `spandrel_fuzzing::pages`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::pages(bytes));

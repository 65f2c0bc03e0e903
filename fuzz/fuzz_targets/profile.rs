//! `cargo +nightly fuzz run profile corpus/profile seeds/profile`; see `spandrel_fuzzing::profile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::profile(bytes));

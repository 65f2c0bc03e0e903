//! `cargo +nightly fuzz run program corpus/program seeds/program`; see `spandrel_fuzzing::program`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spandrel_fuzzing::program(bytes));

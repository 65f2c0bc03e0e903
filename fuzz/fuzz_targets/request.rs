//! Any bytes as the start of an HTTP request: nothing panics, what is read lies inside, and more bytes never
//! turn an answer into another one.
//!
//! `cargo +nightly fuzz run request fuzz/seeds/request`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spandrel::serve::request::{Parsed, parse};

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    if let Parsed::Complete(request) = whole {
        assert!(request.head_bytes <= bytes.len());
        assert!(request.path.starts_with(b"/"));
        assert!(bytes[..request.head_bytes].ends_with(b"\n"));
        let _value = request.parameter(b"seconds");
        // The body is no part of it.
        assert_eq!(parse(&bytes[..request.head_bytes]), whole);
    }
    for len in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        match parse(&bytes[..len]) {
            Parsed::Partial => {}
            decided => assert_eq!(decided, whole),
        }
    }
});

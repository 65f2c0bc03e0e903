//! Tells the tests what is on this machine.

include!("../../testkit/machine.rs");

fn main() {
    tell_tests(&["gcc", "g++", "clang", "dwz", "pahole", "patch", "/usr/lib/debug/.build-id"]);
}

//! Tells the tests what is on this machine.

#[path = "../../testkit/machine.rs"]
mod machine;

fn main() {
    machine::tell_tests();
}

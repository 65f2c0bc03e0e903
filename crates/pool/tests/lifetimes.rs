//! No guard outlives its pool by safe code, and nothing in an arena outlives what freed it: programs that try
//! don't compile, each with the error that stands beside it.

#[test]
fn what_would_dangle_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

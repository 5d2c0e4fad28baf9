//! What must not compile does not: the gates of consent and marking are in the types.

#[test]
fn no_way_around_the_gates_compiles() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

//! What the derives refuse at compile time, with the messages that their users see.

#[test]
fn what_could_not_be_read_again_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}

//! What the macro accepts and how its refusals read.

#[test]
fn statements_compile_or_are_refused_readably() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/refused/*.rs");
}

#[cfg(feature = "testing")]
#[test]
fn what_is_no_test_of_tenants_is_refused_readably() {
    trybuild::TestCases::new().compile_fail("tests/ui/test/*.rs");
}

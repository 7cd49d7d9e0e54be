//! The guests' own tables of cases, through the component.

use counter::{Counter, CounterCommand, CounterEvent, CounterState};
use foldhost::NativeReducer;
use foldhost::testing::{Mismatch, assert_case, match_case};
use foldhost_sdk::testing::{Case, case};
use foldhost_test_support::component_reducer;
use order::Order;

use super::{both, panic_of};

#[test]
fn the_table_of_the_orders_rules_holds_natively_and_through_the_component() {
    let cases = order::cases();
    assert!(cases.len() > 40, "{}", cases.len());
    for reducer in both::<Order>("order") {
        cases.iter().for_each(|case| assert_case(&*reducer, case));
    }
}

/// A counter at 2 that is asked to count up by 3.
fn counted() -> Case<Counter> {
    case("a counter counts").given([CounterEvent::Incremented { by: 2 }]).when(CounterCommand::Increment { by: 3 })
}

#[test]
fn a_case_that_does_not_hold_natively_does_not_hold_through_the_component() {
    let counter = component_reducer("counter");
    let held = || counted().then_events([CounterEvent::Incremented { by: 3 }]).then_state(CounterState { value: 5 });
    held().run();
    assert_case(&counter, &held().then_effects([]).then_log([]));
    for (wrong, says) in [
        (held().then_events([CounterEvent::Incremented { by: 4 }]), "`/0/data/by`: 4 was expected, 3 came"),
        (held().then_no_events(), "expected: no events"),
        (held().then_rejected("nothing-to-add"), "expected: a rejection with the code `nothing-to-add`"),
        (held().then_state(CounterState { value: 4 }), "`/value`: 4 was expected, 5 came"),
        (held().then_effects([foldhost_sdk::Effect::delay(1)]), "expected: one effect"),
        (held().then_log([(foldhost_sdk::LogLevel::Info, "counted")]), "expected: one log line"),
    ] {
        assert!(wrong.check().is_err(), "natively: {says}");
        let mismatch = match_case(&counter, &wrong).unwrap_err().to_string();
        assert!(mismatch.contains(says), "{says}: {mismatch}");
    }
}

#[test]
fn a_case_that_fails_is_known_by_its_name_and_its_line_in_the_table() {
    let counter = NativeReducer::<Counter>::new();
    let wrong = counted().then_no_events();
    let (message, file) = panic_of(|| assert_case(&counter, &wrong));
    assert!(
        message.starts_with("a counter counts (tests/testing/cases.rs:") || message.contains("/cases.rs:"),
        "{message}"
    );
    assert!(file.ends_with("tests/testing/cases.rs"), "{file}");
}

#[test]
fn a_case_without_an_expectation_or_a_stream_does_not_pass() {
    let counter = NativeReducer::<Counter>::new();
    let Err(Mismatch::Given(reason)) = match_case(&counter, &counted()) else { panic!("it passed") };
    assert_eq!(reason, "the case expects nothing");
    let nowhere = case::<Counter>("nowhere").stream("counter").when(CounterCommand::Reset).then_no_events();
    let Err(Mismatch::Given(reason)) = match_case(&counter, &nowhere) else { panic!("it passed") };
    assert!(reason.contains("a stream id is category-id"), "{reason}");
}

//! Each expectation passes on what it expects and on nothing else, and says what came instead.

use counter::{Counter, CounterCommand, CounterEvent};
use foldhost::NativeReducer;
use foldhost::testing::{Mismatch, Outcome, Then, command, encode, scenario};
use foldhost_sdk::testing::given;
use foldhost_test_support::component_reducer;
use serde_json::{Value, json};

use super::{both, panic_of};

/// A counter at 2 that is asked to count up.
fn increment(reducer: &dyn foldhost::Reducer, by: impl Into<Value>) -> Outcome<'_> {
    let given = encode(&CounterEvent::Incremented { by: 2 });
    scenario(reducer).given([given]).when(command("Increment", json!({"by": by.into()})))
}

fn incremented(by: u64) -> Then {
    Then::events([("Incremented.v1", json!({"by": by}))])
}

/// Whether each of these holds.
fn expectations(outcome: &Outcome<'_>, holds: bool, expected: &[Then]) {
    for then in expected {
        let checked = outcome.check(then);
        assert_eq!(checked.is_ok(), holds, "{then:?} on {outcome:?}: {checked:?}");
    }
}

#[test]
fn events_are_compared_by_type_by_json_or_by_bytes() {
    for reducer in both::<Counter>("counter") {
        let outcome = increment(&*reducer, json!(3));
        let bytes = encode(&CounterEvent::Incremented { by: 3 });
        let state = |value| json!({"value": value});
        expectations(
            &outcome,
            true,
            &[
                incremented(3),
                Then::events(["Incremented.v1"]),
                Then::events([("Incremented.v1", bytes.data.clone())]),
                Then::events([bytes]),
                Then::State(state(5)),
                Then::StateContains(state(5)),
                Then::StateContains(json!({})),
            ],
        );
        expectations(
            &outcome,
            false,
            &[
                incremented(4),
                Then::events(["Reset.v1"]),
                Then::events(["Incremented.v1", "Incremented.v1"]),
                Then::events([("Incremented.v1", vec![4])]),
                Then::no_events(),
                Then::rejected("nothing-to-add"),
                Then::Malformed,
                Then::Fault(String::new()),
                Then::State(state(2)),
                Then::State(json!({})),
                Then::StateContains(json!({"value": 5, "name": null})),
            ],
        );
    }
}

#[test]
fn a_rejection_is_known_by_its_code_and_leaves_the_state_as_it_was() {
    for reducer in both::<Counter>("counter") {
        let outcome = increment(&*reducer, json!(0));
        expectations(&outcome, true, &[Then::rejected("nothing-to-add"), Then::State(json!({"value": 2}))]);
        let others = [Then::rejected("nothing"), Then::no_events(), Then::Malformed, Then::Fault(String::new())];
        expectations(&outcome, false, &others);
        assert!(outcome.events().is_empty() && outcome.decided().is_err());
    }
}

#[test]
fn a_command_that_cannot_be_read_is_malformed_and_not_rejected() {
    for reducer in both::<Counter>("counter") {
        let outcome = increment(&*reducer, json!("two"));
        expectations(&outcome, true, &[Then::Malformed]);
        expectations(&outcome, false, &[Then::rejected(""), Then::no_events(), Then::Fault(String::new())]);
    }
}

#[test]
fn no_events_is_an_answer_of_its_own() {
    for reducer in both::<Counter>("counter") {
        let outcome = scenario(&*reducer).when(command("Reset", json!({})));
        outcome.then_no_events().then_state(json!({"value": 0}));
        expectations(&outcome, false, &[Then::events(["Reset.v1"]), Then::rejected("nothing-to-add"), Then::Malformed]);
    }
}

#[test]
fn a_fault_is_known_by_what_is_said_of_it() {
    let hostile = component_reducer("hostile");
    let outcome = scenario(&hostile).when(command("Spin", json!({})));
    let fuel = Then::Fault("fuel in decide".into());
    expectations(&outcome, true, &[Then::Fault(String::new()), fuel, Then::State(json!({"applied": 0}))]);
    let others = [Then::Fault("memory".into()), Then::no_events(), Then::rejected(""), Then::Malformed];
    expectations(&outcome, false, &others);
    scenario(&hostile).when(command("Panic", json!({}))).then_fault("trapped in decide");
}

#[test]
fn a_list_in_a_state_is_compared_as_a_whole() {
    let order = NativeReducer::<order::Order>::new();
    let items = json!([{"sku": "A", "quantity": 1, "unit_price": 1}, {"sku": "B", "quantity": 2, "unit_price": 2}]);
    let outcome = scenario(&order).when(command("PlaceOrder", json!({"customer_id": "c", "items": items})));
    expectations(&outcome, true, &[Then::StateContains(json!({"items": [{"sku": "A"}, {"quantity": 2}]}))]);
    let others = [json!([{"sku": "A"}]), json!([{"sku": "A"}, {"sku": "B"}, {}]), json!([{"sku": "B"}, {"sku": "A"}])];
    expectations(&outcome, false, &others.map(|items| Then::StateContains(json!({"items": items}))));
}

#[test]
fn a_mismatch_names_the_field_and_shows_both_sides() {
    let counter = NativeReducer::<Counter>::new();
    let outcome = increment(&counter, json!(3));
    let Err(Mismatch::Outcome { expected, actual, difference }) = outcome.check(&incremented(4)) else {
        panic!("another answer")
    };
    assert_eq!((expected.as_str(), actual.as_str()), ("the event Incremented.v1", "the event Incremented.v1"));
    assert!(difference.contains("first difference at `/0/data/by`: 4 was expected, 3 came"), "{difference}");
    assert!(difference.contains("\n-      \"by\": 4\n+      \"by\": 3\n"), "{difference}");

    let missing = outcome.check(&Then::events(["Incremented.v1", "Reset.v1"])).unwrap_err().to_string();
    assert!(missing.starts_with("expected: the events Incremented.v1, Reset.v1\nactual:   the event Incremented.v1\n"));
    assert!(missing.contains("first difference at `/1`"), "{missing}");

    let rejected = outcome.check(&Then::rejected("nothing-to-add")).unwrap_err().to_string();
    assert_eq!(rejected, "expected: a rejection with the code `nothing-to-add`\nactual:   the event Incremented.v1");
}

#[test]
fn bytes_that_are_drawn_alike_are_shown_as_bytes() {
    let counter = NativeReducer::<Counter>::new();
    // 3 as three bytes instead of one: bincode reads both.
    let wide = increment(&counter, json!(3)).check(&Then::events([("Incremented.v1", vec![251, 3, 0])])).unwrap_err();
    assert!(wide.to_string().contains(r#"`/0/data/0`: "fb 03 00" was expected, "03" came"#), "{wide}");
}

/// An expectation, and what its panic has to say.
type Failing<'a> = (&'a dyn Fn() -> &'a Outcome<'a>, &'a str);

#[test]
fn each_failing_expectation_panics_in_the_line_of_the_test_with_the_scenario() {
    let counter = NativeReducer::<Counter>::new();
    let outcome = increment(&counter, json!(3));
    let failing: [Failing<'_>; 8] = [
        (&|| outcome.then_events([("Incremented.v1", json!({"by": 4}))]), "`/0/data/by`"),
        (&|| outcome.then_event_types(["Reset.v1"]), "`/0/event_type`"),
        (&|| outcome.then_no_events(), "expected: no events"),
        (&|| outcome.then_rejected("no"), "expected: a rejection with the code `no`"),
        (&|| outcome.then_malformed(), "expected: a command that cannot be read"),
        (&|| outcome.then_fault("fuel"), "expected: a fault of the reducer that says `fuel`"),
        (&|| outcome.then_state(json!({"value": 4})), "`/value`: 4 was expected, 5 came"),
        (&|| outcome.then_state_contains(json!({"value": 6})), "`/value`: 6 was expected, 5 came"),
    ];
    for (check, says) in failing {
        let (message, file) = panic_of(|| {
            check();
        });
        assert!(message.starts_with("counter-1, given the event Incremented.v1, when Increment\n"), "{message}");
        assert!(message.contains(says), "{message}");
        assert!(file.ends_with("tests/testing/outcomes.rs"), "{file}");
    }
    let (shown, _) = panic_of(|| {
        outcome.then_events([("Incremented.v1", json!({"by": 4}))]);
    });
    assert!(include_str!("../../docs/testing.md").contains(&shown), "docs/testing.md shows what is printed: {shown}");
    let (native, file) = panic_of(|| {
        let counted = given::<Counter>([CounterEvent::Incremented { by: 2 }]).when(CounterCommand::Increment { by: 3 });
        counted.then_events([CounterEvent::Incremented { by: 4 }]);
    });
    assert!(file.ends_with("tests/testing/outcomes.rs"), "{file}");
    assert!(include_str!("../../docs/testing.md").contains(&native), "docs/testing.md shows what is printed: {native}");
    outcome.then_events([("Incremented.v1", json!({"by": 3}))]).then_event_types(["Incremented.v1"]);
    outcome.then_state(json!({"value": 5})).then_state_contains(json!({"value": 5}));
    increment(&counter, json!(0)).then_rejected("nothing-to-add");
    increment(&counter, json!(-1)).then_malformed();
}

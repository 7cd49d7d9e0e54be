//! What came beside what was expected, on real components.

use foldhost::suite::{FieldDifference, Report, StepFailure, Suite, run};
use foldhost::suite::{RunOptions, SuiteError};
use foldhost::{ComponentReducer, GuestEngine, Limits, NativeReducer};
use foldhost_test_support::component_reducer;
use serde_json::{Value, json};

use crate::place::{Place, guest};

/// The failures of the first scenario's first step, on a counter that stands at 40.
fn failures(then: &str) -> Vec<StepFailure> {
    let report = counted(then);
    report.scenarios[0].steps[0].failures.clone()
}

fn counted(then: &str) -> Report {
    let text = format!(
        "scenarios:\n- name: it counts\n  given: [Incremented.v1: {{ by: 40 }}]\n  when: {{ Increment: {{ by: 2 }} }}\n  then: {then}\n"
    );
    Place::with(&text).run(&component_reducer("counter"))
}

/// The one field that differs.
fn field(then: &str) -> (String, Option<Value>, Option<Value>) {
    match failures(then).as_slice() {
        [StepFailure::Differs { fields, .. }] => match fields.as_slice() {
            [FieldDifference { path, expected, came }] => (path.clone(), expected.clone(), came.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_came_as_expected_passes() {
    for then in [
        "{ events: [Incremented.v1: { by: 2 }] }",
        "{ events: [Incremented.v1] }",
        "{ state: { value: 42 } }",
        "{ state_contains: { value: 42 }, effects: [], log: [] }",
        "{ events: [Incremented.v1], fuel_max: 1000000 }",
    ] {
        assert_eq!(failures(then), [], "{then}");
    }
}

#[test]
fn a_wrong_event_shows_each_field_that_differs() {
    let came = Some(json!(2));
    let path = |path: &str| path.to_owned();
    assert_eq!(
        field("{ events: [Incremented.v1: { by: 3 }] }"),
        (path("events[0].Incremented.v1.by"), Some(json!(3)), came.clone())
    );
    assert_eq!(field("{ events: [Incremented.v1: {}] }"), (path("events[0].Incremented.v1.by"), None, came));
    let whole = Some(json!({"Incremented.v1": {"by": 2}}));
    assert_eq!(field("{ events: [Reset.v1] }"), (path("events[0]"), Some(json!({"Reset.v1": null})), whole.clone()));
    assert_eq!(field("{ events: [] }"), (path("events[0]"), None, whole.clone()));
    assert_eq!(field("{ state: { value: 41 } }"), (path("state.value"), Some(json!(41)), Some(json!(42))));
    assert_eq!(field("{ state_contains: { total: 1 } }"), (path("state.total"), Some(json!(1)), None));
}

#[test]
fn another_kind_of_outcome_is_told_as_a_whole() {
    let (path, expected, came) = field("{ rejected: nothing-to-add }");
    assert_eq!((path.as_str(), expected), ("outcome", Some(json!({"rejected": "nothing-to-add"}))));
    assert_eq!(came, Some(json!({"events": [{"Incremented.v1": {"by": 2}}]})));
    assert_eq!(field("{ malformed: true }").1, Some(json!({"malformed": true})));
    assert_eq!(field("{ fault: fuel }").1, Some(json!({"fault": "fuel"})));
}

#[test]
fn a_then_that_asks_for_nothing_does_not_pass() {
    for then in ["{}", "", "{ fuel_max: 1000000 }", "{ state_contains: {} }"] {
        assert_eq!(failures(then), [StepFailure::NothingExpected], "{then:?}");
    }
}

/// The state after it is the one before it, so that a misspelt argument looked like a command that changes nothing.
#[test]
fn a_command_that_was_not_decided_does_not_pass_by_its_state() {
    for (reducer, when) in [("counter", "{ Increment: { bye: 2 } }"), ("hostile", "Panic")] {
        let state = if reducer == "counter" { "value" } else { "applied" };
        let text = format!("scenarios:\n- {{ name: a, when: {when}, then: {{ state_contains: {{ {state}: 0 }} }} }}\n");
        let report = Place::with(&text).run(&component_reducer(reducer));
        let failures = &report.scenarios[0].steps[0].failures;
        assert!(matches!(failures.as_slice(), [StepFailure::Differs { .. }]), "{reducer}: {failures:?}");
    }
}

#[test]
fn fuel_is_a_figure_that_does_not_vary_and_a_budget_holds_it() {
    let fuel = counted("{ events: [Incremented.v1] }").scenarios[0].steps[0].fuel.unwrap();
    assert!(fuel > 100, "{fuel}");
    // Another engine, and another history of the process.
    let engine = GuestEngine::new(&Limits::default()).unwrap();
    let other = ComponentReducer::load(&engine, &foldhost_test_support::component("counter")).unwrap();
    let place = Place::with(
        "scenarios:\n- name: it counts\n  given: [Incremented.v1: { by: 40 }]\n  when: { Increment: { by: 2 } }\n  then: { events: [Incremented.v1] }\n",
    );
    assert_eq!(place.run(&other).scenarios[0].fuel(), Some(fuel));

    assert_eq!(failures(&format!("{{ events: [Incremented.v1], fuel_max: {fuel} }}")), []);
    let fuel_max = fuel - 1;
    assert_eq!(
        failures(&format!("{{ events: [Incremented.v1], fuel_max: {fuel_max} }}")),
        [StepFailure::OverBudget { fuel, fuel_max }]
    );
}

#[test]
fn a_budget_needs_something_that_counts() {
    let native = NativeReducer::<counter::Counter>::new();
    let place = Place::with("scenarios:\n- { name: a, when: Reset, then: { events: [], fuel_max: 9 } }\n");
    let report = place.run(&native);
    assert_eq!(report.scenarios[0].steps[0].failures, [StepFailure::NothingCountsFuel]);
    assert_eq!(report.scenarios[0].fuel(), None);
}

#[test]
fn effects_and_log_lines_are_compared_field_by_field() {
    let effects = |delay: u64| {
        let then = format!("{{ events: [Fine.v1], effects: [{{ delay_ms: {delay}, reply_to: Ok }}], log: [] }}");
        let text = format!("scenarios:\n- name: it waits\n  when: AskEffect\n  then: {then}\n");
        Place::with(&text).run(&component_reducer("hostile")).scenarios[0].steps[0].failures.clone()
    };
    assert_eq!(effects(1), []);
    let field = FieldDifference { path: "effects[0].delay_ms".into(), expected: Some(json!(2)), came: Some(json!(1)) };
    assert_eq!(effects(2), [StepFailure::Differs { key: "effects", fields: vec![field] }]);
}

#[test]
fn steps_come_one_after_another_each_at_its_time() {
    let text = "
scenarios:
  - name: its way
    stream: order-7
    given_commands:
      - PlaceOrder: { customer_id: c-1, items: [{ sku: cup, quantity: 2, unit_price: 250 }] }
    steps:
      - at: 2026-01-01T13:00:00+01:00
        when: { ShipOrder: { tracking: 1Z } }
        then: { events: [OrderShipped.v1: { tracking: 1Z, shipped_at_ms: 1767268800000 }] }
      - at: 5
        when: { ShipOrder: { tracking: 1Z } }
        then: { rejected: already-shipped, state_contains: { order_id: '7', status: Shipped } }
";
    let report = Place::with(text).run(&component_reducer("order"));
    assert!(report.scenarios[0].passed(), "{:#?}", report.scenarios);
}

#[test]
fn a_step_without_a_time_comes_at_that_of_the_step_before_it() {
    let text = "
scenarios:
  - name: its way
    given_commands:
      - PlaceOrder: { customer_id: c-1, items: [{ sku: cup, quantity: 2, unit_price: 250 }] }
    at: 7
    steps:
      - when: { AddItem: { item: { sku: pot, quantity: 1, unit_price: 1500 } } }
        then: { state_contains: { status: Placed } }
      - at: 2026-01-02T08:00:00Z
        when: { AddItem: { item: { sku: pan, quantity: 1, unit_price: 1500 } } }
        then: { state_contains: { status: Placed } }
      - when: { ShipOrder: { tracking: 1Z } }
        then: { events: [OrderShipped.v1: { tracking: 1Z, shipped_at_ms: 1767340800000 }] }
";
    let place = Place::with(text);
    let times: Vec<_> = place.suite().unwrap().files[0].scenarios[0].steps.iter().map(|step| step.at_ms).collect();
    assert_eq!(times, [7, 1_767_340_800_000, 1_767_340_800_000]);
    let report = place.run(&component_reducer("order"));
    assert!(report.scenarios[0].passed(), "{:#?}", report.scenarios);
}

#[test]
fn a_fault_is_an_outcome_and_the_stream_goes_on_after_it() {
    let text = "
scenarios:
  - name: it fails and goes on
    steps:
      - { when: Ok, then: { events: [Fine.v1] } }
      - { when: Panic, then: { fault: after 1 events, state: { applied: 1 } } }
      - { when: Ok, then: { state: { applied: 2 } } }
  - name: a fault is not just any
    when: Panic
    then: { fault: stack overflow }
";
    let report = Place::with(text).run(&component_reducer("hostile"));
    assert!(report.scenarios[0].passed(), "{:#?}", report.scenarios[0]);
    assert!(!report.scenarios[1].passed());
}

#[test]
fn a_scenario_that_cannot_begin_says_why() {
    let broken = |given: &str| {
        let text = format!("scenarios:\n- name: a\n  {given}\n  when: Reset\n  then: {{ events: [] }}\n");
        let report = Place::with(&text).run(&component_reducer("counter"));
        assert!(!report.passed());
        report.scenarios[0].broken.clone().unwrap()
    };
    let reason = broken("given: [Incremented.v1: { by: two }]");
    assert!(reason.contains("the given Incremented.v1 in line 3 cannot be read"), "{reason}");
    let reason = broken("given_commands: [Increment: { by: 1 }, Increment: { by: 0 }]");
    assert!(reason.contains("given command 2 (Increment, line 3)") && reason.contains("nothing-to-add"), "{reason}");
}

#[test]
fn a_component_of_the_former_contract_runs_with_given_commands() {
    let bytes = std::fs::read(guest("../tests/components/order-contract-1.0.0.wasm")).unwrap();
    let engine = GuestEngine::new(&Limits::default()).unwrap();
    let former = ComponentReducer::load(&engine, &bytes).unwrap();
    let text = "
scenarios:
  - name: by commands
    given_commands:
      - PlaceOrder: { customer_id: c-1, items: [{ sku: cup, quantity: 2, unit_price: 250 }] }
    when: { ShipOrder: { tracking: 1Z } }
    then: { events: [OrderShipped.v1], state_contains: { total: 500 } }
  - name: by events
    given: [OrderShipped.v1: { tracking: 1Z, shipped_at_ms: 0 }]
    when: { ShipOrder: { tracking: 1Z } }
    then: { rejected: already-shipped }
";
    let report = Place::with(text).run(&former);
    assert!(report.scenarios[0].passed(), "{:#?}", report.scenarios[0]);
    let reason = report.scenarios[1].broken.as_deref().unwrap();
    assert!(reason.contains("contract 1.1.0") && reason.contains("given_commands"), "{reason}");
}

/// The mistakes of a suite that cannot be meant for the counter.
fn refused(text: &str) -> Vec<String> {
    match run(&component_reducer("counter"), &Place::with(text).suite().unwrap(), &RunOptions::default()) {
        Err(SuiteError::Mistakes(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_suite_for_another_reducer_is_refused_with_what_this_one_reads() {
    let mistakes = refused(
        "reducer: order\nscenarios:\n- name: a\n  stream: order-1\n  given: [Shipped.v1: {}]\n  when: Reset\n  then: { events: [Gone.v1] }\n",
    );
    let has = |text: &str| assert!(mistakes.iter().any(|mistake| mistake.contains(text)), "{text}: {mistakes:#?}");
    has("all.yaml:1:10: the file is for the reducer `order`, and this one is `counter`");
    has("all.yaml:5:11: the reducer reads no event type `Shipped.v1`; it reads Incremented.v1, Reset.v1");
    has("the reducer reads no event type `Gone.v1`");
    has("all.yaml:4:11: `order-1` is no stream of this reducer: write one as in `counter-7`");
}

#[test]
fn a_command_that_the_reducer_does_not_have_is_a_mistake() {
    for (rest, place) in [
        ("when: { Incremnt: { by: 2 } }", "all.yaml:3:9"),
        ("when: { Incremnt: { by: 2 } }\n  then: { rejected: nothing-to-add }", "all.yaml:3:9"),
        ("given_commands: [Incremnt: { by: 2 }]\n  when: Reset\n  then: { malformed: true }", "all.yaml:3:20"),
        ("steps: [{ when: Reset }, { when: Incremnt }]", "all.yaml:3:36"),
    ] {
        let mistakes = refused(&format!("scenarios:\n- name: a\n  {rest}\n"));
        let [mistake] = mistakes.as_slice() else { panic!("{mistakes:#?}") };
        let told = format!("{place}: the reducer has no command `Incremnt`; it has Increment, Reset");
        assert!(mistake.contains(&told), "{mistake}");
    }
    // Unless that is what the scenario says.
    let text = "scenarios:\n- name: a\n  when: { Incremnt: { by: 2 } }\n  then: { malformed: true }\n";
    assert_eq!(Place::with(text).run(&component_reducer("counter")).failed(), 0);
}

#[test]
fn the_scenarios_of_the_guests_pass() {
    for name in ["order", "counter"] {
        let suite = Suite::read(&guest(name).join("scenarios")).unwrap();
        let options = RunOptions { seed: 7, sequences: 20, golden_required: true, filter: None };
        let report = run(&component_reducer(name), &suite, &options).unwrap();
        assert!(report.passed(), "{report:#?}");
    }
}

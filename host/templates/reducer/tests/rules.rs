//! The rules, natively: given what happened, when a command comes, then this happens.

use foldhost_sdk::testing::{given, golden};

use {{package}}::{{Name}}Command::{Add, Close, Open};
use {{package}}::{{Name}}Event::{ {{Name}}AmountAdded, {{Name}}Closed, {{Name}}Opened};
use {{package}}::{ {{Reducer}}, {{Name}}State, {{Name}}Status};

/// Noon on 1 January 2026, in milliseconds: the time in every test that names no other.
const NOON_MS: i64 = 1_767_268_800_000;

fn state(total: u64, status: {{Name}}Status) -> {{Name}}State {
    {{Name}}State { title: "first".into(), total, status }
}

fn opened() -> {{package}}::{{Name}}Event {
    {{Name}}Opened { title: "first".into(), opened_at_ms: NOON_MS }
}

#[test]
fn a_title_opens_it() {
    given::<{{Reducer}}>([])
        .when(Open { title: "first".into() })
        .then_events([opened()])
        .then_state(state(0, {{Name}}Status::Open));
}

#[test]
fn without_a_title_it_is_not_opened() {
    given::<{{Reducer}}>([]).when(Open { title: "  ".into() }).then_rejected("missing-title");
}

#[test]
fn it_is_opened_once() {
    given::<{{Reducer}}>([opened()]).when(Open { title: "second".into() }).then_rejected("already-opened");
}

#[test]
fn amounts_add_up() {
    given::<{{Reducer}}>([opened(), {{Name}}AmountAdded { amount: 250 }])
        .when(Add { amount: 50 })
        .then_events([{{Name}}AmountAdded { amount: 50 }])
        .then_state(state(300, {{Name}}Status::Open));
}

#[test]
fn an_amount_of_nothing_is_rejected() {
    given::<{{Reducer}}>([opened()]).when(Add { amount: 0 }).then_rejected("nothing-to-add");
}

#[test]
fn a_total_beyond_the_largest_number_is_rejected() {
    given::<{{Reducer}}>([opened(), {{Name}}AmountAdded { amount: u64::MAX }])
        .when(Add { amount: 1 })
        .then_rejected("total-too-large");
}

#[test]
fn nothing_is_added_before_it_is_opened_and_after_it_is_closed() {
    given::<{{Reducer}}>([]).when(Add { amount: 1 }).then_rejected("not-open");
    given::<{{Reducer}}>([opened(), {{Name}}Closed { closed_at_ms: NOON_MS }])
        .when(Add { amount: 1 })
        .then_rejected("not-open");
}

#[test]
fn closing_it_twice_changes_nothing_more() {
    given::<{{Reducer}}>([opened()]).when(Close).then_events([{{Name}}Closed { closed_at_ms: NOON_MS }]);
    given::<{{Reducer}}>([opened(), {{Name}}Closed { closed_at_ms: NOON_MS }]).when(Close).then_nothing();
}

// What is recorded has to be read for good. `foldhost test --bless` adds to the files under golden/.
#[test]
fn recorded_events_are_read_as_they_always_were() {
    golden::check::<{{Reducer}}>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

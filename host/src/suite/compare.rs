//! What came beside what was expected.

use foldhost_sdk::testing::exact_value;
use serde_json::{Map, Value, json};

use super::difference::differences;
use super::report::{Came, FieldDifference, StepFailure};
use super::scenario::{Expected, ExpectedOutcome};
use crate::reducer::{DecideError, Decision};
use crate::testing::effect_json;
use crate::testing::laws::Decided;
use crate::testing::mismatch::pruned;
use crate::{Reducer, SerializedEvent};

/// Draws what a command came to.
pub(super) fn came(reducer: &dyn Reducer, decided: &Decided, state: Value) -> Came {
    let (outcome, told) = match decided {
        Ok(Decision { events, .. }) => (json!({ "events": draw(reducer, events) }), listed(events)),
        Err(DecideError::Rejected(no)) => {
            (json!({ "rejected": no.code }), format!("the rejection `{}`: {}", no.code, no.message))
        }
        Err(DecideError::Malformed(reason)) => {
            (json!({ "malformed": true }), format!("a command that cannot be read: {reason}"))
        }
        Err(DecideError::Fault(fault)) => {
            (json!({ "fault": fault.to_string() }), format!("a fault of the reducer: {fault}"))
        }
    };
    let (effects, log) = match decided {
        Ok(Decision { effects, log, .. }) => (
            effects.iter().map(effect_json).collect(),
            log.iter().map(|(level, text)| json!({ level.as_str().to_lowercase(): text })).collect(),
        ),
        Err(_) => (json!([]), json!([])),
    };
    Came { outcome, told, effects, log, state }
}

fn listed(events: &[SerializedEvent]) -> String {
    match events {
        [] => "no events".to_owned(),
        [one] => format!("the event {}", one.event_type),
        several => {
            let types: Vec<_> = several.iter().map(|event| event.event_type.as_str()).collect();
            format!("the events {}", types.join(", "))
        }
    }
}

/// Each event as `{TYPE: FIELDS}`.
fn draw(reducer: &dyn Reducer, events: &[SerializedEvent]) -> Vec<Value> {
    let asked: Vec<_> = events.iter().map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
    let answers = reducer.events_json(&asked).unwrap_or_default();
    let fields = |place: usize| match answers.get(place) {
        Some(Ok(json)) => exact_value(json).unwrap_or_else(|_| Value::String(json.clone())),
        Some(Err(reason)) => Value::String(format!("(it cannot be drawn: {reason})")),
        None => Value::String("(it cannot be drawn)".to_owned()),
    };
    events.iter().enumerate().map(|(place, event)| json!({ event.event_type.as_str(): fields(place) })).collect()
}

/// Everything in which a step did not come out as expected.
pub(super) fn compare(expected: Option<&Expected>, came: &Came, fuel: Option<u64>) -> Vec<StepFailure> {
    let Some(expected) = expected else { return vec![StepFailure::NothingExpected] };
    let mut failures = Vec::new();
    let mut differs = |key: &'static str, fields: Vec<FieldDifference>| {
        if !fields.is_empty() {
            failures.push(StepFailure::Differs { key, fields });
        }
    };
    if let Some(outcome) = &expected.outcome {
        differs(outcome.key(), compare_outcome(outcome, came));
    } else if let Some(key) = ["malformed", "fault"].into_iter().find(|key| came.outcome.get(key).is_some()) {
        // Whoever looks at the state alone takes for granted that the command was decided: a misspelt argument would pass.
        differs(key, differs_whole(json!("a decision: events, or a rejection"), &came.outcome));
    }
    if let Some(effects) = &expected.effects {
        differs("effects", differences("effects", effects, &came.effects));
    }
    if let Some(log) = &expected.log {
        differs("log", differences("log", log, &came.log));
    }
    if let Some(state) = &expected.state {
        differs("state", differences("state", state, &came.state));
    }
    if let Some(fields) = &expected.state_contains {
        differs("state_contains", differences("state", fields, &pruned(&came.state, fields)));
    }
    if expected.is_nothing() {
        failures.push(StepFailure::NothingExpected);
    }
    match (expected.fuel_max, fuel) {
        (Some(fuel_max), Some(fuel)) if fuel > fuel_max => failures.push(StepFailure::OverBudget { fuel, fuel_max }),
        (Some(_), None) => failures.push(StepFailure::NothingCountsFuel),
        _ => {}
    }
    failures
}

fn compare_outcome(expected: &ExpectedOutcome, came: &Came) -> Vec<FieldDifference> {
    match expected {
        ExpectedOutcome::Events(events) => match came.outcome.get("events").and_then(Value::as_array) {
            Some(came) => compare_events(events, came),
            None => differs_whole(json!({ "events": events_json(events, &[]) }), &came.outcome),
        },
        ExpectedOutcome::Fault(text) => match came.outcome.get("fault").and_then(Value::as_str) {
            Some(fault) if fault.contains(text) => Vec::new(),
            Some(fault) => differences("fault", &json!(text), &json!(fault)),
            None => differs_whole(json!({ "fault": text }), &came.outcome),
        },
        ExpectedOutcome::Rejected(code) => match came.outcome.get("rejected") {
            Some(rejected) => differences("rejected", &json!(code), rejected),
            None => differs_whole(json!({ "rejected": code }), &came.outcome),
        },
        ExpectedOutcome::Malformed if came.outcome.get("malformed").is_some() => Vec::new(),
        ExpectedOutcome::Malformed => differs_whole(json!({ "malformed": true }), &came.outcome),
    }
}

fn differs_whole(expected: Value, came: &Value) -> Vec<FieldDifference> {
    vec![FieldDifference { path: "outcome".to_owned(), expected: Some(expected), came: Some(came.clone()) }]
}

/// Event by event: of another type it is another event, and comparing their fields tells nothing.
fn compare_events(expected: &[(String, Option<Value>)], came: &[Value]) -> Vec<FieldDifference> {
    let expected = events_json(expected, came);
    let type_of =
        |event: Option<&Value>| event.and_then(Value::as_object).and_then(|event| event.keys().next().cloned());
    let places = 0..expected.len().max(came.len());
    let found = places.flat_map(|place| {
        let (left, right) = (expected.get(place), came.get(place));
        let path = format!("events[{place}]");
        match (left, right) {
            (Some(left), Some(right)) if type_of(Some(left)) == type_of(Some(right)) => differences(&path, left, right),
            _ => vec![FieldDifference { path, expected: left.cloned(), came: right.cloned() }],
        }
    });
    found.collect()
}

/// Expected events, drawn; one that leaves its fields open has those of the event that came in its place.
fn events_json(expected: &[(String, Option<Value>)], came: &[Value]) -> Vec<Value> {
    let drawn = expected.iter().enumerate().map(|(place, (event_type, fields))| {
        let open = || came.get(place).and_then(|event| event.get(event_type)).cloned();
        let fields = fields.clone().or_else(open).unwrap_or(Value::Null);
        Value::Object(Map::from_iter([(event_type.clone(), fields)]))
    });
    drawn.collect()
}

impl ExpectedOutcome {
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Events(_) => "events",
            Self::Rejected(_) => "rejected",
            Self::Malformed => "malformed",
            Self::Fault(_) => "fault",
        }
    }
}

impl Expected {
    /// A `then` that asks for nothing passes whatever comes: somebody has not written it yet.
    fn is_nothing(&self) -> bool {
        let Self { outcome, effects, log, state, state_contains, fuel_max: _ } = self;
        // Of a state that is to contain nothing, nothing is asked either.
        let asks = |fields: &Value| fields.as_object().is_none_or(|fields| !fields.is_empty());
        let asks_of_state = state.is_some() || state_contains.as_ref().is_some_and(asks);
        outcome.is_none() && effects.is_none() && log.is_none() && !asks_of_state
    }
}

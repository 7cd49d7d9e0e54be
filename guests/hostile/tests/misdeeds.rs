//! The misdeeds that a native test survives. The others are for the host's containment tests.

#![allow(clippy::unwrap_used)]

use foldhost_sdk::{Context, EncodedEvent, Event as _, Fold, Payload};
use hostile::{Hostile, HostileEvent};

fn events_of(name: &str, json: &str) -> Vec<EncodedEvent> {
    let fold = Fold::<Hostile>::new("hostile-1");
    fold.decide(name, Payload::Json(json), &Context::for_test("hostile-1")).unwrap().events
}

#[test]
fn it_can_behave() {
    assert_eq!(events_of("Ok", ""), [EncodedEvent { event_type: "Fine.v1", data: vec![] }]);
}

#[test]
fn it_emits_an_event_whose_type_it_does_not_declare() {
    let event_type = events_of("LieAboutType", "{}")[0].event_type;
    assert!(!HostileEvent::EVENT_TYPES.contains(&event_type));
}

#[test]
fn it_emits_an_event_type_with_a_control_character() {
    assert!(events_of("PoisonType", "{}")[0].event_type.chars().any(char::is_control));
}

#[test]
fn it_emits_as_much_as_it_is_told_to() {
    assert_eq!(events_of("HugeEvent", r#"{"bytes": 5000}"#)[0].data.len(), 5000);
    assert_eq!(events_of("ManyEvents", r#"{"count": 300}"#).len(), 300);
}

#[test]
fn it_asks_for_a_timer_that_comes_back_as_a_command() {
    let fold = Fold::<Hostile>::new("hostile-1");
    let decision = fold.decide("AskEffect", Payload::Json("{}"), &Context::for_test("hostile-1")).unwrap();
    assert_eq!(decision.effects.len(), 1);
    assert_eq!(decision.effects[0].reply_to.as_deref(), Some("Ok"));
}

#[test]
#[should_panic(expected = "as commanded")]
fn it_panics_in_decide() {
    events_of("Panic", "{}");
}

#[test]
#[should_panic(expected = "cannot be applied")]
fn it_panics_in_apply() {
    let poison = &events_of("PoisonApply", "{}")[0];
    let mut fold = Fold::<Hostile>::new("hostile-1");
    let _ = fold.apply_packed(1, &[poison.event_type.to_owned()], &[0], &[0], &poison.data);
}

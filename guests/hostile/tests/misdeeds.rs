//! The misdeeds that a native test survives. The others are for the host's containment tests.

#![allow(clippy::unwrap_used)]

use foldhost_sdk::{Context, EncodedEvent, Event as _, Fold, Payload};
use hostile::{Act, Call, Hostile, HostileEvent, How, Lie, Misdeed, Place, Text};

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

#[test]
fn every_misdeed_has_a_text_of_its_own_that_orders_it() {
    let words = |all: &mut dyn Iterator<Item = &'static str>| all.collect::<Vec<_>>();
    let (acts, lies) =
        (words(&mut Act::ALL.iter().map(|act| act.name())), words(&mut Lie::ALL.iter().map(|lie| lie.name())));
    for call in Call::ALL {
        for how in acts.iter().chain(&lies) {
            let misdeed: Misdeed = format!("{} {how}", call.name()).parse().unwrap();
            assert_eq!(misdeed.call, *call);
            let name = match misdeed.how {
                How::Act(act) => act.name(),
                How::Lie(lie) => lie.name(),
                How::Text(..) => panic!("{how} is a text"),
            };
            assert_eq!(name, *how);
        }
        for (place, text) in Place::ALL.iter().flat_map(|place| Text::ALL.iter().map(move |text| (*place, *text))) {
            let misdeed: Misdeed = format!("{} {} {}", call.name(), place.name(), text.name()).parse().unwrap();
            assert_eq!(misdeed, Misdeed { call: *call, how: How::Text(place, text) });
        }
    }
    for none in ["", "spin", "decide", "decide nothing", "decide log", "decide log spin", "decide spin spin spin"] {
        assert!(none.parse::<Misdeed>().is_err(), "{none}");
    }
}

#[test]
fn a_stream_s_id_orders_a_misdeed_and_ends_as_it_likes() {
    let spin = Misdeed { call: Call::Constructor, how: How::Act(Act::Spin) };
    assert_eq!(Misdeed::of_stream("hostile-constructor.spin"), Some(spin));
    assert_eq!(Misdeed::of_stream("hostile-constructor.spin.17"), Some(spin));
    let huge = Misdeed { call: Call::Restore, how: How::Text(Place::Refusal, Text::Huge) };
    assert_eq!(Misdeed::of_stream("hostile-restore.refuse.huge"), Some(huge));
    assert_eq!(Misdeed::of_stream("hostile-restore.refuse.huge.1"), Some(huge));
    for none in ["hostile-1", "hostile-constructor", "order-constructor.spin", "hostile-neighbour.spin"] {
        assert_eq!(Misdeed::of_stream(none), None, "{none}");
    }
}

#[test]
fn it_records_what_is_a_misdeed_and_nothing_else() {
    assert_eq!(events_of("Record", r#"{"misdeed":"apply spin"}"#)[0].data, b"apply spin");
    let fold = Fold::<Hostile>::new("hostile-1");
    let refused = fold.decide("Record", Payload::Json(r#"{"misdeed":"dance"}"#), &Context::for_test("hostile-1"));
    assert!(refused.unwrap_err().to_string().contains("no such misdeed: dance"));
}

#[test]
fn it_counts_in_a_static() {
    let counts = [(); 2].map(|()| events_of("CountInStatic", "{}").len());
    assert_eq!(counts[1], counts[0] + 1);
}

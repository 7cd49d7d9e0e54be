//! Effects and log lines as expectations.

use foldhost::NativeReducer;
use foldhost::testing::{Outcome, Then, assert_case, command, effect_json, scenario};
use foldhost_sdk::prelude::*;
use foldhost_sdk::testing::case;
use foldhost_sdk::{DispatchedCommand, EventStoreOperation, HttpRequest, NewEvent, OwnedPayload};
use serde_json::json;

use super::panic_of;

/// Asks for one effect of each kind, and says so.
struct Herald;

#[derive(Debug, Command)]
enum HeraldCommand {
    Announce,
    Refuse,
}

#[derive(Debug, PartialEq, Event)]
enum HeraldEvent {
    Announced,
}

impl Reducer for Herald {
    const NAME: &'static str = "herald";
    const STATE_SCHEMA: &'static str = "herald.v1";
    type State = u64;
    type Command = HeraldCommand;
    type Event = HeraldEvent;

    fn decide(_: &u64, command: HeraldCommand, _: &Context) -> Result<Decision<HeraldEvent>, Rejection> {
        match command {
            HeraldCommand::Announce => {
                let decision = Decision::event(HeraldEvent::Announced).with_log(LogLevel::Warn, "hear, hear");
                Ok(effects(r#"{"a":1,"b":[2]}"#).into_iter().fold(decision, Decision::with_effect))
            }
            HeraldCommand::Refuse => Err(Rejection::new("silence", "not now")),
        }
    }

    fn apply(state: &mut u64, _: HeraldEvent) {
        *state += 1;
    }
}

fn dispatch(payload: OwnedPayload) -> Effect {
    Effect::dispatch("bell-1", DispatchedCommand { name: "Ring".into(), payload })
}

fn effects(payload: &str) -> Vec<Effect> {
    let post = |body: &[u8]| Effect::http(HttpRequest::post("https://a/b").header("accept", "*/*").body(body));
    let store = Effect::event_store;
    let stream_id = || "bell-1".to_owned();
    let events = vec![NewEvent { event_type: "Rung.v1".into(), data: vec![0, 255] }];
    vec![
        Effect::parallel([
            dispatch(OwnedPayload::Json(payload.into())),
            Effect::sequential([Effect::delay(5), post(b"hear")]),
        ])
        .reply_to("Heard"),
        dispatch(OwnedPayload::Binary(vec![1, 254])),
        post(&[255]),
        store(EventStoreOperation::AppendEvents { stream_id: stream_id(), events }),
        store(EventStoreOperation::LoadEvents { stream_id: stream_id(), from_version: 3 }),
        store(EventStoreOperation::SaveSnapshot { stream_id: stream_id() }),
        store(EventStoreOperation::LoadSnapshot { stream_id: stream_id() }),
        Effect::custom("sms", OwnedPayload::Json(payload.into())).reply_to("Told"),
        Effect::custom("fax", OwnedPayload::Binary(vec![1, 254])),
        Effect::none(),
    ]
}

fn announced(herald: &NativeReducer<Herald>) -> Outcome<'_> {
    scenario(herald).when(command("Announce", json!({})))
}

#[test]
fn every_effect_has_a_form_in_json() {
    let drawn: Vec<_> = effects(r#"{"b": 1}"#).iter().map(effect_json).collect();
    let http =
        |body| json!({"http": {"method": "POST", "url": "https://a/b", "headers": [["accept", "*/*"]], "body": body}});
    let dispatched = |payload| json!({"dispatch": {"stream": "bell-1", "command": "Ring", "payload": payload}});
    assert_eq!(
        drawn,
        [
            json!({
                "parallel": [dispatched(json!({"b": 1})), {"sequential": [{"delay_ms": 5}, http(json!("hear"))]}],
                "reply_to": "Heard",
            }),
            dispatched(json!({"hex": "01fe"})),
            http(json!({"hex": "ff"})),
            json!({"event_store": {"append_events": {
                "stream": "bell-1",
                "events": [{"event_type": "Rung.v1", "data": {"hex": "00ff"}}],
            }}}),
            json!({"event_store": {"load_events": {"stream": "bell-1", "from_version": 3}}}),
            json!({"event_store": {"save_snapshot": {"stream": "bell-1"}}}),
            json!({"event_store": {"load_snapshot": {"stream": "bell-1"}}}),
            json!({"custom": {"kind": "sms", "payload": {"b": 1}}, "reply_to": "Told"}),
            json!({"custom": {"kind": "fax", "payload": {"hex": "01fe"}}}),
            json!({"parallel": []}),
        ]
    );
    let broken = effect_json(&dispatch(OwnedPayload::Json("{".into())));
    assert_eq!(broken["dispatch"]["payload"], json!({"malformed": "{"}));
    let broken = effect_json(&Effect::custom("sms", OwnedPayload::Json("{".into())));
    assert_eq!(broken["custom"]["payload"], json!({"malformed": "{"}));
}

#[test]
fn effects_are_compared_as_trees_and_payloads_as_json() {
    let herald = NativeReducer::<Herald>::new();
    let outcome = announced(&herald);
    outcome.then_effects(effects(r#"{"a":1,"b":[2]}"#)).then_effects(effects(r#"{ "b": [ 2 ], "a": 1 }"#));

    let others: [fn(&mut Vec<Effect>); 7] = [
        |effects| drop(effects.pop()),
        |effects| effects.reverse(),
        |effects| effects[0].reply_to = None,
        |effects| effects[1] = dispatch(OwnedPayload::Json(r#"{"hex":"01fe"}"#.into())),
        |effects| effects.push(Effect::delay(1)),
        |effects| effects[7] = Effect::custom("sms", OwnedPayload::Json(r#"{"a":1}"#.into())).reply_to("Told"),
        |effects| effects[8] = Effect::custom("sms", OwnedPayload::Binary(vec![1, 254])),
    ];
    for (number, other) in others.into_iter().enumerate() {
        let mut wrong = effects(r#"{"a":1,"b":[2]}"#);
        other(&mut wrong);
        assert!(outcome.check(&Then::Effects(wrong)).is_err(), "change {number}");
    }
    // Drawn alike, and yet another payload: then the trees themselves are what has to be seen.
    let mut alike = effects(r#"{"a":1,"b":[2]}"#);
    alike[1] = dispatch(OwnedPayload::Json(r#"{"hex":"01fe"}"#.into()));
    let mismatch = outcome.check(&Then::Effects(alike)).unwrap_err().to_string();
    let removed = |line: &str| line.starts_with('-') && line.contains("payload: Json(");
    let added = |line: &str| line.starts_with('+') && line.contains("payload: Binary(");
    assert!(mismatch.lines().any(removed) && mismatch.lines().any(added), "{mismatch}");

    let mismatch = outcome.check(&Then::Effects(effects(r#"{"a":1,"b":[3]}"#))).unwrap_err().to_string();
    assert!(mismatch.contains("`/0/parallel/0/dispatch/payload/b/0`: 3 was expected, 2 came"), "{mismatch}");
    assert!(mismatch.contains("actual:   the event Announced.v1, and 10 effects, and one log line"), "{mismatch}");
}

#[test]
fn log_lines_are_compared_by_level_and_text() {
    let herald = NativeReducer::<Herald>::new();
    let outcome = announced(&herald);
    outcome.then_log([(LogLevel::Warn, "hear, hear")]);
    for (wrong, says) in [
        (Then::log([(LogLevel::Info, "hear, hear")]), "`/0/level`: \"INFO\" was expected, \"WARN\" came"),
        (Then::log([(LogLevel::Warn, "hear")]), "`/0/message`"),
        (Then::log([]), "expected: no log lines"),
    ] {
        let mismatch = outcome.check(&wrong).unwrap_err().to_string();
        assert!(mismatch.contains(says), "{says}: {mismatch}");
    }
}

#[test]
fn a_rejection_has_neither_effects_nor_log_lines() {
    let herald = NativeReducer::<Herald>::new();
    let refused = scenario(&herald).when(command("Refuse", json!({})));
    for then in [Then::Effects(vec![]), Then::log([])] {
        let mismatch = refused.check(&then).unwrap_err().to_string();
        assert!(mismatch.contains("actual:   the rejection `silence`: not now"), "{mismatch}");
    }
    let (message, file) = panic_of(|| {
        refused.then_effects([]);
    });
    assert!(message.contains("expected: no effects"), "{message}");
    assert!(file.ends_with("tests/testing/effects.rs"), "{file}");
}

#[test]
fn a_case_expects_effects_and_log_lines_natively_and_of_any_reducer() {
    let case = case::<Herald>("an announcement is heard")
        .when(HeraldCommand::Announce)
        .then_events([HeraldEvent::Announced])
        .then_effects(effects(r#"{"a":1,"b":[2]}"#))
        .then_log([(LogLevel::Warn, "hear, hear")])
        .then_state(1);
    case.run();
    assert_case(&NativeReducer::<Herald>::new(), &case);
}

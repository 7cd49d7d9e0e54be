//! Outcomes, from the JSON in which the host writes them to the command that a rule decides on.

use foldhost_sdk::prelude::*;
use foldhost_sdk::{EffectFailure, HttpResponse, LoadedEvent, ResponseBody, read_json};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Command)]
enum OrderCommand {
    PaymentAnswered { outcome: EffectOutcome },
    PaymentTimedOut,
}

fn http(status: u16, headers: &[(&str, &str)], body: ResponseBody) -> HttpResponse {
    let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    HttpResponse { status, headers, body }
}

fn failure(code: &str, message: &str) -> EffectFailure {
    EffectFailure { code: code.into(), message: message.into() }
}

/// Every outcome in the JSON that hosts write.
fn outcomes() -> Vec<(Value, EffectOutcome)> {
    let text = |text: &str| ResponseBody::Text(text.into());
    let event = |version, json: &str| LoadedEvent { version, event_type: "Noted.v1".into(), json: json.into() };
    vec![
        (json!("done"), EffectOutcome::Done),
        (
            json!({"dispatched": {"stream_id": "stock-1", "version": 7}}),
            EffectOutcome::Dispatched { stream_id: "stock-1".into(), version: 7 },
        ),
        (
            json!({"rejected": {"code": "sold-out", "message": "none left"}}),
            EffectOutcome::Rejected(failure("sold-out", "none left")),
        ),
        (
            json!({"http": {"status": 200, "headers": [["a", "1"], ["A", "2"]], "body": {"text": "{\"id\": \"é\"}"}}}),
            EffectOutcome::Http(http(200, &[("a", "1"), ("A", "2")], text("{\"id\": \"é\"}"))),
        ),
        (
            json!({"http": {"status": 500, "headers": [], "body": {"base64": "AP8="}}}),
            EffectOutcome::Http(http(500, &[], ResponseBody::Base64("AP8=".into()))),
        ),
        (json!({"appended": {"version": 3}}), EffectOutcome::Appended { version: 3 }),
        (
            json!({"events": {"events": [{"version": 1, "event_type": "Noted.v1", "json": "{}"}], "next": 2}}),
            EffectOutcome::Events { events: vec![event(1, "{}")], next: Some(2) },
        ),
        (json!({"events": {"events": [], "next": null}}), EffectOutcome::Events { events: vec![], next: None }),
        (
            json!({"snapshot": {"version": 9, "state_schema": "note.v1", "state": "[1]"}}),
            EffectOutcome::Snapshot { version: 9, state_schema: "note.v1".into(), state: "[1]".into() },
        ),
        (json!("no_snapshot"), EffectOutcome::NoSnapshot),
        (json!({"custom": "{\"sent\": true}"}), EffectOutcome::Custom("{\"sent\": true}".into())),
        (
            json!({"all": ["done", {"all": []}, {"failed": {"code": "timeout", "message": "after 3 attempts"}}]}),
            EffectOutcome::All(vec![
                EffectOutcome::Done,
                EffectOutcome::All(vec![]),
                EffectOutcome::Failed(failure("timeout", "after 3 attempts")),
            ]),
        ),
        (
            json!({"failed": {"code": "origin-not-allowed", "message": "https://a"}}),
            EffectOutcome::Failed(failure("origin-not-allowed", "https://a")),
        ),
    ]
}

#[test]
fn every_outcome_reaches_the_command_that_waits_for_it_as_json_and_in_binary() {
    for (json, outcome) in outcomes() {
        let reply = OrderCommand::PaymentAnswered { outcome };
        let written = json!({ "outcome": json });
        assert_eq!(OrderCommand::from_json("PaymentAnswered", &written.to_string()).unwrap(), reply, "{json}");
        let pretty = serde_json::to_string_pretty(&written).unwrap();
        assert_eq!(OrderCommand::from_json("PaymentAnswered", &pretty).unwrap(), reply, "{json}");
        assert_eq!(reply.to_json().unwrap(), written.to_string());
        assert_eq!(OrderCommand::from_binary("PaymentAnswered", &reply.to_binary().unwrap()).unwrap(), reply);
    }
}

/// So that a host may tell more some day, and guests that are built today go on.
#[test]
fn what_a_later_host_tells_beside_it_is_passed_over() {
    let written = r#"{"outcome": {"appended": {"version": 3, "position": [1, {"a": null}]}}}"#;
    let reply = OrderCommand::PaymentAnswered { outcome: EffectOutcome::Appended { version: 3 } };
    assert_eq!(OrderCommand::from_json("PaymentAnswered", written).unwrap(), reply);
}

#[test]
fn what_is_no_outcome_is_malformed() {
    for outcome in [
        "null",
        "{}",
        "\"other\"",
        "\"failed\"",
        "[\"done\"]",
        r#"{"failed": {"code": "a"}}"#,
        r#"{"failed": null}"#,
        r#"{"all": {}}"#,
        r#"{"http": {"status": 70000, "headers": [], "body": {"text": ""}}}"#,
        r#"{"http": {"status": 200, "headers": [["a"]], "body": {"text": ""}}}"#,
        r#"{"http": {"status": 200, "headers": [], "body": ""}}"#,
        r#"{"done": null, "no_snapshot": null}"#,
    ] {
        let written = format!("{{\"outcome\": {outcome}}}");
        assert!(OrderCommand::from_json("PaymentAnswered", &written).is_err(), "{outcome}");
    }
}

#[derive(Debug, PartialEq, Event)]
enum OrderEvent {
    PaymentFailed { outcome: EffectOutcome, at_ms: u64 },
}

/// As its JSON, so that an event is read for good, whatever later hosts have to tell.
#[test]
fn an_event_can_hold_an_outcome() {
    for (json, outcome) in outcomes() {
        let event = OrderEvent::PaymentFailed { outcome, at_ms: 7 };
        let bytes = event.to_bytes().unwrap();
        let text = json.to_string();
        assert_eq!(bytes[1..=text.len()], *text.as_bytes(), "{json}");
        assert_eq!(OrderEvent::from_bytes("PaymentFailed.v1", &bytes).unwrap(), event);
        assert_eq!(event.to_json().unwrap(), json!({"outcome": json, "at_ms": 7}).to_string());
        assert_eq!(OrderEvent::bytes_from_json("PaymentFailed.v1", &event.to_json().unwrap()).unwrap(), bytes);
    }
}

#[test]
fn outcomes_within_outcomes_without_end_are_malformed_and_no_overflow_of_the_stack() {
    let nested = |depth: usize| format!("{}\"done\"{}", "{\"all\":[".repeat(depth), "]}".repeat(depth));
    let as_json = |depth| OrderCommand::from_json("PaymentAnswered", &format!("{{\"outcome\":{}}}", nested(depth)));
    assert!(as_json(32).is_ok());
    assert!(as_json(100_000).unwrap_err().to_string().contains("recursion limit exceeded"));
    let text = nested(100_000);
    let length = [&[252], u32::try_from(text.len()).unwrap().to_le_bytes().as_slice()].concat();
    let in_binary = OrderCommand::from_binary("PaymentAnswered", &[length, text.into_bytes()].concat());
    assert!(in_binary.unwrap_err().to_string().contains("recursion limit exceeded"));
}

#[test]
fn the_reply_of_a_timer_has_no_fields() {
    assert_eq!(OrderCommand::from_json("PaymentTimedOut", "{}").unwrap(), OrderCommand::PaymentTimedOut);
    assert!(OrderCommand::from_json("PaymentTimedOut", r#"{"outcome": "done"}"#).is_err());
}

#[test]
fn a_failure_is_one_however_deep_it_lies() {
    let is_failure = |json: Value| read_json::<EffectOutcome>(&json.to_string()).unwrap().is_failure();
    let answered = |status: u16| json!({"http": {"status": status, "headers": [], "body": {"text": ""}}});
    for failed in [
        json!({"failed": {"code": "timeout", "message": ""}}),
        json!({"rejected": {"code": "sold-out", "message": ""}}),
        answered(400),
        answered(503),
    ] {
        assert!(is_failure(failed.clone()), "{failed}");
        assert!(is_failure(json!({"all": ["done", {"all": [failed]}]})), "{failed}");
    }
    for fine in [json!("done"), json!("no_snapshot"), json!({"all": []}), answered(200), answered(399)] {
        assert!(!is_failure(fine.clone()), "{fine}");
        assert!(!is_failure(json!({"all": [fine]})));
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Receipt {
    id: String,
}

#[test]
fn an_answer_is_read_by_its_headers_its_text_and_its_json() {
    let body = ResponseBody::Text(r#"{"id": "ch_1", "cents": 1999}"#.into());
    let answer = http(200, &[("content-type", "application/json"), ("Content-Type", "text/plain")], body);
    assert_eq!(answer.header("Content-TYPE"), Some("application/json"));
    assert_eq!(answer.header("content"), None);
    assert_eq!(answer.text(), Some(r#"{"id": "ch_1", "cents": 1999}"#));
    assert_eq!(answer.json(), Ok(Receipt { id: "ch_1".into() }));
    assert_eq!(answer.body.bytes().unwrap(), answer.text().unwrap().as_bytes());

    let other = answer.json::<Vec<u8>>().unwrap_err().to_string();
    assert_eq!(other, "invalid type: map, expected a sequence at line 1 column 0");
}

#[test]
fn an_answer_that_is_no_text_has_bytes() {
    let answer = http(200, &[], ResponseBody::Base64("AP+A".into()));
    assert_eq!(answer.text(), None);
    assert_eq!(answer.json::<Receipt>().unwrap_err().to_string(), "the body is no text");
    assert_eq!(answer.body.bytes().unwrap(), [0, 255, 128].as_slice());
    assert_eq!(ResponseBody::Base64("AP+".into()).bytes(), None);
}

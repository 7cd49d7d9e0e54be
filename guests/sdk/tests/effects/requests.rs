//! The parts of effects, as a rule writes them.

use std::collections::BTreeMap;

use foldhost_sdk::prelude::*;
use foldhost_sdk::{NewEvent, OwnedPayload};

#[derive(Debug, Serialize)]
struct Charge {
    cents: i64,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Command)]
enum StockCommand {
    Reserve { sku: String },
    Count,
}

#[derive(Debug, PartialEq, Event)]
enum StockEvent {
    Reserved { sku: String },
}

#[test]
fn a_request_is_written_in_one_line() {
    let charge = Charge { cents: 1999, note: None };
    let request = HttpRequest::post("https://pay.example/charges").header("accept", "*/*").json(&charge);
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://pay.example/charges"));
    assert_eq!(request.headers, [("accept", "*/*"), ("content-type", "application/json")].map(owned));
    assert_eq!(request.body, br#"{"cents":1999,"note":null}"#);

    assert_eq!(
        HttpRequest::new("PUT", "https://a").body("text"),
        HttpRequest { method: "PUT".into(), url: "https://a".into(), headers: vec![], body: b"text".to_vec() }
    );
    assert_eq!(HttpRequest::get("https://a"), HttpRequest::new("GET", "https://a"));
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.into(), value.into())
}

#[test]
fn a_dispatched_command_is_the_one_that_its_receiver_reads() {
    for command in [StockCommand::Reserve { sku: "tea".into() }, StockCommand::Count] {
        let DispatchedCommand { name, payload: OwnedPayload::Json(json) } = DispatchedCommand::of(&command) else {
            panic!("{command:?}")
        };
        assert_eq!(StockCommand::from_json(&name, &json).unwrap(), command);
    }
    let written = DispatchedCommand::json("Reserve", &BTreeMap::from([("sku", "tea")]));
    assert_eq!(written, DispatchedCommand::of(&StockCommand::Reserve { sku: "tea".into() }));
}

#[test]
fn an_event_for_another_stream_is_the_one_that_its_reducer_reads() {
    let reserved = StockEvent::Reserved { sku: "tea".into() };
    let NewEvent { event_type, data } = NewEvent::of(&reserved);
    assert_eq!(event_type, "Reserved.v1");
    assert_eq!(StockEvent::from_bytes(&event_type, &data).unwrap(), reserved);
}

#[test]
#[should_panic(expected = "what an effect carries has no JSON form: key must be a string")]
fn what_has_no_json_form_is_the_reducer_s_own_fault() {
    let _ = OwnedPayload::json(&BTreeMap::from([(vec![1], 1)]));
}

//! `POST /streams/{id}/commands/{name}`, where all goes well or a rule says no.

use counter::CounterCommand;
use foldhost_sdk::Command as _;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::server::{Answer, PLACE, answer, serve};

#[tokio::test]
async fn a_command_is_answered_with_its_events_and_who_decided() {
    let server = serve().await;
    let body = server.send("order-1", "PlaceOrder", PLACE).await.ok();
    assert_eq!((&body["stream_id"], &body["version"]), (&json!("order-1"), &json!(1)));
    let [event] = body["events"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!((&event["version"], &event["event_type"]), (&json!(1), &json!("OrderPlaced.v1")));
    assert_eq!(event["data"]["customer_id"], "c-1");
    assert_eq!(event["data"]["total"], 2_000);
    assert_eq!(body["reducer"]["name"], "order");
    assert_eq!(body["reducer"]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(body["reducer"]["generation"], Value::Null);
}

#[tokio::test]
async fn a_command_that_changes_nothing_is_a_success_without_events() {
    let server = serve().await;
    let body = server.send("counter-1", "Reset", "{}").await.ok();
    assert_eq!((&body["version"], &body["events"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn no_body_stands_for_no_arguments() {
    let server = serve().await;
    server.send("counter-1", "Increment", r#"{"by":2}"#).await.ok();
    let body = answer(server.request(Method::POST, "/streams/counter-1/commands/Reset")).await.ok();
    assert_eq!(body["events"][0]["event_type"], "Reset.v1");
}

#[tokio::test]
async fn arguments_may_be_bytes_in_the_reducers_own_encoding() {
    let server = serve().await;
    let bytes = CounterCommand::Increment { by: 300 }.to_binary().unwrap();
    let request = server.request(Method::POST, "/streams/counter-1/commands/Increment");
    let body = answer(request.header(CONTENT_TYPE, "application/octet-stream").body(bytes)).await.ok();
    assert_eq!(body["events"][0]["data"], json!({ "by": 300 }));
}

#[tokio::test]
async fn a_media_type_with_parameters_or_a_json_suffix_is_json() {
    let server = serve().await;
    for media_type in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.counter+json"] {
        let request = server.request(Method::POST, "/streams/counter-1/commands/Increment");
        answer(request.header(CONTENT_TYPE, media_type).body(r#"{"by":1}"#)).await.ok();
    }
    assert_eq!(server.get("/streams/counter-1").await.ok()["state"]["value"], 3);
}

#[tokio::test]
async fn a_stream_id_is_percent_decoded() {
    let server = serve().await;
    let body = server.send("order-a%2Fb%20%C3%BC", "PlaceOrder", PLACE).await.ok();
    assert_eq!(body["stream_id"], "order-a/b ü");
    assert_eq!(server.get("/streams/order-a%2Fb%20%C3%BC").await.ok()["state"]["status"], "Placed");
}

#[tokio::test]
async fn a_rejection_carries_the_reducers_own_code() {
    let server = serve().await;
    server.send("order-1", "PlaceOrder", PLACE).await.ok();
    let problem = server.send("order-1", "PlaceOrder", PLACE).await.problem(422, "rejected");
    let message = "the order has already been placed";
    assert_eq!(problem["rejection"], json!({ "code": "already-placed", "message": message }));
    assert_eq!(problem["detail"], message);
}

#[tokio::test]
async fn a_stream_in_another_version_is_a_conflict_that_names_both() {
    let server = serve().await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    let expecting = |expected: &str, stream: &str| {
        answer(server.command(stream, "Increment", r#"{"by":1}"#).header("Expected-Version", expected))
    };
    let problem = expecting("7", "counter-1").await.problem(409, "conflict");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!("7"), &json!(1)));
    let problem = expecting("none", "counter-1").await.problem(409, "conflict");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!("none"), &json!(1)));
    let problem = expecting("exists", "counter-2").await.problem(409, "conflict");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!("exists"), &json!(0)));
    for (expected, version) in [("1", 2), ("exists", 3), ("any", 4)] {
        assert_eq!(expecting(expected, "counter-1").await.ok()["version"], version);
    }
    assert_eq!(expecting("none", "counter-2").await.ok()["version"], 1);
}

#[tokio::test]
async fn a_retried_command_is_answered_as_the_first_time_and_done_once() {
    let server = serve().await;
    let retried = || async {
        let request = server.command("counter-1", "Increment", r#"{"by":2}"#).header("Idempotency-Key", "first");
        answer(request).await.ok()
    };
    let first = retried().await;
    server.send("counter-1", "Increment", r#"{"by":40}"#).await.ok();
    assert_eq!(retried().await, first);
    let state = server.get("/streams/counter-1").await.ok();
    assert_eq!((&state["version"], &state["state"]["value"]), (&json!(2), &json!(42)));
}

#[tokio::test]
async fn a_retried_command_that_was_rejected_is_rejected_as_the_first_time() {
    let server = serve().await;
    let ship = || async {
        let request = server.command("order-1", "ShipOrder", r#"{"tracking":"1Z"}"#).header("Idempotency-Key", "ship");
        answer(request).await.problem(422, "rejected")
    };
    assert_eq!(ship().await["rejection"]["code"], "not-placed");
    server.send("order-1", "PlaceOrder", PLACE).await.ok();
    assert_eq!(ship().await["rejection"]["code"], "not-placed");
}

#[tokio::test]
async fn a_key_that_belongs_to_another_command_is_refused() {
    let server = serve().await;
    let keyed = |arguments: &'static str| -> _ {
        answer(server.command("counter-1", "Increment", arguments).header("Idempotency-Key", "k"))
    };
    keyed(r#"{"by":1}"#).await.ok();
    let refused: Answer = keyed(r#"{"by":2}"#).await;
    refused.problem(422, "command-id-reused");
    assert_eq!(server.get("/streams/counter-1").await.ok()["version"], 1);
}

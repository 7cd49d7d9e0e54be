//! Where a command came from: the headers that are recorded beside its events.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::server::{Server, answer, serve};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn increment(server: &Server) -> RequestBuilder {
    server.command("counter-1", "Increment", r#"{"by":1}"#)
}

/// What is recorded beside the stream's last event.
async fn recorded(server: &Server) -> Value {
    let page = server.get("/streams/counter-1/events?direction=backward&limit=1").await.ok();
    page["events"][0]["metadata"].clone()
}

#[tokio::test]
async fn where_a_command_came_from_stands_beside_its_events() {
    let server = serve().await;
    let request = increment(&server)
        .header("Correlation-Id", "checkout 7f3c")
        .header("Causation-Id", "cart-9@4")
        .header("traceparent", TRACEPARENT)
        .header("Event-Metadata", r#"{"tenant":"acme","by":{"user":17,"name":"J\u00fcrgen"}}"#);
    answer(request).await.ok();
    let metadata = recorded(&server).await;
    assert_eq!(metadata["correlation_id"], "checkout 7f3c");
    assert_eq!(metadata["causation_id"], "cart-9@4");
    assert_eq!(metadata["traceparent"], TRACEPARENT);
    assert_eq!(metadata["fields"], json!({ "tenant": "acme", "by": { "user": 17, "name": "Jürgen" } }));
    assert_eq!(server.get("/events").await.ok()["events"][0]["metadata"], metadata);
    let mut messages = server.subscribe("/events", None).await;
    assert_eq!(messages.next().await.unwrap().data["metadata"], metadata);
}

#[tokio::test]
async fn a_traceparent_that_cannot_be_read_begins_a_new_trace_and_refuses_nothing() {
    let server = serve().await;
    let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    let upper = TRACEPARENT.to_uppercase();
    for traceparent in ["", "00", "sampled", zeros, &upper, "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
        answer(increment(&server).header("traceparent", traceparent)).await.ok();
        assert_eq!(recorded(&server).await.get("traceparent"), None, "{traceparent:?}");
    }
    let twice = increment(&server).header("traceparent", TRACEPARENT).header("traceparent", TRACEPARENT);
    answer(twice).await.ok();
    assert_eq!(recorded(&server).await.get("traceparent"), None);
    // Of a later version of the recommendation, with a part that this one does not know.
    let later = TRACEPARENT.replacen("00", "01", 1);
    answer(increment(&server).header("traceparent", format!("{later}-x"))).await.ok();
    assert_eq!(recorded(&server).await["traceparent"], later);
}

#[tokio::test]
async fn metadata_that_cannot_be_recorded_is_refused_and_nothing_is_done() {
    let server = serve().await;
    let (long, large) = ("x".repeat(256), format!(r#"{{"a":"{}"}}"#, "x".repeat(16 << 10)));
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let cases = [
        ("correlation-id", "", "invalid-metadata"),
        ("correlation-id", long.as_str(), "invalid-metadata"),
        ("causation-id", "a\tb", "invalid-metadata"),
        ("correlation-id", "ü", "invalid-header"),
        ("event-metadata", "", "invalid-header"),
        ("event-metadata", "tenant=acme", "invalid-header"),
        ("event-metadata", r#"["acme"]"#, "invalid-header"),
        ("event-metadata", "null", "invalid-header"),
        ("event-metadata", r#"{"tenant":"ü"}"#, "invalid-header"),
        ("event-metadata", r#"{"a":"\u0000"}"#, "invalid-metadata"),
        ("event-metadata", deep.as_str(), "invalid-metadata"),
        ("event-metadata", large.as_str(), "invalid-metadata"),
    ];
    for (name, value, code) in cases {
        answer(increment(&server).header(name, value)).await.problem(400, code);
    }
    let twice = increment(&server).header("Causation-Id", "a").header("Causation-Id", "b");
    let problem = answer(twice).await.problem(400, "invalid-header");
    assert!(problem["detail"].as_str().unwrap().contains("causation-id"), "{problem}");
    server.get("/streams/counter-1").await.problem(404, "unknown-stream");
}

#[tokio::test]
async fn a_retry_from_another_place_is_the_same_command() {
    let server = serve().await;
    let retried = |correlation: &'static str| {
        answer(increment(&server).header("Idempotency-Key", "k").header("Correlation-Id", correlation))
    };
    let first = retried("first").await.ok();
    assert_eq!(retried("second").await.ok(), first);
    assert_eq!(recorded(&server).await["correlation_id"], "first");
}

//! `GET /streams/{id}` and `GET /streams/{id}/events`

use std::sync::Arc;

use foldhost::{EventStore, InMemoryEventStore, SerializedEvent, Version};
use serde_json::{Value, json};

use crate::server::{PLACE, Server, answer, natives, serve, serve_host};

async fn with_increments(count: usize) -> Server {
    let server = serve().await;
    for _ in 0..count {
        server.send("counter-1", "Increment", r#"{"by":10}"#).await.ok();
    }
    server
}

fn event(event_type: &str) -> SerializedEvent {
    SerializedEvent { event_type: event_type.into(), data: b"\x01\x02\xff".to_vec() }
}

#[tokio::test]
async fn a_state_is_drawn_at_its_head_and_at_any_version_before() {
    let server = with_increments(3).await;
    let state = server.get("/streams/counter-1").await.ok();
    assert_eq!((&state["stream_id"], &state["version"]), (&json!("counter-1"), &json!(3)));
    assert_eq!(state["state"], json!({ "value": 30 }));
    assert_eq!(state["reducer"]["name"], "counter");
    for (at, value) in [(0, 0), (1, 10), (3, 30)] {
        let state = server.get(&format!("/streams/counter-1?at={at}")).await.ok();
        assert_eq!((&state["version"], &state["state"]["value"]), (&json!(at), &json!(value)));
    }
}

#[tokio::test]
async fn a_version_beyond_the_head_is_answered_with_the_head() {
    let server = with_increments(3).await;
    for asked in [4, i64::MAX as u64] {
        let path = format!("/streams/counter-1?at={asked}");
        let problem = server.get(&path).await.problem(404, "version-beyond-head");
        assert_eq!((&problem["asked"], &problem["head"]), (&json!(asked), &json!(3)));
    }
}

#[tokio::test]
async fn a_stream_without_events_is_unknown() {
    let server = serve().await;
    server.get("/streams/counter-1").await.problem(404, "unknown-stream");
    for at in [0, 1] {
        server.get(&format!("/streams/counter-1?at={at}")).await.problem(404, "unknown-stream");
    }
    server.get("/streams/counter-1/events").await.problem(404, "unknown-stream");
    server.get("/streams/counter-1/events?from=5").await.problem(404, "unknown-stream");
    server.get("/streams/ghost-1").await.problem(404, "unknown-category");
}

#[tokio::test]
async fn a_stream_is_read_page_by_page_until_there_is_no_next() {
    let server = with_increments(5).await;
    let (mut from, mut pages) = (json!(1), Vec::new());
    while from != Value::Null {
        let page = server.get(&format!("/streams/counter-1/events?from={from}&limit=2")).await.ok();
        let versions = page["events"].as_array().unwrap().iter().map(|event| event["version"].as_u64().unwrap());
        pages.push(versions.collect::<Vec<_>>());
        from = page["next"].clone();
    }
    assert_eq!(pages, [vec![1, 2], vec![3, 4], vec![5]]);
    let behind_the_head = server.get("/streams/counter-1/events?from=6").await.ok();
    assert_eq!((&behind_the_head["events"], &behind_the_head["next"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn a_page_has_100_events_unless_another_limit_is_asked_for() {
    let server = with_increments(101).await;
    let page = server.get("/streams/counter-1/events").await.ok();
    assert_eq!((page["events"].as_array().unwrap().len(), &page["next"]), (100, &json!(101)));
    let page = server.get("/streams/counter-1/events?limit=101").await.ok();
    assert_eq!((page["events"].as_array().unwrap().len(), &page["next"]), (101, &Value::Null));
}

#[tokio::test]
async fn an_event_is_told_with_its_command_and_its_time() {
    let server = serve().await;
    let before = chrono::Utc::now();
    answer(server.command("order-1", "PlaceOrder", PLACE).header("Idempotency-Key", "place-1")).await.ok();
    let page = server.get("/streams/order-1/events").await.ok();
    let event = &page["events"][0];
    assert_eq!((&page["stream_id"], &event["stream_id"]), (&json!("order-1"), &json!("order-1")));
    assert_eq!((&event["version"], &event["event_type"]), (&json!(1), &json!("OrderPlaced.v1")));
    assert_eq!(event["data"]["items"], json!([{ "sku": "A", "quantity": 2, "unit_price": 1000 }]));
    assert_eq!(event["metadata"], json!({ "command_id": "place-1" }));
    assert_eq!((event.get("cursor"), event.get("data_error"), event.get("data_base64")), (None, None, None));
    let created_at = chrono::DateTime::parse_from_rfc3339(event["created_at"].as_str().unwrap()).unwrap();
    assert!(before <= created_at && created_at <= chrono::Utc::now(), "{created_at}");
}

#[tokio::test]
async fn an_event_that_its_reducer_cannot_read_keeps_its_bytes_and_hides_no_other() {
    let store = Arc::new(InMemoryEventStore::new());
    let server = serve_host(natives(store.clone())).await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    let stream = "counter-1".parse().unwrap();
    store.append_events(&stream, Version::new(1), vec![event("Decremented.v1")]).await.unwrap();
    let page = server.get("/streams/counter-1/events").await.ok();
    assert_eq!(page["events"][0]["data"], json!({ "by": 1 }));
    let unreadable = &page["events"][1];
    assert_eq!((&unreadable["data"], &unreadable["data_base64"]), (&Value::Null, &json!("AQL/")));
    assert!(unreadable["data_error"].as_str().unwrap().contains("Decremented.v1"), "{unreadable}");
    // Its state cannot be told at all, and no command can be decided on it.
    server.get("/streams/counter-1").await.problem(500, "reducer-cannot-apply");
    server.get("/streams/counter-1?at=1").await.ok();
}

#[tokio::test]
async fn events_of_a_category_without_a_reducer_are_read_as_bytes() {
    let store = Arc::new(InMemoryEventStore::new());
    let server = serve_host(natives(store.clone())).await;
    store.append_events(&"ghost-1".parse().unwrap(), Version::EMPTY, vec![event("Appeared.v1")]).await.unwrap();
    for path in ["/streams/ghost-1/events", "/events"] {
        let page = server.get(path).await.ok();
        let event = &page["events"][0];
        assert_eq!((&event["data"], &event["data_base64"]), (&Value::Null, &json!("AQL/")));
        assert!(event["data_error"].as_str().unwrap().contains("ghost"), "{event}");
    }
}

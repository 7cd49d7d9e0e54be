//! `GET /streams/{id}` and `GET /streams/{id}/events`

use std::sync::Arc;

use foldhost::event_store::sealing::{Encryption, MasterKeys};
use foldhost::{EventStore, InMemoryEventStore, Limits, PostgresEventStore, SerializedEvent, Version};
use foldhost_test_support::database;
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

/// The versions of all pages of a stream, from where a query begins.
async fn pages(server: &Server, stream: &str, query: &str, place: &str) -> Vec<Vec<u64>> {
    let (mut begin, mut pages) = (String::new(), Vec::new());
    loop {
        let page = server.get(&format!("/streams/{stream}/events?{query}{begin}")).await.ok();
        let versions = page["events"].as_array().unwrap().iter().map(|event| event["version"].as_u64().unwrap());
        pages.push(versions.collect());
        assert!(pages.len() < 100, "the pages have no end: {pages:?}");
        match &page["next"] {
            Value::Null => return pages,
            next => begin = format!("&{place}={next}"),
        }
    }
}

#[tokio::test]
async fn a_stream_is_read_backwards_from_its_head_or_from_before_a_version() {
    let server = with_increments(5).await;
    let backwards = pages(&server, "counter-1", "direction=backward&limit=2", "before").await;
    assert_eq!(backwards, [vec![5, 4], vec![3, 2], vec![1]]);
    let before = server.get("/streams/counter-1/events?direction=backward&before=3").await.ok();
    assert_eq!((&before["events"][0]["version"], &before["next"]), (&json!(2), &Value::Null));
    assert_eq!(before["events"][0]["data"], json!({ "by": 10 }));
    let before_the_first = server.get("/streams/counter-1/events?direction=backward&before=1").await.ok();
    assert_eq!((&before_the_first["events"], &before_the_first["next"]), (&json!([]), &Value::Null));
    let beyond = format!("/streams/counter-1/events?direction=backward&limit=1&before={}", u64::MAX);
    assert_eq!(server.get(&beyond).await.ok()["events"][0]["version"], 5);
    server.get("/streams/counter-2/events?direction=backward").await.problem(404, "unknown-stream");
}

#[tokio::test]
async fn a_page_that_ends_with_its_bytes_still_names_the_next() {
    let limits = Limits { page_bytes_max: 1, ..Limits::default() };
    let server = serve_host(natives(Arc::new(InMemoryEventStore::new())).limits(limits)).await;
    for _ in 0..3 {
        server.send("counter-1", "Increment", r#"{"by":10}"#).await.ok();
    }
    assert_eq!(pages(&server, "counter-1", "limit=100", "from").await, [[1], [2], [3]]);
    assert_eq!(pages(&server, "counter-1", "direction=backward", "before").await, [[3], [2], [1]]);
    assert_eq!(server.get("/streams/counter-1").await.ok()["version"], 3);
}

/// Sealed data is longer in the store than out of it, and erased data has no length at all.
#[tokio::test]
async fn the_pages_of_an_encrypted_stream_are_whole_before_and_after_its_erasure() {
    let database = database().await;
    let keys = MasterKeys::parse(&MasterKeys::generate_line()).unwrap();
    let encryption = Encryption::new(keys, ["counter"]).unwrap();
    let store = Arc::new(PostgresEventStore::clone(&database.store).with_encryption(encryption));
    let limits = Limits { page_bytes_max: 100, ..Limits::default() };
    let server = serve_host(natives(store).limits(limits)).await;
    for _ in 0..7 {
        server.send("counter-1", "Increment", r#"{"by":10}"#).await.ok();
    }
    let all = |pages: Vec<Vec<u64>>| pages.concat();
    assert_eq!(all(pages(&server, "counter-1", "limit=100", "from").await), (1..=7).collect::<Vec<_>>());
    // Also for the fold: pages that end by the bytes of sealed events were once taken for the last.
    assert_eq!(server.get("/streams/counter-1").await.ok()["state"]["value"], 70);
    server.close("counter-1", r#"{"erase":true}"#).await.ok();
    assert_eq!(all(pages(&server, "counter-1", "limit=100", "from").await), (1..=8).collect::<Vec<_>>());
    let backwards = all(pages(&server, "counter-1", "direction=backward", "before").await);
    assert_eq!(backwards, (1..=8).rev().collect::<Vec<_>>());
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
    let place = server.command("order-1", "PlaceOrder", PLACE).header("Idempotency-Key", "place-1");
    let placed = answer(place).await.ok();
    let page = server.get("/streams/order-1/events").await.ok();
    let event = &page["events"][0];
    assert_eq!((&page["stream_id"], &event["stream_id"]), (&json!("order-1"), &json!("order-1")));
    assert_eq!((&event["version"], &event["event_type"]), (&json!(1), &json!("OrderPlaced.v1")));
    assert_eq!(event["data"]["items"], json!([{ "sku": "A", "quantity": 2, "unit_price": 1000 }]));
    let digest = &placed["reducer"]["digest"];
    assert_eq!(event["metadata"], json!({ "command_id": "place-1", "reducer_digest": digest }));
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
    store.append_events(&stream, Version::new(1).into(), vec![event("Decremented.v1")]).await.unwrap();
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
    store.append_events(&"ghost-1".parse().unwrap(), Version::EMPTY.into(), vec![event("Appeared.v1")]).await.unwrap();
    for path in ["/streams/ghost-1/events", "/events"] {
        let page = server.get(path).await.ok();
        let event = &page["events"][0];
        assert_eq!((&event["data"], &event["data_base64"]), (&Value::Null, &json!("AQL/")));
        assert!(event["data_error"].as_str().unwrap().contains("ghost"), "{event}");
    }
}

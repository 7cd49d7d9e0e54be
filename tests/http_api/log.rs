//! `GET /events`: the log of all streams, page by page and as it grows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::server::{Message, PLACE, Server, answer, serve};

async fn increment(server: &Server, stream: &str) {
    server.send(stream, "Increment", r#"{"by":1}"#).await.ok();
}

fn place(message: &Message) -> (&str, u64) {
    (message.data["stream_id"].as_str().unwrap(), message.data["version"].as_u64().unwrap())
}

/// A cursor of the database with this epoch.
fn cursor_of(epoch: i64) -> String {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&epoch.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn the_log_is_read_page_by_page_across_categories() {
    let server = serve().await;
    increment(&server, "counter-1").await;
    server.send("order-1", "PlaceOrder", PLACE).await.ok();
    increment(&server, "counter-2").await;
    let first = server.get("/events?limit=2").await.ok();
    let streams: Vec<_> = first["events"].as_array().unwrap().iter().map(|event| &event["stream_id"]).collect();
    assert_eq!(streams, ["counter-1", "order-1"]);
    assert_eq!(first["events"][0]["data"], json!({ "by": 1 }));
    assert_eq!(first["events"][1]["data"]["total"], 2_000);
    assert_eq!(first["next"], first["events"][1]["cursor"]);
    let after = first["next"].as_str().unwrap();
    let second = server.get(&format!("/events?after={after}&limit=2")).await.ok();
    assert_eq!(second["events"].as_array().unwrap().len(), 1);
    assert_eq!(second["events"][0]["stream_id"], "counter-2");
}

#[tokio::test]
async fn at_the_end_of_the_log_the_cursor_stays_what_it_was() {
    let server = serve().await;
    assert_eq!(server.get("/events").await.ok(), json!({ "events": [], "next": null }));
    increment(&server, "counter-1").await;
    let next = server.get("/events").await.ok()["next"].clone();
    let end = server.get(&format!("/events?after={}", next.as_str().unwrap())).await.ok();
    assert_eq!(end, json!({ "events": [], "next": next }));
}

#[tokio::test]
async fn a_cursor_that_is_none_and_one_of_another_database_are_told_apart() {
    let server = serve().await;
    for cursor in ["7", "not+a+cursor", "AAAA"] {
        server.get(&format!("/events?after={cursor}")).await.problem(400, "invalid-cursor");
    }
    let foreign = format!("/events?after={}", cursor_of(7));
    server.get(&foreign).await.problem(410, "foreign-cursor");
    let subscribed = server.request(Method::GET, &foreign).header(ACCEPT, "text/event-stream");
    answer(subscribed).await.problem(410, "foreign-cursor");
}

#[tokio::test]
async fn a_subscription_begins_with_what_is_there_and_goes_on_with_what_comes() {
    let server = serve().await;
    increment(&server, "counter-1").await;
    let mut messages = server.subscribe("/events", None).await;
    let message = messages.next().await.unwrap();
    assert_eq!((message.event.as_str(), place(&message)), ("Incremented.v1", ("counter-1", 1)));
    assert_eq!(message.data["cursor"], message.id);
    assert_eq!(message.data["data"], json!({ "by": 1 }));
    for version in 2..5 {
        increment(&server, "counter-1").await;
        assert_eq!(place(&messages.next().await.unwrap()), ("counter-1", version));
    }
}

#[tokio::test]
async fn a_subscription_that_is_far_behind_catches_up_page_by_page_without_a_gap() {
    let server = serve().await;
    for _ in 0..25 {
        increment(&server, "counter-1").await;
    }
    let mut messages = server.subscribe("/events?limit=10", None).await;
    for version in 1..=25 {
        assert_eq!(place(&messages.next().await.unwrap()), ("counter-1", version));
    }
}

#[tokio::test]
async fn a_subscription_resumes_behind_the_last_event_that_its_reader_saw() {
    let server = serve().await;
    for stream in ["counter-1", "counter-2", "counter-3"] {
        increment(&server, stream).await;
    }
    let mut messages = server.subscribe("/events", None).await;
    let first = messages.next().await.unwrap();
    let second = messages.next().await.unwrap();
    drop(messages);
    let mut after_first = server.subscribe(&format!("/events?after={}", first.id), None).await;
    assert_eq!(after_first.next().await.unwrap(), second);
    // A browser repeats its first URL: what it saw since is in the header.
    let mut resumed = server.subscribe(&format!("/events?after={}", first.id), Some(&second.id)).await;
    assert_eq!(place(&resumed.next().await.unwrap()), ("counter-3", 1));
}

#[tokio::test]
async fn subscriptions_are_bounded_and_a_reader_that_goes_makes_room() {
    let server = serve().await;
    let mut open = Vec::new();
    for _ in 0..40 {
        open.push(server.subscribe("/events", None).await);
    }
    let subscribe = || answer(server.request(Method::GET, "/events").header(ACCEPT, "text/event-stream"));
    let refused = subscribe().await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.problem(503, "too-many-subscribers");
    // Pages are still to be had.
    server.get("/events").await.ok();
    open.pop();
    let reopened = async {
        loop {
            let response =
                server.request(Method::GET, "/events").header(ACCEPT, "text/event-stream").send().await.unwrap();
            if response.status() == 200 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::server::PATIENCE, reopened).await.expect("room for another subscription");
}

#[tokio::test]
async fn a_client_that_takes_anything_gets_a_page() {
    let server = serve().await;
    increment(&server, "counter-1").await;
    for accept in ["*/*", "application/json", "text/html,application/xhtml+xml,*/*;q=0.8"] {
        let page: Value = answer(server.request(Method::GET, "/events").header(ACCEPT, accept)).await.ok();
        assert_eq!(page["events"].as_array().unwrap().len(), 1);
    }
}

//! `/subscriptions`: named readers of the log, each of them a connection.

use std::sync::Arc;
use std::time::Duration;

use foldhost::{InMemoryEventStore, Store};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::server::{Answer, Message, Messages, PATIENCE, Server, answer, natives, serve, serve_host};
use crate::store::{Mood, MoodyStore};

const EVENTS: &str = "/subscriptions/billing/events";

async fn increment(server: &Server, count: usize) {
    for _ in 0..count {
        server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    }
}

/// Waits until the connection is told that it is the active reader, and gives its token.
async fn token(messages: &mut Messages) -> u64 {
    let told = messages.next().await.unwrap();
    assert_eq!((told.event.as_str(), told.id.as_str()), ("subscription", ""));
    assert_eq!(told.data["name"], "billing");
    told.data["token"].as_u64().unwrap()
}

/// The next messages, which have to be these versions of counter-1.
async fn take(messages: &mut Messages, versions: &[u64]) -> Vec<Message> {
    let mut taken = Vec::new();
    for version in versions {
        let message = messages.next().await.unwrap();
        assert_eq!((message.event.as_str(), &message.data["version"]), ("Incremented.v1", &json!(version)));
        assert_eq!(message.data["cursor"], message.id);
        taken.push(message);
    }
    taken
}

async fn post(server: &Server, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
    answer(request.body(body)).await
}

async fn acknowledge(server: &Server, message: &Message, token: u64) -> Answer {
    let body = json!({ "cursor": message.id, "token": token });
    post(server, "/subscriptions/billing/acknowledge", body.to_string()).await
}

async fn delete(server: &Server, name: &str) -> Answer {
    answer(server.request(Method::DELETE, &format!("/subscriptions/{name}"))).await
}

/// The one subscription that there is.
async fn listed(server: &Server) -> Value {
    let all = server.get("/subscriptions").await.ok();
    assert_eq!(all["subscriptions"].as_array().unwrap().len(), 1, "{all}");
    all["subscriptions"][0].clone()
}

/// Two hosts over one store.
async fn two_hosts() -> [Server; 2] {
    let store: Arc<dyn Store> = Arc::new(InMemoryEventStore::new());
    [serve_host(natives(Arc::clone(&store))).await, serve_host(natives(store)).await]
}

#[tokio::test]
async fn a_reader_is_told_its_token_and_then_the_events_and_goes_on_behind_what_it_acknowledged() {
    let server = serve().await;
    increment(&server, 2).await;
    let mut messages = server.subscribe(EVENTS, None).await;
    let first_token = token(&mut messages).await;
    let first = take(&mut messages, &[1, 2]).await;
    increment(&server, 1).await;
    take(&mut messages, &[3]).await;
    assert_eq!(acknowledge(&server, &first[1], first_token).await.status, 204);
    drop(messages);
    let mut messages = server.subscribe(EVENTS, None).await;
    assert!(token(&mut messages).await > first_token);
    take(&mut messages, &[3]).await;
}

#[tokio::test]
async fn no_more_events_are_sent_ahead_than_the_reader_asked_for() {
    let server = serve().await;
    increment(&server, 5).await;
    let mut messages = server.subscribe(&format!("{EVENTS}?limit=2"), None).await;
    let token = token(&mut messages).await;
    let first = take(&mut messages, &[1, 2]).await;
    // Nothing is waited for: there is nothing to come, and a message that came all the same would end it.
    let third = tokio::time::timeout(Duration::from_millis(300), messages.next()).await;
    assert!(third.is_err(), "{third:?} was sent ahead");
    assert_eq!(acknowledge(&server, &first[0], token).await.status, 204);
    let third = take(&mut messages, &[3]).await;
    assert_eq!(acknowledge(&server, &third[0], token).await.status, 204);
    take(&mut messages, &[4, 5]).await;
}

#[tokio::test]
async fn an_acknowledgement_may_go_to_any_host() {
    let [reading, other] = two_hosts().await;
    increment(&other, 3).await;
    let mut messages = reading.subscribe(&format!("{EVENTS}?limit=1"), None).await;
    let token = token(&mut messages).await;
    for version in 1..=3 {
        let taken = take(&mut messages, &[version]).await;
        assert_eq!(acknowledge(&other, &taken[0], token).await.status, 204);
    }
    assert_eq!(listed(&reading).await["lag_ms"], Value::Null);
}

#[tokio::test]
async fn a_connection_stands_by_until_the_one_before_it_ends() {
    let [first_host, second_host] = two_hosts().await;
    increment(&first_host, 3).await;
    let mut first = first_host.subscribe(EVENTS, None).await;
    let first_token = token(&mut first).await;
    let taken = take(&mut first, &[1, 2, 3]).await;
    acknowledge(&first_host, &taken[0], first_token).await;
    let mut second = second_host.subscribe(EVENTS, None).await;
    let standing_by = tokio::time::timeout(Duration::from_millis(100), second.next()).await;
    assert!(standing_by.is_err(), "{standing_by:?}");
    drop(first);
    let second_token = token(&mut second).await;
    assert!(second_token > first_token);
    take(&mut second, &[2, 3]).await;
    acknowledge(&first_host, &taken[2], first_token).await.problem(409, "subscription-lost");
    assert_eq!(listed(&first_host).await["checkpoint"], taken[0].id);
}

#[tokio::test]
async fn a_host_that_shuts_down_gives_its_subscriptions_back() {
    let [first_host, second_host] = two_hosts().await;
    increment(&first_host, 1).await;
    let mut first = first_host.subscribe(EVENTS, None).await;
    token(&mut first).await;
    take(&mut first, &[1]).await;
    first_host.stop().await;
    assert_eq!(first.next().await, None);
    assert_eq!(listed(&second_host).await["reader"], Value::Null, "nobody waits for a lease to run out");
    let mut second = second_host.subscribe(EVENTS, None).await;
    token(&mut second).await;
    take(&mut second, &[1]).await;
}

#[tokio::test]
async fn a_reset_begins_the_connection_anew_under_another_token() {
    let server = serve().await;
    increment(&server, 2).await;
    let mut messages = server.subscribe(&format!("{EVENTS}?limit=2"), None).await;
    let first_token = token(&mut messages).await;
    let taken = take(&mut messages, &[1, 2]).await;
    let to_first = json!({ "to": taken[0].id }).to_string();
    assert_eq!(post(&server, "/subscriptions/billing/reset", to_first).await.status, 204);
    let second_token = token(&mut messages).await;
    assert!(second_token > first_token);
    take(&mut messages, &[2]).await;
    acknowledge(&server, &taken[1], first_token).await.problem(409, "subscription-lost");
    acknowledge(&server, &taken[1], second_token).await;
    drop(messages);
    // Without a body: to the beginning.
    let to_beginning = server.request(Method::POST, "/subscriptions/billing/reset");
    assert_eq!(answer(to_beginning).await.status, 204);
    assert_eq!(listed(&server).await["checkpoint"], Value::Null);
}

#[tokio::test]
async fn subscriptions_are_listed_and_deleted_once_nobody_reads() {
    let server = serve().await;
    assert_eq!(server.get("/subscriptions").await.ok(), json!({ "subscriptions": [] }));
    increment(&server, 1).await;
    let mut messages = server.subscribe(&format!("{EVENTS}?category=counter"), None).await;
    let token = token(&mut messages).await;
    let taken = take(&mut messages, &[1]).await;
    let reading = listed(&server).await;
    for (member, expected) in [
        ("name", json!("billing")),
        ("category", json!("counter")),
        ("event_type", Value::Null),
        ("checkpoint", Value::Null),
        ("checkpoint_is_foreign", json!(false)),
        ("acknowledged_at", Value::Null),
        ("token", json!(token)),
    ] {
        assert_eq!(reading[member], expected, "{member}");
    }
    assert!(reading["reader"].is_string() && reading["leased_until"].is_string(), "{reading}");
    assert!(reading["lag_ms"].is_u64(), "{reading}");
    let in_use = delete(&server, "billing").await.problem(409, "subscription-in-use");
    assert!(in_use["leased_until"].is_string(), "{in_use}");
    acknowledge(&server, &taken[0], token).await;
    let acknowledged = listed(&server).await;
    assert_eq!((&acknowledged["checkpoint"], &acknowledged["lag_ms"]), (&json!(taken[0].id), &Value::Null));
    assert!(acknowledged["acknowledged_at"].is_string());
    drop(messages);
    let deleted = async {
        // Until the host has seen that the connection ended.
        while delete(&server, "billing").await.status != 204 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, deleted).await.unwrap();
    delete(&server, "billing").await.problem(404, "unknown-subscription");
    acknowledge(&server, &taken[0], token).await.problem(404, "unknown-subscription");
    post(&server, "/subscriptions/billing/reset", "{}").await.problem(404, "unknown-subscription");
}

#[tokio::test]
async fn what_no_subscription_can_be_asked_for_is_refused() {
    let server = serve().await;
    let subscribe = |path: &str| answer(server.request(Method::GET, path).header(ACCEPT, "text/event-stream"));
    server.get(EVENTS).await.problem(406, "not-acceptable");
    assert_eq!(server.get("/subscriptions").await.ok(), json!({ "subscriptions": [] }), "nothing was made");
    for query in ["limit=0", "limit=1001", "start=later", "after=x"] {
        subscribe(&format!("{EVENTS}?{query}")).await.problem(400, "invalid-query");
    }
    for path in ["/subscriptions/a%0Ab/events", &format!("/subscriptions/{}/events", "x".repeat(256))] {
        subscribe(path).await.problem(400, "invalid-subscription");
    }
    for query in ["category=", "category=order-1", "type=a%00"] {
        subscribe(&format!("{EVENTS}?{query}")).await.problem(400, "invalid-subscription");
    }
    let mut reader = server.subscribe(&format!("{EVENTS}?type=Incremented.v1"), None).await;
    let token = token(&mut reader).await;
    let other = subscribe(EVENTS).await.problem(409, "subscription-differs");
    assert_eq!((&other["category"], &other["event_type"]), (&Value::Null, &json!("Incremented.v1")));

    increment(&server, 1).await;
    let cursor = take(&mut reader, &[1]).await[0].id.clone();
    let acknowledge = "/subscriptions/billing/acknowledge";
    let with = |cursor: &str| json!({ "cursor": cursor, "token": token }).to_string();
    for (body, code) in [
        (String::new(), "invalid-body"),
        ("{".into(), "malformed-json"),
        (json!({ "cursor": cursor }).to_string(), "invalid-body"),
        (json!({ "cursor": cursor, "token": "1" }).to_string(), "invalid-body"),
        (json!({ "cursor": cursor, "token": token, "id": 1 }).to_string(), "invalid-body"),
        (with("7"), "invalid-cursor"),
    ] {
        post(&server, acknowledge, body).await.problem(400, code);
    }
    let as_text = server.request(Method::POST, acknowledge).header(CONTENT_TYPE, "text/plain").body(with(&cursor));
    answer(as_text).await.problem(415, "unsupported-media-type");
    post(&server, acknowledge, with(&cursor_at(7, 1))).await.problem(410, "foreign-cursor");
    post(&server, acknowledge, with(&cursor_at(0, 9))).await.problem(400, "invalid-cursor");
    post(&server, acknowledge, with(&cursor)).await;
    assert_eq!(listed(&server).await["checkpoint"], cursor);
}

/// A cursor of the database with this epoch.
fn cursor_at(epoch: i64, position: i64) -> String {
    use base64::Engine as _;
    let bytes: Vec<u8> = [epoch, 0, position].into_iter().flat_map(i64::to_be_bytes).collect();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn a_new_name_may_begin_with_what_comes() {
    let server = serve().await;
    increment(&server, 2).await;
    let mut messages = server.subscribe(&format!("{EVENTS}?start=now"), None).await;
    token(&mut messages).await;
    increment(&server, 1).await;
    take(&mut messages, &[3]).await;
}

#[tokio::test]
async fn a_store_that_fails_ends_the_stream() {
    let store = MoodyStore::new();
    let server = serve_host(natives(store.clone())).await;
    increment(&server, 1).await;
    let mut messages = server.subscribe(EVENTS, None).await;
    token(&mut messages).await;
    take(&mut messages, &[1]).await;
    store.set(Mood::Down);
    assert_eq!(messages.next().await, None);
    let request = server.request(Method::GET, EVENTS).header(ACCEPT, "text/event-stream");
    answer(request).await.problem(503, "store-unavailable");
}

#[tokio::test]
async fn subscriptions_share_the_places_of_those_who_follow_the_log() {
    let server = serve().await;
    let mut open = Vec::new();
    for number in 0..40 {
        open.push(server.subscribe(&format!("/subscriptions/{number}/events"), None).await);
    }
    for path in [EVENTS, "/events"] {
        let refused = server.request(Method::GET, path).header(ACCEPT, "text/event-stream");
        answer(refused).await.problem(503, "too-many-subscribers");
    }
    assert_eq!(open.len(), 40);
}

//! Faults of reducers, of the store and of the host itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhost::{Host, InMemoryEventStore, Limits};
use foldhost_test_support::component;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{answer, natives, serve, serve_host};
use crate::store::{Mood, MoodyStore};

#[tokio::test]
async fn each_fault_of_a_reducer_has_a_code_and_the_stream_goes_on() {
    let limits = Limits {
        reducer: foldhost::ReducerLimits { memory_bytes_max: 40 << 20, ..Default::default() },
        ..Limits::default()
    };
    let server = serve_host(Host::builder(Arc::new(InMemoryEventStore::new())).limits(limits)).await;
    let deployed = answer(server.request(Method::POST, "/reducers").body(component("hostile").to_vec())).await;
    assert_eq!(deployed.status, 201, "{}", deployed.text);
    for (version, (command, payload, code)) in (1..).zip([
        ("Panic", "{}", "reducer-trap"),
        ("Spin", "{}", "reducer-fuel-exhausted"),
        ("Misbehave", r#"{"misdeed":"decide scatter"}"#, "reducer-time-exhausted"),
        ("GrowMemory", "{}", "reducer-memory-exhausted"),
        ("LieAboutType", "{}", "reducer-broken-answer"),
        ("Misbehave", r#"{"misdeed":"decide log invalid-utf8"}"#, "reducer-broken-answer"),
        ("Record", r#"{"misdeed":"apply refuse control-characters"}"#, "reducer-cannot-apply"),
    ]) {
        server.send("hostile-1", command, payload).await.problem(500, code);
        assert_eq!(server.send("hostile-1", "Ok", "{}").await.ok()["version"], version);
    }
}

/// Whether a command is accepted is its reducer's decision alone. It once depended on whether its events could be shown, so that
/// the same command was refused over HTTP and accepted without, and a retry of an accepted one was told of a fault.
#[tokio::test]
async fn a_command_whose_events_cannot_be_shown_is_accepted_all_the_same_and_so_is_its_retry() {
    let server = serve_host(Host::builder(Arc::new(InMemoryEventStore::new()))).await;
    answer(server.request(Method::POST, "/reducers").body(component("hostile").to_vec())).await;
    for (version, how) in (1..).zip(["trap", "spin", "answer empty"]) {
        let send = || {
            let payload = format!(r#"{{"misdeed":"event-json {how}"}}"#);
            let request = server.request(Method::POST, "/streams/hostile-1/commands/Record");
            request
                .header("idempotency-key", how.replace(' ', "-"))
                .header("content-type", "application/json")
                .body(payload)
        };
        let first = answer(send()).await.ok();
        assert_eq!((&first["version"], &first["events"][0]["data"]), (&version.into(), &Value::Null), "{first}");
        assert_eq!(answer(send()).await.ok(), first, "{how}");
    }
    assert_eq!(server.send("hostile-1", "Ok", "{}").await.ok()["version"], 4);
}

/// A decision may have a thousand events. Each had the fuel of a call of its own to be drawn, and one command kept a thread of the
/// runtime for ten seconds.
#[tokio::test]
async fn showing_the_events_of_one_command_takes_no_longer_than_a_call_may() {
    let server = serve_host(Host::builder(Arc::new(InMemoryEventStore::new()))).await;
    answer(server.request(Method::POST, "/reducers").body(component("hostile").to_vec())).await;
    let begun = Instant::now();
    let answered = server.send("hostile-1", "ManyLingering", r#"{"count":100}"#).await.ok();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(answered["events"].as_array().unwrap().len(), 100);
    assert_eq!(server.send("hostile-1", "Ok", "{}").await.ok()["version"], 101);
}

#[tokio::test]
async fn a_store_that_is_down_is_worth_a_retry_and_the_host_goes_on_when_it_is_back() {
    let store = MoodyStore::new();
    let server = serve_host(natives(store.clone())).await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    store.set(Mood::Down);
    for path in ["/streams/counter-1", "/streams/counter-1/events", "/events", "/reducers"] {
        let answer = server.get(path).await;
        assert_eq!(answer.headers["retry-after"], "1");
        answer.problem(503, "store-unavailable");
    }
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.problem(503, "store-unavailable");
    store.set(Mood::Well);
    assert_eq!(server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok()["version"], 2);
}

#[tokio::test]
async fn a_subscription_ends_when_its_store_fails() {
    let store = MoodyStore::new();
    let server = serve_host(natives(store.clone())).await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    let mut messages = server.subscribe("/events", None).await;
    assert!(messages.next().await.is_some());
    store.set(Mood::Down);
    assert_eq!(messages.next().await, None);
}

#[tokio::test]
async fn the_process_lives_whatever_the_store_does_and_is_ready_when_it_answers() {
    let store = MoodyStore::new();
    let server = serve_host(natives(store.clone())).await;
    assert_eq!(server.get("/healthz").await.ok(), json!({ "status": "ok" }));
    assert_eq!(server.get("/readyz").await.ok(), json!({ "status": "ok" }));
    store.set(Mood::Down);
    assert_eq!(server.get("/healthz").await.ok(), json!({ "status": "ok" }));
    server.get("/readyz").await.problem(503, "not-ready");
    store.set(Mood::Stuck);
    let begun = Instant::now();
    server.get("/readyz").await.problem(503, "not-ready");
    assert!(begun.elapsed().as_secs_f64() >= 2.0);
}

#[tokio::test]
async fn a_bug_in_the_host_is_an_internal_problem_that_tells_nothing_of_it() {
    let store = MoodyStore::new();
    let server = serve_host(natives(store.clone())).await;
    store.set(Mood::Panicking);
    let answer = server.get("/events").await;
    assert!(!answer.text.contains("a bug in the store"), "{}", answer.text);
    answer.problem(500, "internal");
    store.set(Mood::Well);
    server.get("/events").await.ok();
}

#[tokio::test]
async fn a_stream_for_which_too_many_commands_wait_is_busy() {
    let store = MoodyStore::new();
    let limits = Limits { mailbox_commands_max: 1, commands_per_batch_max: 1, ..Limits::default() };
    let server = serve_host(natives(store.clone()).limits(limits)).await;
    store.set(Mood::Stuck);
    let increment = || server.send("counter-1", "Increment", r#"{"by":1}"#);
    let mut under_way: FuturesUnordered<_> = [increment()].into_iter().collect();
    tokio::select! {
        () = store.until_stuck() => {}
        answer = under_way.next() => panic!("{answer:?}"),
    }
    // One is being decided, one will wait, and one will find no place.
    under_way.push(increment());
    under_way.push(increment());
    let first = under_way.next().await.unwrap();
    assert_eq!(first.headers["retry-after"], "1");
    first.problem(429, "busy");
    store.set(Mood::Well);
    while let Some(answer) = under_way.next().await {
        answer.ok();
    }
    assert_eq!(server.get("/streams/counter-1").await.ok()["version"], 2);
}

#[tokio::test]
async fn a_host_that_drains_takes_no_commands_and_is_still_read() {
    let server = serve().await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    assert!(server.host.shutdown().await);
    let answer = server.send("counter-1", "Increment", r#"{"by":1}"#).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.problem(503, "shutting-down");
    assert_eq!(server.get("/streams/counter-1").await.ok()["version"], 1);
}

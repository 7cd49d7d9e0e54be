//! `POST /streams/{id}/close`

use std::sync::Arc;

use foldhost::reducer::{Context, DecideError, Decision, Descriptor, ReducerDigest, ReducerFault};
use foldhost::{
    Aggregate, Command, Host, InMemoryEventStore, Limits, NativeReducer, PackedEvents, Reducer, SerializedEvent,
    StreamId,
};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::server::{PATIENCE, PLACE, Server, answer, natives, serve, serve_host};
use crate::store::{Mood, MoodyStore};

/// Counters can be erased, orders cannot.
async fn with_erasable_counters() -> Server {
    serve_host(natives(Arc::new(InMemoryEventStore::new().erasable(["counter"])))).await
}

async fn increment(server: &Server, stream: &str) {
    server.send(stream, "Increment", r#"{"by":10}"#).await.ok();
}

/// Every member of an event that says something of its data.
fn told(event: &Value) -> [Option<&Value>; 4] {
    ["data", "erased", "data_error", "data_base64"].map(|member| event.get(member))
}

#[tokio::test]
async fn a_closed_stream_takes_no_more_commands_and_is_still_read() {
    let server = serve().await;
    increment(&server, "counter-1").await;
    increment(&server, "counter-1").await;
    let closed = json!({ "stream_id": "counter-1", "version": 3, "erased": false });
    assert_eq!(server.close("counter-1", "{}").await.ok(), closed);
    let problem = server.send("counter-1", "Increment", r#"{"by":10}"#).await.problem(410, "stream-closed");
    assert_eq!(problem["version"], 3);
    let state = server.get("/streams/counter-1").await.ok();
    assert_eq!((&state["version"], &state["state"]), (&json!(3), &json!({ "value": 20 })));
    let events = server.get("/streams/counter-1/events").await.ok();
    assert_eq!(events["events"][1]["data"], json!({ "by": 10 }));
    assert_eq!(events["events"][2]["event_type"], "$stream-closed");
    assert_eq!(told(&events["events"][2]), [Some(&Value::Null), None, None, None]);
    // Again, and without a body.
    let again = answer(server.request(Method::POST, "/streams/counter-1/close")).await.ok();
    assert_eq!(again, closed);
}

#[tokio::test]
async fn an_erased_stream_is_in_the_log_without_its_data_and_the_log_goes_on() {
    let server = with_erasable_counters().await;
    for stream in ["counter-1", "counter-2"] {
        increment(&server, stream).await;
    }
    let erased = server.close("counter-1", r#"{"erase":true}"#).await.ok();
    assert_eq!(erased, json!({ "stream_id": "counter-1", "version": 2, "erased": true }));
    let stream = server.get("/streams/counter-1/events").await.ok();
    assert_eq!(told(&stream["events"][0]), [Some(&Value::Null), Some(&json!(true)), None, None]);
    assert_eq!((&stream["events"][0]["event_type"], &stream["next"]), (&json!("Incremented.v1"), &Value::Null));
    let log = server.get("/events").await.ok();
    let log = log["events"].as_array().unwrap();
    let mut messages = server.subscribe("/events", None).await;
    for (place, expected) in [("counter-1", Value::Null), ("counter-2", json!({ "by": 10 }))].into_iter().enumerate() {
        assert_eq!((log[place]["stream_id"].as_str(), &log[place]["data"]), (Some(expected.0), &expected.1));
        let message = messages.next().await.unwrap();
        assert_eq!(message.data, log[place]);
    }
    assert_eq!(messages.next().await.unwrap().event, "$stream-closed");
    server.get("/streams/counter-1").await.problem(410, "stream-erased");
    server.send("counter-1", "Increment", r#"{"by":10}"#).await.problem(410, "stream-erased");
    assert_eq!(server.get("/streams/counter-2").await.ok()["state"]["value"], 10);
}

#[tokio::test]
async fn a_closed_stream_can_still_be_erased() {
    let server = with_erasable_counters().await;
    increment(&server, "counter-1").await;
    server.close("counter-1", "{}").await.ok();
    assert_eq!(server.close("counter-1", r#"{"erase":true}"#).await.ok()["version"], 2);
    server.get("/streams/counter-1").await.problem(410, "stream-erased");
}

#[tokio::test]
async fn a_stream_that_would_stay_readable_is_not_erased_and_stays_open() {
    let server = with_erasable_counters().await;
    server.send("order-1", "PlaceOrder", PLACE).await.ok();
    let problem = server.close("order-1", r#"{"erase":true}"#).await.problem(409, "not-erasable");
    assert!(problem["detail"].as_str().unwrap().contains("close it without erasing"), "{problem}");
    assert_eq!(server.send("order-1", "ShipOrder", r#"{"tracking":"1Z"}"#).await.ok()["version"], 2);
}

#[tokio::test]
async fn a_stream_without_events_is_not_closed() {
    let server = with_erasable_counters().await;
    for body in ["{}", r#"{"erase":true}"#] {
        server.close("counter-1", body).await.problem(404, "unknown-stream");
        server.close("order-1", body).await.problem(404, "unknown-stream");
    }
    increment(&server, "counter-1").await;
}

#[tokio::test]
async fn a_close_that_cannot_be_read_closes_nothing() {
    let server = with_erasable_counters().await;
    increment(&server, "counter-1").await;
    for (body, status, code) in [
        (r#"{"erase":"yes"}"#, 400, "invalid-body"),
        (r#"{"erased":true}"#, 400, "invalid-body"),
        ("[1]", 400, "invalid-body"),
        ("erase=true", 400, "malformed-json"),
        ("{", 400, "malformed-json"),
        (&format!("{:2000}", "{}"), 413, "too-large"),
    ] {
        server.close("counter-1", body.to_owned()).await.problem(status, code);
    }
    let form = server.request(Method::POST, "/streams/counter-1/close");
    let form = form.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body("erase=true");
    answer(form).await.problem(415, "unsupported-media-type");
    assert_eq!(server.get("/streams/counter-1").await.ok()["version"], 1);
}

/// The counter, with a count of the aggregates that are in memory.
struct Counted {
    counter: NativeReducer<counter::Counter>,
    alive: watch::Sender<usize>,
}

struct CountedAggregate {
    aggregate: Box<dyn Aggregate>,
    alive: watch::Sender<usize>,
}

impl Counted {
    fn count(&self, aggregate: Box<dyn Aggregate>) -> Box<dyn Aggregate> {
        self.alive.send_modify(|alive| *alive += 1);
        Box::new(CountedAggregate { aggregate, alive: self.alive.clone() })
    }
}

impl Reducer for Counted {
    fn descriptor(&self) -> &Descriptor {
        self.counter.descriptor()
    }

    fn digest(&self) -> ReducerDigest {
        self.counter.digest()
    }

    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        self.counter.create(stream_id).map(|aggregate| self.count(aggregate))
    }

    fn restore(&self, stream_id: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        self.counter.restore(stream_id, snapshot).map(|aggregate| self.count(aggregate))
    }

    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        self.counter.events_json(events)
    }
}

impl Aggregate for CountedAggregate {
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault> {
        self.aggregate.apply(events)
    }

    fn decide(&mut self, command: &Command, context: &Context) -> Result<Decision, DecideError> {
        self.aggregate.decide(command, context)
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        self.aggregate.snapshot()
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        self.aggregate.state_json()
    }

    fn events_json(&mut self, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        self.aggregate.events_json(events)
    }

    fn memory_bytes(&self) -> usize {
        self.aggregate.memory_bytes()
    }
}

impl Drop for CountedAggregate {
    fn drop(&mut self) {
        self.alive.send_modify(|alive| *alive -= 1);
    }
}

async fn until_none_is_alive(alive: &watch::Sender<usize>) {
    let mut alive = alive.subscribe();
    tokio::time::timeout(PATIENCE, alive.wait_for(|alive| *alive == 0)).await.expect("no aggregate").unwrap();
}

#[tokio::test]
async fn nothing_of_an_erased_stream_stays_in_memory() {
    let alive = watch::Sender::new(0);
    let counted = Counted { counter: NativeReducer::new(), alive: alive.clone() };
    let server =
        serve_host(Host::builder(MoodyStore::over(InMemoryEventStore::new().erasable(["counter"]))).reducer(counted))
            .await;
    increment(&server, "counter-1").await;
    assert_eq!(*alive.borrow(), 1, "the aggregate stays warm for the next command");
    server.close("counter-1", r#"{"erase":true}"#).await.ok();
    until_none_is_alive(&alive).await;
    assert_eq!(server.host.entities_len(), 0);
}

#[tokio::test]
async fn nothing_of_an_erased_stream_stays_in_memory_however_busy_it_was() {
    let alive = watch::Sender::new(0);
    let counted = Counted { counter: NativeReducer::new(), alive: alive.clone() };
    let store = MoodyStore::over(InMemoryEventStore::new().erasable(["counter"]));
    let limits = Limits { mailbox_commands_max: 1, commands_per_batch_max: 1, ..Limits::default() };
    let server = serve_host(Host::builder(store.clone()).limits(limits).reducer(counted)).await;
    increment(&server, "counter-1").await;
    store.set(Mood::Stuck);
    let send = || server.send("counter-1", "Increment", r#"{"by":10}"#);
    let mut under_way: FuturesUnordered<_> = [send()].into_iter().collect();
    tokio::select! {
        () = store.until_stuck() => {}
        answer = under_way.next() => panic!("{answer:?}"),
    }
    // One is being appended, one waits and fills the mailbox, and one finds no place there.
    under_way.push(send());
    under_way.push(send());
    under_way.next().await.unwrap().problem(429, "busy");
    server.close("counter-1", r#"{"erase":true}"#).await.ok();
    assert_eq!(server.host.entities_len(), 0);
    store.set(Mood::Well);
    while let Some(answer) = under_way.next().await {
        assert_eq!(answer.status, 410, "{}", answer.text);
    }
    until_none_is_alive(&alive).await;
    server.get("/streams/counter-1").await.problem(410, "stream-erased");
}

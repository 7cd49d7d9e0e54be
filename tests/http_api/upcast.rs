//! `?upcast=true`: events as they were recorded, and as their reducers apply them.

use std::path::Path;
use std::sync::Arc;

use foldhost::event_store::sealing::{Encryption, MasterKeys};
use foldhost::{EventStore, Host, InMemoryEventStore, PostgresEventStore, SerializedEvent, Store};
use foldhost_sdk::FormerEvent as _;
use foldhost_test_support::{component, database};
use hostile::{CENTIMETRES_MAX, MeasuredV1};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::server::{PLACE, Server, answer, natives, serve, serve_host};

async fn deploy(server: &Server, component: Vec<u8>) {
    let deployed = answer(server.request(Method::POST, "/reducers").body(component)).await;
    assert_eq!(deployed.status, 201, "{}", deployed.text);
}

/// A host with the hostile component, which reads a former version, and the natives beside it.
async fn serve_hostile(store: Arc<dyn Store>) -> Server {
    let server = serve_host(natives(store)).await;
    deploy(&server, component("hostile").to_vec()).await;
    server
}

async fn record(store: &dyn EventStore, stream: &str, events: Vec<SerializedEvent>) {
    store.append_events(&stream.parse().unwrap(), foldhost::ExpectedVersion::Any, events).await.unwrap();
}

fn event(event_type: &str, data: impl Into<Vec<u8>>) -> SerializedEvent {
    SerializedEvent { event_type: event_type.into(), data: data.into() }
}

/// A length as it was recorded when there were whole centimetres alone.
fn measured(centimetres: u64) -> SerializedEvent {
    event("Measured.v1", MeasuredV1 { centimetres }.to_bytes("Measured.v1").unwrap())
}

async fn events(server: &Server, path: &str) -> Vec<Value> {
    let mut page = server.get(path).await.ok();
    serde_json::from_value(page["events"].take()).unwrap()
}

/// An event's type and data, and both of what it is applied as.
fn shown(event: &Value) -> (&str, &Value, &Value) {
    assert_eq!(event.get("upcast_error"), None, "{event}");
    (event["event_type"].as_str().unwrap(), &event["data"], &event["upcast"])
}

fn reason(event: &Value) -> &str {
    assert_eq!(event.get("upcast"), None, "{event}");
    event["upcast_error"].as_str().unwrap_or_else(|| panic!("no reason: {event}"))
}

#[tokio::test]
async fn an_event_of_a_former_version_is_shown_as_recorded_and_as_it_is_applied() {
    let store = Arc::new(InMemoryEventStore::new());
    let server = serve_hostile(store.clone()).await;
    record(&*store, "hostile-1", vec![measured(30), event("Measured.v2", [9])]).await;
    server.send("hostile-1", "Ok", "{}").await.ok();
    let upcast = json!({ "event_type": "Measured.v2", "data": { "millimetres": 300 } });
    let all = [
        ("Measured.v1", &json!({ "centimetres": 30 }), &upcast),
        // What is recorded in the newest version is applied as it is.
        ("Measured.v2", &json!({ "millimetres": 9 }), &Value::Null),
        ("Fine.v1", &json!({}), &Value::Null),
    ];
    for path in ["/streams/hostile-1/events?upcast=true", "/events?category=hostile&upcast=true"] {
        let events = events(&server, path).await;
        assert_eq!(events.iter().map(shown).collect::<Vec<_>>(), all, "{path}");
        assert!(events[1..].iter().all(|event| event.get("upcast").is_none()), "{path}: {events:?}");
    }
    let backward = events(&server, "/streams/hostile-1/events?direction=backward&upcast=true&limit=3").await;
    assert_eq!(shown(&backward[2]), all[0]);
    // The filter is for what is recorded.
    let by_type = events(&server, "/events?type=Measured.v1&upcast=true").await;
    assert_eq!(by_type.iter().map(shown).collect::<Vec<_>>(), all[..1]);
    for path in [
        "/streams/hostile-1/events",
        "/streams/hostile-1/events?upcast=false",
        "/events?category=hostile",
        "/events?category=hostile&upcast=false",
    ] {
        let events = events(&server, path).await;
        assert_eq!(shown(&events[0]), ("Measured.v1", &json!({ "centimetres": 30 }), &Value::Null), "{path}");
        assert_eq!(events[0].get("upcast"), None, "{path}");
    }
}

#[tokio::test]
async fn the_log_that_is_followed_shows_both_versions_of_what_is_there_and_of_what_comes() {
    let store = Arc::new(InMemoryEventStore::new());
    let server = serve_hostile(store.clone()).await;
    record(&*store, "hostile-1", vec![measured(30)]).await;
    let mut messages = server.subscribe("/events?category=hostile&upcast=true", None).await;
    let first = messages.next().await.unwrap();
    assert_eq!(first.event, "Measured.v1");
    assert_eq!(first.data["upcast"], json!({ "event_type": "Measured.v2", "data": { "millimetres": 300 } }));
    record(&*store, "hostile-2", vec![event("Fine.v1", []), measured(31)]).await;
    assert_eq!(messages.next().await.unwrap().data.get("upcast"), None);
    assert_eq!(messages.next().await.unwrap().data["upcast"]["data"], json!({ "millimetres": 310 }));
    let mut plain = server.subscribe("/events?category=hostile", None).await;
    assert_eq!(plain.next().await.unwrap().data.get("upcast"), None);
}

#[tokio::test]
async fn an_event_that_cannot_be_upcast_says_why_and_hides_no_other() {
    let store = Arc::new(InMemoryEventStore::new());
    let server = serve_hostile(store.clone()).await;
    let recorded = vec![measured(CENTIMETRES_MAX), measured(30), event("Measured.v1", [255; 12])];
    record(&*store, "hostile-1", recorded).await;
    record(&*store, "ghost-1", vec![event("Appeared.v1", *b"\x01\x02\xff")]).await;
    // Behind what the reducer's history tells of its deployment.
    let events = events(&server, "/events?upcast=true").await.split_off(2);
    assert_eq!(events[0]["data"], json!({ "centimetres": CENTIMETRES_MAX }), "it is recorded all the same");
    let panicked = reason(&events[0]);
    assert!(panicked.contains("nothing is 1844674407370955162 cm long"), "{panicked}");
    assert!(panicked.contains("measured.rs"), "{panicked}");
    assert_eq!(shown(&events[1]).2["data"], json!({ "millimetres": 300 }));
    // Nobody can tell what these say, in whichever version.
    for (event, says) in [(&events[2], "are not a `Measured.v1`"), (&events[3], "ghost")] {
        assert_eq!(event["data"], Value::Null);
        assert!(event["data_base64"].is_string() && reason(event).contains(says), "{event}");
        assert_eq!(event["data_error"], event["upcast_error"]);
    }
}

/// Its page has one limit of fuel for all of its upcasts; what was recorded has a limit of its own.
#[tokio::test]
async fn an_event_whose_upcast_is_too_much_is_read_as_recorded_and_hides_no_other() {
    let store = Arc::new(InMemoryEventStore::new());
    let server = serve_hostile(store.clone()).await;
    record(&*store, "hostile-1", vec![measured(30), event("Ordered.v1", *b"event-upcast spin")]).await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    // Behind what the reducer's history tells of its deployment.
    let events = events(&server, "/events?upcast=true").await.split_off(2);
    assert_eq!(events[0]["data"], json!({ "centimetres": 30 }));
    assert_eq!(events[1]["data"], json!({ "misdeed": "event-upcast spin" }));
    assert_eq!(events[0]["upcast"]["data"], json!({ "millimetres": 300 }));
    let reason = reason(&events[1]);
    assert!(reason.contains("in event-upcast") && reason.contains("fuel_per_call_max"), "{reason}");
    assert_eq!(shown(&events[2]), ("Incremented.v1", &json!({ "by": 1 }), &Value::Null));
}

#[tokio::test]
async fn a_component_of_contract_1_0_0_has_its_events_read_as_recorded_and_says_that_it_is_too_old() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/components/order-contract-1.0.0.wasm");
    let server = serve_host(Host::builder(Arc::new(InMemoryEventStore::new()))).await;
    deploy(&server, std::fs::read(path).unwrap()).await;
    server.send("order-1", "PlaceOrder", PLACE).await.ok();
    for path in ["/streams/order-1/events?upcast=true", "/events?category=order&upcast=true"] {
        let events = events(&server, path).await;
        assert_eq!(events[0]["data"]["total"], 2_000);
        assert!(reason(&events[0]).contains("has no event-upcast: build it again"), "{}", events[0]);
    }
}

#[tokio::test]
async fn an_event_that_says_nothing_is_upcast_to_nothing() {
    let database = database().await;
    let keys = MasterKeys::parse(&MasterKeys::generate_line()).unwrap();
    let encryption = Encryption::new(keys, ["hostile"]).unwrap();
    let store = Arc::new(PostgresEventStore::clone(&database.store).with_encryption(encryption));
    let server = serve_hostile(store.clone()).await;
    record(&*store, "hostile-1", vec![measured(30)]).await;
    server.close("hostile-1", r#"{"erase":true}"#).await.ok();
    let events = events(&server, "/streams/hostile-1/events?upcast=true").await;
    assert_eq!((&events[0]["erased"], &events[1]["event_type"]), (&json!(true), &json!("$stream-closed")));
    for event in &events {
        assert_eq!(shown(event).1, &Value::Null);
        assert_eq!((event.get("upcast"), event.get("data_error")), (None, None), "{event}");
    }
}

#[tokio::test]
async fn any_other_wish_for_an_upcast_is_refused_by_name() {
    let server = serve().await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    for value in ["upcast", "upcast=", "upcast=1", "upcast=yes", "upcast=TRUE", "upcast=true&upcast=true"] {
        for path in ["/streams/counter-1/events", "/events"] {
            let problem = server.get(&format!("{path}?{value}")).await.problem(400, "invalid-query");
            assert!(problem["detail"].as_str().unwrap().contains("upcast"), "{problem}");
        }
    }
    let followed = server.request(Method::GET, "/events?upcast=1").header(ACCEPT, "text/event-stream");
    answer(followed).await.problem(400, "invalid-query");
}

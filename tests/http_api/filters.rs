//! `GET /events` of one category, one type, or a time.

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::server::{PLACE, Server, answer, serve};

/// Two counters and an order: an order's event stands between those of the counters.
async fn mixed() -> Server {
    let server = serve().await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    server.send("order-1", "PlaceOrder", PLACE).await.ok();
    server.send("counter-1", "Reset", "{}").await.ok();
    server.send("counter-2", "Increment", r#"{"by":2}"#).await.ok();
    server
}

fn places(page: &Value) -> Vec<String> {
    let place = |event: &Value| format!("{}@{}", event["stream_id"].as_str().unwrap(), event["version"]);
    page["events"].as_array().unwrap().iter().map(place).collect()
}

#[tokio::test]
async fn the_log_is_read_by_category_by_type_or_by_both() {
    let server = mixed().await;
    for (query, expected) in [
        ("category=counter", vec!["counter-1@1", "counter-1@2", "counter-2@1"]),
        ("category=order", vec!["order-1@1"]),
        ("category=count", vec![]),
        ("type=Incremented.v1", vec!["counter-1@1", "counter-2@1"]),
        ("type=Incremented", vec![]),
        ("type=Reset.v1&category=counter", vec!["counter-1@2"]),
        ("type=Reset.v1&category=order", vec![]),
    ] {
        assert_eq!(places(&server.get(&format!("/events?{query}")).await.ok()), expected, "{query}");
    }
}

#[tokio::test]
async fn a_filtered_page_goes_on_behind_its_cursor_whatever_the_filter_is_then() {
    let server = mixed().await;
    let first = server.get("/events?type=Incremented.v1&limit=1").await.ok();
    assert_eq!(places(&first), ["counter-1@1"]);
    let after = first["next"].as_str().unwrap();
    let second = server.get(&format!("/events?type=Incremented.v1&limit=1&after={after}")).await.ok();
    assert_eq!(places(&second), ["counter-2@1"]);
    let all = server.get(&format!("/events?after={after}")).await.ok();
    assert_eq!(places(&all), ["order-1@1", "counter-1@2", "counter-2@1"]);
    let end = second["next"].as_str().unwrap();
    let nothing = server.get(&format!("/events?type=Incremented.v1&after={end}")).await.ok();
    assert_eq!(nothing, json!({ "events": [], "next": end }));
}

#[tokio::test]
async fn the_log_is_read_by_time_from_its_beginning_and_without_its_end() {
    let server = mixed().await;
    let all = server.get("/events").await.ok();
    let [_, second, _, fourth] = [0, 1, 2, 3].map(|place| all["events"][place]["created_at"].as_str().unwrap());
    assert!(second < fourth, "{second} {fourth}");
    let between = server.get(&format!("/events?since={second}&until={fourth}")).await.ok();
    assert_eq!(places(&between), ["order-1@1", "counter-1@2"]);
    let counters = server.get(&format!("/events?since={second}&category=counter")).await.ok();
    assert_eq!(places(&counters), ["counter-1@2", "counter-2@1"]);
    // The same moment in another time zone.
    let elsewhere = chrono::DateTime::parse_from_rfc3339(fourth).unwrap();
    let elsewhere = elsewhere.with_timezone(&chrono::FixedOffset::east_opt(3_600).unwrap()).to_rfc3339();
    let last = server.get(&format!("/events?since={}", elsewhere.replace('+', "%2B"))).await.ok();
    assert_eq!(places(&last), ["counter-2@1"]);
    assert_eq!(server.get("/events?since=2999-01-01T00:00:00Z").await.ok()["events"], json!([]));
}

#[tokio::test]
async fn a_subscription_is_told_only_what_its_filter_admits() {
    let server = mixed().await;
    let mut messages = server.subscribe("/events?category=counter&type=Incremented.v1", None).await;
    let first = messages.next().await.unwrap();
    assert_eq!((&first.data["stream_id"], &first.data["version"]), (&json!("counter-1"), &json!(1)));
    let second = messages.next().await.unwrap();
    assert_eq!(second.data["stream_id"], "counter-2");
    server.send("order-2", "PlaceOrder", PLACE).await.ok();
    server.send("counter-3", "Increment", r#"{"by":3}"#).await.ok();
    assert_eq!(messages.next().await.unwrap().data["stream_id"], "counter-3");
    let mut resumed = server.subscribe("/events?category=counter&type=Incremented.v1", Some(&first.id)).await;
    assert_eq!(resumed.next().await.unwrap(), second);
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_told_what_to_write() {
    let server = serve().await;
    for (query, told) in [
        ("category=", "category=order"),
        ("category=order-1", "category=order"),
        ("category=a%00", "category=order"),
        ("type=", "type=OrderPlaced.v1"),
        ("type=a%00", "type=OrderPlaced.v1"),
        ("since=yesterday", "since=2026-01-31T12:00:00Z"),
        ("until=2026-01-31", "until=2026-01-31T12:00:00Z"),
        ("since=2026-01-31T12:00:00+01:00", "%2B01:00"),
        ("since=2026-01-31T12:00:00Z&until=2026-01-31T12:00:00Z", "earlier"),
        ("category=a&category=b", "duplicate"),
    ] {
        let problem = server.get(&format!("/events?{query}")).await.problem(400, "invalid-query");
        assert!(problem["detail"].as_str().unwrap().contains(told), "{query}: {problem}");
    }
    let ending = server.request(Method::GET, "/events?until=2999-01-01T00:00:00Z");
    let problem = answer(ending.header(ACCEPT, "text/event-stream")).await.problem(400, "invalid-query");
    assert!(problem["detail"].as_str().unwrap().contains("leave until out"), "{problem}");
}

//! Requests that cannot be read, each with a status, a code and what to do.

use std::sync::Arc;

use foldhost::{InMemoryEventStore, Limits};
use futures::stream;
use reqwest::Method;
use reqwest::header::{ALLOW, CONTENT_TYPE};
use serde_json::json;

use crate::server::{PLACE, answer, natives, serve, serve_host};

#[tokio::test]
async fn a_stream_id_that_is_none_is_refused_everywhere() {
    let server = serve().await;
    let longest = format!("order-{}", "x".repeat(249));
    let too_long = format!("{longest}x");
    for id in ["", "order", "-1", "order-", "order-%00", "order-a%0Ab", "order-%C2%85", too_long.as_str()] {
        server.close(id, "{}").await.problem(400, "invalid-stream-id");
        server.send(id, "PlaceOrder", PLACE).await.problem(400, "invalid-stream-id");
        server.get(&format!("/streams/{id}")).await.problem(400, "invalid-stream-id");
        server.get(&format!("/streams/{id}/events")).await.problem(400, "invalid-stream-id");
    }
    server.send("order-%FF", "PlaceOrder", PLACE).await.problem(400, "invalid-path");
    server.send(&longest, "PlaceOrder", PLACE).await.ok();
}

#[tokio::test]
async fn a_category_without_a_reducer_is_named() {
    let server = serve().await;
    let problem = server.send("ghost-1", "Appear", "{}").await.problem(404, "unknown-category");
    assert_eq!(problem["category"], "ghost");
}

#[tokio::test]
async fn an_unknown_command_is_answered_with_the_known_ones() {
    let server = serve().await;
    let problem = server.send("counter-1", "Explode", "{}").await.problem(404, "unknown-command");
    assert_eq!(problem["known_commands"], json!(["Increment", "Reset"]));
    for name in ["x".repeat(256), "a%0Ab".to_owned()] {
        server.send("counter-1", &name, "{}").await.problem(400, "invalid-command-name");
    }
}

#[tokio::test]
async fn arguments_that_are_not_json_are_refused_before_the_reducer_sees_them() {
    let server = serve().await;
    for arguments in [&b"{"[..], b"{\"by\":1} x", b"by=1", b" ", b"\"\xff\"", b"\xef\xbb\xbf{}"] {
        answer(server.command("counter-1", "Increment", arguments)).await.problem(400, "malformed-json");
    }
}

#[tokio::test]
async fn arguments_of_the_wrong_shape_are_a_malformed_command() {
    let server = serve().await;
    for arguments in ["{}", r#"{"by":-1}"#, r#"{"by":1,"fast":true}"#, "[]", "7"] {
        let problem = server.send("counter-1", "Increment", arguments).await.problem(400, "malformed-command");
        assert!(problem["detail"].as_str().unwrap().contains("Increment"), "{problem}");
    }
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    answer(server.command("counter-1", "Increment", nested)).await.problem(400, "malformed-command");
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_named() {
    let server = serve().await;
    let long = "x".repeat(256);
    let cases = [
        ("expected-version", "soon"),
        ("expected-version", "-1"),
        ("expected-version", ""),
        ("idempotency-key", ""),
        ("idempotency-key", long.as_str()),
        ("idempotency-key", "ü"),
        ("idempotency-key", "a\tb"),
    ];
    for (name, value) in cases {
        let request = server.command("counter-1", "Increment", r#"{"by":1}"#).header(name, value);
        let problem = answer(request).await.problem(400, "invalid-header");
        assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
    }
    let twice =
        server.command("counter-1", "Reset", "{}").header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    answer(twice).await.problem(400, "invalid-header");
}

#[tokio::test]
async fn another_media_type_is_refused_with_the_ones_that_are_taken() {
    let server = serve().await;
    for media_type in ["application/x-www-form-urlencoded", "text/plain", "text/json", "application/xml"] {
        let request = server.request(Method::POST, "/streams/counter-1/commands/Increment");
        let request = request.header(CONTENT_TYPE, media_type).body(r#"{"by":1}"#);
        let problem = answer(request).await.problem(415, "unsupported-media-type");
        assert!(problem["detail"].as_str().unwrap().contains("application/json"), "{problem}");
    }
}

#[tokio::test]
async fn a_body_of_10_mb_is_refused_before_any_of_it_is_sent() {
    let server = serve().await;
    let head = "POST /streams/order-1/commands/PlaceOrder HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 10000000\r\n\r\n";
    let answer = server.raw(head, |read| read.ends_with('}')).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains(r#""code":"too-large""#) && answer.contains(r#""bytes_max":1048576"#), "{answer}");
}

#[tokio::test]
async fn a_sender_of_10_mb_that_does_not_look_up_still_gets_its_answer() {
    let server = serve().await;
    answer(server.command("order-1", "PlaceOrder", vec![b' '; 10_000_000])).await.problem(413, "too-large");
    let chunks = stream::iter((0..10_000).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1_000])));
    let unannounced = reqwest::Body::wrap_stream(chunks);
    answer(server.command("order-1", "PlaceOrder", unannounced)).await.problem(413, "too-large");
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_taken() {
    let limits = Limits { command_bytes_max: 64, ..Limits::default() };
    let server = serve_host(natives(Arc::new(InMemoryEventStore::new())).limits(limits)).await;
    let arguments = format!("{:64}", r#"{"by":1}"#);
    answer(server.command("counter-1", "Increment", format!("{arguments} "))).await.problem(413, "too-large");
    answer(server.command("counter-1", "Increment", arguments)).await.ok();
}

#[tokio::test]
async fn a_path_that_is_none_and_a_method_that_it_does_not_take_are_problems_too() {
    let server = serve().await;
    for path in ["/", "/stream", "/streams", "/streams/order-1/commands", "/metrics/x"] {
        let problem = server.get(path).await.problem(404, "not-found");
        assert!(problem["detail"].as_str().unwrap().contains(path), "{problem}");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/streams/order-1", "GET,HEAD"),
        (Method::PUT, "/reducers", "GET,HEAD,POST"),
        (Method::GET, "/streams/order-1/commands/PlaceOrder", "POST"),
    ] {
        let answer = answer(server.request(method, path)).await;
        let mut allow: Vec<_> = answer.headers[ALLOW].to_str().unwrap().split(',').map(str::trim).collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed);
        answer.problem(405, "method-not-allowed");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused() {
    let server = serve().await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    for path in [
        "/streams/counter-1?at=now",
        "/streams/counter-1?at=-1",
        "/streams/counter-1?as=1",
        "/streams/counter-1/events?from=0",
        "/streams/counter-1/events?limit=0",
        "/streams/counter-1/events?limit=1001",
        "/streams/counter-1/events?form=2",
        "/streams/counter-1/events?before=2",
        "/streams/counter-1/events?direction=sideways",
        "/streams/counter-1/events?direction=backward&from=2",
        "/streams/counter-1/events?direction=backward&before=0",
        "/events?limit=1001",
        "/events?limit=ten",
        "/events?before=1",
    ] {
        server.get(path).await.problem(400, "invalid-query");
    }
}

//! What is sent, and what becomes of the answer.

use std::time::Duration;

use foldhost::TraceParent;
use foldhost::effects::http::HttpTerms;
use foldhost::effects::{EffectError, EffectRunner as _};
use foldhost_sdk::{FlatEffectKind, HttpRequest, ResponseBody};

use crate::server::{Server, answer};
use crate::{fails, rules, runner, send, text};

#[tokio::test]
async fn a_request_arrives_as_it_was_asked_for_with_the_hosts_headers() {
    let server = Server::answering(|_| {
        answer("201 Created", &[("Content-Type", "application/json"), ("X-Two", "a"), ("X-Two", "b")], r#"{"id":7}"#)
    });
    let server = server.await;
    let traceparent: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let request = HttpRequest::post(server.url("/charges?x=1#y"))
        .header("Content-Type", "application/json")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .body(r#"{"cents":1999}"#);
    let runner = runner(HttpTerms::default());
    let response = runner.send(&request, &rules(&[&server.origin()]), "effect-1", Some(&traceparent)).await.unwrap();

    let received = server.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].line, "POST /charges?x=1 HTTP/1.1");
    assert_eq!(received[0].body, br#"{"cents":1999}"#);
    let version = env!("CARGO_PKG_VERSION");
    let host = format!("127.0.0.1:{}", server.port);
    let headers: Vec<_> = received[0].headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let agent = format!("foldhost/{version}");
    assert_eq!(
        headers,
        [
            ("accept", "*/*"),
            ("accept-encoding", "identity"),
            ("content-length", "14"),
            ("content-type", "application/json"),
            ("host", host.as_str()),
            ("idempotency-key", "effect-1"),
            ("traceparent", traceparent.as_str()),
            ("user-agent", agent.as_str()),
            ("x-twice", "1"),
            ("x-twice", "2"),
        ]
    );

    assert_eq!(response.status, 201);
    assert_eq!(text(&response), r#"{"id":7}"#);
    let two: Vec<_> = response.headers.iter().filter(|(name, _)| name == "x-two").map(|(_, value)| value).collect();
    assert_eq!(two, ["a", "b"]);
}

#[tokio::test]
async fn headers_that_the_guest_set_are_kept() {
    let server = Server::answering(|_| answer("200 OK", &[], "")).await;
    let mut request = HttpRequest::get(server.url("/"));
    for (name, value) in [("Idempotency-Key", "mine"), ("USER-AGENT", "guest"), ("accept", "text/plain")] {
        request = request.header(name, value);
    }
    send(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await.unwrap();
    let received = &server.received()[0];
    assert_eq!(received.header("idempotency-key"), Some("mine"));
    assert_eq!(received.header("user-agent"), Some("guest"));
    assert_eq!(received.header("accept"), Some("text/plain"));
    assert_eq!(received.headers.iter().filter(|(name, _)| name == "idempotency-key").count(), 1);
    assert_eq!(received.header("traceparent"), None);
}

#[tokio::test]
async fn a_body_that_is_no_text_comes_in_base64() {
    let server = Server::answering(|_| answer("200 OK", &[("x-name", "caf\u{e9}")], [0xff, 0x00, 0x01])).await;
    let request = HttpRequest::get(server.url("/"));
    let response = send(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await.unwrap();
    assert_eq!(response.body, ResponseBody::Base64("/wAB".to_owned()));
    assert!(response.headers.contains(&("x-name".to_owned(), "caf\u{e9}".to_owned())));
}

#[tokio::test]
async fn an_answer_to_head_has_a_length_and_no_body() {
    let server = Server::answering(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec()).await;
    let request = HttpRequest::new("HEAD", server.url("/"));
    let response = send(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await.unwrap();
    assert_eq!((response.status, text(&response)), (200, ""));
}

#[tokio::test]
async fn a_settled_status_is_an_outcome_and_another_one_is_tried_again() {
    let server = Server::answering(|received| {
        let status = received.line.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
        answer(&format!("{status} Status"), &[], "")
    });
    let server = server.await;
    let (runner, rules) = (runner(HttpTerms::default()), rules(&[&server.origin()]));
    for status in [200, 202, 204, 300, 301, 304, 400, 401, 404, 409, 422, 451] {
        let request = HttpRequest::get(server.url(&format!("/{status}")));
        assert_eq!(send(&runner, &request, &rules).await.unwrap().status, status);
    }
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        let request = HttpRequest::get(server.url(&format!("/{status}")));
        let (kind, error) = fails(&runner, &request, &rules).await;
        assert_eq!(kind, format!("transient http-{status}"));
        assert!(error.to_string().contains(&format!("{} answered with status {status}", server.origin())), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_is_given_one() {
    let server = Server::answering(|_| answer("503 Busy", &[("Retry-After", "120")], "come back later")).await;
    let request = HttpRequest::get(server.url("/"));
    let (_, error) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
    let EffectError::Transient { code, message, retry_after } = error else { panic!("{error:?}") };
    assert_eq!((code.as_ref(), retry_after), ("http-503", Some(Duration::from_secs(120))));
    assert!(!message.contains("later"), "the server's words are not repeated: {message}");
}

#[tokio::test]
async fn an_answer_that_is_compressed_all_the_same_is_refused() {
    let server = Server::answering(|_| answer("200 OK", &[("Content-Encoding", "gzip")], [0x1f, 0x8b])).await;
    let request = HttpRequest::get(server.url("/"));
    let (kind, _) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
    assert_eq!(kind, "permanent response-encoded");
}

#[test]
fn the_target_is_the_urls_origin() {
    let runner = runner(HttpTerms::default());
    assert_eq!(runner.kind(), "http");
    for (url, target) in [
        ("https://Pay.Example:443/charges?card=4111", "https://pay.example"),
        ("http://me:secret@127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("http://[::1]:80/", "http://[::1]"),
        ("no URL", "invalid"),
        ("/charges", "invalid"),
        ("file:///etc/passwd", "invalid"),
        ("data:text/plain,hello", "invalid"),
        ("", "invalid"),
    ] {
        assert_eq!(runner.target(&FlatEffectKind::Http(HttpRequest::get(url))), target, "{url}");
    }
    assert_eq!(runner.target(&FlatEffectKind::Delay(1)), "invalid");
}

//! Secrets go to their origins, and to nobody else.

use foldhost_sdk::{HttpRequest, ResponseBody};

use crate::server::{Received, Server, answer};
use crate::{fails, rules, runner_with_secrets, send, text};

const VALUE: &str = r#"sk/live-"hunter2"\hunter2"#;

fn file(origins: &[&str]) -> String {
    format!("[payments-key]\nvalue = '{VALUE}'\norigins = {origins:?}\n")
}

#[tokio::test]
async fn a_secret_is_filled_in_and_an_echo_of_it_is_not_seen() {
    let echo = |received: &Received| {
        let key = received.header("authorization").unwrap().to_owned();
        let json = serde_json::json!({ "authorization": key }).to_string();
        let body = format!("{key}\n{json}\n{}", json.replace('/', r"\/"));
        answer("401 Unauthorized", &[("X-Echo", &key), ("WWW-Authenticate", "Basic")], body)
    };
    let server = Server::answering(echo).await;
    let runner = runner_with_secrets(&file(&[&server.origin()]));
    let request = HttpRequest::post(server.url("/charges")).header("Authorization", "Bearer ${secret:payments-key}");
    let response = send(&runner, &request, &rules(&[&server.origin()])).await.unwrap();

    assert_eq!(server.received()[0].header("authorization"), Some(format!("Bearer {VALUE}").as_str()));
    let json = r#"{"authorization":"Bearer [secret payments-key]"}"#;
    assert_eq!(text(&response), format!("Bearer [secret payments-key]\n{json}\n{json}"));
    assert!(response.headers.contains(&("x-echo".to_owned(), "Bearer [secret payments-key]".to_owned())));
    assert!(!format!("{response:?}").contains("hunter2"), "{response:?}");
}

#[tokio::test]
async fn a_secret_that_one_origin_tells_another_is_not_seen_either() {
    let other = Server::answering(|_| answer("200 OK", &[], [VALUE.as_bytes(), &[0xff]].concat())).await;
    let runner = runner_with_secrets(&file(&["https://payments.example"]));
    let response = send(&runner, &HttpRequest::get(other.url("/")), &rules(&[&other.origin()])).await.unwrap();
    // `[secret payments-key]` and the byte 0xff.
    assert_eq!(response.body, ResponseBody::Base64("W3NlY3JldCBwYXltZW50cy1rZXld/w==".to_owned()));
}

#[tokio::test]
async fn a_secret_is_not_sent_to_an_origin_that_it_is_not_meant_for() {
    let server = Server::answering(|_| answer("200 OK", &[], "")).await;
    let runner = runner_with_secrets(&file(&["https://payments.example"]));
    let request = HttpRequest::get(server.url("/")).header("x-key", "${secret:payments-key}");
    let (kind, error) = fails(&runner, &request, &rules(&[&server.origin()])).await;
    assert_eq!(kind, "permanent secret-not-for-origin");
    assert!(error.to_string().contains("payments-key") && !error.to_string().contains("hunter2"), "{error}");
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_reference_outside_a_headers_value_is_sent_as_it_is() {
    let server = Server::answering(|_| answer("200 OK", &[], "")).await;
    let runner = runner_with_secrets(&file(&[&server.origin()]));
    let request = HttpRequest::post(server.url("/?k=${secret:payments-key}")).body("${secret:payments-key}");
    send(&runner, &request, &rules(&[&server.origin()])).await.unwrap();
    let received = &server.received()[0];
    assert_eq!(received.body, b"${secret:payments-key}");
    assert!(!received.line.contains("hunter2"), "{}", received.line);
}

#[tokio::test]
async fn an_answer_that_grows_by_the_names_of_secrets_keeps_to_its_limit() {
    let file = "[a-name-that-is-longer-than-its-value]\nvalue = '12345678'\norigins = ['https://a.example']";
    let server = Server::answering(|_| answer("200 OK", &[], "12345678".repeat(131_072))).await;
    let (kind, _) =
        fails(&runner_with_secrets(file), &HttpRequest::get(server.url("/")), &rules(&[&server.origin()])).await;
    assert_eq!(kind, "permanent response-too-large");
}

//! Redirects: each hop is checked as the first one was.

use foldhost::effects::http::HttpTerms;
use foldhost_sdk::HttpRequest;

use crate::server::{Server, answer};
use crate::{fails, private_rules, rules, runner, runner_with_secrets, send, text};

async fn redirecting(status: &'static str, to: String) -> Server {
    Server::answering(move |_| answer(status, &[("Location", &to)], "moved")).await
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_method_that_its_status_asks_for() {
    let arrival = Server::answering(|received| answer("200 OK", &[], &received.line)).await;
    for (status, method, expected) in [
        ("301 Moved", "POST", "GET"),
        ("302 Found", "POST", "GET"),
        ("303 See Other", "POST", "GET"),
        ("303 See Other", "PUT", "GET"),
        ("303 See Other", "HEAD", "HEAD"),
        ("301 Moved", "PUT", "PUT"),
        ("302 Found", "DELETE", "DELETE"),
        ("307 Temporary", "POST", "POST"),
        ("308 Permanent", "POST", "POST"),
    ] {
        let server = redirecting(status, arrival.url("/there?x=1")).await;
        let request = HttpRequest::new(method, server.url("/"))
            .header("content-type", "text/plain")
            .header("x-a", "b")
            .body("sent");
        let rules = rules(&[&server.origin(), &arrival.origin()]);
        let response = send(&runner(HttpTerms::default()), &request, &rules).await.unwrap();
        assert_eq!(response.status, 200);
        let arrived = arrival.received().pop().unwrap();
        assert_eq!(arrived.line, format!("{expected} /there?x=1 HTTP/1.1"), "{method} after {status}");
        let keeps_body = expected == method && method != "HEAD";
        if keeps_body {
            assert_eq!(
                (arrived.body.as_slice(), arrived.header("content-type")),
                (b"sent".as_slice(), Some("text/plain"))
            );
        } else if method != "HEAD" {
            assert_eq!((arrived.body.as_slice(), arrived.header("content-type")), (b"".as_slice(), None));
        }
        assert_eq!((arrived.header("x-a"), arrived.header("idempotency-key")), (Some("b"), Some("effect-1")));
        let host = format!("127.0.0.1:{}", arrival.port);
        assert_eq!(arrived.header("host"), Some(host.as_str()));
    }
}

#[tokio::test]
async fn a_location_may_be_relative_and_keeps_what_is_confidential_within_the_origin() {
    let server = Server::answering(|received| match received.line.split(' ').nth(1) {
        Some("/a/b") => answer("302 Found", &[("Location", "../c")], ""),
        Some("/c") => answer("200 OK", &[], received.header("authorization").unwrap_or("none")),
        other => panic!("{other:?}"),
    });
    let server = server.await;
    let request = HttpRequest::get(server.url("/a/b")).header("authorization", "Basic abc");
    let response = send(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await.unwrap();
    assert_eq!(text(&response), "Basic abc");
}

#[tokio::test]
async fn secrets_and_credentials_do_not_go_to_another_origin_and_do_not_come_back() {
    // First to another origin, and from there back to the first.
    let first = Server::answering(|received| {
        let to = received
            .line
            .split(' ')
            .nth(1)
            .unwrap()
            .strip_prefix("/to/")
            .map(|port| format!("http://127.0.0.1:{port}/"));
        match to {
            Some(to) => answer("307 Temporary", &[("Location", &to)], ""),
            None => answer("200 OK", &[], "arrived"),
        }
    });
    let first = first.await;
    let other = redirecting("307 Temporary", first.url("/end")).await;
    let runner = runner_with_secrets(&format!(
        "[key]\nvalue = 'hunter2-hunter2'\norigins = ['{}', '{}']",
        first.origin(),
        other.origin()
    ));
    let request = HttpRequest::post(first.url(&format!("/to/{}", other.port)))
        .header("x-key", "${secret:key}")
        .header("Authorization", "Basic abc")
        .header("Cookie", "a=b")
        .header("x-plain", "kept");
    let response = send(&runner, &request, &rules(&[&first.origin(), &other.origin()])).await.unwrap();
    assert_eq!(text(&response), "arrived");

    let (first, other) = (first.received(), other.received());
    assert_eq!((first.len(), other.len()), (2, 1));
    let confidential = ["x-key", "authorization", "cookie"];
    assert_eq!(
        confidential.map(|name| first[0].header(name)),
        [Some("hunter2-hunter2"), Some("Basic abc"), Some("a=b")]
    );
    for received in [&other[0], &first[1]] {
        assert_eq!(confidential.map(|name| received.header(name)), [None, None, None]);
        assert_eq!(received.header("x-plain"), Some("kept"));
    }
}

#[tokio::test]
async fn a_redirect_to_where_the_rules_do_not_lead_is_refused() {
    let forbidden = Server::answering(|_| answer("200 OK", &[], "never")).await;
    let with_password = forbidden.url("/").replace("127", "me:word@127");
    for to in [forbidden.url("/x?token=abc"), forbidden.named_origin(), "file:///etc/passwd".into(), with_password] {
        let server = redirecting("302 Found", to.clone()).await;
        let (kind, error) =
            fails(&runner(HttpTerms::default()), &HttpRequest::get(server.url("/")), &rules(&[&server.origin()])).await;
        assert_eq!(kind, "permanent redirect-refused", "{to}");
        let shown = error.to_string();
        assert!(shown.contains(&server.origin()), "{shown}");
        assert!(!shown.contains("token") && !shown.contains("word@"), "no more than the origin is shown: {shown}");
    }
    assert!(forbidden.received().is_empty());
}

#[tokio::test]
async fn a_redirect_by_name_to_a_private_address_is_refused_unless_it_is_named_as_private() {
    let inside = Server::answering(|_| answer("200 OK", &[], "inside")).await;
    let server = redirecting("302 Found", inside.named_origin()).await;
    let request = HttpRequest::get(server.url("/"));
    let runner = runner(HttpTerms::default());
    let (kind, _) = fails(&runner, &request, &rules(&[&server.origin(), &inside.named_origin()])).await;
    assert_eq!(kind, "permanent address-not-public");
    assert!(inside.received().is_empty());

    let mut admitting = private_rules(&inside.named_origin());
    admitting.origins.extend(rules(&[&server.origin()]).origins);
    assert_eq!(text(&send(&runner, &request, &admitting).await.unwrap()), "inside");
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let server = Server::answering(|_| answer("302 Found", &[("Location", "/again")], "")).await;
    let (request, rules) = (HttpRequest::get(server.url("/")), rules(&[&server.origin()]));
    let (kind, error) = fails(&runner(HttpTerms::default()), &request, &rules).await;
    assert_eq!(kind, "permanent too-many-redirects");
    assert!(error.to_string().contains("more than 5"), "{error}");
    assert_eq!(server.received().len(), 6);
    let none = runner(HttpTerms { redirects_max: 0, ..HttpTerms::default() });
    assert_eq!(fails(&none, &request, &rules).await.0, "permanent too-many-redirects");
    assert_eq!(server.received().len(), 7);
}

#[tokio::test]
async fn a_location_that_is_no_url_is_refused_and_a_redirect_without_one_is_an_answer() {
    let long = format!("/{}", "x".repeat(9_000));
    for location in ["http://", "http://[::1", &long] {
        let server = redirecting("302 Found", location.to_owned()).await;
        let request = HttpRequest::get(server.url("/"));
        let (kind, _) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
        assert_eq!(kind, "permanent redirect-refused", "{}", &location[..location.len().min(20)]);
    }
    let server = Server::answering(|_| answer("302 Found", &[], "look for it yourself")).await;
    let request = HttpRequest::get(server.url("/"));
    let response = send(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await.unwrap();
    assert_eq!((response.status, text(&response)), (302, "look for it yourself"));
}

//! What is refused before a byte of it is sent.

use foldhost::effects::EffectError;
use foldhost::effects::http::HttpTerms;
use foldhost::reducer::EffectRules;
use foldhost_sdk::HttpRequest;

use crate::server::{Server, answer};
use crate::{fails, private_rules, rules, runner, send, text};

#[tokio::test]
async fn a_request_that_is_none_is_refused_by_what_is_wrong_with_it() {
    let server = Server::answering(|_| answer("200 OK", &[], "never")).await;
    let url = server.url("/");
    let get = || HttpRequest::get(&url);
    let many = (0..101).fold(get(), |request, number| request.header(format!("x-{number}"), "y"));
    let cases = [
        (HttpRequest::get(""), "invalid-url"),
        (HttpRequest::get("no URL"), "invalid-url"),
        (HttpRequest::get("/relative"), "invalid-url"),
        (HttpRequest::get("http://"), "invalid-url"),
        (HttpRequest::get("http://127.0.0.1:99999/"), "invalid-url"),
        (HttpRequest::get(format!("{url}{}", "x".repeat(8_192))), "invalid-url"),
        (HttpRequest::get("ftp://127.0.0.1/"), "invalid-url"),
        (HttpRequest::get("file:///etc/passwd"), "invalid-url"),
        (HttpRequest::get("data:text/plain,hello"), "invalid-url"),
        (HttpRequest::get("unix:/run/docker.sock"), "invalid-url"),
        (HttpRequest::get(url.replace("127", "me@127")), "invalid-url"),
        (HttpRequest::get(url.replace("127", "me:word@127")), "invalid-url"),
        (HttpRequest::get(url.replace("127", ":word@127")), "invalid-url"),
        (HttpRequest::new("", &url), "invalid-method"),
        (HttpRequest::new("GET /", &url), "invalid-method"),
        (HttpRequest::new("GET\r\nx: y", &url), "invalid-method"),
        (HttpRequest::new("X".repeat(33), &url), "invalid-method"),
        (HttpRequest::new("CONNECT", &url), "invalid-method"),
        (HttpRequest::new("trace", &url), "invalid-method"),
        (get().header("", "y"), "invalid-header"),
        (get().header("x y", "y"), "invalid-header"),
        (get().header("x:", "y"), "invalid-header"),
        (get().header("x\r\nhost: evil", "y"), "invalid-header"),
        (get().header("x", "y\r\nhost: evil"), "invalid-header"),
        (get().header("x", "y\0"), "invalid-header"),
        (get().header("x", "y".repeat(65_536)), "invalid-header"),
        (many, "invalid-header"),
        (get().header("x", "${secret:none}"), "unknown-secret"),
        (get().header("x", "${secret:none"), "invalid-secret-reference"),
        (HttpRequest::get("http://127.0.0.1:1/"), "origin-not-allowed"),
        (HttpRequest::get(server.named_origin()), "origin-not-allowed"),
        (HttpRequest::get(url.replace("http", "https")), "origin-not-allowed"),
    ];
    let forbidden = "Host Content-Length Transfer-Encoding Connection Keep-Alive TE Trailer Upgrade Expect Accept-Encoding \
                     Proxy-Authorization proxy-connection";
    let forbidden = forbidden.split_whitespace().map(|name| (get().header(name, "1"), "forbidden-header"));
    let (runner, rules) = (runner(HttpTerms::default()), rules(&[&server.origin()]));
    for (request, code) in cases.into_iter().chain(forbidden) {
        let (kind, error) = fails(&runner, &request, &rules).await;
        let shown = format!("{:?}", (&request.method, request.url.get(..30), request.headers.first()));
        assert_eq!(kind, format!("permanent {code}"), "{shown}: {error}");
        assert!(!error.to_string().contains("word@"), "{error}");
        assert!(!error.to_string().contains('\n') && error.to_string().len() < 300, "one short line: {error}");
    }
    assert!(server.received().is_empty(), "nothing was sent");
    send(&runner, &get(), &rules).await.unwrap();
}

#[tokio::test]
async fn an_origin_that_is_not_allowed_is_refused_with_what_would_allow_it() {
    let request = HttpRequest::get("https://pay.example:8443/charges?card=4111#x");
    let (_, error) = fails(&runner(HttpTerms::default()), &request, &EffectRules::default()).await;
    let EffectError::Permanent { code, message } = error else { panic!("{error:?}") };
    assert_eq!(code, "origin-not-allowed");
    assert!(message.contains("--allow https://pay.example:8443"), "{message}");
    assert!(!message.contains("4111") && !message.contains("charges"), "{message}");
}

#[tokio::test]
async fn a_name_of_a_private_address_goes_through_only_where_it_is_named_as_private() {
    let server = Server::answering(|_| answer("200 OK", &[], "inside")).await;
    let (origin, runner) = (server.named_origin(), runner(HttpTerms::default()));
    let request = HttpRequest::get(format!("{origin}/metadata?token=abc"));
    let (kind, error) = fails(&runner, &request, &rules(&[&origin])).await;
    assert_eq!(kind, "permanent address-not-public");
    assert!(error.to_string().contains("is loopback; if that is meant"), "{error}");
    assert!(error.to_string().contains(&format!("--allow-private {origin}")), "{error}");
    assert!(!error.to_string().contains("127.0.0.1") && !error.to_string().contains("token"), "{error}");
    assert!(server.received().is_empty());

    assert_eq!(text(&send(&runner, &request, &private_rules(&origin)).await.unwrap()), "inside");
}

#[tokio::test]
async fn a_connection_that_was_made_for_one_reducer_does_not_serve_another_that_may_not_have_made_it() {
    let server = Server::answering(|_| answer("200 OK", &[], "inside")).await;
    let (origin, runner) = (server.named_origin(), runner(HttpTerms::default()));
    let request = HttpRequest::get(&origin);
    for _ in 0..2 {
        // The server keeps the connection open, and so does the runner.
        send(&runner, &request, &private_rules(&origin)).await.unwrap();
        assert_eq!(fails(&runner, &request, &rules(&[&origin])).await.0, "permanent address-not-public");
    }
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn an_address_in_another_spelling_is_the_same_address() {
    let server = Server::answering(|_| answer("200 OK", &[], "")).await;
    let (port, runner, rules) = (server.port, runner(HttpTerms::default()), rules(&[&server.origin()]));
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "017700000001", "127.1"] {
        send(&runner, &HttpRequest::get(format!("http://{host}:{port}/")), &rules).await.unwrap();
    }
    for host in ["[::ffff:127.0.0.1]", "[::1]", "127.0.0.2", "0.0.0.0", "localhost", "localhost."] {
        let request = HttpRequest::get(format!("http://{host}:{port}/"));
        assert_eq!(fails(&runner, &request, &rules).await.0, "permanent origin-not-allowed", "{host}");
    }
    assert_eq!(server.received().len(), 5);
}

//! Servers that hang, cut, flood and talk nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use foldhost::effects::http::HttpTerms;
use foldhost_sdk::HttpRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::server::{Server, answer, read_request};
use crate::{fails, private_rules, rules, runner, send};

/// Answers the first request of each connection with these bytes, and closes.
async fn cutting(bytes: Vec<u8>) -> Server {
    Server::speaking(move |stream, _| {
        let bytes = bytes.clone();
        async move {
            let mut stream = BufReader::new(stream);
            if read_request(&mut stream).await.is_ok() {
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_target_that_hangs_is_left_when_the_attempt_is_dropped() {
    let (ended, mut end) = mpsc::unbounded_channel();
    let server = Server::speaking(move |mut stream, _| {
        let ended = ended.clone();
        async move {
            let mut bytes = [0; 4_096];
            assert!(stream.read(&mut bytes).await.unwrap() > 0, "the request");
            // Nothing is answered. The connection ends only when the other side ends it.
            ended.send(stream.read(&mut bytes).await.unwrap_or(0)).unwrap();
        }
    });
    let server = server.await;
    let (request, rules) = (HttpRequest::get(server.url("/")), rules(&[&server.origin()]));
    let runner = runner(HttpTerms::default());
    let attempt = runner.send(&request, &rules, "effect-1", None);
    tokio::time::timeout(Duration::from_millis(300), attempt).await.unwrap_err();
    assert_eq!(end.recv().await, Some(0), "the connection is closed");
}

#[tokio::test]
async fn a_connection_takes_no_longer_than_allowed() {
    // It accepts, and never says its part of the handshake.
    let server = Server::speaking(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let server = server.await;
    let origin = format!("https://127.0.0.1:{}", server.port);
    let terms = HttpTerms { connect_max: Duration::from_millis(300), ..HttpTerms::default() };
    let started = Instant::now();
    let (kind, error) = fails(&runner(terms), &HttpRequest::get(&origin), &rules(&[&origin])).await;
    assert_eq!(kind, "transient connect-timeout");
    assert!(error.to_string().contains("within 300 ms"), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(300) && started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_connection_that_is_cut_is_tried_again() {
    let whole = answer("200 OK", &[], "x".repeat(100));
    let within_body = whole[..whole.len() - 50].to_vec();
    let within_head = whole[..20].to_vec();
    let within_chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nabc".to_vec();
    for bytes in [Vec::new(), within_head, within_body, within_chunk] {
        let server = cutting(bytes.clone()).await;
        let request = HttpRequest::get(server.url("/"));
        let (kind, _) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
        assert_eq!(kind, "transient connection-lost", "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_is_tried_again() {
    let server = Server::speaking(|stream, _| async move {
        let mut stream = BufReader::new(stream);
        drop(read_request(&mut stream).await);
        stream.get_ref().set_zero_linger().unwrap();
    });
    let server = server.await;
    let request = HttpRequest::get(server.url("/"));
    let (kind, _) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
    assert_eq!(kind, "transient connection-lost");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (kind, error) = fails(&runner(HttpTerms::default()), &HttpRequest::get(&origin), &rules(&[&origin])).await;
    assert_eq!((kind.as_str(), error.to_string().contains(&origin)), ("transient connection-refused", true));
}

#[tokio::test]
async fn a_name_that_is_not_resolved_is_tried_again() {
    // RFC 6761 keeps this one from ever having an address.
    let origin = "http://no-such-host.invalid";
    for rules in [rules(&[origin]), private_rules(origin)] {
        let (kind, _) = fails(&runner(HttpTerms::default()), &HttpRequest::get(origin), &rules).await;
        assert_eq!(kind, "transient dns-failed");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_tried_again() {
    let server = cutting(b"220 mail.example ESMTP\r\n".to_vec()).await;
    let request = HttpRequest::get(server.url("/"));
    let (kind, error) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
    assert_eq!(kind, "transient invalid-response");
    assert!(!error.to_string().contains("ESMTP"), "the server's words are not repeated: {error}");
}

#[tokio::test]
async fn an_answer_may_have_as_many_bytes_as_allowed_and_not_one_more() {
    let terms = HttpTerms { response_bytes_max: 1_000, ..HttpTerms::default() };
    for chunked in [false, true] {
        for (bytes, fits) in [(1_000, true), (1_001, false)] {
            let body = "x".repeat(bytes);
            let answered = if chunked {
                format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{bytes:x}\r\n{body}\r\n0\r\n\r\n")
                    .into_bytes()
            } else {
                answer("200 OK", &[], body)
            };
            let server = Server::answering(move |_| answered.clone()).await;
            let request = HttpRequest::get(server.url("/"));
            let sent = send(&runner(terms), &request, &rules(&[&server.origin()])).await;
            match sent {
                Ok(_) => assert!(fits, "{bytes} bytes, chunked: {chunked}"),
                Err(error) => {
                    assert!(!fits, "{bytes} bytes, chunked: {chunked}: {error}");
                    assert_eq!(error.to_failure().code, "response-too-large");
                }
            }
        }
    }
}

#[tokio::test]
async fn of_a_gigabyte_little_more_is_read_than_allowed() {
    const GIGABYTE: u64 = 1 << 30;
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n40000000\r\n".to_owned();
    let with_length = format!("HTTP/1.1 200 OK\r\ncontent-length: {GIGABYTE}\r\n\r\n");
    for head in [with_length, endless, chunked] {
        let sent_bytes = Arc::new(AtomicU64::new(0));
        let (ended, mut end) = mpsc::unbounded_channel();
        let (sent, first) = (sent_bytes.clone(), head.clone());
        let server = Server::speaking(move |stream, _| {
            let (sent, first, ended) = (sent.clone(), first.clone(), ended.clone());
            async move {
                let mut stream = BufReader::new(stream);
                read_request(&mut stream).await.unwrap();
                stream.write_all(first.as_bytes()).await.unwrap();
                let flood = vec![b'x'; 65_536];
                while sent.load(Ordering::Relaxed) < GIGABYTE && stream.write_all(&flood).await.is_ok() {
                    sent.fetch_add(flood.len() as u64, Ordering::Relaxed);
                }
                ended.send(()).unwrap();
            }
        });
        let server = server.await;
        let request = HttpRequest::get(server.url("/"));
        let (kind, _) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
        assert_eq!(kind, "permanent response-too-large", "{head:?}");
        end.recv().await.expect("the server meets a connection that is closed");
        // 1 MiB is read, and the rest of these lies in the buffers of the two sockets.
        let sent = sent_bytes.load(Ordering::Relaxed);
        println!("{sent} bytes of {head:?}");
        assert!(sent < 32 << 20, "{sent} bytes were taken from the server, of {head:?}");
    }
}

#[tokio::test]
async fn headers_without_end_are_not_read() {
    let long = answer("200 OK", &[("x", &"y".repeat(70_000))], "");
    let huge = answer("200 OK", &[("x", &"y".repeat(4 << 20))], "");
    let line = "x: y\r\n".repeat(5_000);
    let many = format!("HTTP/1.1 200 OK\r\n{line}\r\n").into_bytes();
    for bytes in [long, huge, many] {
        let server = cutting(bytes).await;
        let request = HttpRequest::get(server.url("/"));
        let (kind, error) = fails(&runner(HttpTerms::default()), &request, &rules(&[&server.origin()])).await;
        assert_eq!(kind, "permanent response-too-large", "{error}");
    }
}

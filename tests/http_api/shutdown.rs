//! How a server ends.

use std::time::Duration;

use foldhost::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{natives, serve, serve_host};
use crate::store::{Mood, MoodyStore};

#[tokio::test]
async fn a_command_that_is_under_way_is_answered_before_the_server_ends() {
    let store = MoodyStore::new();
    let server = serve_host(natives(store.clone())).await;
    store.set(Mood::Stuck);
    let command = server.send("counter-1", "Increment", r#"{"by":1}"#);
    let end = async {
        store.until_stuck().await;
        server.stop.cancel();
        // The listener goes first: who comes now is turned away while the command is still under way.
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        store.set(Mood::Well);
    };
    let (answer, ()) = tokio::join!(command, end);
    assert_eq!(answer.ok()["version"], 1);
    server.stop().await;
}

#[tokio::test]
async fn subscriptions_end_with_the_server() {
    let server = serve().await;
    server.send("counter-1", "Increment", r#"{"by":1}"#).await.ok();
    let mut messages = server.subscribe("/events", None).await;
    assert!(messages.next().await.is_some());
    server.stop().await;
    assert_eq!(messages.next().await, None);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_the_server_up() {
    let limits = Limits { drain_max: Duration::from_secs(3_600), ..Limits::default() };
    let server = serve_host(natives(MoodyStore::new()).limits(limits)).await;
    let _never_used = TcpStream::connect(server.address).await.unwrap();
    // The client keeps its connection open for the next request.
    server.get("/healthz").await.ok();
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_never_ends_its_request_is_closed_after_the_drain() {
    let limits = Limits { drain_max: Duration::from_millis(100), ..Limits::default() };
    let server = serve_host(natives(MoodyStore::new()).limits(limits)).await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(
        b"POST /streams/counter-1/commands/Increment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n{",
    )
    .await
    .unwrap();
    server.get("/healthz").await.ok();
    server.stop().await;
    let mut rest = Vec::new();
    half.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}

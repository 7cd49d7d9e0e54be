//! A component that is far too large.

use axum::body::Bytes;
use futures::stream;
use reqwest::{Body, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::site::{Site, component, said};

const BYTES: usize = 60_000_000;

/// A component behind which a custom section takes all the room.
fn large() -> Bytes {
    let mut component = component(0);
    let name = b"\x04note";
    // Its length in LEB128, which takes four bytes.
    let mut left = BYTES - component.len() - 5;
    component.push(0);
    while left >= 0x80 {
        component.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    component.push(left as u8);
    component.extend(name);
    component.resize(BYTES, 0);
    component.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_of_60_megabytes_is_refused_and_harms_nothing() {
    let mut site = Site::open().await;
    let before = site.get("/reducers/counter").await;
    let large = large();
    let mut sending = JoinSet::new();
    for sender in 0..4 {
        let request =
            site.http.post(format!("{}/reducers", site.url().await)).header("Content-Type", "application/wasm");
        // By its announced length, and where none is announced by what comes.
        let request = match sender % 2 {
            0 => request.body(large.clone()),
            _ => request.body(Body::wrap_stream(in_pieces(&large))),
        };
        sending.spawn(said(request));
    }
    // Meanwhile commands are decided.
    let mut refused = Vec::new();
    while refused.len() < 4 {
        site.count().await;
        while let Some(answer) = sending.try_join_next() {
            refused.push(answer.unwrap().unwrap());
        }
    }
    for (status, problem) in &refused {
        assert_eq!((*status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too-large")), "{problem}");
        assert!(problem["bytes_max"].as_u64().is_some_and(|most| most < BYTES as u64), "{problem}");
    }
    let after: Value = site.get("/reducers/counter").await;
    assert_eq!(after, before);
    let (status, said) = site.deploy(component(9)).await.unwrap();
    assert_eq!((status, &said["new"]), (StatusCode::CREATED, &json!(true)), "{said}");
    site.hosts.kill(0).await;
    assert_eq!(site.history().await.activations.len(), 1);
}

/// Without a length that could be announced.
fn in_pieces(bytes: &Bytes) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + use<> {
    let pieces: Vec<_> =
        (0..bytes.len()).step_by(1 << 16).map(|at| bytes.slice(at..bytes.len().min(at + (1 << 16)))).collect();
    stream::iter(pieces.into_iter().map(Ok))
}

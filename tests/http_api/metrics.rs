//! `GET /metrics`

use std::sync::Arc;

use foldhost::InMemoryEventStore;
use foldhost::api::MetricsText;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use crate::server::{natives, serve, serve_with};

#[tokio::test]
async fn a_host_without_a_recorder_has_no_metrics() {
    let problem = serve().await.get("/metrics").await.problem(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().contains("no metrics"), "{problem}");
}

#[tokio::test]
async fn metrics_are_the_text_that_the_embedders_recorder_renders() {
    let metrics = MetricsText::new(|| "foldhost_commands_total{outcome=\"accepted\"} 3\n".into());
    let server = serve_with(natives(Arc::new(InMemoryEventStore::new())), Some(metrics)).await;
    let answer = server.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.text().await.unwrap(), "foldhost_commands_total{outcome=\"accepted\"} 3\n");
}

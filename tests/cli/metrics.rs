//! `GET /metrics` of a host that is served: what it counted, in a process of its own.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::ACCEPT;

use crate::program::{Serving, component_file, open_dir};

async fn metrics(client: &Client, host: &Serving) -> String {
    let answer = client.get(format!("{}/metrics", host.url)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The value of a sample, by its name and labels as they stand.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// Waits until a sample has a value: it changes when something is done that nobody is answered for.
async fn until(client: &Client, host: &Serving, name: &str, value: f64) {
    let seen = async { while sample(&metrics(client, host).await, name) != Some(value) {} };
    tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap_or_else(|_| panic!("{name} is never {value}"));
}

#[tokio::test]
async fn a_host_counts_its_commands_appends_and_snapshots() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = open_dir();
    let host = Serving::start_with(&dir.path().join("data"), ["--snapshot", "counter=2"]);
    host.run(["deploy", &component_file("counter", dir.path())]).success();
    let increment = ["send", "counter-1", "Increment", r#"{"by":2}"#];
    for _ in 0..3 {
        host.run(increment).success();
    }
    host.run(increment.into_iter().chain(["--expected", "7"])).failure(4);
    host.run(["send", "counter-1", "Fly"]).failure(1);
    host.run(["send", "ghost-1", "Appear"]).failure(1);
    host.run(["send", "counter-2", "Increment", r#"{"by":1}"#]).success();

    let client = Client::new();
    until(&client, &host, "foldhost_snapshots_written_total", 1.0).await;
    let text = metrics(&client, &host).await;
    for (name, value) in [
        (r#"foldhost_commands_total{outcome="accepted"}"#, 4.0),
        (r#"foldhost_commands_total{outcome="conflict"}"#, 1.0),
        (r#"foldhost_commands_total{outcome="invalid"}"#, 2.0),
        ("foldhost_command_seconds_count", 7.0),
        (r#"foldhost_append_batches_total{outcome="appended"}"#, 6.0),
        ("foldhost_appended_events_total", 4.0),
        ("foldhost_entities", 2.0),
        ("foldhost_subscribers", 0.0),
        ("foldhost_effects_due", 0.0),
        ("foldhost_effects_waiting", 0.0),
        ("foldhost_effects_dead", 0.0),
        ("foldhost_effects_oldest_due_seconds", 0.0),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name} in\n{text}");
    }
    assert!(sample(&text, "foldhost_entities_memory_bytes").unwrap() > 0.0, "{text}");
    let statements = sample(&text, "foldhost_append_statements_total");
    assert_eq!(sample(&text, "foldhost_append_seconds_count"), statements, "{text}");
    assert_eq!(sample(&text, r#"foldhost_append_seconds_bucket{le="+Inf"}"#), statements, "{text}");
    assert!(
        text.contains("# HELP foldhost_commands_total ") && text.contains("# TYPE foldhost_append_seconds histogram")
    );
    assert!(!text.contains("counter-1") && !text.contains("ghost"), "a name from outside is a label:\n{text}");

    let follow = client.get(format!("{}/events", host.url)).header(ACCEPT, "text/event-stream").send().await.unwrap();
    until(&client, &host, "foldhost_subscribers", 1.0).await;
    drop(follow);
    until(&client, &host, "foldhost_subscribers", 0.0).await;
}

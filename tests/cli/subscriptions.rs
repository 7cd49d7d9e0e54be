//! `foldhost subscriptions`, beside a reader on the host.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use crate::program::{Serving, component_file, open_dir};

/// The data of a response's first message of this kind.
async fn first(response: &mut reqwest::Response, event: &str) -> Value {
    let mut read = String::new();
    loop {
        let complete = read.split("\n\n").find(|message| message.starts_with(&format!("event: {event}\n")));
        if let Some(message) = complete.filter(|_| read.ends_with("\n\n")) {
            let data = message.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            return serde_json::from_str(data).unwrap();
        }
        let chunk = response.chunk().await.unwrap().expect("the stream goes on");
        read.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_listed_reset_and_deleted() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = open_dir();
    let host = Serving::start(&dir.path().join("data"));
    let none = host.run(["subscriptions"]).success();
    assert!(none.contains("there is no subscription"), "{none}");
    host.run(["deploy", &component_file("counter", dir.path())]).success();
    host.run(["send", "counter-1", "Increment", r#"{"by":2}"#]).success();
    let cursor = host.run(["events", "--category", "counter", "--json"]).json()["cursor"].as_str().unwrap().to_owned();

    let client = Client::new();
    let url = format!("{}/subscriptions/billing/events?category=counter", host.url);
    let mut reader = client.get(url).header("accept", "text/event-stream").send().await.unwrap();
    let told = first(&mut reader, "subscription").await;
    let listed = host.run(["subscriptions"]).success();
    for word in ["SUBSCRIPTION", "LAG", "billing", "counter"] {
        assert!(listed.contains(word), "{word} is missing in {listed}");
    }
    let in_use = host.run(["subscriptions", "delete", "billing"]).failure(1);
    assert!(in_use.contains("subscription billing has a reader"), "{in_use}");

    let acknowledgement = json!({ "cursor": cursor, "token": told["token"] });
    let url = format!("{}/subscriptions/billing/acknowledge", host.url);
    let acknowledged = client.post(url).json(&acknowledgement).send().await.unwrap();
    assert_eq!(acknowledged.status(), 204);
    let checkpoint = || host.run(["subscriptions", "--json"]).json()["subscriptions"][0]["checkpoint"].clone();
    assert_eq!(checkpoint(), cursor);
    assert!(host.run(["subscriptions", "reset", "billing"]).success().contains("from the beginning of the log"));
    assert_eq!(checkpoint(), Value::Null);
    assert!(host.run(["subscriptions", "reset", "billing", "--to", &cursor]).success().contains(&cursor));
    assert_eq!(checkpoint(), cursor);

    drop(reader);
    // Until the host has seen that the connection ended.
    let deadline = Instant::now() + Duration::from_secs(30);
    while host.run(["subscriptions", "--json"]).json()["subscriptions"][0]["reader"] != Value::Null {
        assert!(Instant::now() < deadline, "the reader has gone, and the host holds its lease");
    }
    assert_eq!(host.run(["subscriptions", "delete", "billing"]).success(), "billing is deleted\n");
    let unknown = host.run(["subscriptions", "reset", "billing"]).failure(1);
    assert!(unknown.contains("there is no subscription billing"), "{unknown}");
}

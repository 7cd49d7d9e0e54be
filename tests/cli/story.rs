//! A host is served, killed and served again; everything else goes on beside it.

use std::io::{BufRead, BufReader, pipe};
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::program::{Serving, component_file, open_dir, run};

const ORDER: &str = r#"{"customer_id":"ada","items":[{"sku":"tea","quantity":2,"unit_price":450}]}"#;

#[test]
fn an_order_is_the_same_after_the_host_was_killed_and_served_again() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let order = component_file("order", dir.path());
    let host = Serving::start(&data_dir);

    assert!(host.run(["reducers"]).success().contains("no reducer is deployed"));
    let unknown = host.run(["send", "order-1", "PlaceOrder", ORDER]).failure(1);
    assert!(unknown.contains("foldhost deploy"), "{unknown}");

    let deployed = host.run(["deploy", &order]).success();
    assert!(deployed.starts_with("deployed order, generation 1\n"), "{deployed}");
    assert!(host.run(["reducers"]).success().contains("PlaceOrder, AddItem, CancelOrder, ShipOrder"));

    let placed = host.run(["send", "order-1", "PlaceOrder", ORDER, "--expected", "none"]).success();
    assert!(placed.starts_with("order-1 is at version 1\n"), "{placed}");
    assert!(placed.contains("OrderPlaced.v1"), "{placed}");
    let rejected = host.run(["send", "order-1", "PlaceOrder", ORDER]).failure(3);
    assert!(rejected.contains("(already-placed)"), "{rejected}");
    let conflict = host.run(["send", "order-1", "ShipOrder", r#"{"tracking":"x"}"#, "--expected", "7"]).failure(4);
    assert!(conflict.contains("version 1"), "{conflict}");
    let ship = ["send", "order-1", "ShipOrder", r#"{"tracking":"x"}"#, "--idempotency-key", "once", "--json"];
    let shipped = host.run(ship).json();
    assert_eq!((&shipped["version"], &shipped["events"][0]["event_type"]), (&json!(2), &json!("OrderShipped.v1")));
    assert_eq!(host.run(ship).json(), shipped, "the same command under the same key has the same answer");

    let state = host.run(["state", "order-1", "--json"]).json();
    assert_eq!((&state["version"], &state["state"]["status"]), (&json!(2), &json!("Shipped")));
    assert_eq!(host.run(["state", "order-1", "--at", "1", "--json"]).json()["state"]["status"], "Placed");
    host.kill();

    let host = Serving::start(&data_dir);
    assert_eq!(host.run(["state", "order-1", "--json"]).json(), state);
    assert_eq!(host.run(["reducers", "--json"]).json()["reducers"][0]["generation"], 1);

    // Beside the host, on its own server.
    let data_dir = data_dir.to_str().unwrap();
    assert!(run(["migrate", "--data-dir", data_dir]).success().contains("up to date"));
    let replayed = run(["replay", "order-1", "--data-dir", data_dir, "--json"]).json();
    assert_eq!(replayed["state"], state["state"]);

    host.signal(Signal::SIGTERM);
    assert_eq!(host.end(), (Some(0), String::new()));
    // Without a host the server is started for the while.
    let replayed = run(["replay", "--data-dir", data_dir]).success();
    assert!(replayed.starts_with("order-1  2 events in "), "{replayed}");
}

#[test]
fn a_replay_with_another_component_names_every_stream_that_fails_to_fold() {
    let dir = open_dir();
    let (order, counter) = (component_file("order", dir.path()), component_file("counter", dir.path()));
    let host = Serving::start(&dir.path().join("data"));
    host.run(["deploy", &counter]).success();
    host.run(["send", "counter-1", "Increment", r#"{"by":2}"#]).success();
    let data_dir = dir.path().join("data");
    let data_dir = data_dir.to_str().unwrap();

    let same = run(["replay", "counter-1", "--component", &counter, "--data-dir", data_dir]).success();
    assert!(same.starts_with("counter-1  1 event in "), "{same}");
    let foreign = run(["replay", "--category", "counter", "--component", &order, "--data-dir", data_dir]).failure(1);
    assert!(foreign.contains("1 of 1 streams failed to fold: counter-1"), "{foreign}");
    let other = run(["replay", "counter-1", "--component", &order, "--data-dir", data_dir]).failure(1);
    assert!(other.contains("counter-1 is not a stream of order"), "{other}");
    let none = run(["replay", "counter-2", "--data-dir", data_dir]).failure(1);
    assert!(none.contains("counter-2 has no events"), "{none}");
    let undeployed = run(["replay", "--category", "order", "--data-dir", data_dir]).failure(1);
    assert!(undeployed.contains("foldhost deploy"), "{undeployed}");
}

/// One more than two pages.
const EVENTS: u64 = 1_001;

#[tokio::test]
async fn events_are_shown_page_after_page_and_followed_as_they_come() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = open_dir();
    let counter = component_file("counter", dir.path());
    let host = Serving::start(&dir.path().join("data"));
    host.run(["deploy", &counter]).success();
    let (client, url) = (reqwest::Client::new(), format!("{}/streams/counter-1/commands/Increment", host.url));
    let sent = (0..EVENTS).map(|_| client.post(&url).json(&json!({ "by": 1 })).send());
    for reply in futures::future::join_all(sent).await {
        assert_eq!(reply.unwrap().status(), 200);
    }

    let versions = |args: &[&str]| -> Vec<u64> {
        let text = host.run(args.iter().copied()).success();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["version"].as_u64().unwrap()).collect()
    };
    let all: Vec<u64> = (1..=EVENTS).collect();
    assert_eq!(versions(&["events", "--category", "counter", "--json"]), all);
    assert_eq!(versions(&["events", "counter-1", "--json"]), all);
    assert_eq!(versions(&["events", "counter-1", "--json", "--from", "998", "--limit", "3"]), [998, 999, 1000]);
    let last = host.run(["events", "--json"]).success();
    let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    let cursor = last["cursor"].as_str().unwrap();
    assert_eq!(host.run(["events", "--after", cursor]).success(), "");

    let follow = ["events", "--after", cursor, "--follow", "--limit", "2"];
    let mut following = host.command(follow).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    for stream in ["counter-2", "counter-3"] {
        host.run(["send", stream, "Increment", r#"{"by":1}"#]).success();
        let line = lines.next().unwrap().unwrap();
        assert!(line.starts_with(&format!("{stream}  ")) && line.contains("1  "), "{line}");
    }
    assert!(lines.next().is_none());
    assert!(following.wait().unwrap().success());

    // Of one stream alone, the log having 1,001 events of another before it.
    let one = ["events", "counter-3", "--follow", "--limit", "1", "--json"];
    let one = host.run(one).json();
    assert_eq!((&one["stream_id"], &one["version"]), (&json!("counter-3"), &json!(1)));

    // Nobody reads: as `foldhost events | head -1`, once it has its line.
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ended = host.command(["events"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let ended = ended.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(0), String::new()));
}

//! `foldhost events` with its filters, and where a command came from.

use serde_json::{Value, json};

use crate::program::{Serving, component_file, foldhost, open_dir};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ORDER: &str = r#"{"customer_id":"ada","items":[{"sku":"tea","quantity":2,"unit_price":450}]}"#;

#[test]
fn where_a_command_came_from_is_recorded_and_named_in_the_hosts_log() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let mut serve = foldhost(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data-dir"]);
    serve.arg(&data_dir).env("RUST_LOG", "foldhost=debug");
    let host = Serving::spawn(serve, data_dir.with_extension("log"));
    host.run(["deploy", &component_file("counter", dir.path())]).success();
    let send = ["send", "counter-1", "Increment", r#"{"by":2}"#, "--traceparent", TRACEPARENT];
    let ids = ["--correlation-id", "checkout-7", "--causation-id", "cart-9"];
    let fields = ["--metadata", "tenant=Jürgen & söhne", "--metadata", "channel=web"];
    host.run(send.into_iter().chain(ids).chain(fields)).success();

    let event = host.run(["events", "counter-1", "--json"]).json();
    let metadata = &event["metadata"];
    assert_eq!(metadata["correlation_id"], "checkout-7");
    assert_eq!(metadata["causation_id"], "cart-9");
    assert_eq!(metadata["traceparent"], TRACEPARENT);
    assert_eq!(metadata["fields"], json!({ "tenant": "Jürgen & söhne", "channel": "web" }));
    assert_eq!((&metadata["generation"], metadata["reducer_digest"].as_str().unwrap().len()), (&json!(1), 64));

    let log = host.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_the_command: Vec<_> = lines.filter(|line| line["path"] == "/streams/counter-1/commands/Increment").collect();
    let [line] = of_the_command.as_slice() else { panic!("{log}") };
    assert_eq!(line["span"]["trace_id"], TRACEPARENT[3..35]);
    assert_eq!(line["span"]["correlation_id"], "checkout-7");
    assert!(!log.contains("cart-9") && !log.contains("tenant"), "{log}");
}

#[test]
fn the_log_is_shown_by_category_type_and_time_and_a_stream_backwards() {
    let dir = open_dir();
    let host = Serving::start(&dir.path().join("data"));
    for name in ["counter", "order"] {
        host.run(["deploy", &component_file(name, dir.path())]).success();
    }
    host.run(["send", "counter-1", "Increment", r#"{"by":2}"#]).success();
    host.run(["send", "order-1", "PlaceOrder", ORDER]).success();
    host.run(["send", "counter-1", "Reset"]).success();
    host.run(["send", "counter-1", "Increment", r#"{"by":3}"#]).success();

    let events = |flags: &[&str]| -> Vec<Value> {
        let text = host.run(["events", "--json"].into_iter().chain(flags.iter().copied())).success();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let places = |flags: &[&str]| -> Vec<String> {
        let place = |event: Value| format!("{}@{}", event["stream_id"].as_str().unwrap(), event["version"]);
        events(flags).into_iter().map(place).collect()
    };
    // What the reducers' histories tell of their deployments stands in the log as well, in front.
    let all = [
        "$reducers-counter@1",
        "$reducers-counter@2",
        "$reducers-order@1",
        "$reducers-order@2",
        "counter-1@1",
        "order-1@1",
        "counter-1@2",
        "counter-1@3",
    ];
    assert_eq!(places(&[]), all);
    assert_eq!(places(&["--category", "counter"]), ["counter-1@1", "counter-1@2", "counter-1@3"]);
    assert_eq!(places(&["--category", "counter", "--type", "Incremented.v1"]), ["counter-1@1", "counter-1@3"]);
    assert_eq!(places(&["--since", "1h"]), all);
    assert_eq!(places(&["--until", "1h"]), Vec::<String>::new());
    let third = events(&[])[6]["created_at"].as_str().unwrap().to_owned();
    assert_eq!(places(&["--since", &third]), ["counter-1@2", "counter-1@3"]);
    assert_eq!(places(&["--until", &third, "--category", "order"]), ["order-1@1"]);
    assert_eq!(places(&["counter-1", "--backward", "--limit", "2"]), ["counter-1@3", "counter-1@2"]);
    assert_eq!(places(&["counter-1", "--backward", "--before", "3"]), ["counter-1@2", "counter-1@1"]);
    let followed = ["--follow", "--category", "counter", "--type", "Incremented.v1", "--limit", "2"];
    assert_eq!(places(&followed), ["counter-1@1", "counter-1@3"]);

    let line = host.run(["events", "--category", "counter-1"]).failure(1);
    assert!(line.contains("category=order"), "{line}");
}

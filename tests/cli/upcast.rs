//! `foldhost events --upcast`

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use foldhost::{EventStore as _, ExpectedVersion, SerializedEvent};
use foldhost_sdk::FormerEvent as _;
use foldhost_test_support::{TestDatabase, database};
use hostile::{CENTIMETRES_MAX, MeasuredV1};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Outcome, Serving, component_file, foldhost, open_dir};

/// A host over a database whose events a reducer of former days recorded, and some that nobody reads.
struct Old {
    host: Serving,
    _dir: TempDir,
    _database: TestDatabase,
}

/// A length as it was recorded when there were whole centimetres alone.
fn measured(centimetres: u64) -> SerializedEvent {
    let event_type = "Measured.v1";
    let data = MeasuredV1 { centimetres }.to_bytes(event_type).unwrap();
    SerializedEvent { event_type: event_type.into(), data }
}

impl Old {
    async fn start() -> Self {
        let (database, dir) = (database().await, open_dir());
        let of_today = SerializedEvent { event_type: "Measured.v2".into(), data: vec![9] };
        let nobodys = SerializedEvent { event_type: "Appeared.v1".into(), data: vec![1] };
        for (stream, events) in
            [("hostile-1", vec![measured(30), of_today, measured(CENTIMETRES_MAX)]), ("ghost-1", vec![nobodys])]
        {
            database.store.append_events(&stream.parse().unwrap(), ExpectedVersion::Any, events).await.unwrap();
        }
        let serve = foldhost(["serve", "--listen", "127.0.0.1:0", "--database-url", &database.url]);
        let host = Serving::spawn(serve, dir.path().join("log"));
        // Not by itself, with events there, and not after a report: it cannot fold what its upcaster refuses.
        let force = ["--activate", "--force", "for the test"];
        let component = component_file("hostile", dir.path());
        host.run(["deploy", component.as_str()].into_iter().chain(force)).success();
        Self { host, _dir: dir, _database: database }
    }
}

/// The lines of what was printed, without what stands before an event's type.
fn lines(outcome: Outcome) -> Vec<String> {
    let line = |line: &str| match line.split_once("Z  ") {
        Some((_, event)) => event.to_owned(),
        None => line.to_owned(),
    };
    outcome.success().lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_event_is_shown_as_recorded_and_below_it_as_it_is_applied() {
    let old = Old::start().await;
    let too_long = format!(r#"Measured.v1  {{"centimetres":{CENTIMETRES_MAX}}}"#);
    let recorded = [r#"Measured.v1  {"centimetres":30}"#, r#"Measured.v2  {"millimetres":9}"#, &too_long];
    assert_eq!(lines(old.host.run(["events", "hostile-1"])), recorded);

    let shown = lines(old.host.run(["events", "hostile-1", "--upcast"]));
    assert_eq!(shown[..4], [recorded[0], r#"        as Measured.v2  {"millimetres":300}"#, recorded[1], recorded[2]]);
    assert!(shown[4].starts_with("        cannot be upcast: the reducer trapped in event-upcast: "), "{}", shown[4]);
    assert!(shown[4].contains("nothing is 1844674407370955162 cm long"), "{}", shown[4]);
    assert_eq!(shown.len(), 5);
    let backward = lines(old.host.run(["events", "hostile-1", "--upcast", "--backward"]));
    assert_eq!(backward[3..], shown[..2]);
    let of_the_log = lines(old.host.run(["events", "--category", "hostile", "--upcast"]));
    assert_eq!(of_the_log, shown);

    // One reason is enough where there is one.
    let nobodys = lines(old.host.run(["events", "ghost-1", "--upcast"]));
    assert_eq!(nobodys[0], "Appeared.v1  null");
    assert!(nobodys[1].starts_with("        cannot be shown: ") && nobodys[1].contains("ghost"), "{nobodys:?}");
    assert_eq!(nobodys.len(), 2);
    assert_eq!(lines(old.host.run(["events", "ghost-1"])), nobodys);

    let documents = old.host.run(["events", "hostile-1", "--upcast", "--json"]).success();
    let documents: Vec<Value> = documents.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents[0]["data"], json!({ "centimetres": 30 }));
    assert_eq!(documents[0]["upcast"], json!({ "event_type": "Measured.v2", "data": { "millimetres": 300 } }));
    assert_eq!((documents[1].get("upcast"), documents[1].get("upcast_error")), (None, None));
    assert!(documents[2]["upcast_error"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_followed_in_both_versions_and_whoever_is_cut_off_goes_on_so() {
    let old = Old::start().await;
    let follow = ["events", "hostile-1", "--upcast", "--follow"];
    let mut following = old.host.command(follow).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with(r#"Measured.v1  {"centimetres":30}"#));
    assert_eq!(lines.next().unwrap().unwrap(), r#"        as Measured.v2  {"millimetres":300}"#);
    old.host.kill();
    let ended = Outcome::from(following.wait_with_output().unwrap()).failure(1);
    assert!(ended.contains("foldhost events --follow --after ") && ended.contains(" --upcast`"), "{ended}");
}

#[test]
fn a_component_that_knows_no_upcasts_is_told_to_be_built_again() {
    let dir = open_dir();
    let host = Serving::start(&dir.path().join("data"));
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/components/order-contract-1.0.0.wasm");
    host.run(["deploy", old]).success();
    let order = r#"{"customer_id":"ada","items":[{"sku":"tea","quantity":2,"unit_price":450}]}"#;
    host.run(["send", "order-1", "PlaceOrder", order]).success();
    let shown = lines(host.run(["events", "order-1", "--upcast"]));
    assert!(shown[0].starts_with(r#"OrderPlaced.v1  {"order_id":"1","#), "{shown:?}");
    assert!(
        shown[1].starts_with("        cannot be upcast: the reducer has no event-upcast: build it again"),
        "{shown:?}"
    );
    assert_eq!(lines(host.run(["events", "order-1"])), shown[..1]);
}

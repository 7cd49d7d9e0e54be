//! Reports of yesterday: what was recorded since is looked at before they are acted on.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::site::{Site, digest};

/// Verifies a component, and makes the report an hour older.
async fn verified_an_hour_ago(site: &mut Site, asked: &Value) -> Value {
    let (status, verification) = site.post("/reducers/counter/verify", asked).await.unwrap();
    assert_eq!(status, StatusCode::ACCEPTED, "{verification}");
    let report = format!("/reducers/counter/verifications/{}", verification["verification_id"].as_str().unwrap());
    let verification = loop {
        let verification = site.get(&report).await;
        if verification["status"] != "running" {
            break verification;
        }
    };
    let age = "UPDATE verifications SET started_at = started_at - interval '1 hour', finished_at = finished_at - interval '1 hour'";
    sqlx::query(age).execute(&mut site.connection).await.unwrap();
    verification
}

fn looked_at(verification: &Value) -> (u64, u64) {
    let count = |name: &str| verification["report"][name].as_u64().unwrap();
    (count("streams"), count("events"))
}

/// One that is there from a way back that was not gone in the end: its host was killed, say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_that_was_looked_through_long_ago_is_looked_through_again() {
    let mut site = Site::open().await;
    let active = site.done("/reducers/counter/activate", &json!({ "digest": digest(1), "force": "at once" })).await;
    site.count().await;
    let asked = json!({ "digest": digest(0), "since": active["activated_at"] });
    let (streams, events) = looked_at(&verified_an_hour_ago(&mut site, &asked).await);
    site.count().await;
    site.done("/reducers/counter/rollback", &json!({})).await;
    let record = site.get("/reducers/counter").await;
    let (back, last) = (&record["activations"][0], &record["verifications"][0]);
    assert_eq!(
        (&back["kind"], &back["verification_id"]),
        (&json!("rolled-back"), &last["verification_id"]),
        "{record}"
    );
    assert_eq!(looked_at(last), (streams, events + 2), "{record}");
    site.hosts.kill(0).await;
    site.history().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_since_a_report_is_looked_at_before_it_allows_anything() {
    let mut site = Site::open().await;
    site.count().await;
    let report = verified_an_hour_ago(&mut site, &json!({ "digest": digest(1) })).await;
    site.count().await;
    site.done("/reducers/counter/activate", &json!({ "digest": digest(1) })).await;
    let record = site.get("/reducers/counter").await;
    assert_eq!(record["activations"][0]["verification_id"], report["verification_id"], "by the one over all streams");
    let behind = &record["verifications"][0];
    assert_ne!(behind["verification_id"], report["verification_id"], "{record}");
    assert_eq!((&behind["status"], &behind["candidate"]), (&json!("passed"), &json!(digest(1))), "{record}");
    assert!(behind["scope"]["streams"]["since"].is_string(), "{behind}");
    let (streams, events) = looked_at(&report);
    assert_eq!(looked_at(behind), (streams, events + 2), "with what was recorded since: {behind}");
    site.hosts.kill(0).await;
    site.history().await;
}

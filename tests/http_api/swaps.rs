//! `/reducers/{name}` and what is below it; states by other components, and commands that are not done.

use std::sync::Arc;

use foldhost::{Host, InMemoryEventStore};
use foldhost_test_support::{component, in_other_bytes};
use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::server::{Answer, PATIENCE, PLACE, Server, answer, serve, serve_host};

/// A host with orders, of which two are placed, and a candidate that does the same in other bytes.
async fn with_a_candidate() -> (Server, String, String) {
    let server = serve_host(Host::builder(Arc::new(InMemoryEventStore::new()))).await;
    let active = deploy(&server, component("order").to_vec()).await;
    for order in ["order-1", "order-2"] {
        server.send(order, "PlaceOrder", PLACE).await.ok();
    }
    let candidate = deploy(&server, in_other_bytes("order", 1)).await;
    let digest = |deployed: &Value| deployed["digest"].as_str().unwrap().to_owned();
    (server, digest(&active), digest(&candidate))
}

async fn deploy(server: &Server, component: Vec<u8>) -> Value {
    let deployed = answer(server.request(Method::POST, "/reducers?by=ada").body(component)).await;
    assert_eq!(deployed.status, 201, "{}", deployed.text);
    deployed.body
}

async fn post(server: &Server, path: &str, body: &Value) -> Answer {
    answer(server.request(Method::POST, path).json(body)).await
}

/// Begins a verification, and waits for its end.
async fn verify(server: &Server, asked: &Value) -> Value {
    let begun = post(server, "/reducers/order/verify", asked).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let location = begun.headers[LOCATION].to_str().unwrap().to_owned();
    let over = async {
        loop {
            let verification = server.get(&location).await.ok();
            if verification["status"] != "running" {
                return verification;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("the verification does not end")
}

#[tokio::test]
async fn a_candidate_is_told_from_who_decides_verified_and_activated() {
    let (server, active, candidate) = with_a_candidate().await;
    let list = server.get("/reducers").await.ok();
    assert_eq!(list["reducers"][0]["digest"], active.as_str(), "it waits");
    let refused = post(&server, "/reducers/order/activate", &json!({ "digest": candidate })).await;
    assert!(refused.problem(409, "not-verified")["detail"].as_str().unwrap().contains("foldhost verify order"));

    // By the beginning of its digest.
    let verification = verify(&server, &json!({ "digest": &candidate[..8], "by": "ada" })).await;
    assert_eq!((&verification["status"], &verification["by"]), (&json!("passed"), &json!("ada")));
    let report = &verification["report"];
    assert_eq!((&report["streams"], &report["streams_total"], &report["events"]), (&json!(2), &json!(2), &json!(2)));
    assert!(verification["candidate_ns_per_event"].as_f64().unwrap() > 0.0);
    let listed = server.get("/reducers/order/verifications").await.ok();
    assert_eq!(listed["verifications"], json!([verification]));
    let of_another = server.get(&format!("/reducers/order/verifications?digest={active}")).await.ok();
    assert_eq!(of_another["verifications"], json!([]));

    let asked = json!({ "digest": candidate, "by": "ada", "reason": "a new discount", "expected_generation": 1 });
    let reducer = post(&server, "/reducers/order/activate", &asked).await.ok();
    assert_eq!((&reducer["digest"], &reducer["generation"]), (&json!(candidate), &json!(2)));
    let sent = server.send("order-1", "AddItem", r#"{"item":{"sku":"B","quantity":1,"unit_price":1}}"#).await.ok();
    assert_eq!(sent["reducer"]["digest"], candidate.as_str());

    let record = server.get("/reducers/order").await.ok();
    assert_eq!(record["active"], reducer);
    let components = record["components"].as_array().unwrap();
    assert_eq!((components.len(), &components[0]["by"]), (2, &json!("ada")));
    let last = &record["activations"][0];
    assert_eq!((&last["kind"], &last["reason"]), (&json!("activated"), &json!("a new discount")));
    assert_eq!(last["verification_id"], verification["verification_id"]);
    assert_eq!(last["policy"], json!({ "require": "clean" }));
    assert_eq!(record["verifications"], json!([verification]));
    // Whoever reads events reads that too, without a reducer for it.
    let history = server.get("/streams/$reducers-order/events").await.ok();
    let activated = history["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&activated["event_type"], &activated["data"]["by"]), (&json!("ReducerActivated.v1"), &json!("ada")));
}

#[tokio::test]
async fn an_activation_that_was_decided_on_another_generation_is_told_which_is_active() {
    let (server, active, candidate) = with_a_candidate().await;
    let force = |digest: &str, generation: u64| json!({ "digest": digest, "force": "for the test", "expected_generation": generation });
    post(&server, "/reducers/order/activate", &force(&candidate, 1)).await.ok();
    let outrun = post(&server, "/reducers/order/activate", &force(&active, 1)).await.problem(409, "outrun");
    assert_eq!(outrun["active"], 2);
    post(&server, "/reducers/order/activate", &force(&active, 2)).await.ok();
}

/// A guard that is misspelt would guard nothing.
#[tokio::test]
async fn a_field_that_no_swap_takes_is_refused_and_named() {
    let (server, active, candidate) = with_a_candidate().await;
    for (path, body) in [
        ("activate", json!({ "digest": candidate, "force": "for the test", "expectedGeneration": 7 })),
        ("canary", json!({ "digest": candidate, "share": "5%", "force": "for the test", "acept": [] })),
        ("rollback", json!({ "force": "for the test", "generation": 1 })),
        ("canary/finish", json!({ "force": "for the test" })),
    ] {
        let refused = post(&server, &format!("/reducers/order/{path}"), &body).await.problem(400, "invalid-body");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("unknown field"), "{path}: {detail}");
    }
    let list = server.get("/reducers").await.ok();
    assert_eq!((&list["reducers"][0]["digest"], &list["reducers"][0]["generation"]), (&json!(active), &json!(1)));
}

#[tokio::test]
async fn rules_of_effects_may_be_given_with_an_activation() {
    let (server, _, candidate) = with_a_candidate().await;
    let path = "/reducers/order/activate?allow=https://pay.example&effects_at_once_max=3";
    let reducer = post(&server, path, &json!({ "digest": candidate, "force": "for the test" })).await.ok();
    assert_eq!(reducer["effects"]["origins"][0]["origin"], "https://pay.example");
    assert_eq!(reducer["effects"]["at_once_max"], 3);
}

#[tokio::test]
async fn a_canary_begins_grows_and_goes_and_a_rollback_goes_back() {
    let (server, active, candidate) = with_a_candidate().await;
    post(&server, "/reducers/order/canary/finish", &json!({})).await.problem(409, "no-canary");
    post(&server, "/reducers/order/canary", &json!({ "share": "5%" })).await.problem(409, "no-canary");
    let begin = json!({ "digest": candidate, "share": "5%", "force": "for the test", "by": "ada" });
    let reducer = post(&server, "/reducers/order/canary", &begin).await.ok();
    assert_eq!(reducer["canary"], json!({ "digest": candidate, "share": "5%" }));
    let other = json!({ "digest": active, "share": "7%", "force": "for the test" });
    post(&server, "/reducers/order/canary", &other).await.problem(409, "canary-under-way");
    let activate = json!({ "digest": candidate, "force": "for the test" });
    post(&server, "/reducers/order/activate", &activate).await.problem(409, "canary-under-way");
    let reducer = post(&server, "/reducers/order/canary", &json!({ "share": "50.5" })).await.ok();
    assert_eq!((&reducer["canary"]["share"], &reducer["generation"]), (&json!("50.5%"), &json!(3)));
    let reducer = post(&server, "/reducers/order/canary/finish", &json!({ "by": "ada" })).await.ok();
    assert_eq!((&reducer["digest"], &reducer["canary"]), (&json!(candidate), &Value::Null));

    let back = async {
        loop {
            let answer = answer(server.request(Method::POST, "/reducers/order/rollback")).await;
            // 202 while what was recorded since is looked through.
            if answer.status != 202 {
                return answer.ok();
            }
        }
    };
    let reducer = tokio::time::timeout(PATIENCE, back).await.expect("it does not go back");
    assert_eq!((&reducer["digest"], &reducer["generation"]), (&json!(active), &json!(5)));
}

#[tokio::test]
async fn a_stream_is_drawn_by_any_component_and_a_command_is_decided_without_being_done() {
    let (server, active, candidate) = with_a_candidate().await;
    server.send("order-1", "AddItem", r#"{"item":{"sku":"B","quantity":1,"unit_price":1}}"#).await.ok();
    let drawn = server.get(&format!("/streams/order-1?reducer={candidate}&at=1")).await.ok();
    assert_eq!((&drawn["reducer"]["digest"], &drawn["reducer"]["generation"]), (&json!(candidate), &Value::Null));
    assert_eq!((&drawn["version"], drawn["state"]["items"].as_array().unwrap().len()), (&json!(1), 1));
    let diff = server.get(&format!("/streams/order-1/diff?from={active}&to={candidate}")).await.ok();
    assert_eq!((&diff["version"], &diff["fields"]), (&json!(2), &json!([])));
    server.get("/streams/order-1?reducer=012345").await.problem(404, "unknown-reducer");
    server.get("/streams/order-1?reducer=01").await.problem(404, "unknown-reducer");
    server.get(&format!("/streams/order-9/diff?from={active}&to={candidate}")).await.problem(404, "unknown-stream");

    let dry = |query: &str, name: &str, body: &'static str| {
        answer(server.request(Method::POST, &format!("/streams/order-1/commands/{name}?{query}")).body(body))
    };
    let query = format!("dry_run=true&at=1&now_ms=7&reducer={candidate}");
    let would_be = dry(&query, "ShipOrder", r#"{"tracking":"1Z"}"#).await.ok();
    assert_eq!((&would_be["version"], &would_be["reducer"]["digest"]), (&json!(1), &json!(candidate)));
    assert_eq!(would_be["events"][0]["event_type"], "OrderShipped.v1");
    assert_eq!(would_be["events"][0]["data"]["shipped_at_ms"], 7);
    assert_eq!(would_be["state"]["status"], "Shipped");
    let rejected = dry("dry_run=true", "PlaceOrder", PLACE).await.problem(422, "rejected");
    assert_eq!(rejected["rejection"]["code"], "already-placed");
    dry("at=1", "ShipOrder", "{}").await.problem(400, "invalid-query");
    dry("dry_run=true&at=9", "ShipOrder", r#"{"tracking":"1Z"}"#).await.problem(404, "version-beyond-head");
    dry("dry_run=true", "Nothing", "{}").await.problem(404, "unknown-command");
    let state = server.get("/streams/order-1").await.ok();
    assert_eq!((&state["version"], &state["state"]["status"]), (&json!(2), &json!("Placed")), "nothing was done");
}

#[tokio::test]
async fn what_makes_no_sense_is_told_what_would() {
    let (server, _, candidate) = with_a_candidate().await;
    for (path, body, status, code) in [
        ("activate", json!({}), 400, "invalid-body"),
        ("activate", json!({ "digest": candidate, "force": " " }), 422, "swap-invalid"),
        ("activate", json!({ "digest": candidate, "force": "x", "accept": ["y"] }), 400, "invalid-body"),
        ("activate", json!({ "digest": candidate, "by": "x".repeat(1_001), "force": "y" }), 400, "invalid-body"),
        ("activate", json!({ "digest": "f".repeat(64), "force": "x" }), 404, "unknown-reducer"),
        ("canary", json!({ "digest": candidate, "share": "0" }), 400, "invalid-body"),
        ("canary", json!({ "digest": candidate, "share": "101%" }), 400, "invalid-body"),
        (
            "verify",
            json!({ "digest": candidate, "sample": "5%", "since": "2026-01-01T00:00:00Z" }),
            400,
            "invalid-body",
        ),
        ("verify", json!({ "digest": candidate, "threads": 0 }), 400, "invalid-body"),
        ("verify", json!({ "digest": candidate, "sampel": "5%" }), 400, "invalid-body"),
        ("rollback", json!({}), 409, "no-former"),
    ] {
        let answer = post(&server, &format!("/reducers/order/{path}"), &body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
        answer.problem(status, code);
    }
    server.get("/reducers/none").await.problem(404, "unknown-reducer");
    server.get("/reducers/order/verifications/none").await.problem(404, "unknown-verification");
    let unknown = "/reducers/order/verifications/01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11";
    server.get(unknown).await.problem(404, "unknown-verification");
    answer(server.request(Method::DELETE, unknown)).await.problem(404, "unknown-verification");
    let verification = verify(&server, &json!({ "digest": candidate })).await;
    let id = verification["verification_id"].as_str().unwrap();
    let over = answer(server.request(Method::DELETE, &format!("/reducers/order/verifications/{id}"))).await;
    over.problem(409, "verification-over");
    post(&server, "/reducers/none/rollback", &json!({})).await.problem(404, "unknown-reducer");
    // Linked in: nothing can take its place.
    let natives = serve().await;
    post(&natives, "/reducers/counter/rollback", &json!({})).await.problem(409, "native-reducer");
}

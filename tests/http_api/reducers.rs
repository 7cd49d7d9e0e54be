//! `GET /reducers` and `POST /reducers`

use std::sync::Arc;

use foldhost::reducer::EffectRules;
use foldhost::{Host, HostBuilder, InMemoryEventStore, Limits, NativeReducer};
use foldhost_test_support::component;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::server::{Answer, Server, answer, serve, serve_host};

fn without_reducers() -> HostBuilder {
    Host::builder(Arc::new(InMemoryEventStore::new()))
}

async fn deploy(server: &Server, component: impl Into<Vec<u8>>) -> Answer {
    let request = server.request(Method::POST, "/reducers").header(CONTENT_TYPE, "application/wasm");
    answer(request.body(component.into())).await
}

#[tokio::test]
async fn reducers_that_are_linked_in_are_listed_without_an_activation() {
    let server = serve().await;
    let list = server.get("/reducers").await.ok();
    let [counter, order] = list["reducers"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&counter["name"], &order["name"]), (&json!("counter"), &json!("order")));
    assert_eq!(counter["commands"], json!(["Increment", "Reset"]));
    assert_eq!(counter["event_types"], json!(["Incremented.v1", "Reset.v1"]));
    assert_eq!(counter["state_schema"], "counter.v1");
    assert_eq!((&counter["generation"], &counter["activated_at"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_deployed_component_decides_at_once() {
    let server = serve_host(without_reducers()).await;
    server.send("counter-1", "Increment", r#"{"by":2}"#).await.problem(404, "unknown-category");
    let deployed = deploy(&server, &*component("counter")).await;
    assert_eq!(deployed.status, 201, "{}", deployed.text);
    let decides = &deployed.body["decides"];
    assert_eq!((&deployed.body["name"], &decides["generation"]), (&json!("counter"), &json!(1)));
    assert_eq!((&deployed.body["new"], &deployed.body["active"]), (&json!(true), &json!(true)));
    assert!(chrono::DateTime::parse_from_rfc3339(decides["activated_at"].as_str().unwrap()).is_ok());
    assert_eq!(server.get("/reducers").await.ok()["reducers"], json!([decides]));
    let sent = server.send("counter-1", "Increment", r#"{"by":2}"#).await.ok();
    assert_eq!(sent["reducer"]["digest"], deployed.body["digest"]);
    assert_eq!(sent["reducer"]["generation"], 1);
    let events = server.get("/streams/counter-1/events").await.ok();
    assert_eq!(events["events"][0]["data"], json!({ "by": 2 }));
    assert_eq!(events["events"][0]["metadata"]["generation"], 1);
}

#[tokio::test]
async fn deploying_the_same_component_again_changes_nothing() {
    let server = serve_host(without_reducers()).await;
    let first = deploy(&server, &*component("counter")).await;
    let again = deploy(&server, &*component("counter")).await;
    assert_eq!((again.status, &again.body["new"]), (201, &json!(false)));
    assert_eq!(again.body["decides"], first.body["decides"]);
}

/// Deploys the counter with a query, and gives its generation and its rules.
async fn deploy_with(server: &Server, query: &str) -> (u64, Value) {
    let request = server.request(Method::POST, &format!("/reducers{query}")).body(component("counter").to_vec());
    let deployed = answer(request).await;
    assert_eq!(deployed.status, 201, "{}", deployed.text);
    let decides = &deployed.body["decides"];
    assert_eq!(server.get("/reducers").await.ok()["reducers"], json!([decides]));
    (decides["generation"].as_u64().unwrap(), decides["effects"].clone())
}

#[tokio::test]
async fn rules_of_effects_stay_until_a_deployment_names_any_and_are_replaced_as_a_whole() {
    let server = serve_host(without_reducers()).await;
    let none = json!({ "origins": [], "categories": [], "per_second_max": null, "at_once_max": null });
    assert_eq!(deploy_with(&server, "").await, (1, none.clone()));
    let all = "?allow=https%3A%2F%2Fpay.example&allow_private=http://pay.internal:8080&allow=http://127.0.0.1:9000\
               &allow_category=stock&allow_category=billing&effects_per_second_max=50&effects_at_once_max=4";
    let rules = json!({
        "origins": [
            { "origin": "https://pay.example", "private": false },
            { "origin": "http://pay.internal:8080", "private": true },
            { "origin": "http://127.0.0.1:9000", "private": false },
        ],
        "categories": ["stock", "billing"],
        "per_second_max": 50,
        "at_once_max": 4,
    });
    assert_eq!(deploy_with(&server, all).await, (2, rules.clone()));
    assert_eq!(deploy_with(&server, "").await, (2, rules.clone()));
    assert_eq!(deploy_with(&server, all).await, (2, rules), "the same rules again change nothing");
    let (generation, rules) = deploy_with(&server, "?effects_at_once_max=9").await;
    assert_eq!((generation, &rules["origins"], &rules["at_once_max"]), (3, &json!([]), &json!(9)));
    assert_eq!(deploy_with(&server, "?allow=none").await, (4, none));
}

#[tokio::test]
async fn rules_that_make_no_sense_deploy_nothing() {
    let server = serve_host(without_reducers()).await;
    for (query, told) in [
        ("allow=pay.example", "is no origin"),
        ("allow=https://pay.example/pay", "is no origin"),
        ("allow=none&allow_category=stock", "stands alone"),
        ("allow_category=stock-1", "allow_category"),
        ("effects_per_second_max=0", "effects_per_second_max is a whole number"),
        ("effects_at_once_max=all", "effects_at_once_max is a whole number"),
        ("origin=https://pay.example", "there is no"),
    ] {
        let request = server.request(Method::POST, &format!("/reducers?{query}")).body(component("counter").to_vec());
        let problem = answer(request).await.problem(400, "invalid-query");
        assert!(problem["detail"].as_str().unwrap().contains(told), "{query}: {problem}");
    }
    assert_eq!(server.get("/reducers").await.ok()["reducers"], json!([]));
}

#[tokio::test]
async fn rules_of_a_reducer_that_is_linked_in_are_listed_too() {
    let rules = EffectRules { categories: vec!["stock".into()], ..EffectRules::default() };
    let host = without_reducers().reducer(NativeReducer::<counter::Counter>::new()).effect_rules("counter", rules);
    let list = serve_host(host).await.get("/reducers").await.ok();
    assert_eq!(list["reducers"][0]["effects"]["categories"], json!(["stock"]));
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_every_offence() {
    let server = serve_host(without_reducers()).await;
    let importing = wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#).unwrap();
    for (component, offences) in [
        (b"not wasm at all".to_vec(), vec!["no WebAssembly component"]),
        (Vec::new(), vec!["no WebAssembly component"]),
        (wat::parse_str("(module)").unwrap(), vec!["core module"]),
        (importing, vec!["wasi:clocks/wall-clock@0.2.0", "foldhost:reducer/reducer"]),
    ] {
        let problem = deploy(&server, component).await.problem(422, "component-refused");
        let told = problem["offences"].as_array().unwrap();
        assert_eq!(told.len(), offences.len(), "{problem}");
        for (told, offence) in told.iter().zip(offences) {
            assert!(told.as_str().unwrap().contains(offence), "{problem}");
        }
    }
    assert_eq!(server.get("/reducers").await.ok()["reducers"], json!([]));
}

#[tokio::test]
async fn a_component_cannot_take_the_place_of_a_reducer_that_is_linked_in() {
    let server = serve().await;
    deploy(&server, &*component("counter")).await.problem(409, "native-reducer");
}

#[tokio::test]
async fn a_component_beyond_the_limit_is_refused() {
    let limits = Limits { component_bytes_max: 1_000, ..Limits::default() };
    let server = serve_host(without_reducers().limits(limits)).await;
    let problem = deploy(&server, vec![0; 1_001]).await.problem(413, "too-large");
    assert_eq!(problem["bytes_max"], 1_000);
    deploy(&server, vec![0; 1_000]).await.problem(422, "component-refused");
}

#[tokio::test]
async fn a_component_is_not_sent_as_a_form() {
    let server = serve().await;
    let request = server.request(Method::POST, "/reducers").header(CONTENT_TYPE, "multipart/form-data");
    answer(request.body(vec![0; 8])).await.problem(415, "unsupported-media-type");
}

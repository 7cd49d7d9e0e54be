//! `/effects`: what operators see of effects and do about them.

use std::sync::Arc;

use foldhost::limits::KindOverrides;
use foldhost::{Host, InMemoryEventStore, Limits, NativeReducer, Store};
use foldhost_test_support::component;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::asking::Clerk;
use crate::server::{Answer, PATIENCE, Server, answer, serve_host};
use crate::store::{Mood, MoodyStore};

/// A host with the clerk over `store`, where an effect that failed once has failed for good.
async fn serve_over(store: Arc<dyn Store>) -> Server {
    let mut limits = Limits::default();
    limits.effects.kinds.insert("dispatch".into(), KindOverrides { attempts_max: Some(1), ..Default::default() });
    serve_host(Host::builder(store).reducer(NativeReducer::<Clerk>::new()).limits(limits)).await
}

async fn serve() -> Server {
    serve_over(Arc::new(InMemoryEventStore::new())).await
}

async fn post(server: &Server, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
    answer(request.body(body)).await
}

async fn discard(server: &Server, id: &str, reason: &str) -> Answer {
    post(server, &format!("/effects/{id}/discard"), json!({ "reason": reason }).to_string()).await
}

async fn retry(server: &Server, id: &str) -> Answer {
    answer(server.request(Method::POST, &format!("/effects/{id}/retry"))).await
}

/// The effects of a list, each by its id.
async fn ids(server: &Server, query: &str) -> Vec<String> {
    let page = server.get(&format!("/effects?{query}")).await.ok();
    let effects = page["effects"].as_array().unwrap().iter();
    effects.map(|effect| effect["effect_id"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the newest effect of a stream is in a status, after so many attempts.
async fn until(server: &Server, stream: &str, status: &str, attempts: u64) -> Value {
    let seen = async {
        loop {
            let page = server.get(&format!("/effects?stream={stream}&limit=1")).await.ok();
            let effect = &page["effects"][0];
            if effect["status"] == status && effect["attempts"] == attempts {
                return effect.clone();
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, seen).await;
    waited.unwrap_or_else(|_| panic!("no effect of {stream} is {status} after {attempts} attempts"))
}

const INCREMENT: &str = r#"{"stream":"counter-7","command":"Increment","arguments":"{\"by\":3}"}"#;
const NOWHERE: &str = r#"{"stream":"nowhere","command":"Increment","arguments":"{}"}"#;
const AN_HOUR: &str = r#"{"ms":3600000}"#;

#[tokio::test]
async fn a_dead_letter_is_shown_with_its_attempt_and_goes_through_when_it_is_retried() {
    let server = serve().await;
    let sent = server.command("clerk-1", "Send", INCREMENT).header("Idempotency-Key", "web-1");
    answer(sent).await.ok();
    let dead = until(&server, "clerk-1", "dead", 1).await;
    let id = dead["effect_id"].as_str().unwrap();
    assert_eq!((&dead["stream_id"], &dead["generation"]), (&json!("clerk-1"), &Value::Null));
    assert_eq!((&dead["kind"], &dead["lane"]), (&json!("dispatch"), &json!("dispatch counter clerk")));
    assert_eq!((&dead["due_at"], &dead["leased"]), (&Value::Null, &json!(false)));
    assert!(dead["error"].as_str().unwrap().starts_with("unknown-category: "), "{dead}");
    let time = |name: &str| chrono::DateTime::parse_from_rfc3339(dead[name].as_str().unwrap()).unwrap();
    assert!(time("created_at") <= time("finished_at"), "{dead}");

    let shown = server.get(&format!("/effects/{id}")).await.ok();
    for (name, value) in dead.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name} is listed as it is shown");
    }
    let says = json!({ "dispatch": { "stream": "counter-7", "command": "Increment", "payload": { "by": 3 } } });
    assert_eq!((&shown["effect"], &shown["command_id"]), (&says, &json!("web-1")));
    assert_eq!(shown["progress"]["0"]["ok"], false);
    let [failure] = shown["failures"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!((&failure["node"], &failure["code"]), (&json!(0), &json!("unknown-category")));
    assert!(failure["message"].as_str().unwrap().contains("counter"), "{failure}");
    assert!(failure["took_ms"].is_u64() && failure["at"].is_string(), "{failure}");

    let deploying = server.request(Method::POST, "/reducers").body(component("counter").to_vec());
    assert_eq!(answer(deploying).await.status, 201);
    assert_eq!(retry(&server, id).await.status, 204);
    let done = until(&server, "clerk-1", "done", 2).await;
    assert_eq!((&done["effect_id"], &done["error"]), (&json!(id), &Value::Null));
    assert_eq!(server.get("/streams/counter-7").await.ok()["state"]["value"], 3);

    let problem = retry(&server, id).await.problem(409, "effect-status");
    assert_eq!((&problem["effect_status"], &problem["status"]), (&json!("done"), &json!(409)));
    discard(&server, id, "it is done").await.problem(409, "effect-status");
}

#[tokio::test]
async fn what_cannot_succeed_is_dead_again_with_one_more_attempt_on_record() {
    let server = serve().await;
    server.send("clerk-1", "Send", NOWHERE).await.ok();
    let dead = until(&server, "clerk-1", "dead", 1).await;
    let id = dead["effect_id"].as_str().unwrap();
    assert_eq!(retry(&server, id).await.status, 204);
    let again = until(&server, "clerk-1", "dead", 2).await;
    assert_eq!(again["effect_id"], id);
    let shown = server.get(&format!("/effects/{id}")).await.ok();
    let codes: Vec<_> = shown["failures"].as_array().unwrap().iter().map(|failure| &failure["code"]).collect();
    assert_eq!(codes, ["invalid-stream-id", "invalid-stream-id"]);
    assert_eq!(discard(&server, id, "nobody lives there").await.status, 204);
    assert_eq!(until(&server, "clerk-1", "discarded", 2).await["error"], "nobody lives there");
}

#[tokio::test]
async fn an_effect_whose_stream_was_told_of_its_failure_is_not_retried() {
    let server = serve().await;
    server.send("clerk-1", "Ask", NOWHERE).await.ok();
    let failed = until(&server, "clerk-1", "failed", 1).await;
    let id = failed["effect_id"].as_str().unwrap();
    let problem = retry(&server, id).await.problem(409, "effect-status");
    assert_eq!(problem["effect_status"], "failed");
    assert!(problem["detail"].as_str().unwrap().contains("its stream was told"), "{problem}");
    let events = server.get("/streams/clerk-1/events").await.ok();
    assert_eq!(events["events"][1]["data"], json!({ "failed": true }));
    assert_eq!(events["events"][1]["metadata"]["command_id"], id);
}

#[tokio::test]
async fn a_waiting_effect_is_discarded_for_a_reason_that_is_kept() {
    let server = serve().await;
    server.send("clerk-1", "Wait", AN_HOUR).await.ok();
    let waiting = until(&server, "clerk-1", "pending", 0).await;
    let id = waiting["effect_id"].as_str().unwrap();
    let time = |name: &str| chrono::DateTime::parse_from_rfc3339(waiting[name].as_str().unwrap()).unwrap();
    assert_eq!((time("due_at") - time("created_at")).num_minutes(), 60, "{waiting}");
    assert_eq!(retry(&server, id).await.problem(409, "effect-status")["effect_status"], "pending");

    let path = format!("/effects/{id}/discard");
    for body in ["", "{}", r#"{"reason":7}"#, r#"{"reason":"a","force":true}"#] {
        post(&server, &path, body).await.problem(400, "invalid-body");
    }
    post(&server, &path, "{").await.problem(400, "malformed-json");
    for reason in ["", "  ", "a\nb", "a\u{1b}[2J", &"x".repeat(1_025), &"\u{e9}".repeat(513)] {
        let problem = discard(&server, id, reason).await.problem(400, "invalid-body");
        assert!(problem["detail"].as_str().unwrap().contains("1 to 1024 bytes"), "{problem}");
    }
    let request = server.request(Method::POST, &path).header(CONTENT_TYPE, "text/plain");
    answer(request.body("paid by hand")).await.problem(415, "unsupported-media-type");
    assert_eq!(until(&server, "clerk-1", "pending", 0).await["effect_id"], id);

    let longest = "\u{e9}".repeat(512);
    assert_eq!(discard(&server, id, &longest).await.status, 204);
    let discarded = until(&server, "clerk-1", "discarded", 0).await;
    assert_eq!((&discarded["error"], &discarded["due_at"]), (&json!(longest), &Value::Null));
    assert_eq!(retry(&server, id).await.problem(409, "effect-status")["effect_status"], "discarded");
}

#[tokio::test]
async fn effects_are_listed_by_status_category_and_stream_the_newest_first_and_page_by_page() {
    let server = serve().await;
    assert_eq!(server.get("/effects").await.ok(), json!({ "effects": [], "next": null }));
    for stream in ["clerk-1", "clerk-2", "clerk-1", "clerk-2", "clerk-1"] {
        server.send(stream, "Wait", AN_HOUR).await.ok();
    }
    server.send("clerk-3", "Send", NOWHERE).await.ok();
    until(&server, "clerk-3", "dead", 1).await;

    let all = ids(&server, "").await;
    let mut sorted = all.clone();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!((all.len(), &all), (6, &sorted));
    for (query, count) in [
        ("status=pending", 5),
        ("status=dead", 1),
        ("status=done", 0),
        ("category=clerk", 6),
        ("category=clerks", 0),
        ("stream=clerk-1", 3),
        ("stream=clerk-1&status=dead", 0),
        ("stream=clerk-3&status=dead&category=clerk", 1),
        ("stream=clerk-3&category=counter", 0),
    ] {
        assert_eq!(ids(&server, query).await.len(), count, "{query}");
    }

    for (limit, pages) in [(1, 6), (4, 2), (6, 1), (1_000, 1)] {
        let (mut read, mut count, mut next) = (Vec::new(), 0, Some(format!("limit={limit}")));
        while let Some(query) = next {
            read.extend(ids(&server, &query).await);
            let page = server.get(&format!("/effects?{query}")).await.ok();
            next = page["next"].as_str().map(|before| format!("limit={limit}&before={before}"));
            count += 1;
        }
        assert_eq!((count, &read), (pages, &all), "limit={limit}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_told_by_its_code() {
    let server = serve().await;
    for (path, code) in [
        ("/effects?status=lost", "invalid-query"),
        ("/effects?limit=0", "invalid-query"),
        ("/effects?limit=1001", "invalid-query"),
        ("/effects?category=clerk-1", "invalid-query"),
        ("/effects?after=7", "invalid-query"),
        ("/effects?stream=clerk", "invalid-stream-id"),
        ("/effects?before=7", "invalid-effect-id"),
        ("/effects/7", "invalid-effect-id"),
        ("/effects/01976f3e5d537c079f2a0d6b0c5a8e11", "invalid-effect-id"),
        ("/effects/%7B01976f3e-5d53-7c07-9f2a-0d6b0c5a8e1%7D", "invalid-effect-id"),
        ("/effects/%C3%A91976f3e-5d53-7c07-9f2a-0d6b0c5a8e1", "invalid-effect-id"),
    ] {
        server.get(path).await.problem(400, code);
    }
    let id = Uuid::now_v7().to_string();
    let problem = server.get(&format!("/effects/{id}.3")).await.problem(400, "invalid-effect-id");
    assert!(problem["detail"].as_str().unwrap().contains(&format!("a part of effect {id}")), "{problem}");
    server.get(&format!("/effects/{id}")).await.problem(404, "unknown-effect");
    retry(&server, &id).await.problem(404, "unknown-effect");
    discard(&server, &id, "gone").await.problem(404, "unknown-effect");
    retry(&server, "7").await.problem(400, "invalid-effect-id");
    discard(&server, "7", "gone").await.problem(400, "invalid-effect-id");
    answer(server.request(Method::DELETE, &format!("/effects/{id}"))).await.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn a_store_that_is_down_is_told_on_every_route() {
    let store = MoodyStore::new();
    let server = serve_over(Arc::clone(&store) as Arc<dyn Store>).await;
    store.set(Mood::Down);
    let id = Uuid::now_v7().to_string();
    server.get("/effects").await.problem(503, "store-unavailable");
    server.get(&format!("/effects/{id}")).await.problem(503, "store-unavailable");
    retry(&server, &id).await.problem(503, "store-unavailable");
    discard(&server, &id, "gone").await.problem(503, "store-unavailable");
}

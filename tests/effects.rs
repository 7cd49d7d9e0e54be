//! Effects: kept with the events, run once durable, and told to their streams; through crashes, faults and slow targets.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "effects/asker.rs"]
mod asker;
#[path = "effects/crashes.rs"]
mod crashes;
#[path = "effects/failures.rs"]
mod failures;
#[path = "effects/intake.rs"]
mod intake;
#[path = "effects/kinds.rs"]
mod kinds;
#[path = "effects/order.rs"]
mod order;
#[path = "effects/rules.rs"]
mod rules;
#[path = "effects/targets.rs"]
mod targets;

use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::{EffectDetail, EffectFilter, EffectRecord, EffectStatus};
use foldhost::{
    Command, CommandError, CommandReply, CommandRequest, EffectLimits, EventStore as _, Host, HostBuilder,
    KindOverrides, Limits, NativeReducer, Store, StreamId, Version,
};
use foldhost_sdk::{Effect, EffectKind, OwnedPayload};
use foldhost_test_support::{TestDatabase, component, database};

use asker::{Asked, Asker, Recorder};

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

/// Limits under which a test does not wait for long.
fn limits() -> Limits {
    let quick = KindOverrides {
        attempts_max: Some(3),
        backoff_ms_min: Some(5),
        backoff_ms_max: Some(20),
        ..KindOverrides::default()
    };
    let kinds = ["dispatch", "http", "event-store", "delay", "recorded"].map(|kind| (kind.to_owned(), quick)).into();
    Limits {
        effects: EffectLimits { poll_ms: 20, lease_seconds: 1, kinds, ..EffectLimits::default() },
        ..Limits::default()
    }
}

/// Decides, and leaves all effects to other hosts.
fn idle() -> Limits {
    let limits = limits();
    Limits { effects: EffectLimits { workers: 0, ..limits.effects.clone() }, ..limits }
}

fn builder(store: &Arc<impl Store>, limits: Limits) -> HostBuilder {
    let store = Arc::clone(store) as Arc<dyn Store>;
    Host::builder(store).limits(limits).reducer(NativeReducer::<Asker>::new())
}

async fn host() -> (Host, Recorder, TestDatabase) {
    let (database, recorder) = (database().await, Recorder::default());
    let host = builder(&database.store, limits()).effect_kind(recorder.clone()).start().unwrap();
    (host, recorder, database)
}

/// Has a stream of the asker's ask for these.
async fn ask(host: &Host, id: &str, effects: Vec<Effect>) -> Result<CommandReply, CommandError> {
    let number = Asked::keep(effects);
    host.send(CommandRequest::new(stream(id), Command::json("Ask", format!(r#"{{"number":{number}}}"#)))).await
}

/// What the stream was told, in order.
async fn heard(host: &Host, id: &str) -> Vec<serde_json::Value> {
    let state: serde_json::Value = serde_json::from_str(&host.state(&stream(id), None).await.unwrap().json).unwrap();
    let heard = state["heard"].as_array().unwrap();
    heard.iter().map(|json| serde_json::from_str(json.as_str().unwrap()).unwrap()).collect()
}

async fn effects(host: &Host) -> Vec<EffectRecord> {
    host.store().effects(&EffectFilter::default(), 1_000).await.unwrap()
}

async fn only_effect(host: &Host) -> EffectDetail {
    let all = effects(host).await;
    assert_eq!(all.len(), 1, "{all:#?}");
    host.store().effect(all[0].effect_id).await.unwrap().unwrap()
}

/// Waits until no effect is pending, and gives them all, the oldest first.
async fn settled(host: &Host) -> Vec<EffectRecord> {
    until("all effects are over", || async {
        let pending = EffectFilter { status: Some(EffectStatus::Pending), ..EffectFilter::default() };
        host.store().effects(&pending, 1).await.unwrap().is_empty()
    })
    .await;
    let mut all = effects(host).await;
    all.reverse();
    all
}

/// Asks until the answer is yes.
async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asked = async {
        let mut pause = tokio::time::interval(Duration::from_millis(5));
        while !ask().await {
            pause.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// An effect of the tests' own kind, whose arguments say what its runner does.
fn recorded(name: &str, does: &str) -> Effect {
    let arguments = serde_json::json!({ "name": name, "does": does }).to_string();
    Effect::new(EffectKind::Custom { kind: "recorded".into(), payload: OwnedPayload::Json(arguments) })
}

//! The flow, with real components over real Postgres: order, durability, containment, swaps, drains.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "runtime/closing.rs"]
mod closing;
#[path = "runtime/commands.rs"]
mod commands;
#[path = "runtime/containment.rs"]
mod containment;
#[path = "runtime/entities.rs"]
mod entities;
#[path = "runtime/hosts.rs"]
mod hosts;
#[path = "runtime/misdeeds.rs"]
mod misdeeds;

use foldhost_test_support::{in_other_bytes, swap_to};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::{ActivationChange, ReducerStore as _, StreamBatch};
use foldhost::reducer::{ReducerDigest, ReducerFault};
use foldhost::{
    Command, CommandError, CommandReply, CommandRequest, EventStore, ExpectedVersion, Host, InMemoryEventStore, Limits,
    NativeReducer, ReducerLimits, SnapshotConfig, Store, StreamId, Version,
};
use foldhost_test_support::orders::{add_item, history, place_order};
use foldhost_test_support::{TestDatabase, component, database};

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn request(id: &str, name: &str, payload: &str) -> CommandRequest {
    CommandRequest::new(stream(id), Command::json(name, payload))
}

async fn send(host: &Host, id: &str, name: &str, payload: &str) -> Result<CommandReply, CommandError> {
    host.send(request(id, name, payload)).await
}

async fn host_with(guests: &[&str]) -> (Host, TestDatabase) {
    let database = database().await;
    let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    deploy(&host, guests).await;
    (host, database)
}

async fn deploy(host: &Host, guests: &[&str]) {
    for guest in guests {
        host.deploy(component(guest).to_vec()).await.unwrap();
    }
}

async fn state(host: &Host, id: &str) -> serde_json::Value {
    serde_json::from_str(&host.state(&stream(id), None).await.unwrap().json).unwrap()
}

/// Asks until the answer is yes.
async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asked = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

//! What the store in Postgres does when connections, servers, disks and neighbours fail it: never a success that is not
//! durable, and never twice what was asked for once.
//!
//! What is drawn at random comes from a seed, which is printed; `FOLDHOST_TEST_SEED` repeats it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "store_faults/answers.rs"]
mod answers;
#[path = "store_faults/connections.rs"]
mod connections;
#[path = "store_faults/contention.rs"]
mod contention;
#[path = "store_faults/disk.rs"]
mod disk;
#[path = "store_faults/dropped.rs"]
mod dropped;
#[path = "store_faults/effects.rs"]
mod effects;
#[path = "store_faults/journal.rs"]
mod journal;
#[path = "store_faults/ledger.rs"]
mod ledger;
#[path = "store_faults/proxy.rs"]
mod proxy;
#[path = "store_faults/restarts.rs"]
mod restarts;
#[path = "store_faults/room.rs"]
mod room;
#[path = "store_faults/time.rs"]
mod time;
#[path = "store_faults/writers.rs"]
mod writers;

use std::time::{Duration, Instant};

use foldhost::event_store::{CommandRecord, StreamBatch};
use foldhost::{
    EventMetadata, EventStore, EventStoreError, ExpectedVersion, PoolConfig, PostgresEventStore, SerializedEvent,
    StreamId, Version,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::{PgConnection, Row};

use crate::ledger::events_of;

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn event(text: &str) -> SerializedEvent {
    SerializedEvent { event_type: "Happened.v1".into(), data: text.as_bytes().to_vec() }
}

/// So many events of no command.
fn plain(id: &str, expected: impl Into<ExpectedVersion>, count: usize) -> StreamBatch {
    StreamBatch::new(stream(id), expected, vec![event("plain"); count])
}

/// So many events, each with the command's id in its metadata.
fn named(id: &str, expected: impl Into<ExpectedVersion>, command_id: &str, count: usize) -> StreamBatch {
    let mut batch = StreamBatch::new(stream(id), expected, vec![event(command_id); count]);
    for (_, metadata) in &mut batch.events {
        *metadata = EventMetadata { command_id: Some(command_id.into()), ..EventMetadata::default() };
    }
    batch
}

/// The same, and the store is to remember the command.
fn recorded(id: &str, expected: impl Into<ExpectedVersion>, command_id: &str, count: usize) -> StreamBatch {
    let mut batch = named(id, expected, command_id, count);
    batch.commands.push(CommandRecord {
        command_id: command_id.into(),
        name: "Happen".into(),
        fingerprint: [7; 32],
        events: 0..count,
        rejection: None,
        reducer_digest: None,
        journal: None,
    });
    batch
}

fn exactly(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(Version::new(version))
}

/// A store with little patience, so that a test sees its end.
fn hasty() -> PoolConfig {
    PoolConfig {
        acquire_max: Duration::from_secs(1),
        retry_max: Duration::from_secs(1),
        statement_max: Duration::from_secs(1),
        ..PoolConfig::default()
    }
}

/// Randomness that can be had again.
fn random(test: &str) -> StdRng {
    let seed = match std::env::var("FOLDHOST_TEST_SEED") {
        Ok(seed) => seed.parse().expect("FOLDHOST_TEST_SEED is a number"),
        Err(_) => rand::random::<u64>(),
    };
    println!("{test}: FOLDHOST_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// The number that a statement answers with.
async fn number(connection: &mut PgConnection, statement: &'static str) -> i64 {
    sqlx::query(statement).fetch_one(connection).await.unwrap().get(0)
}

/// Asks until the answer is so many at least. Nothing tells about another session.
async fn until_at_least(connection: &mut PgConnection, count: i64, statement: &'static str) {
    let asked = async {
        while number(connection, statement).await < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(|_| panic!("never came: {statement}"));
}

/// Sessions of this database that wait for a lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Ends all sessions of this database but the asking one, and says how many there were.
const CUT_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(answer: &Result<T, EventStoreError>) {
    assert!(matches!(answer, Err(EventStoreError::Unavailable(_))), "{answer:?}");
}

/// The store does what stores do: an append, once, and a read of it.
async fn assert_works(store: &PostgresEventStore, id: &str) {
    let (first, last) =
        store.append_once(&stream(id), ExpectedVersion::Any, "works", vec![event("works")]).await.unwrap();
    let read = store.read_stream(&stream(id), Version::new(first.get() - 1), 10.into()).await.unwrap();
    assert_eq!(read.last().unwrap().version, last);
}

/// What a bounded wait may take on a machine that does much else beside.
fn assert_within(begun: Instant, most: Duration) {
    let took = begun.elapsed();
    assert!(took <= most, "it took {took:?}, and {most:?} at most was promised");
}

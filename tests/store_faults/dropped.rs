//! Futures that are dropped in the middle, as the client of a server that goes away drops them.

use foldhost::event_store::ActivationChange;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use foldhost::event_store::{AppendOutcome, Snapshot};
use foldhost::reducer::ReducerDigest;
use foldhost::{EventStore, ExpectedVersion, PoolConfig, PostgresEventStore, ReducerStore, Version};
use foldhost_test_support::database;
use rand::Rng;
use sqlx::{Connection, Executor, PgConnection};

use crate::answers::behind_proxy;
use crate::ledger::Ledger;
use crate::proxy::{Fault, Proxy};
use crate::{WAITING, event, events_of, exactly, named, number, random, recorded, stream, until_at_least};

/// With one connection of each kind, so that what comes next gets the one that was left.
fn one_of_each() -> PoolConfig {
    PoolConfig { connections_max: 1, append_connections_max: 1, ..PoolConfig::default() }
}

/// Runs a future until so many faults have struck, and drops it.
async fn drop_when_struck<T: std::fmt::Debug>(future: impl Future<Output = T>, proxy: &Proxy, struck: usize) {
    tokio::select! {
        biased;
        () = proxy.until_struck(struck) => {}
        done = future => panic!("it went through: {done:?}"),
    }
}

async fn until_no_transaction_is_left_open(connection: &mut PgConnection) {
    let none = "SELECT (count(*) = 0)::int::bigint FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    until_at_least(connection, 1, none).await;
}

/// sqlx 0.9 sends no ROLLBACK for a BEGIN whose answer nobody waited for. The connection went back with its transaction open,
/// and the next append was acknowledged inside it, and never committed.
#[tokio::test]
async fn an_append_dropped_while_its_transaction_begins_spoils_no_connection() {
    let (database, proxy, store) = behind_proxy(&one_of_each()).await;
    let mut connection = database.connect().await;
    proxy.strike("BEGIN", Fault::HoldAnswer);
    drop_when_struck(store.append_many(&[recorded("order-1", ExpectedVersion::Any, "id", 1)]), &proxy, 1).await;
    proxy.release();
    let outcomes = store.append_many(&[named("order-2", exactly(0), "id", 1)]).await.unwrap();
    assert_eq!(outcomes, [AppendOutcome::Appended { version: Version::new(1) }]);
    assert_eq!(events_of(&mut connection, "order-2").await, 1, "acknowledged, and not committed");
    assert_eq!(events_of(&mut connection, "order-1").await, 0);
    until_no_transaction_is_left_open(&mut connection).await;
}

/// The same, of the connections that read, and write what is no event.
#[tokio::test]
async fn a_closing_or_a_swap_dropped_while_its_transaction_begins_spoils_no_connection() {
    let (database, proxy, store) = behind_proxy(&one_of_each()).await;
    let mut connection = database.connect().await;
    let mut snapshots = 0;
    for dropped in ["closing", "swap"] {
        let snapshot = Snapshot {
            stream_id: stream(&format!("order-{dropped}")),
            version: Version::new(1),
            state_schema: "order.v1".into(),
            reducer_digest: ReducerDigest::of(b"code"),
            state: b"state".to_vec(),
        };
        store.append_many(&[named(snapshot.stream_id.as_str(), exactly(0), "id", 1)]).await.unwrap();
        proxy.strike("BEGIN", Fault::HoldAnswer);
        match dropped {
            "closing" => drop_when_struck(store.close_stream(&snapshot.stream_id, false), &proxy, 1).await,
            _ => {
                let change = ActivationChange::to("order", ReducerDigest::of(b"code"));
                drop_when_struck(store.activate(&change), &proxy, 2).await;
            }
        }
        proxy.release();
        store.save_snapshot(&snapshot).await.unwrap();
        snapshots += 1;
        assert_eq!(
            number(&mut connection, "SELECT count(*) FROM snapshots").await,
            snapshots,
            "after a dropped {dropped}"
        );
        until_no_transaction_is_left_open(&mut connection).await;
        proxy.hold_again();
    }
}

/// An append that waits for a lock, and whose future is dropped: what the server was asked it may finish, whole; a transaction
/// it may not.
#[tokio::test]
async fn an_append_dropped_in_the_middle_is_done_whole_or_not_at_all() {
    let database = database().await;
    let store = PostgresEventStore::connect(&database.url, &one_of_each()).await.unwrap();
    let mut connection = database.connect().await;
    for (id, expected) in [("order-1", ExpectedVersion::NoStream), ("order-2", ExpectedVersion::Any)] {
        let mut lock = database.connect().await;
        lock.execute("BEGIN; LOCK TABLE events IN EXCLUSIVE MODE").await.unwrap();
        let batches = [named(id, expected, "dropped", 3)];
        tokio::select! {
            done = store.append_many(&batches) => panic!("the lock did not hold: {done:?}"),
            () = until_at_least(&mut connection, 1, WAITING) => {}
        }
        lock.execute("COMMIT").await.unwrap();
        let (first, _) =
            store.append_once(&stream(id), ExpectedVersion::Any, "next", vec![event("next")]).await.unwrap();
        let before = first.get() - 1;
        assert!(before == 0 || before == 3, "{before} of 3 events of {id} are there");
        assert_eq!(events_of(&mut connection, id).await, first.get());
        lock.close().await.unwrap();
    }
    assert_eq!(events_of(&mut connection, "order-2").await, 1, "its transaction was never committed");
    until_no_transaction_is_left_open(&mut connection).await;
}

/// Polls a future so many times at most, and drops it.
async fn poll_at_most<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| match left.checked_sub(1) {
        None => Poll::Ready(None),
        Some(less) => {
            left = less;
            future.as_mut().poll(context).map(Some)
        }
    })
    .await
}

/// Appends two events to a stream of its own, one way or another, and drops the future after so many polls.
async fn append_and_drop(store: &PostgresEventStore, round: usize, polls: usize, way: usize) -> Option<()> {
    let (id, own, any) = (format!("{round}x2"), format!("order-{round}"), ExpectedVersion::Any);
    match way {
        0 => {
            let batches = [named(&own, exactly(0), &id, 2)];
            poll_at_most(store.append_many(&batches), polls).await.map(|done| drop(done.unwrap()))
        }
        1 => {
            let batches = [recorded(&own, any, &id, 2)];
            poll_at_most(store.append_many(&batches), polls).await.map(|done| drop(done.unwrap()))
        }
        2 => {
            let batches = [recorded(&own, exactly(0), &id, 2), recorded("order-shared", any, &id, 2)];
            poll_at_most(store.append_atomic(&batches), polls).await.map(|done| drop(done.unwrap()))
        }
        _ => {
            let (own, events) = (stream(&own), vec![event("once"), event("once")]);
            let append = store.append_once(&own, any, &id, events);
            poll_at_most(append, polls).await.map(|done| assert_eq!(done.unwrap().0, Version::new(1)))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_dropped_anywhere_leave_a_store_that_works() {
    let mut random = random("futures_dropped_anywhere_leave_a_store_that_works");
    let database = database().await;
    let config = PoolConfig { connections_max: 2, append_connections_max: 2, ..PoolConfig::default() };
    let store = PostgresEventStore::connect(&database.url, &config).await.unwrap();
    let (ledger, shared) = (Ledger::new(), stream("order-shared"));
    let (mut dropped, mut round) = (0, 0);
    // How many polls a future takes is up to the machine; one is never enough.
    while dropped < 200 {
        round += 1;
        match append_and_drop(&store, round, random.random_range(1..=9), random.random_range(0..4)).await {
            Some(()) => {
                let own = format!("order-{round}");
                ledger.acknowledge(&own, &format!("{round}x2"), Version::new(1), Version::new(2));
            }
            None => dropped += 1,
        }
        let read = store.read_stream(&shared, Version::EMPTY, 100.into());
        if let Some(read) = poll_at_most(read, random.random_range(1..=5)).await {
            read.unwrap();
        }
        // Whatever was dropped, the next append is one like any other, and what it says is so.
        let (id, version) = (format!("steady{round}x1"), Version::new(round as u64));
        let batches = [named("order-steady", ExpectedVersion::Exact(Version::new(version.get() - 1)), &id, 1)];
        assert_eq!(store.append_many(&batches).await.unwrap(), [AppendOutcome::Appended { version }]);
        ledger.acknowledge("order-steady", &id, version, version);
    }
    println!("{dropped} of {round} futures were dropped");
    let mut connection = database.connect().await;
    until_no_transaction_is_left_open(&mut connection).await;
    ledger.check(&mut connection, "command_id", crate::writers::events_each).await;
}

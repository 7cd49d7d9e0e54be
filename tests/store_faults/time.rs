//! Nothing waits for ever: not for a lock, not for a connection, not for a network that says nothing.

use std::time::{Duration, Instant};

use foldhost::embedded_postgres::Durability;
use foldhost::{EventStore, EventStoreError, ExpectedVersion, PageLimit, PostgresEventStore, Version};
use foldhost_test_support::{OwnServer, database};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::answers::behind_proxy;
use crate::{
    assert_unavailable, assert_within, assert_works, event, events_of, exactly, hasty, named, number, plain, recorded,
    stream,
};

/// The hasty store's statement and retries take a second each; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_locked_table_is_told_in_time_and_nothing_is_done_later() {
    let database = database().await;
    let store = PostgresEventStore::connect(&database.url, &hasty()).await.unwrap();
    let mut lock = database.connect().await;
    lock.execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let begun = Instant::now();
    let any = ExpectedVersion::Any;
    let order = stream("order-1");
    let (exact, id, open, atomic, once, read) = tokio::join!(
        async { store.append_many(&[plain("order-1", exactly(0), 1)]).await },
        async { store.append_many(&[named("order-2", exactly(0), "id", 1)]).await },
        async { store.append_many(&[plain("order-3", any, 1)]).await },
        async { store.append_atomic(&[recorded("order-4", any, "id", 1)]).await },
        store.append_once(&order, ExpectedVersion::NoStream, "once", vec![event("once")]),
        store.read_stream(&order, Version::EMPTY, 10.into()),
    );
    assert_unavailable(&exact);
    assert_unavailable(&id);
    assert_unavailable(&open);
    assert_unavailable(&atomic);
    assert_unavailable(&once);
    assert_unavailable(&read);
    assert_within(begun, SOON);
    lock.execute("COMMIT").await.unwrap();
    assert_works(&store, "order-5").await;
    assert_eq!(number(&mut lock, "SELECT count(*) FROM events").await, 1, "the server gave the statements up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_lock_is_held_keeps_only_its_own_appends_waiting() {
    let database = database().await;
    let store = PostgresEventStore::connect(&database.url, &hasty()).await.unwrap();
    let mut lock = database.connect().await;
    lock.execute("SELECT pg_advisory_lock(hashtextextended('foldhost stream order-1', 0))").await.unwrap();
    let begun = Instant::now();
    let any = ExpectedVersion::Any;
    let (held, other) =
        tokio::join!(async { store.append_many(&[recorded("order-1", any, "held", 1)]).await }, async {
            store.append_many(&[recorded("order-2", any, "other", 1)]).await
        },);
    assert_unavailable(&held);
    other.unwrap();
    assert_within(begun, SOON);
    lock.execute("SELECT pg_advisory_unlock_all()").await.unwrap();
    store.append_many(&[recorded("order-1", any, "held", 1)]).await.unwrap();
    assert_eq!(events_of(&mut lock, "order-1").await, 1);
}

/// Somebody's `lock_timeout` for the whole database: the server gives the statement up, and says that it did nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_the_server_does_not_wait_for_is_tried_for_again() {
    let database = database().await;
    let mut lock = database.connect().await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut lock).await.unwrap();
    lock.execute(AssertSqlSafe(format!("ALTER DATABASE {name} SET lock_timeout = '50ms'"))).await.unwrap();
    let store = PostgresEventStore::connect(&database.url, &hasty()).await.unwrap();
    lock.execute("BEGIN; LOCK TABLE events IN EXCLUSIVE MODE").await.unwrap();
    let begun = Instant::now();
    let (exact, open) = tokio::join!(async { store.append_many(&[plain("order-1", exactly(0), 1)]).await }, async {
        store.append_many(&[plain("order-2", ExpectedVersion::Any, 1)]).await
    },);
    assert!(matches!(exact, Err(EventStoreError::Contended(_))), "{exact:?}");
    assert!(matches!(open, Err(EventStoreError::Contended(_))), "{open:?}");
    assert!(begun.elapsed() >= hasty().retry_max, "it was not tried again");
    assert_within(begun, SOON);
    lock.execute("COMMIT").await.unwrap();
    assert_works(&store, "order-3").await;
    assert_eq!(number(&mut lock, "SELECT count(*) FROM events").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_connection_to_spare_is_told_in_time_and_used_when_it_has_one() {
    let server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&hasty()).await;
    // Its own store has a connection by now, this one none yet.
    let store = PostgresEventStore::connect(&database.url, &hasty()).await.unwrap();
    let mut all = Vec::new();
    let refused = loop {
        match PgConnection::connect(&database.url).await {
            Ok(connection) => all.push(connection),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("53300"), "{refused}");
    let begun = Instant::now();
    let order = stream("order-1");
    let (append, open, read) = tokio::join!(
        async { store.append_many(&[named("order-1", exactly(0), "id", 1)]).await },
        async { store.append_many(&[plain("order-2", ExpectedVersion::Any, 1)]).await },
        store.read_stream(&order, Version::EMPTY, 10.into()),
    );
    assert_unavailable(&append);
    assert_unavailable(&open);
    assert_unavailable(&read);
    assert_within(begun, SOON);
    let mut kept = all.pop().unwrap();
    assert_eq!(number(&mut kept, "SELECT count(*) FROM events").await, 0);
    for connection in all {
        connection.close().await.unwrap();
    }
    assert_works(&store, "order-3").await;
    drop((store, database));
}

/// What the store allows the server beyond its own limit, before it takes the network for dead.
const BEYOND: Duration = Duration::from_secs(5);

/// No reset, no answer, nothing: as a firewall that forgot a connection does it, or a machine that lost its power.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_everything_is_told_in_time_and_works_when_it_is_mended() {
    let (database, proxy, store) = behind_proxy(&hasty()).await;
    let warm: Vec<_> = (0..4).map(|number| named(&format!("order-{number}"), exactly(0), "warm", 1)).collect();
    for done in join_all(warm.chunks(1).map(|batch| store.append_many(batch))).await {
        done.unwrap();
    }
    let (order, page) = (stream("order-1"), PageLimit::from(10));
    let warm = (0..2).map(|_| store.read_stream(&order, Version::EMPTY, page));
    for read in join_all(warm).await {
        read.unwrap();
    }
    proxy.swallow(true);
    // The second time the connections at hand were idle for long, and are asked first whether they live.
    for _ in 0..2 {
        let begun = Instant::now();
        let (sent, open, once, read, backwards) = tokio::join!(
            async { store.append_many(&[named("order-1", exactly(1), "id", 1)]).await },
            async { store.append_many(&[plain("order-2", ExpectedVersion::Any, 1)]).await },
            store.append_once(&order, ExpectedVersion::Any, "once", vec![event("once")]),
            store.read_stream(&order, Version::EMPTY, page),
            store.read_stream_backwards(&order, Version::MAX, page),
        );
        assert_unavailable(&sent);
        assert_unavailable(&open);
        assert_unavailable(&once);
        assert_unavailable(&read);
        assert_unavailable(&backwards);
        assert_within(begun, SOON + 2 * BEYOND);
    }
    proxy.swallow(false);
    assert_works(&store, "order-5").await;
    assert!(events_of(&mut database.connect().await, "order-1").await <= 3);
}

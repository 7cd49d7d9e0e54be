//! What only Postgres can get wrong: immutability, migrations, the fence's race, readers beside open transactions, and what
//! hands did to its tables.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "postgres_store/fence.rs"]
mod fence;
#[path = "postgres_store/sealed_effects.rs"]
mod sealed_effects;
#[path = "postgres_store/sealing.rs"]
mod sealing;
#[path = "postgres_store/snapshots.rs"]
mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::{
    AppendOutcome, Cursor, Fence, LogFilter, Snapshot, SnapshotKey, StreamBatch, Subscription, SubscriptionConfig,
};
use foldhost::reducer::{Descriptor, ReducerDigest};
use foldhost::{
    Command, CommandRequest, Event, EventStore, EventStoreError, ExpectedVersion, Host, NativeReducer, PoolConfig,
    PostgresEventStore, ReducerStore, SerializedEvent, SnapshotConfig, Store, StreamId, Version,
};
use foldhost_test_support::{TestDatabase, database};
use sqlx::{Connection, Executor, PgConnection, Row};

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn batch(id: &str, expected: u64, count: usize) -> StreamBatch {
    let event = SerializedEvent { event_type: "Happened.v1".into(), data: b"data".to_vec() };
    StreamBatch::new(stream(id), Version::new(expected), vec![event; count])
}

/// Waits until a backend of this database waits for a lock. A condition, asked again until it holds.
async fn until_somebody_waits_for_a_lock(connection: &mut PgConnection) {
    let ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    tokio::time::timeout(Duration::from_secs(20), async {
        while sqlx::query(ask).fetch_one(&mut *connection).await.unwrap().get::<i64, _>(0) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_log_cannot_be_changed() {
    let database = database().await;
    database.store.append_many(&[batch("order-1", 0, 2)]).await.unwrap();
    let mut connection = database.connect().await;
    for statement in [
        "UPDATE events SET event_type = 'Forged.v1'",
        "UPDATE events SET version = 9 WHERE stream_id = 'none-such'",
        "DELETE FROM events",
        "TRUNCATE events",
        "INSERT INTO events (stream_id, version, event_type, event_data) VALUES ('order-1', 2, 'X.v1', '')
         ON CONFLICT (stream_id, version) DO UPDATE SET event_type = 'Forged.v1'",
    ] {
        let error = connection.execute(statement).await.unwrap_err();
        assert!(error.to_string().contains("immutable"), "{statement}: {error}");
    }
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type = 'Happened.v1'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept, 2);
}

/// The log behind a cursor, once it has `count` events: an open transaction of another test holds this reader back too.
async fn log(database: &TestDatabase, after: Option<Cursor>, count: usize) -> Vec<(Cursor, Event)> {
    let read = async {
        loop {
            let events = database.store.read_all(after, &LogFilter::default(), 10.into()).await.unwrap();
            if events.len() >= count {
                return events;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap()
}

/// A high-water mark of the highest position skips the events of a transaction that was open when it was read.
#[tokio::test]
async fn a_reader_of_the_log_never_passes_an_open_transaction() {
    let database = database().await;
    database.store.append_many(&[batch("order-1", 0, 1)]).await.unwrap();
    let mut open = database.connect().await;
    open.execute("BEGIN").await.unwrap();
    open.execute("INSERT INTO events (stream_id, version, event_type, event_data) VALUES ('slow-1', 1, 'Slow.v1', '')")
        .await
        .unwrap();
    database.store.append_many(&[batch("order-2", 0, 1)]).await.unwrap();
    let seen = log(&database, None, 1).await;
    let streams: Vec<_> = seen.iter().map(|(_, event)| event.stream_id.as_str()).collect();
    assert_eq!(streams, ["order-1"], "order-2 has to wait for what could still come before it");
    open.execute("COMMIT").await.unwrap();
    let rest = log(&database, Some(seen[0].0), 2).await;
    let streams: Vec<_> = rest.iter().map(|(_, event)| event.stream_id.as_str()).collect();
    assert_eq!(streams, ["slow-1", "order-2"]);
}

#[tokio::test]
async fn a_hole_in_a_stream_is_told_and_not_folded() {
    let database = database().await;
    let mut connection = database.connect().await;
    for version in [1, 3] {
        sqlx::query(
            "INSERT INTO events (stream_id, version, event_type, event_data) VALUES ('order-1', $1, 'X.v1', '')",
        )
        .bind(version)
        .execute(&mut connection)
        .await
        .unwrap();
    }
    let stream = stream("order-1");
    for loaded in [
        database.store.load(&stream, Some(&SnapshotKey::schema("order.v1")), 10.into()).await.map(|_| ()),
        database.store.load_events(&stream, Version::EMPTY, 10.into()).await.map(|_| ()),
        database.store.load_events(&stream, Version::new(1), 10.into()).await.map(|_| ()),
    ] {
        assert!(matches!(loaded, Err(EventStoreError::Corrupt { .. })), "{loaded:?}");
    }
}

async fn empty_database() -> (PgConnection, String) {
    let database = database().await;
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut connection = database.connect().await;
    connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let current: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut connection).await.unwrap();
    let url = database.url.replace(&current, &name);
    (PgConnection::connect(&url).await.unwrap(), url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_hosts_that_migrate_at_once_leave_one_schema() {
    let (_connection, url) = empty_database().await;
    let config = PoolConfig { connections_max: 2, ..Default::default() };
    let hosts: Vec<_> = (0..10)
        .map(|_| {
            let (url, config) = (url.clone(), config.clone());
            tokio::spawn(async move {
                let store = PostgresEventStore::connect(&url, &config).await.unwrap();
                store.migrate().await.unwrap();
                store.check_schema().await.unwrap();
            })
        })
        .collect();
    for host in hosts {
        host.await.unwrap();
    }
    let store = PostgresEventStore::connect(&url, &config).await.unwrap();
    assert_eq!(store.migrate().await.unwrap(), 0, "nothing is left to do");
}

#[tokio::test]
async fn a_schema_that_is_newer_or_older_is_refused_with_what_to_do() {
    let (mut connection, url) = empty_database().await;
    let store = PostgresEventStore::connect(&url, &PoolConfig::default()).await.unwrap();
    let older = store.check_schema().await.unwrap_err().to_string();
    assert!(older.contains("foldhost migrate"), "{older}");
    let missing = store.append_many(&[batch("order-1", 0, 1)]).await.unwrap_err().to_string();
    assert!(missing.contains("foldhost migrate"), "{missing}");
    store.migrate().await.unwrap();
    connection
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999999, 'from the future', true, '', 0)",
        )
        .await
        .unwrap();
    for error in [store.check_schema().await.unwrap_err(), store.migrate().await.unwrap_err()] {
        assert!(error.to_string().contains("use a newer foldhost"), "{error}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_told_without_its_password() {
    let config = PoolConfig { acquire_max: Duration::from_secs(2), ..Default::default() };
    for url in
        ["postgres://me:hunter2@127.0.0.1:1/none", "no-url:hunter2@", "postgres://me:hunter2@127.0.0.1:notaport/x"]
    {
        let error = PostgresEventStore::connect(url, &config).await.unwrap_err();
        assert!(matches!(error, EventStoreError::Unavailable(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

/// As sqlx-cli does: from the directory, by sqlx's own migrator.
#[tokio::test]
async fn a_schema_that_sqlx_migrated_is_the_one_that_the_host_knows() {
    let (_connection, url) = empty_database().await;
    let store = PostgresEventStore::connect(&url, &PoolConfig::default()).await.unwrap();
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::migrate::Migrator::new(directory).await.unwrap().run(&pool).await.unwrap();
    store.check_schema().await.unwrap();
    assert_eq!(store.migrate().await.unwrap(), 0);
    assert_eq!(store.append_many(&[batch("order-1", 0, 1)]).await.unwrap().len(), 1);
}

/// A subscription that began "now" in a cluster that had counted further: here the ids come that far only much later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_beyond_the_ids_of_the_cluster_skips_nothing_after_a_restore() {
    let database = database().await;
    let mut connection = database.connect().await;
    connection
        .execute(
            "INSERT INTO subscriptions (name, epoch, transaction_id, global_position)
             VALUES ('far', 1, '99999999999', 0)",
        )
        .await
        .unwrap();
    database.store.after_restore().await.unwrap();
    let store = Arc::new(PostgresEventStore::connect(&database.url, &PoolConfig::default()).await.unwrap());
    store.append_many(&[batch("order-1", 0, 2)]).await.unwrap();
    let mut reader = Subscription::new(Arc::clone(&store), SubscriptionConfig::new("far".parse().unwrap())).unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(20), reader.next()).await.unwrap().unwrap();
    assert_eq!(seen.len(), 2);
}

//! docs/database-setup.md, "Backup and restore", done for real: from one cluster into another with `pg_dump` and `pg_restore`.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "restore/backup.rs"]
mod backup;
#[path = "restore/history.rs"]
mod history;

use std::sync::Arc;
use std::time::Duration;

use foldhost::embedded_postgres::Durability;
use foldhost::event_store::{Cursor, Subscription, SubscriptionConfig, SubscriptionFilter};
use foldhost::{
    Event, EventStore, EventStoreError, LogFilter, PoolConfig, PostgresEventStore, SerializedEvent, StreamId, Version,
};
use foldhost_test_support::{OwnServer, TestDatabase};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use backup::{burn_transaction_ids, restored};
use history::{OVERLAPPING, digests, write_history};

/// An event's place in its stream.
type Place = (StreamId, u64);

fn place(event: &Event) -> Place {
    (event.stream_id.clone(), event.version.get())
}

async fn connect(url: &str) -> Arc<PostgresEventStore> {
    Arc::new(PostgresEventStore::connect(url, &PoolConfig::default()).await.unwrap())
}

/// The log, or the part of it that a filter admits, once no open transaction hides any of it.
async fn log(store: &PostgresEventStore, filter: &LogFilter, count: usize) -> Vec<(Cursor, Place)> {
    let read = async {
        loop {
            let events = store.read_all(None, filter, 10_000.into()).await.unwrap();
            if events.len() >= count {
                return events.into_iter().map(|(cursor, event)| (cursor, place(&event))).collect();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap()
}

fn places(log: &[(Cursor, Place)]) -> Vec<Place> {
    log.iter().map(|(_, place)| place.clone()).collect()
}

fn reader(store: &Arc<PostgresEventStore>, name: &str) -> Subscription<PostgresEventStore> {
    let filter = match name {
        "adding" => SubscriptionFilter::event_type("ItemAdded.v1"),
        _ => SubscriptionFilter::default(),
    };
    // Far longer than a test may take: whoever held it at the backup must keep nobody waiting.
    let config = SubscriptionConfig {
        filter,
        lease: Duration::from_secs(300),
        ..SubscriptionConfig::new(name.parse().unwrap())
    };
    Subscription::new(Arc::clone(store), config).unwrap()
}

/// Reads what a subscription has to hand out, until an event is among it.
async fn read_until(subscription: &mut Subscription<PostgresEventStore>, last: &Place) -> Vec<(Cursor, Place)> {
    let read = async {
        let mut seen: Vec<(Cursor, Place)> = Vec::new();
        while !seen.iter().any(|(_, place)| place == last) {
            let events = subscription.next().await.unwrap();
            seen.extend(events.into_iter().map(|(cursor, event)| (cursor, place(&event))));
        }
        seen
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap()
}

/// A source with a history and three readers of it, each as far as it came: one up to an event of a transaction that
/// overlapped another one, one through all of it under a filter, and one that acknowledged nothing.
struct Source {
    server: OwnServer,
    database: TestDatabase,
    log: Vec<(Cursor, Place)>,
    /// Behind the checkpoint of `billing`.
    unread: Vec<Place>,
    /// They hold their leases when the backup is taken.
    _readers: [Subscription<PostgresEventStore>; 3],
}

async fn source() -> Source {
    let server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&PoolConfig::default()).await;
    let count = write_history(&database).await;
    let log = log(&database.store, &LogFilter::default(), count).await;
    let at = log.iter().position(|(_, (stream, _))| stream.as_str() == OVERLAPPING[0]).unwrap();
    assert_eq!(log[at + 1].1.0.as_str(), OVERLAPPING[1], "they come out by transaction, and not by position");
    let mut billing = reader(&database.store, "billing");
    read_until(&mut billing, &log[at].1).await;
    billing.acknowledge(log[at].0).await.unwrap();
    let mut adding = reader(&database.store, "adding");
    let last_added =
        log.iter().rev().find(|(_, (stream, version))| stream.category() == "order" && *version > 1).unwrap();
    let added = read_until(&mut adding, &last_added.1).await;
    adding.acknowledge(added.last().unwrap().0).await.unwrap();
    let mut archive = reader(&database.store, "archive");
    archive.stand_by().await.unwrap();
    let unread = places(&log[at + 1..]);
    Source { server, database, log, unread, _readers: [billing, adding, archive] }
}

/// Time filters find their part of the log by its transaction ids.
async fn assert_filters_agree(source: &PostgresEventStore, restored: &PostgresEventStore) {
    let days_ago = |days| chrono::Utc::now() - chrono::TimeDelta::days(days);
    for (from, until) in [(Some(5), None), (None, Some(5)), (Some(7), Some(3)), (Some(100), None), (None, Some(100))] {
        let filter = LogFilter { from: from.map(days_ago), until: until.map(days_ago), ..LogFilter::default() };
        let expected = places(&log(source, &filter, 0).await);
        let mut found = places(&log(restored, &filter, 0).await);
        // The two that overlapped may have changed places.
        assert_eq!(found.len(), expected.len(), "from {from:?} until {until:?} days ago");
        found.retain(|place| !expected.contains(place));
        assert_eq!(found, [], "from {from:?} until {until:?} days ago");
    }
}

async fn assert_immutable(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    for change in ["UPDATE events SET event_type = 'Forged.v1'", "DELETE FROM events", "TRUNCATE events"] {
        let error = connection.execute(AssertSqlSafe(change)).await.unwrap_err();
        assert!(error.to_string().contains("immutable"), "{change}: {error}");
    }
}

/// Each subscription goes on from where it was: nothing that it has not acknowledged is skipped.
async fn assert_subscriptions_go_on(store: &Arc<PostgresEventStore>, source: &Source, log: &[(Cursor, Place)]) {
    let last = &log.last().unwrap().1;
    let mut billing = reader(store, "billing");
    let seen = places(&read_until(&mut billing, last).await);
    let skipped: Vec<_> = source.unread.iter().filter(|place| !seen.contains(place)).collect();
    assert!(skipped.is_empty(), "billing skipped {skipped:?}");
    assert!(
        seen.len() <= source.unread.len() + 2,
        "and what it acknowledged comes again as little as can be: {seen:?}"
    );
    billing.release().await.unwrap();
    let mut archive = reader(store, "archive");
    assert_eq!(places(&read_until(&mut archive, last).await), places(log), "it had acknowledged nothing");
    archive.release().await.unwrap();
    let mut adding = reader(store, "adding");
    let seen = places(&read_until(&mut adding, last).await);
    assert_eq!(seen, std::slice::from_ref(last), "it had acknowledged all but the one that came since");
    adding.release().await.unwrap();
}

/// Appends what comes after the restore, and says where the log ends then.
async fn append_behind(store: &PostgresEventStore, count: usize) -> Vec<(Cursor, Place)> {
    let stream_id = StreamId::new("order-1").unwrap();
    let head = store.read_stream_backwards(&stream_id, Version::MAX, 1.into()).await.unwrap()[0].clone();
    let added = SerializedEvent { event_type: "ItemAdded.v1".into(), data: head.data };
    store.append_events(&stream_id, head.version.into(), vec![added]).await.unwrap();
    let log = log(store, &LogFilter::default(), count + 1).await;
    assert_eq!(log.last().unwrap().1, (stream_id, head.version.get() + 1), "what is new comes last");
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_cluster_counted_further_is_mended() {
    let source = source().await;
    let target = OwnServer::start(Durability::OffForTests).await;
    let url = restored(&source.server, &source.database, &target).await;
    let store = connect(&url).await;
    for refused in [store.check_schema().await, store.migrate().await.map(drop)] {
        let Err(EventStoreError::Schema(reason)) = refused else { panic!("{refused:?}") };
        assert!(reason.contains("foldhost migrate --after-restore"), "{reason}");
    }
    let hidden = store.read_all(None, &LogFilter::default(), 10_000.into()).await.unwrap();
    assert_eq!(hidden, [], "without it, nothing of the log may be shown");

    let done = connect(&url).await.after_restore().await.unwrap();
    assert_eq!((done.events_reordered, done.subscriptions), (source.log.len() as u64, 2));
    let store = connect(&url).await;
    store.check_schema().await.unwrap();
    assert_eq!(store.migrate().await.unwrap(), 0);
    let log = log(&store, &LogFilter::default(), source.log.len()).await;
    // By position, which the two that overlapped have the other way round.
    let mut expected = places(&source.log);
    let at = expected.iter().position(|(stream, _)| stream.as_str() == OVERLAPPING[0]).unwrap();
    expected.swap(at, at + 1);
    assert_eq!(places(&log), expected);
    assert_eq!(digests(&store).await, digests(&source.database.store).await);
    assert_filters_agree(&source.database.store, &store).await;
    assert_immutable(&url).await;
    let foreign = store.read_all(Some(source.log[3].0), &LogFilter::default(), 10.into()).await;
    assert!(matches!(foreign, Err(EventStoreError::ForeignCursor)), "{foreign:?}");

    let again = connect(&url).await.after_restore().await.unwrap();
    assert_eq!((again.events_reordered, again.subscriptions), (0, 2), "a second time is harmless");
    let store = connect(&url).await;
    let foreign = store.read_all(Some(log[3].0), &LogFilter::default(), 10.into()).await;
    assert!(matches!(foreign, Err(EventStoreError::ForeignCursor)), "{foreign:?}");
    let log = append_behind(&store, log.len()).await;
    assert_eq!(places(&log[..expected.len()]), expected);
    assert_subscriptions_go_on(&store, &source, &log).await;
    assert_immutable(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_cluster_counted_less_keeps_its_order_and_gets_a_new_epoch() {
    let source = source().await;
    let target = OwnServer::start(Durability::OffForTests).await;
    burn_transaction_ids(&target.url("postgres"), 20_000).await;
    let url = restored(&source.server, &source.database, &target).await;
    let store = connect(&url).await;
    store.check_schema().await.unwrap();
    let before = log(&store, &LogFilter::default(), source.log.len()).await;
    let foreign = store.read_all(Some(source.log[3].0), &LogFilter::default(), 10.into()).await;
    assert!(matches!(foreign, Err(EventStoreError::ForeignCursor)), "another cluster is another epoch: {foreign:?}");

    let done = connect(&url).await.after_restore().await.unwrap();
    assert_eq!((done.events_reordered, done.subscriptions), (0, 2));
    let store = connect(&url).await;
    let foreign = store.read_all(Some(before[3].0), &LogFilter::default(), 10.into()).await;
    assert!(matches!(foreign, Err(EventStoreError::ForeignCursor)), "the epoch is a new one: {foreign:?}");
    assert_filters_agree(&source.database.store, &store).await;
    let log = append_behind(&store, source.log.len()).await;
    assert_eq!(places(&log[..source.log.len()]), places(&source.log));
    assert_subscriptions_go_on(&store, &source, &log).await;
    assert_immutable(&url).await;
}

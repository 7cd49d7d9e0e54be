//! Servers that go away, and come back or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhost::embedded_postgres::Durability;
use foldhost::event_store::{AppendOutcome, SnapshotKey};
use foldhost::{
    Command, CommandError, CommandRequest, EventStore, EventStoreError, ExpectedVersion, Host, LogFilter,
    NativeReducer, PoolConfig, Store, Version,
};
use foldhost_test_support::OwnServer;
use futures::future::join_all;
use rand::Rng;
use sqlx::{AssertSqlSafe, Executor};

use crate::ledger::Ledger;
use crate::{
    assert_unavailable, assert_within, assert_works, event, events_of, exactly, hasty, named, plain, random, recorded,
    stream, writers,
};

/// Patience enough for a server that recovers on a busy machine.
fn patient() -> PoolConfig {
    let patience = Duration::from_secs(60);
    PoolConfig { acquire_max: patience, retry_max: patience, ..PoolConfig::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_or_stopped_and_comes_back_has_all_that_was_acknowledged() {
    const WRITERS: usize = 8;
    const APPENDS_EACH: usize = 60;
    let mut random = random("a_server_that_is_killed_or_stopped_and_comes_back_has_all_that_was_acknowledged");
    let mut server = OwnServer::start(Durability::Full).await;
    let database = server.database(&patient()).await;
    let ledger = Arc::new(Ledger::new());
    let writers = writers::start(&database.store, &ledger, &mut random, WRITERS, APPENDS_EACH);
    for round in 1..=4 {
        // While at least a fifth is still to come, so that every round strikes in the middle.
        ledger.until(round * WRITERS * APPENDS_EACH / 6 + random.random_range(0..20)).await;
        match round % 2 {
            1 => server.kill().await,
            _ => server.stop().await,
        }
        let told = ledger.count();
        server.restart().await;
        println!("round {round}: the server went away after {told} appends");
    }
    writers::finish(writers).await;
    ledger.check(&mut database.connect().await, "command_id", writers::events_each).await;
    drop(database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_told_in_time_to_everyone_who_waits() {
    let mut server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&hasty()).await;
    let store = &database.store;
    assert_works(store, "order-0").await;
    for round in 1..=2 {
        // A killed server leaves its socket, at which nobody listens; a stopped one takes it away.
        match round {
            1 => server.kill().await,
            _ => server.stop().await,
        }
        let begun = Instant::now();
        // Many more than there are connections.
        let appends = (0..96).map(async |number| {
            let (id, any) = (format!("order-{number}"), ExpectedVersion::Any);
            match number % 3 {
                0 => store.append_many(&[plain(&id, exactly(0), 1)]).await,
                1 => store.append_many(&[named(&id, exactly(0), "id", 1)]).await,
                _ => store.append_many(&[recorded(&id, any, "id", 1)]).await,
            }
        });
        let order = stream("order-1");
        let (schema, log) = (SnapshotKey::schema("order.v1"), LogFilter::default());
        let (appended, once, loaded, read, log, ping) = tokio::join!(
            join_all(appends),
            store.append_once(&order, ExpectedVersion::Any, "once", vec![event("once")]),
            store.load(&order, Some(&schema), 10.into()),
            store.read_stream(&order, Version::EMPTY, 10.into()),
            store.read_all(None, &log, 10.into()),
            store.ping(),
        );
        appended.iter().for_each(assert_unavailable);
        assert_unavailable(&once);
        assert_unavailable(&loaded.map(drop));
        assert_unavailable(&read);
        assert_unavailable(&log);
        assert_unavailable(&ping);
        assert_within(begun, Duration::from_secs(8));
        server.restart().await;
        assert_works(store, &format!("order-after-{round}")).await;
        assert_eq!(events_of(&mut database.connect().await, "order-1").await, 0);
    }
    drop(database);
}

fn increment(id: &str) -> CommandRequest {
    CommandRequest::new(stream(id), Command::json("Increment", r#"{"by":1}"#))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_loses_its_database_says_so_in_time_and_goes_on_when_it_is_back() {
    let mut server = OwnServer::start(Durability::Full).await;
    let database = server.database(&hasty()).await;
    let store = Arc::clone(&database.store) as Arc<dyn Store>;
    let host = Host::builder(store).reducer(NativeReducer::<counter::Counter>::new()).start().unwrap();
    host.send(increment("counter-warm")).await.unwrap();
    server.kill().await;
    let begun = Instant::now();
    let ids: Vec<_> = (0..16).map(|number| format!("counter-{number}")).chain(["counter-warm".into()]).collect();
    for answer in join_all(ids.iter().map(|id| host.send(increment(id)))).await {
        assert!(matches!(answer, Err(CommandError::Store(EventStoreError::Unavailable(_)))), "{answer:?}");
    }
    let warm = stream("counter-warm");
    assert!(host.state(&warm, None).await.is_err());
    assert_within(begun, Duration::from_secs(8));
    server.restart().await;
    for answer in join_all(ids.iter().map(|id| host.send(increment(id)))).await {
        answer.unwrap();
    }
    assert_eq!(host.state(&warm, None).await.unwrap().version, Version::new(2), "what failed was not done");
    drop((host, database));
}

/// What a host meets when the server behind its address has become a standby, or is kept from writing for a switchover.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_wait_for_a_server_that_takes_no_writes_until_it_does() {
    let server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&patient()).await;
    let mut admin = database.connect().await;
    let mut read_only = async |setting: &str| {
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {setting}");
        // The session itself is to stay able to say so.
        for statement in ["SET default_transaction_read_only = off", &set, "SELECT pg_reload_conf()"] {
            admin.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
        }
    };
    read_only("on").await;
    // The signal takes its time.
    let mut version = 0;
    let refused = loop {
        match database.store.append_many(&[plain("order-1", exactly(version), 1)]).await {
            Ok(_) => version += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, EventStoreError::Unavailable(_)), "{refused:?}");
    let store = Arc::clone(&database.store);
    let waiting = tokio::spawn(async move { store.append_many(&[named("order-2", exactly(0), "id", 1)]).await });
    read_only("off").await;
    assert_eq!(waiting.await.unwrap().unwrap(), [AppendOutcome::Appended { version: Version::new(1) }]);
    assert_eq!(events_of(&mut database.connect().await, "order-1").await, version);
    drop(database);
}

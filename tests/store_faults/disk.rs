//! Disks that are full: the one with the events, and the one with the server's own log.

use std::path::PathBuf;

use foldhost::embedded_postgres::Durability;
use foldhost::event_store::{AppendOutcome, StreamBatch};
use foldhost::{EventStore, EventStoreError, ExpectedVersion, PoolConfig, PostgresEventStore, Version};
use foldhost_test_support::{OwnServer, database};
use rand::RngCore;
use rand::rngs::StdRng;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::ledger::Ledger;
use crate::room::Room;
use crate::{
    assert_unavailable, event, events_of, exactly, hasty, named, number, plain, random, recorded, stream, writers,
};

/// A batch of two events that need room: nothing in them can be compressed.
fn bulky(mut batch: StreamBatch, bytes: usize, random: &mut StdRng) -> StreamBatch {
    for (event, _) in &mut batch.events {
        event.data = vec![0; bytes];
        random.fill_bytes(&mut event.data);
    }
    batch
}

async fn data_directory(connection: &mut PgConnection) -> PathBuf {
    sqlx::query_scalar::<_, String>("SHOW data_directory").fetch_one(connection).await.unwrap().into()
}

#[track_caller]
fn assert_no_room<T: std::fmt::Debug>(answer: &Result<T, EventStoreError>) {
    assert!(matches!(answer, Err(EventStoreError::OutOfResources(_))), "{answer:?}");
}

/// Appends to one stream until that fails, and says how many appends were acknowledged.
async fn append_until_it_fails(
    store: &PostgresEventStore,
    ledger: &Ledger,
    bytes: usize,
    random: &mut StdRng,
) -> (u64, EventStoreError) {
    let mut appends = 0;
    loop {
        let id = format!("{appends}x2");
        let batch = bulky(named("order-1", exactly(appends * 2), &id, 2), bytes, random);
        match store.append_many(&[batch]).await {
            Ok(outcomes) => {
                let version = Version::new(appends * 2 + 2);
                assert_eq!(outcomes, [AppendOutcome::Appended { version }]);
                ledger.acknowledge("order-1", &id, Version::new(appends * 2 + 1), version);
                appends += 1;
            }
            Err(error) => return (appends, error),
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_appends_whole_and_takes_them_when_it_has_room_again() {
    let mut random = random("a_full_disk_refuses_appends_whole_and_takes_them_when_it_has_room_again");
    let server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&PoolConfig::default()).await;
    let mut admin = database.connect().await;
    let room = Room::mount(16, &data_directory(&mut admin).await);
    let place = room.directory("space");
    admin.execute(AssertSqlSafe(format!("CREATE TABLESPACE small LOCATION '{}'", place.display()))).await.unwrap();
    admin
        .execute("ALTER TABLE events SET TABLESPACE small; ALTER INDEX events_pkey SET TABLESPACE small")
        .await
        .unwrap();
    room.fill_but(256 << 10);

    let (store, ledger) = (&database.store, Ledger::new());
    let (appends, error) = append_until_it_fails(store, &ledger, 10_000, &mut random).await;
    assert_no_room::<()>(&Err(error));
    assert!(appends > 0);
    assert_eq!(events_of(&mut admin, "order-1").await, appends * 2, "nothing of the batch that failed is there");
    let any = ExpectedVersion::Any;
    let mut large = |batch| bulky(batch, 300_000, &mut random);
    assert_no_room(&store.append_many(&[large(plain("order-2", exactly(0), 2))]).await);
    assert_no_room(&store.append_many(&[large(recorded("order-2", any, "x2", 2))]).await);
    assert_no_room(
        &store.append_many(&[large(named("order-3", exactly(0), "x2", 2)), plain("order-4", exactly(0), 1)]).await,
    );
    assert_no_room(&store.append_atomic(&[large(recorded("order-2", any, "x2", 2))]).await);
    let once = vec![large(plain("order-2", any, 1)).events.remove(0).0];
    assert_no_room(&store.append_once(&stream("order-2"), any, "once", once).await);
    let read = store.read_stream(&stream("order-1"), Version::EMPTY, 1_000.into()).await.unwrap();
    assert_eq!(read.len() as u64, appends * 2, "what is there is read meanwhile");

    room.empty();
    let batch = bulky(named("order-1", exactly(appends * 2), "afterwardsx2", 2), 10_000, &mut random);
    assert!(matches!(store.append_many(&[batch]).await.unwrap()[..], [AppendOutcome::Appended { .. }]));
    ledger.check(&mut admin, "command_id", writers::events_each).await;
    assert_eq!(number(&mut admin, "SELECT count(DISTINCT stream_id) FROM events").await, 1);
    assert_eq!(number(&mut admin, "SELECT count(*) FROM commands").await, 0);
    drop((room, database));
}

/// Without room for its own log the server panics, in the middle of a commit too: whether that is durable, its recovery
/// decides. So the promise that nothing was done cannot be given, though the error's code is that of a full disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_under_the_server_s_log_is_told_as_unknown_and_loses_nothing() {
    let mut random = random("a_disk_that_is_full_under_the_server_s_log_is_told_as_unknown_and_loses_nothing");
    let mut server = OwnServer::start(Durability::Full).await;
    let database = server.database(&hasty()).await;
    let data = data_directory(&mut database.connect().await).await;
    server.stop().await;
    let (room, wal) = (Room::mount(128, &data), data.join("pg_wal"));
    let moved = std::process::Command::new("cp").arg("-a").arg(&wal).arg(room.path()).status().unwrap();
    assert!(moved.success());
    std::fs::remove_dir_all(&wal).unwrap();
    std::os::unix::fs::symlink(room.path().join("pg_wal"), &wal).unwrap();
    server.restart().await;
    room.fill_but(1 << 20);

    let (store, ledger) = (&database.store, Ledger::new());
    let (appends, error) = append_until_it_fails(store, &ledger, 200_000, &mut random).await;
    assert_unavailable::<()>(&Err(error));
    assert!(appends > 0);
    room.empty();
    server.restart().await;
    store.append_once(&stream("order-2"), ExpectedVersion::Any, "x1", vec![event("works")]).await.unwrap();
    ledger.check(&mut database.connect().await, "command_id", writers::events_each).await;
    // The server's files there go before the room does.
    server.stop().await;
    drop((room, database));
}

/// The same where nothing can be mounted: the server says that its disk is full because it is told to.
#[tokio::test]
async fn a_server_that_says_that_it_has_no_room_is_believed() {
    let database = database().await;
    let mut admin = database.connect().await;
    for (code, name) in [("53100", "disk_full"), ("53200", "out_of_memory"), ("53400", "configuration_limit_exceeded")]
    {
        let full = format!(
            "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE 'no room, says the test' USING ERRCODE = '{name}'; END $$;
             CREATE TRIGGER full_disk AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"
        );
        admin.execute(AssertSqlSafe(full)).await.unwrap();
        let any = ExpectedVersion::Any;
        assert_no_room(&database.store.append_many(&[named("order-1", exactly(0), code, 2)]).await);
        assert_no_room(&database.store.append_many(&[recorded("order-1", any, code, 2)]).await);
        assert_no_room(&database.store.append_atomic(&[recorded("order-1", any, code, 2)]).await);
        assert_eq!(events_of(&mut admin, "order-1").await, 0);
        admin.execute("DROP TRIGGER full_disk ON events").await.unwrap();
    }
    database.store.append_many(&[named("order-1", exactly(0), "id", 2)]).await.unwrap();
}

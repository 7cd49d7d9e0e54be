//! Snapshots that something other than a host has changed. They cost time, and never lead to a wrong state.

use super::*;

const SCHEMA: &str = "counter.v1";

/// Two counters with a snapshot at version 3. One of them has two more events: they are at 111 and 11,111.
async fn with_counters() -> TestDatabase {
    let database = database().await;
    count(&database, SnapshotConfig::every(3), "counter-1", &[1, 10, 100]).await;
    count(&database, SnapshotConfig::every(3), "counter-2", &[1, 10, 100]).await;
    count(&database, SnapshotConfig::never(), "counter-2", &[1_000, 10_000]).await;
    database
}

async fn count(database: &TestDatabase, config: SnapshotConfig, id: &str, increments: &[u64]) {
    let host = host(database, config);
    for by in increments {
        let increment = Command::json("Increment", format!(r#"{{"by":{by}}}"#));
        host.send(CommandRequest::new(stream(id), increment)).await.unwrap();
    }
    assert!(host.shutdown().await);
}

fn host(database: &TestDatabase, config: SnapshotConfig) -> Host {
    Host::builder(Arc::clone(&database.store) as Arc<dyn Store>)
        .snapshots(config)
        .reducer(NativeReducer::<counter::Counter>::new())
        .start()
        .unwrap()
}

/// The version and the state of a stream's snapshot, as the store hands it to a host.
async fn loaded(database: &TestDatabase, id: &str) -> Option<(u64, Result<Vec<u8>, String>)> {
    let loaded = database.store.load(&stream(id), Some(&SnapshotKey::schema(SCHEMA)), 10.into()).await.unwrap();
    loaded.snapshot.map(|snapshot| (snapshot.version.get(), snapshot.state))
}

async fn value(database: &TestDatabase, id: &str) -> (u64, String) {
    let view = host(database, SnapshotConfig::default()).state(&stream(id), None).await.unwrap();
    (view.version.get(), view.json)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_hands_have_changed_is_unreadable_and_its_stream_is_folded_whole() {
    let copy = "INSERT INTO snapshots SELECT 'counter-2', (s).version, (s).state_schema, (s).reducer_digest,
                (s).state_encoding, (s).state_data, (s).created_at, (s).sealed, (s).state_digest
                FROM (SELECT s FROM snapshots s WHERE stream_id = 'counter-1') one";
    for (change, hands) in [
        ("other bytes", "UPDATE snapshots SET state_data = '\\x07' WHERE stream_id = 'counter-2'"),
        ("another version", "UPDATE snapshots SET version = 2 WHERE stream_id = 'counter-2'"),
        ("another stream", "DELETE FROM snapshots WHERE stream_id = 'counter-2'"),
        ("another packing", "UPDATE snapshots SET state_encoding = 'zstd' WHERE stream_id = 'counter-2'"),
        ("no digest", "UPDATE snapshots SET state_digest = NULL WHERE stream_id = 'counter-2'"),
    ] {
        let database = with_counters().await;
        let (version, state) = loaded(&database, "counter-2").await.unwrap();
        assert!(version == 3 && state.is_ok(), "{change}: there was one to be changed");
        let mut connection = database.connect().await;
        assert_eq!(connection.execute(hands).await.unwrap().rows_affected(), 1, "{change}");
        if change == "another stream" {
            assert_eq!(connection.execute(copy).await.unwrap().rows_affected(), 1);
        }
        let (_, state) = loaded(&database, "counter-2").await.unwrap();
        assert!(state.is_err(), "{change}: {state:?}");
        assert_eq!(value(&database, "counter-2").await, (5, r#"{"value":11111}"#.into()), "{change}");
        assert_eq!(value(&database, "counter-1").await, (3, r#"{"value":111}"#.into()), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_another_schema_is_not_even_looked_at() {
    let database = with_counters().await;
    let mut connection = database.connect().await;
    connection.execute("UPDATE snapshots SET state_schema = 'counter.v2', state_data = ''").await.unwrap();
    assert_eq!(loaded(&database, "counter-2").await, None);
    assert_eq!(value(&database, "counter-2").await, (5, r#"{"value":11111}"#.into()));
}

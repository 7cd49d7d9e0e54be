//! Sealed data as they lie in the tables, and what becomes of them in other hands.

use foldhost::event_store::CommandRecord;
use foldhost::event_store::sealing::{Encryption, MasterKeys};
use foldhost::reducer::Rejection;

use super::*;

pub(super) const SECRET: &str = "Ada Lovelace, St James's Square 12";

pub(super) fn keys() -> MasterKeys {
    MasterKeys::parse(&MasterKeys::generate_line()).unwrap()
}

/// A host with the master keys, which seals customers.
pub(super) fn sealing(database: &TestDatabase, keys: &MasterKeys) -> PostgresEventStore {
    PostgresEventStore::clone(&database.store).with_encryption(Encryption::new(keys.clone(), ["customer"]).unwrap())
}

pub(super) fn secrets() -> Vec<SerializedEvent> {
    vec![SerializedEvent { event_type: "Moved.v1".into(), data: SECRET.into() }; 2]
}

fn snapshot(id: &str, state: String) -> Snapshot {
    Snapshot {
        stream_id: stream(id),
        version: Version::new(2),
        state_schema: "customer.v1".into(),
        reducer_digest: ReducerDigest::of(b"code"),
        state: state.into_bytes(),
    }
}

/// A database with a stream of two secrets in it, sealed under the keys.
async fn with_secrets(keys: &MasterKeys) -> TestDatabase {
    let database = database().await;
    let store = sealing(&database, keys);
    for id in ["customer-1", "customer-2"] {
        store.append_once(&stream(id), ExpectedVersion::NoStream, "c-1", secrets()).await.unwrap();
    }
    database
}

/// How many rows hold the secret, as text or as bytes.
pub(super) async fn rows_with_the_secret(connection: &mut PgConnection, table: &str) -> i64 {
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let count =
        format!("SELECT count(*) FROM {table} t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%'");
    sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(SECRET).bind(hex).fetch_one(connection).await.unwrap()
}

async fn read(store: &PostgresEventStore, id: &str) -> Result<Vec<Event>, EventStoreError> {
    store.read_stream(&stream(id), Version::EMPTY, 10.into()).await
}

/// The log of a stream's category, once the stream is in it: an open transaction of another test holds this reader back too,
/// at the streams before it as well.
async fn read_log(store: &PostgresEventStore, of: &StreamId) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
    let filter = LogFilter::category(of.category());
    let read = async {
        loop {
            match store.read_all(None, &filter, 10.into()).await {
                Ok(page) if page.iter().all(|(_, event)| event.stream_id != *of) => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap()
}

/// What a read is refused with, by every way of reading.
async fn refusals(store: &PostgresEventStore, id: &str) -> Vec<String> {
    let (stream, schema) = (stream(id), SnapshotKey::schema("none"));
    let answers = [
        read(store, id).await.map(drop),
        store.read_stream_backwards(&stream, Version::MAX, 10.into()).await.map(drop),
        store.load_events(&stream, Version::EMPTY, 10.into()).await.map(drop),
        store.load(&stream, Some(&schema), 10.into()).await.map(drop),
        read_log(store, &stream).await.map(drop),
    ];
    let refusal = |answer| match answer {
        Err(EventStoreError::Encryption(reason)) => reason,
        other => panic!("{other:?}"),
    };
    answers.into_iter().map(refusal).collect()
}

#[tokio::test]
async fn what_is_sealed_lies_in_no_table_in_plain() {
    let (database, keys) = (database().await, keys());
    let store = sealing(&database, &keys);
    let mut connection = database.connect().await;
    // One that is not sealed shows that the search finds what is there.
    for (id, found) in [("customer-1", 0), ("order-1", 1)] {
        store.append_once(&stream(id), ExpectedVersion::NoStream, "c-1", secrets()).await.unwrap();
        store.save_snapshot(&snapshot(id, SECRET.into())).await.unwrap();
        assert_eq!(rows_with_the_secret(&mut connection, "events").await, 2 * found, "{id}");
        assert_eq!(rows_with_the_secret(&mut connection, "snapshots").await, found, "{id}");
        assert_eq!(rows_with_the_secret(&mut connection, "commands").await, 0, "{id}");
        assert_eq!(rows_with_the_secret(&mut connection, "stream_keys").await, 0, "{id}");
        assert!(read(&store, id).await.unwrap().iter().all(|event| event.data == SECRET.as_bytes()), "{id}");
    }
    // One that is packed before it is sealed.
    let (id, state) = ("customer-1", format!("{SECRET}{}", "x".repeat(100_000)));
    let larger = Snapshot { state_schema: "customer.v2".into(), ..snapshot(id, state.clone()) };
    store.save_snapshot(&larger).await.unwrap();
    let loaded = store.load(&stream(id), Some(&SnapshotKey::schema("customer.v2")), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot.unwrap().state.unwrap(), state.as_bytes());
    let bytes: i32 = sqlx::query_scalar("SELECT octet_length(state_data) FROM snapshots WHERE stream_id = $1")
        .bind(id)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(bytes < 1_000, "it was packed: {bytes}");

    store.close_stream(&stream(id), true).await.unwrap();
    let key: Option<Vec<u8>> = sqlx::query_scalar("SELECT wrapped_key FROM stream_keys WHERE stream_id = $1")
        .bind(id)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(key, None);
    assert!(read(&store, id).await.unwrap().iter().take(2).all(|event| event.erased && event.data.is_empty()));
}

#[tokio::test]
async fn a_host_without_the_master_key_is_told_what_to_do() {
    let first = keys();
    let database = with_secrets(&first).await;
    for reason in refusals(&database.store, "customer-1").await {
        assert!(reason.contains("--encryption-keys"), "{reason}");
    }
    let other = sealing(&database, &keys());
    for reason in refusals(&other, "customer-1").await {
        assert!(reason.contains("master key") && reason.contains("customer-1"), "{reason}");
        assert!(reason.contains(first.first().id()), "it names the key that is missing: {reason}");
    }
    // Neither can it append: under which key it would seal, it cannot know.
    let error = other.append_many(&[batch("customer-1", 2, 1)]).await.unwrap_err();
    assert!(matches!(error, EventStoreError::Encryption(_)), "{error}");
}

#[tokio::test]
async fn a_stream_s_key_opens_no_other_stream() {
    let keys = keys();
    let database = with_secrets(&keys).await;
    database
        .connect()
        .await
        .execute(
            "UPDATE stream_keys SET wrapped_key = (SELECT wrapped_key FROM stream_keys WHERE stream_id = 'customer-1')
             WHERE stream_id = 'customer-2'",
        )
        .await
        .unwrap();
    let store = sealing(&database, &keys);
    for reason in refusals(&store, "customer-2").await {
        assert!(reason.contains("customer-2"), "{reason}");
    }
    assert_eq!(read(&store, "customer-1").await.unwrap().len(), 2, "the other one is as it was");
}

#[tokio::test]
async fn a_sealed_event_opens_at_no_other_place() {
    let keys = keys();
    let database = with_secrets(&keys).await;
    let copy = "INSERT INTO events (stream_id, version, event_type, event_data, sealed)
                SELECT 'customer-1', 3, 'Moved.v1', event_data, sealed FROM events
                WHERE stream_id = 'customer-1' AND version = 1";
    database.connect().await.execute(copy).await.unwrap();
    let error = read(&sealing(&database, &keys), "customer-1").await.unwrap_err();
    assert!(matches!(&error, EventStoreError::Encryption(reason) if reason.contains("event 3")), "{error}");
}

/// An append that remembers a rejection meets no closing event at the primary key. It shares the key's lock, so an erasure waits
/// for it, and then takes away what it wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_waits_for_a_rejection_that_is_being_remembered() {
    let keys = keys();
    let database = with_secrets(&keys).await;
    let mut append = database.connect().await;
    append.execute("BEGIN").await.unwrap();
    append.execute("SELECT FROM stream_keys WHERE stream_id = 'customer-1' FOR SHARE").await.unwrap();
    sqlx::query(
        "INSERT INTO commands (stream_id, command_id, name, fingerprint, last_version, rejection)
         VALUES ('customer-1', 'c-2', 'Move', sha256('secret'), 2, jsonb_build_object('code', 'no', 'message', $1::text))",
    )
    .bind(SECRET)
    .execute(&mut append)
    .await
    .unwrap();
    let store = sealing(&database, &keys);
    let erasure = tokio::spawn(async move { store.close_stream(&stream("customer-1"), true).await.unwrap() });
    let mut watch = database.connect().await;
    until_somebody_waits_for_a_lock(&mut watch).await;
    append.execute("COMMIT").await.unwrap();
    erasure.await.unwrap();
    assert_eq!(rows_with_the_secret(&mut watch, "commands").await, 0);
}

/// The other way round: an append that comes while a key is being dropped waits, and finds the stream closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_that_waits_for_an_erasure_is_not_remembered() {
    let keys = keys();
    let database = with_secrets(&keys).await;
    let mut erasure = database.connect().await;
    erasure.execute("BEGIN").await.unwrap();
    erasure
        .execute("UPDATE stream_keys SET wrapped_key = NULL, dropped_at = now() WHERE stream_id = 'customer-1'")
        .await
        .unwrap();
    let store = sealing(&database, &keys);
    let mut asked = StreamBatch::new(stream("customer-1"), Version::new(2), Vec::new());
    asked.commands.push(CommandRecord {
        command_id: "c-2".into(),
        name: "Move".into(),
        fingerprint: [7; 32],
        events: 0..0,
        rejection: Some(Rejection::new("no", SECRET)),
        reducer_digest: None,
        journal: None,
    });
    let append = tokio::spawn(async move { store.append_many(&[asked]).await.unwrap() });
    let mut watch = database.connect().await;
    until_somebody_waits_for_a_lock(&mut watch).await;
    erasure.execute("COMMIT").await.unwrap();
    assert!(matches!(append.await.unwrap()[..], [AppendOutcome::Closed { .. }]));
    assert_eq!(rows_with_the_secret(&mut watch, "commands").await, 0);
}

/// A category may be taken out again; the state of its sealed events is no less secret for that.
#[tokio::test]
async fn the_state_of_sealed_events_is_sealed_whatever_the_categories_say_now() {
    let keys = keys();
    let database = with_secrets(&keys).await;
    let none: [&str; 0] = [];
    let store = PostgresEventStore::clone(&database.store).with_encryption(Encryption::new(keys, none).unwrap());
    store.save_snapshot(&snapshot("customer-1", SECRET.into())).await.unwrap();
    assert_eq!(rows_with_the_secret(&mut database.connect().await, "snapshots").await, 0);
    let key = SnapshotKey::schema("customer.v1");
    let loaded = store.load(&stream("customer-1"), Some(&key), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot.unwrap().state.unwrap(), SECRET.as_bytes());
}

#[tokio::test]
async fn the_categories_with_encrypted_streams_are_known() {
    let database = database().await;
    assert!(database.store.encrypted_categories().await.unwrap().is_empty());
    let categories = ["customer", "customer+vip", "customers", "patient"];
    let encryption = Encryption::new(keys(), categories).unwrap();
    let store = PostgresEventStore::clone(&database.store).with_encryption(encryption);
    for category in categories {
        for number in 0..3 {
            let id = stream(&format!("{category}-{number}"));
            store.append_events(&id, ExpectedVersion::NoStream, secrets()).await.unwrap();
        }
    }
    store.append_events(&stream("order-1"), ExpectedVersion::NoStream, secrets()).await.unwrap();
    let mut known = database.store.encrypted_categories().await.unwrap();
    known.sort_unstable();
    assert_eq!(known, categories);
    // Whoever has no keys knows it too.
    assert!(database.store.is_sealed("customer+vip").await.unwrap());
    assert!(!database.store.is_sealed("order").await.unwrap());
}

#[tokio::test]
async fn a_key_that_was_deleted_by_hand_is_missed() {
    let keys = keys();
    let database = with_secrets(&keys).await;
    database.connect().await.execute("DELETE FROM stream_keys WHERE stream_id = 'customer-1'").await.unwrap();
    let store = sealing(&database, &keys);
    for reason in refusals(&store, "customer-1").await {
        assert!(reason.contains("customer-1 is encrypted and has no key"), "{reason}");
    }
    assert_eq!(read(&store, "customer-2").await.unwrap().len(), 2);
}

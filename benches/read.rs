//! What reading costs, each figure beside its limit in the same run.
#![allow(clippy::unwrap_used, missing_docs)]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use foldhost::event_store::{Snapshot, SnapshotKey};
use foldhost::reducer::ReducerDigest;
use foldhost::{EventStore, ExpectedVersion, SerializedEvent, StreamId, Version};
use foldhost_test_support::{TestDatabase, durable_database, ratio};
use futures::TryStreamExt as _;
use sqlx::postgres::{PgPoolCopyExt as _, PgPoolOptions};
use sqlx::{PgPool, Row};
use tokio::runtime::Runtime;

const ROUNDS: usize = 15;
const EVENTS: usize = 100_000;
const PAGE: usize = 1_000;
/// Events behind the snapshot: half of what the default policy leaves there at most.
const TAIL: usize = 50;

fn long() -> StreamId {
    StreamId::new("order-long").unwrap()
}

struct Bench {
    runtime: Runtime,
    database: TestDatabase,
    /// By hand, under the same settings as the store's own.
    pool: PgPool,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, pool) = runtime.block_on(async {
            let database = durable_database(16).await;
            let event = SerializedEvent { event_type: "OrderPlaced.v1".into(), data: vec![b'x'; 120] };
            for _ in 0..EVENTS / PAGE {
                let events = vec![event.clone(); PAGE];
                database.store.append_events(&long(), ExpectedVersion::Any, events).await.unwrap();
            }
            for number in 0..1_000 {
                let stream = StreamId::new(&format!("order-{number}")).unwrap();
                let events = vec![event.clone(); 100 + TAIL];
                database.store.append_events(&stream, ExpectedVersion::NoStream, events).await.unwrap();
                let snapshot = Snapshot {
                    stream_id: stream,
                    version: Version::new(100),
                    state_schema: "order.v1".into(),
                    reducer_digest: ReducerDigest::of(b"code"),
                    state: vec![7; 500],
                };
                database.store.save_snapshot(&snapshot).await.unwrap();
            }
            let pool = PgPoolOptions::new().max_connections(4).connect(&database.url).await.unwrap();
            sqlx::query("VACUUM ANALYZE").execute(&pool).await.unwrap();
            (database, pool)
        });
        Self { runtime, database, pool }
    }

    /// Page after page, packed for a fold.
    fn paged(&self) -> Duration {
        let started = Instant::now();
        let read = self.runtime.block_on(async {
            let (mut after, mut read) = (Version::EMPTY, 0);
            loop {
                let page = self.database.store.load_events(&long(), after, PAGE.into()).await.unwrap();
                let Some(last) = page.last_version() else { return read };
                (after, read) = (last, read + page.len());
            }
        });
        assert_eq!(read, EVENTS);
        started.elapsed()
    }

    /// The same columns as one binary COPY in the order of the primary key; the bytes are received and not looked at.
    fn copied(&self) -> Duration {
        let started = Instant::now();
        let bytes = self.runtime.block_on(async {
            let copy = "COPY (SELECT version, event_type, event_data FROM events WHERE stream_id = 'order-long'
                              ORDER BY stream_id, version) TO STDOUT (FORMAT binary)";
            let mut chunks = self.pool.copy_out_raw(copy).await.unwrap();
            let mut bytes = 0;
            while let Some(chunk) = chunks.try_next().await.unwrap() {
                bytes += chunk.len();
            }
            bytes
        });
        assert!(bytes > EVENTS * 120);
        started.elapsed()
    }

    /// Snapshot and tail of each of some streams, in one query each.
    fn loaded(&self, streams: usize) -> Duration {
        let key = SnapshotKey::schema("order.v1");
        let started = Instant::now();
        self.runtime.block_on(async {
            for number in 0..streams {
                let stream = StreamId::new(&format!("order-{number}")).unwrap();
                let loaded = self.database.store.load(&stream, Some(&key), PAGE.into()).await.unwrap();
                assert_eq!((loaded.snapshot.unwrap().state.unwrap().len(), loaded.tail.len()), (500, TAIL));
            }
        });
        started.elapsed()
    }

    /// The same with a query for the snapshot and one for the tail, on one connection.
    fn loaded_by_two_queries(&self, streams: usize) -> Duration {
        let started = Instant::now();
        self.runtime.block_on(async {
            for number in 0..streams {
                let stream = format!("order-{number}");
                let mut connection = self.pool.acquire().await.unwrap();
                let snapshot = sqlx::query(
                    "SELECT version, state_encoding, state_data, state_digest FROM snapshots
                     WHERE stream_id = $1 AND state_schema = $2",
                )
                .bind(&stream)
                .bind("order.v1")
                .fetch_one(&mut *connection)
                .await
                .unwrap();
                assert_eq!(snapshot.get::<Vec<u8>, _>("state_data").len(), 500);
                let tail = sqlx::query(
                    "SELECT version, event_type, event_data FROM events
                     WHERE stream_id = $1 AND version > $2 ORDER BY version LIMIT 1000",
                )
                .bind(&stream)
                .bind(snapshot.get::<i64, _>("version"))
                .fetch_all(&mut *connection)
                .await
                .unwrap();
                let bytes: usize = tail.iter().map(|row| row.get::<Vec<u8>, _>("event_data").len()).sum();
                assert_eq!(bytes, TAIL * 120);
            }
        });
        started.elapsed()
    }
}

fn main() {
    // cargo test runs benches too, with --test; what is measured here means nothing beside other tests.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let bench = RefCell::new(Bench::new());
    let paged = ratio(ROUNDS, || bench.borrow().paged(), || bench.borrow().copied());
    println!("100,000 events in pages of 1,000 / one binary COPY by primary key = {paged}");
    let loaded = ratio(ROUNDS, || bench.borrow().loaded(1_000), || bench.borrow().loaded_by_two_queries(1_000));
    println!("snapshot and tail in one query / in two = {loaded}");
    let Bench { runtime, database, pool } = bench.into_inner();
    runtime.block_on(async {
        pool.close().await;
        database.store.close().await;
    });
}

//! What reading costs, each figure beside its limit in the same run.
#![allow(clippy::unwrap_used, missing_docs)]

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use foldhost::event_store::{
    AppendOutcome, Snapshot, SnapshotKey, StreamBatch, Subscription, SubscriptionConfig, SubscriptionFilter,
};
use foldhost::reducer::ReducerDigest;
use foldhost::{Event, EventStore, ExpectedVersion, SerializedEvent, StreamId, Version};
use foldhost_test_support::{TestDatabase, durable_database, ratio};
use futures::TryStreamExt as _;
use sqlx::postgres::{PgPoolCopyExt as _, PgPoolOptions};
use sqlx::{PgPool, Row};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

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

/// How long writers append as fast as they can.
const LOAD: Duration = Duration::from_secs(10);
const WRITERS: usize = 4;
/// Streams of a batch.
const STREAMS: usize = 64;

/// How long after its append was answered an event is handed to the reader of a subscription, while four writers append batches
/// of 64 streams as fast as the database takes them.
async fn lag(database: &TestDatabase, round: usize) -> Vec<Duration> {
    let answered: Arc<DashMap<StreamId, Instant>> = Arc::default();
    let (done, mut reading) = (CancellationToken::new(), 0);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, answered, done) = (Arc::clone(&database.store), Arc::clone(&answered), done.clone());
        writers.spawn(async move {
            let mut appended = 0;
            while !done.is_cancelled() {
                let event = SerializedEvent { event_type: "Happened.v1".into(), data: vec![b'x'; 120] };
                let stream = |number| StreamId::new(&format!("lag{round}-{writer}-{appended}-{number}")).unwrap();
                let batch = |number| StreamBatch::new(stream(number), Version::EMPTY, vec![event.clone()]);
                let batches: Vec<_> = (0..STREAMS).map(batch).collect();
                let outcomes = store.append_many(&batches).await.unwrap();
                assert!(outcomes.iter().all(|outcome| matches!(outcome, AppendOutcome::Appended { .. })));
                let now = Instant::now();
                for batch in batches {
                    answered.insert(batch.stream_id, now);
                }
                appended += STREAMS;
            }
            appended
        });
    }
    let filter = SubscriptionFilter { category: Some(format!("lag{round}")), ..SubscriptionFilter::default() };
    let config = SubscriptionConfig { filter, ..SubscriptionConfig::new(format!("lag{round}").parse().unwrap()) };
    let mut reader = Subscription::new(Arc::clone(&database.store), config).unwrap();
    let (started, mut lags, mut expected) = (Instant::now(), Vec::new(), None);
    while expected.is_none_or(|expected| reading < expected) {
        let batch = reader.next().await.unwrap();
        let now = Instant::now();
        reading += batch.len();
        // One that is not there yet is being answered at this moment.
        let answered = |event: &Event| answered.get(&event.stream_id).map(|at| now.saturating_duration_since(*at));
        lags.extend(batch.iter().map(|(_, event)| answered(event).unwrap_or_default()));
        reader.acknowledge(batch[batch.len() - 1].0).await.unwrap();
        if expected.is_none() && started.elapsed() > LOAD {
            done.cancel();
            let mut appended = 0;
            while let Some(writer) = writers.join_next().await {
                appended += writer.unwrap();
            }
            expected = Some(appended);
        }
    }
    reader.release().await.unwrap();
    lags.sort_unstable();
    lags
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
    for round in 0..5 {
        let lags = runtime.block_on(lag(&database, round));
        let at = |share: f64| lags[((lags.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "subscription lag under full load, {:.0} events a second: median {:.1} ms, p99 {:.1} ms, most {:.1} ms",
            lags.len() as f64 / LOAD.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    runtime.block_on(async {
        pool.close().await;
        database.store.close().await;
    });
}

//! What an append costs, each figure beside its limit in the same run, on a Postgres that syncs every commit.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use foldhost::event_store::ActivationChange;
use std::cell::RefCell;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhost::event_store::{AppendOutcome, Fence, NewEffect, StreamBatch};
use foldhost::reducer::{Descriptor, ReducerDigest};
use foldhost::{
    CommandRequest, EventMetadata, EventStore, Host, Limits, NativeReducer, Reducer as _, ReducerStore,
    SerializedEvent, Store, StreamId, Version,
};
use foldhost_sdk::Event as _;
use foldhost_test_support::{TestDatabase, durable_database, orders, ratio};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::runtime::Runtime;

const ROUNDS: usize = 25;
/// Streams of a batch, and clients that append by hand.
const STREAMS: usize = 64;
const PAYLOAD_BYTES: usize = 120;

/// The limit of a batch: rows without a question.
const RAW_INSERT: &str = "
    INSERT INTO events (stream_id, version, event_type, event_data, metadata)
    SELECT u.stream_id, u.version, u.event_type, u.event_data, u.metadata::jsonb
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[], $5::text[])
         AS u(stream_id, version, event_type, event_data, metadata)";

/// What a careful hand writes for one command: the head is checked, and the primary key decides the race.
const GUARDED_INSERT: &str = "
    INSERT INTO events (stream_id, version, event_type, event_data, metadata)
    SELECT $1, $2 + 1, $3, $4, $5
    WHERE COALESCE((SELECT version FROM events WHERE stream_id = $1 ORDER BY version DESC LIMIT 1), 0) = $2
    ON CONFLICT DO NOTHING";

fn event() -> SerializedEvent {
    SerializedEvent { event_type: "OrderPlaced.v1".into(), data: vec![b'x'; PAYLOAD_BYTES] }
}

fn metadata() -> EventMetadata {
    EventMetadata {
        command_id: Some(uuid::Uuid::now_v7().to_string()),
        generation: Some(1),
        ..EventMetadata::default()
    }
}

/// As a decision asks for it: what is claimed afterwards is not measured here.
fn effect() -> NewEffect {
    NewEffect {
        effect_id: uuid::Uuid::now_v7(),
        kind: "http".into(),
        lane: "http https://payments.example".into(),
        delay: Duration::ZERO,
        body: vec![b'x'; PAYLOAD_BYTES],
    }
}

/// What goes into the batches beside an event for each stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Terms {
    Free,
    Fenced,
    /// Fenced, and with an effect for each event.
    WithEffects,
}

struct Bench {
    runtime: Runtime,
    database: TestDatabase,
    connections: Vec<PgConnection>,
    /// Makes each round's streams new ones.
    round: usize,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, connections) = runtime.block_on(async {
            let database = durable_database(16).await;
            let digest = ReducerDigest::of(b"code");
            let descriptor = Descriptor {
                name: "order".into(),
                commands: Vec::new(),
                event_types: Vec::new(),
                writes: Vec::new(),
                state_schema: "order.v1".into(),
                sdk_version: "0".into(),
            };
            database.store.save_reducer(digest, &descriptor, b"code", None).await.unwrap();
            database.store.activate(&ActivationChange::to("order", digest)).await.unwrap();
            let mut connections = Vec::new();
            for _ in 0..STREAMS {
                let mut connection = database.connect().await;
                connection.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
                connections.push(connection);
            }
            (database, connections)
        });
        Self { runtime, database, connections, round: 0 }
    }

    fn batches(&self, statement: usize, terms: Terms) -> Vec<StreamBatch> {
        let fence = Fence { reducer: "order".into(), generation: 1 };
        (0..STREAMS)
            .map(|stream| {
                let id = StreamId::new(&format!("order-{}-{stream}", self.round)).unwrap();
                let mut batch = StreamBatch::new(id, Version::new(statement as u64), vec![event()]);
                batch.events[0].1 = metadata();
                batch.fence = (terms != Terms::Free).then(|| fence.clone());
                batch.effects = (terms == Terms::WithEffects).then(effect).into_iter().collect();
                batch
            })
            .collect()
    }

    /// `statements` checked batches, one after the other: each stream grows by an event with each.
    fn checked(&mut self, statements: usize, terms: Terms) -> Duration {
        self.round += 1;
        let all: Vec<_> = (0..statements).map(|statement| self.batches(statement, terms)).collect();
        let started = Instant::now();
        self.runtime.block_on(async {
            for batches in &all {
                let outcomes = self.database.store.append_many(batches).await.unwrap();
                assert!(outcomes.iter().all(|outcome| matches!(outcome, AppendOutcome::Appended { .. })));
            }
        });
        started.elapsed()
    }

    fn raw(&mut self, statements: usize) -> Duration {
        self.round += 1;
        let all: Vec<_> = (0..statements).map(|statement| self.batches(statement, Terms::Free)).collect();
        let connection = &mut self.connections[0];
        let started = Instant::now();
        self.runtime.block_on(async {
            for (statement, batches) in all.iter().enumerate() {
                let ids: Vec<_> = batches.iter().map(|batch| batch.stream_id.as_str()).collect();
                let types: Vec<_> = batches.iter().map(|batch| batch.events[0].0.event_type.as_str()).collect();
                let data: Vec<_> = batches.iter().map(|batch| batch.events[0].0.data.as_slice()).collect();
                let metadata: Vec<_> = batches.iter().map(|batch| batch.events[0].1.to_json().unwrap()).collect();
                let done = sqlx::query(RAW_INSERT)
                    .bind(ids)
                    .bind(vec![statement as i64 + 1; STREAMS])
                    .bind(types)
                    .bind(data)
                    .bind(metadata)
                    .execute(&mut *connection)
                    .await
                    .unwrap();
                assert_eq!(done.rows_affected(), STREAMS as u64);
            }
        });
        started.elapsed()
    }

    /// Commands of `clients` clients through entities and committer, with a reducer that costs next to nothing.
    fn through_the_committer(&mut self, host: &Host, clients: usize, commands: usize) -> Duration {
        self.round += 1;
        let round = self.round;
        self.runtime.block_on(async {
            let started = Instant::now();
            let mut senders = tokio::task::JoinSet::new();
            for client in 0..clients {
                let (host, stream) = (host.clone(), StreamId::new(&format!("counter-{round}-{client}")).unwrap());
                senders.spawn(async move {
                    for _ in 0..commands {
                        let command = foldhost::Command::json("Increment", r#"{"by":1}"#);
                        host.send(CommandRequest::new(stream.clone(), command)).await.unwrap();
                    }
                });
            }
            while let Some(sender) = senders.join_next().await {
                sender.unwrap();
            }
            started.elapsed()
        })
    }

    /// As many events by hand: each of 64 clients has a connection and a stream, and commits event by event.
    fn by_hand(&mut self, events: usize) -> Duration {
        self.round += 1;
        let round = self.round;
        self.runtime.block_on(async {
            let started = Instant::now();
            let mut clients = tokio::task::JoinSet::new();
            for (client, mut connection) in self.connections.drain(..).enumerate() {
                clients.spawn(async move {
                    let stream = format!("counter-hand-{round}-{client}");
                    for version in 0..events as i64 {
                        let done = sqlx::query(GUARDED_INSERT)
                            .bind(&stream)
                            .bind(version)
                            .bind("Incremented.v1")
                            .bind(&[2_u8][..])
                            .bind(serde_json::to_value(metadata()).unwrap())
                            .execute(&mut connection)
                            .await
                            .unwrap();
                        assert_eq!(done.rows_affected(), 1);
                    }
                    connection
                });
            }
            while let Some(client) = clients.join_next().await {
                self.connections.push(client.unwrap());
            }
            started.elapsed()
        })
    }

    /// One event a statement, one after the other, each the first of its stream.
    fn one_by_one(&mut self, appends: usize) -> Duration {
        self.round += 1;
        let batch = |append: usize| {
            let id = StreamId::new(&format!("order-one-{}-{append}", self.round)).unwrap();
            let mut batch = StreamBatch::new(id, Version::EMPTY, vec![event()]);
            batch.events[0].1 = metadata();
            batch
        };
        let batches: Vec<_> = (0..appends).map(batch).collect();
        let started = Instant::now();
        self.runtime.block_on(async {
            for batch in &batches {
                let outcomes = self.database.store.append_many(std::slice::from_ref(batch)).await.unwrap();
                assert!(matches!(outcomes[..], [AppendOutcome::Appended { .. }]));
            }
        });
        started.elapsed()
    }

    /// The same statement by pgbench: prepared, one client, on the same server.
    fn pgbench(&mut self, appends: usize) -> Duration {
        self.round += 1;
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), pgbench_script()).unwrap();
        let round = format!("round={}", self.round);
        let output = Command::new(pgbench_program())
            .args(["--no-vacuum", "--protocol=prepared", "--client=1", "--define=n=0", "--define", &round])
            .args(["--transactions", &appends.to_string(), "--file"])
            .arg(script.path())
            .arg(&self.database.url)
            .env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan -c synchronous_commit=on")
            .output()
            .expect("pgbench belongs to the server's package");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        let processed = format!("number of transactions actually processed: {appends}/{appends}");
        assert!(text.contains(&processed), "{text}");
        let latency = text.lines().find_map(|line| line.strip_prefix("latency average = ")?.strip_suffix(" ms"));
        Duration::from_secs_f64(latency.unwrap().parse::<f64>().unwrap() / 1e3).mul_f64(appends as f64)
    }

    /// Bytes of WAL for each of `statements` batches' events.
    fn wal_bytes_an_event(&mut self, statements: usize, terms: Terms) -> f64 {
        let before = self.wal();
        self.checked(statements, terms);
        (self.wal() - before) as f64 / (statements * STREAMS) as f64
    }

    fn wal(&mut self) -> i64 {
        let position = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
        self.runtime.block_on(sqlx::query_scalar(position).fetch_one(&mut self.connections[0])).unwrap()
    }

    fn execute(&mut self, statement: &str) {
        self.runtime.block_on(self.connections[0].execute(AssertSqlSafe(statement.to_owned()))).unwrap();
    }
}

/// append.sql with values in the places of its parameters; the stream's id is new in each transaction.
fn pgbench_script() -> String {
    let sql = include_str!("../host/src/event_store/postgres/append.sql");
    let metadata = r#"{"command_id":"018f3a1e-7a9b-7cc1-8d9e-1f2a3b4c5d6e","generation":1}"#;
    let first = [
        "ARRAY['order-pgbench-' || (:round)::text || '-' || (:n)::text]".to_owned(),
        "ARRAY[1]".into(),
        "ARRAY[true]".into(),
        "ARRAY[NULL]".into(),
        "ARRAY['OrderPlaced.v1']".into(),
        format!("ARRAY['{}']", "x".repeat(PAYLOAD_BYTES)),
        format!("ARRAY['{metadata}']"),
        "ARRAY[NULL]".into(),
    ];
    // From the highest number down, so that $1 is not taken for the beginning of $10.
    let mut text: String =
        sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join(" ");
    for number in (1..=10).rev() {
        let value = first.get(number - 1).map_or("'{}'", String::as_str);
        text = text.replace(&format!("${number}::"), &format!("({value})::"));
    }
    // pgbench takes a colon and a letter for a variable; casts have two colons, and stay.
    format!("\\set n :n + 1\n{text};\n")
}

/// Beside the server's other programs, where packages put it.
fn pgbench_program() -> std::path::PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> =
        installed.map(|entry| entry.path().join("bin/pgbench")).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| "pgbench".into())
}

fn encodings() {
    let events: Vec<_> = orders::order_events(1_000);
    let bincode: Vec<_> = events.iter().map(|event| (event.event_type(), event.to_bytes().unwrap())).collect();
    let json: Vec<_> = events.iter().map(|event| event.to_json().unwrap()).collect();
    let timed = |work: &dyn Fn() -> usize| {
        let started = Instant::now();
        assert!(work() > 0);
        started.elapsed()
    };
    let encode = ratio(
        ROUNDS,
        || timed(&|| events.iter().map(|event| event.to_bytes().unwrap().len()).sum()),
        || timed(&|| events.iter().map(|event| event.to_json().unwrap().len()).sum()),
    );
    let decode = ratio(
        ROUNDS,
        || {
            timed(&|| {
                let decode = |(name, bytes): &(&str, Vec<u8>)| order::OrderEvent::from_bytes(name, bytes).is_ok();
                bincode.iter().filter(|event| decode(event)).count()
            })
        },
        || timed(&|| json.iter().filter(|text| serde_json::from_str::<serde_json::Value>(text).is_ok()).count()),
    );
    let bytes = |lengths: &mut dyn Iterator<Item = usize>| lengths.sum::<usize>() as f64 / events.len() as f64;
    let (binary, text) = (bytes(&mut bincode.iter().map(|(_, b)| b.len())), bytes(&mut json.iter().map(String::len)));
    println!("order events, bincode / JSON: encode {encode}");
    println!("order events, bincode / JSON (into a serde_json::Value): decode {decode}");
    println!("order events, bytes an event: bincode {binary:.0}, JSON {text:.0}");
}

/// What packing a snapshot brings, by the size of an order's state: the host packs from 2 kB on.
fn snapshots() {
    for lines in [2, 10, 20, 40, 80, 160, 640] {
        let mut aggregate = NativeReducer::<order::Order>::new().create(&StreamId::new("order-1").unwrap()).unwrap();
        for page in orders::pages(&orders::distinct_history(lines), 1_000) {
            aggregate.apply(page).unwrap();
        }
        let state = aggregate.snapshot().unwrap();
        let started = Instant::now();
        let mut packed = Vec::new();
        for _ in 0..100 {
            packed = zstd::bulk::compress(&state, zstd::DEFAULT_COMPRESSION_LEVEL).unwrap();
        }
        let pack = started.elapsed() / 100;
        let started = Instant::now();
        for _ in 0..100 {
            assert_eq!(zstd::bulk::decompress(&packed, state.len()).unwrap(), state);
        }
        println!(
            "a state of {} bytes packs to {} in {pack:.1?}, and back in {:.1?}",
            state.len(),
            packed.len(),
            started.elapsed() / 100
        );
    }
}

fn main() {
    // cargo test runs benches too, with --test; what is measured here means nothing beside other tests.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    encodings();
    snapshots();
    let mut bench = Bench::new();
    // Pages that are first touched after a checkpoint go to the WAL whole; from the second time on they do not.
    bench.checked(200, Terms::Fenced);
    bench.checked(200, Terms::WithEffects);
    bench.execute("CHECKPOINT");
    let first = bench.wal_bytes_an_event(400, Terms::Fenced);
    let later = bench.wal_bytes_an_event(400, Terms::Fenced);
    let with_effects = bench.wal_bytes_an_event(400, Terms::WithEffects);
    println!(
        "WAL an event of {PAYLOAD_BYTES} bytes in batches of 64: {later:.0} bytes; {first:.0} right after a checkpoint; \
         {with_effects:.0} with an effect of {PAYLOAD_BYTES} bytes each"
    );

    let bench = RefCell::new(bench);
    let run = |what: &str, ours: &dyn Fn() -> Duration, theirs: &dyn Fn() -> Duration| {
        println!("{what} = {}", ratio(ROUNDS, ours, theirs));
    };
    run(
        "a checked batch of 64 under a fence / a raw unnest insert of 64",
        &|| bench.borrow_mut().checked(120, Terms::Fenced),
        &|| bench.borrow_mut().raw(120),
    );
    run(
        "a checked batch of 64 under a fence / the same without a fence",
        &|| bench.borrow_mut().checked(120, Terms::Fenced),
        &|| bench.borrow_mut().checked(120, Terms::Free),
    );
    run(
        "a checked batch of 64 with an effect each / the same without effects",
        &|| bench.borrow_mut().checked(120, Terms::WithEffects),
        &|| bench.borrow_mut().checked(120, Terms::Fenced),
    );
    run("one append / the same SQL in pgbench", &|| bench.borrow_mut().one_by_one(1_000), &|| {
        bench.borrow_mut().pgbench(1_000)
    });
    let host = bench.borrow().runtime.block_on(async {
        Host::builder(Arc::clone(&bench.borrow().database.store) as Arc<dyn Store>)
            .reducer(NativeReducer::<counter::Counter>::new())
            .limits(Limits { appends_in_flight_max: 4, ..Limits::default() })
            .start()
            .unwrap()
    });
    let (clients, commands) = (256, 40);
    let by_hand = STREAMS * commands;
    run(
        "256 clients through the committer, 4 in flight / 64 clients with one guarded statement each",
        &|| bench.borrow_mut().through_the_committer(&host, clients, commands),
        &|| bench.borrow_mut().by_hand(commands).mul_f64((clients * commands) as f64 / by_hand as f64),
    );
    let Bench { runtime, database, connections, .. } = bench.into_inner();
    runtime.block_on(async {
        assert!(host.shutdown().await);
        for connection in connections {
            connection.close().await.unwrap();
        }
        database.store.close().await;
    });
}

//! Commands a second through the whole flow on a Postgres that syncs every commit, against the same Postgres fed by hand:
//! one guarded INSERT a commit.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foldhost::{Command, CommandRequest, Host, Store, StreamId};
use foldhost_test_support::orders::{add_item, history, place_order};
use foldhost_test_support::{TestDatabase, component, durable_database, ratio};
use sqlx::{Connection, PgConnection};
use tokio::runtime::Runtime;

const CLIENTS: usize = 64;

/// What a careful hand writes: the head is checked, and the primary key decides the race.
const GUARDED_INSERT: &str = "
    INSERT INTO events (stream_id, version, event_type, event_data, metadata)
    SELECT $1, $2 + 1, $3, $4, $5
    WHERE COALESCE((SELECT version FROM events WHERE stream_id = $1 ORDER BY version DESC LIMIT 1), 0) = $2
    ON CONFLICT DO NOTHING";

struct Bench {
    runtime: Runtime,
    host: Host,
    database: TestDatabase,
    connections: Vec<Option<PgConnection>>,
    /// Makes each round's streams new ones.
    round: usize,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (host, database, connections) = runtime.block_on(async {
            let database = durable_database(16).await;
            let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
            host.deploy(component("order").to_vec()).await.unwrap();
            let mut connections = Vec::new();
            for _ in 0..CLIENTS {
                connections.push(Some(database.connect().await));
            }
            (host, database, connections)
        });
        Self { runtime, host, database, connections, round: 0 }
    }

    /// `clients` clients send `commands` commands each through the host, the next when the last is answered.
    fn through_the_host(&mut self, clients: usize, commands: usize, one_stream: bool) -> Duration {
        self.round += 1;
        let (host, round) = (&self.host, self.round);
        self.runtime.block_on(async {
            let stream = |client| {
                let client = if one_stream { 0 } else { client };
                StreamId::new(&format!("order-host-{round}-{client}")).unwrap()
            };
            // The orders are placed before the clock starts, so that all commands of the measurement are alike.
            for client in 0..if one_stream { 1 } else { clients } {
                send(host, stream(client), "PlaceOrder", place_order()).await;
            }
            let started = Instant::now();
            let clients: Vec<_> = (0..clients)
                .map(|client| {
                    let (host, stream) = (host.clone(), stream(client));
                    tokio::spawn(async move {
                        for _ in 0..commands {
                            send(&host, stream.clone(), "AddItem", add_item()).await;
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
            started.elapsed()
        })
    }

    /// The same events by hand: each client has a connection and a stream, and commits event by event.
    fn by_hand(&mut self, clients: usize, events: usize) -> Duration {
        self.round += 1;
        let round = self.round;
        let event = history(2).pop().unwrap();
        let metadata = serde_json::json!({"command_id": uuid::Uuid::now_v7().to_string(), "generation": 1});
        let mut connections: Vec<_> = self.connections.iter_mut().take(clients).map(|c| c.take().unwrap()).collect();
        let elapsed = self.runtime.block_on(async {
            let started = Instant::now();
            let clients: Vec<_> = connections
                .drain(..)
                .enumerate()
                .map(|(client, mut connection)| {
                    let (event, metadata) = (event.clone(), metadata.clone());
                    tokio::spawn(async move {
                        let stream = format!("order-hand-{round}-{client}");
                        for version in 0..events as i64 {
                            let done = sqlx::query(GUARDED_INSERT)
                                .bind(&stream)
                                .bind(version)
                                .bind(&event.event_type)
                                .bind(&event.data)
                                .bind(&metadata)
                                .execute(&mut connection)
                                .await
                                .unwrap();
                            assert_eq!(done.rows_affected(), 1);
                        }
                        connection
                    })
                })
                .collect();
            let mut back = Vec::new();
            for client in clients {
                back.push(client.await.unwrap());
            }
            let elapsed = started.elapsed();
            connections = back;
            elapsed
        });
        for (place, connection) in self.connections.iter_mut().zip(connections) {
            *place = Some(connection);
        }
        elapsed
    }
}

async fn send(host: &Host, stream: StreamId, name: &str, payload: String) {
    host.send(CommandRequest::new(stream, Command::json(name, payload))).await.unwrap();
}

fn throughput(criterion: &mut Criterion) {
    let bench = std::cell::RefCell::new(Bench::new());
    let commands = 100;
    let own = ratio(
        7,
        || bench.borrow_mut().through_the_host(CLIENTS, commands, false),
        || bench.borrow_mut().by_hand(CLIENTS, commands),
    );
    println!("64 clients on their own streams: host / one guarded INSERT a commit by 64 clients = {own}");
    // One stream takes one commit at a time, so one connection is all that a hand can use.
    let (hot, alone) = (50, 400);
    let scale = (CLIENTS * hot) as f64 / alone as f64;
    let one = ratio(
        7,
        || bench.borrow_mut().through_the_host(CLIENTS, hot, true),
        || bench.borrow_mut().by_hand(1, alone).mul_f64(scale),
    );
    println!("64 clients on one stream: host / one commit a command = {one}");

    let mut group = criterion.benchmark_group("commands");
    group.sample_size(10);
    group.throughput(Throughput::Elements((CLIENTS * commands) as u64));
    let sides: [(&str, &dyn Fn() -> Duration); 3] = [
        ("host_64_streams", &|| bench.borrow_mut().through_the_host(CLIENTS, commands, false)),
        ("host_1_stream", &|| bench.borrow_mut().through_the_host(CLIENTS, commands, true)),
        ("by_hand_64_streams", &|| bench.borrow_mut().by_hand(CLIENTS, commands)),
    ];
    for (name, side) in sides {
        group.bench_function(name, |bencher| bencher.iter_custom(|rounds| (0..rounds).map(|_| side()).sum()));
    }
    group.finish();
    let Bench { runtime, host, database, connections, .. } = bench.into_inner();
    runtime.block_on(async {
        assert!(host.shutdown().await);
        for connection in connections.into_iter().flatten() {
            connection.close().await.unwrap();
        }
        database.store.close().await;
    });
}

criterion_group!(benches, throughput);
criterion_main!(benches);

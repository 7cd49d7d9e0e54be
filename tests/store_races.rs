//! Writers that race, from two hosts over one database: thousands of rounds, and what each writer was told is compared with
//! what the log holds in the end. Readers follow the log meanwhile.
//!
//! `FOLDHOST_RACE_ROUNDS` sets the number of rounds, `FOLDHOST_TEST_SEED` repeats what the writers try; who is first is the
//! machine's own choice.
#![allow(clippy::unwrap_used, missing_docs)]

mod store_races {
    pub(super) mod lane;
    pub(super) mod reader;
    pub(super) mod record;
    pub(super) mod rounds;
    pub(super) mod verdict;
    mod verdict_tests;
}

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhost::event_store::AppendOutcome;
use foldhost::{EventStore, ExpectedVersion, PoolConfig, PostgresEventStore, StreamId};
use foldhost_test_support::{TestDatabase, database};
use sqlx::{Executor, PgConnection, Row};
use store_races::lane::{Draw, Lane, with_command};
use store_races::reader::follow;
use store_races::record::Round;
use store_races::verdict::{Tables, judge};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Rounds that are played side by side.
const LANES: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_writers_have_one_winner_and_leave_no_hole_and_lose_and_double_nothing() {
    let rounds_count = setting("FOLDHOST_RACE_ROUNDS", || 10_000) as usize;
    let seed = setting("FOLDHOST_TEST_SEED", || rand::random::<u32>().into());
    println!("FOLDHOST_TEST_SEED={seed} FOLDHOST_RACE_ROUNDS={rounds_count}");
    let database = database().await;
    let hosts = vec![host(&database).await, host(&database).await];

    let (done, is_done) = watch::channel(None);
    let mut readers = JoinSet::new();
    for (number, host) in hosts.iter().enumerate() {
        readers.spawn(follow(Arc::clone(host), seed + number as u64, is_done.clone()));
    }
    let started = Instant::now();
    let mut lanes = JoinSet::new();
    for number in 0..LANES {
        let hosts = hosts.clone();
        lanes.spawn(async move {
            let mut lane = Lane::new(number, hosts).await;
            let mut played = Vec::new();
            for round in (number..rounds_count).step_by(LANES) {
                played.push(lane.play(seed, round).await);
            }
            played
        });
    }
    let rounds: Vec<_> = lanes.join_all().await.into_iter().flatten().collect();
    println!("{} rounds in {:.1?}", rounds.len(), started.elapsed());
    assert_eq!(rounds.len(), rounds_count);

    let mut connection = database.connect().await;
    let (log, tables) = read_tables(&mut connection).await;
    for round in &rounds {
        let judged =
            judge(round, &tables).map_err(|reason| format!("round {}, {}: {reason}", round.number, round.kind));
        judged.unwrap_or_else(|reason| panic!("FOLDHOST_TEST_SEED={seed}: {reason}\n{round:#?}"));
    }
    assert_outcomes_of_every_kind(&rounds);
    let appended: usize =
        rounds.iter().flat_map(Round::attempts).filter(|a| a.won().is_some()).map(|a| a.data.len()).sum();
    let closed = rounds.iter().filter(|round| round.closed.is_some()).count();
    assert_eq!(log.len(), appended + closed, "the log holds what was acknowledged, and nothing else");

    done.send_replace(Some(log.len()));
    for seen in readers.join_all().await {
        let first_difference = seen.iter().zip(&log).position(|(seen, written)| seen != written);
        assert_eq!((seen.len(), first_difference), (log.len(), None), "a reader saw every event once and in order");
    }
    close(hosts, &database).await;
    assert_eq!(deadlocks(&mut connection).await, 0, "FOLDHOST_TEST_SEED={seed}: statements waited crosswise");
}

/// Every append takes what it takes in one order: events, then commands. When one form of it wrote its commands first, hosts
/// that were sent the same command could wait crosswise, until the database gave one of them up after a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_takes_its_events_before_its_commands() {
    let database = database().await;
    let host = host(&database).await;
    let mut draw = Draw::new(0, 0);
    for (name, expected) in [("exact", ExpectedVersion::NoStream), ("open", ExpectedVersion::Any)] {
        let stream_id = draw.stream(name);
        // Another host's append, between its event and its command.
        let mut other = database.connect().await;
        other.execute("BEGIN").await.unwrap();
        let event =
            "INSERT INTO events (stream_id, version, event_type, event_data) VALUES ($1, 1, 'Raced.v1', 'other')";
        sqlx::query(event).bind(stream_id.as_str()).execute(&mut other).await.unwrap();

        let batch = with_command(draw.batch(&stream_id, expected, 2), "c-1");
        let append = tokio::spawn({
            let host = Arc::clone(&host);
            async move { host.append_many(&[batch]).await.unwrap() }
        });
        let mut watch = database.connect().await;
        until_somebody_waits_for_a_lock(&mut watch).await;
        let command = "INSERT INTO commands (stream_id, command_id, name, fingerprint, first_version, last_version)
                       VALUES ($1, 'c-1', 'Race', decode(repeat('01', 32), 'hex'), 1, 1)";
        sqlx::query(command).bind(stream_id.as_str()).execute(&mut other).await.unwrap();
        other.execute("COMMIT").await.unwrap();
        let outcome = append.await.unwrap()[0];
        // Which of the two it is told depends on what its statement saw; that it was not appended does not.
        assert!(matches!(outcome, AppendOutcome::Repeated | AppendOutcome::Conflict { .. }), "{name}: {outcome:?}");
    }
    close(vec![host], &database).await;
    assert_eq!(deadlocks(&mut database.connect().await).await, 0);
}

/// Waits until a session of this database waits for another one's transaction.
async fn until_somebody_waits_for_a_lock(connection: &mut PgConnection) {
    let ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = async {
        while sqlx::query_scalar::<_, i64>(ask).fetch_one(&mut *connection).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
}

async fn close(hosts: Vec<Arc<PostgresEventStore>>, database: &TestDatabase) {
    for host in hosts {
        host.close().await;
    }
    database.store.close().await;
}

/// A host of its own: with connections that no other has.
async fn host(database: &TestDatabase) -> Arc<PostgresEventStore> {
    let config = PoolConfig { append_connections_max: 8, ..PoolConfig::default() };
    Arc::new(PostgresEventStore::connect(&database.url, &config).await.unwrap())
}

fn setting(name: &str, default: impl Fn() -> u64) -> u64 {
    env::var(name)
        .map_or_else(|_| default(), |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

/// The log in the order in which it is read, and what stands in the tables by stream.
async fn read_tables(connection: &mut PgConnection) -> (Vec<(StreamId, u64)>, Tables) {
    let stream_id = |row: &sqlx::postgres::PgRow| StreamId::new(row.get("stream_id")).unwrap();
    let (mut log, mut tables) = (Vec::new(), Tables::default());
    let events = "SELECT stream_id, version, event_type, event_data FROM events
         WHERE stream_id NOT LIKE '$reducers-%' ORDER BY transaction_id, global_position";
    for row in sqlx::query(events).fetch_all(&mut *connection).await.unwrap() {
        let (stream_id, version) = (stream_id(&row), row.get::<i64, _>("version") as u64);
        let data: Vec<u8> = row.get("event_data");
        assert_eq!(data.is_empty(), row.get::<&str, _>("event_type") == "$stream-closed", "{stream_id} {version}");
        tables.streams.entry(stream_id.clone()).or_default().push((version, data, log.len()));
        log.push((stream_id, version));
    }
    let commands = "SELECT stream_id, command_id, first_version, last_version FROM commands";
    for row in sqlx::query(commands).fetch_all(&mut *connection).await.unwrap() {
        let first = row.get::<Option<i64>, _>("first_version").map(|version| version as u64);
        let versions = (first, row.get::<i64, _>("last_version") as u64);
        tables.commands.insert((stream_id(&row), row.get("command_id")), versions);
    }
    (log, tables)
}

/// Rounds in which nobody lost would prove nothing.
fn assert_outcomes_of_every_kind(rounds: &[Round]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in rounds.iter().flat_map(|round| round.appends.iter().flatten()) {
        let outcome = match attempt.outcome {
            AppendOutcome::Appended { .. } => "appended",
            AppendOutcome::Conflict { .. } => "conflict",
            AppendOutcome::Repeated => "repeated",
            AppendOutcome::Closed { .. } => "closed",
            AppendOutcome::Fenced => "fenced",
        };
        *counts.entry(outcome).or_default() += 1;
    }
    println!("{counts:?}");
    let fewest = rounds.len() / 100;
    for outcome in ["appended", "conflict", "repeated", "closed", "fenced"] {
        assert!(counts.get(outcome).is_some_and(|count| *count >= fewest), "{outcome}: {counts:?}");
    }
}

/// Deadlocks that the database had to break. Its sessions count them at their end, so all others have to be gone.
async fn deadlocks(connection: &mut PgConnection) -> i64 {
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let gone = async {
        while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut *connection).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(count).fetch_one(connection).await.unwrap()
}

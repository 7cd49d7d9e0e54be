//! The database in the end, read with plain SQL, and the log once more as its readers have it.

use std::time::Duration;

use foldhost::event_store::{HISTORY_CATEGORY, Share};
use foldhost::reducer::ReducerDigest;
use foldhost::{Event, EventStore as _, LogFilter, PostgresEventStore, StreamId};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::record::{Activated, Decider, Generation, History, Recorded, Remembered, Tells};

/// How long the last transactions of those that are gone may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads all of it, once nobody else is connected.
pub(crate) async fn read(store: &PostgresEventStore, connection: &mut PgConnection) -> History {
    let mut history = History { events: events(store, connection).await, ..History::default() };
    let commands =
        "SELECT stream_id, command_id, first_version, last_version, rejection->>'code' AS code, reducer_digest,
                           generation, payload_kind IS NOT NULL AS in_journal FROM commands";
    history.remembered = sqlx::query(commands).map(remembered).fetch_all(&mut *connection).await.unwrap();
    let activations = "SELECT name, generation, digest, canary_digest, canary_share, journal FROM activations
                       ORDER BY name, generation";
    history.activations = sqlx::query(activations).map(activated).fetch_all(&mut *connection).await.unwrap();
    let activated_us = format!("SELECT name, generation, {} AS committed_us FROM activations", committed_us("xmin"));
    let activated_us = sqlx::query(AssertSqlSafe(activated_us)).map(|row: PgRow| {
        ((row.get("name"), row.get::<i64, _>("generation") as u64), row.get::<i64, _>("committed_us"))
    });
    history.activated_us = activated_us.fetch_all(&mut *connection).await.unwrap().into_iter().collect();
    let active = "SELECT name, generation, digest FROM active_reducers";
    let active = sqlx::query(active)
        .map(|row: PgRow| (row.get("name"), (row.get::<i64, _>("generation") as u64, digest(row.get("digest")))));
    history.active = active.fetch_all(&mut *connection).await.unwrap().into_iter().collect();
    let kept = sqlx::query("SELECT name, digest FROM reducers");
    history.kept =
        kept.map(|row: PgRow| (row.get("name"), digest(row.get("digest")))).fetch_all(&mut *connection).await.unwrap();
    let verified = "SELECT verification_id::text AS id, status FROM verifications WHERE status <> 'running'";
    let verified =
        sqlx::query(verified).map(|row: PgRow| (row.get::<&str, _>("id").parse().unwrap(), row.get("status")));
    history.verified = verified.fetch_all(connection).await.unwrap();
    history
}

/// Waits until nobody else is connected: what a host had sent when it was dropped goes on for a while.
pub(crate) async fn until_alone(connection: &mut PgConnection) {
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let gone = async {
        while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut *connection).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the connections of hosts that are gone end");
}

/// Statements that waited for each other crosswise, until the database gave one of them up.
pub(crate) async fn deadlocks(connection: &mut PgConnection) -> i64 {
    let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(count).fetch_one(connection).await.unwrap()
}

/// When a transaction was committed. An id says when it began to write, and transactions are committed in any other order.
fn committed_us(transaction_id: &str) -> String {
    format!("(extract(epoch FROM pg_xact_commit_timestamp({transaction_id})) * 1000000)::bigint")
}

/// By transaction and position, which is the order that readers have; with the time of each commit.
async fn events(store: &PostgresEventStore, connection: &mut PgConnection) -> Vec<Recorded> {
    let rows = format!(
        "SELECT stream_id, version, {} AS committed_us FROM events ORDER BY transaction_id, global_position",
        committed_us("transaction_id::xid")
    );
    let rows = sqlx::query(AssertSqlSafe(rows))
        .map(|row: PgRow| ((stream_id(&row), row.get::<i64, _>("version") as u64), row.get::<i64, _>("committed_us")));
    let (rows, committed_us): (Vec<_>, Vec<_>) = rows.fetch_all(connection).await.unwrap().into_iter().unzip();
    let events = log(store, rows.len()).await;
    let seen: Vec<_> = events.iter().map(|event| (event.stream_id.clone(), event.version.get())).collect();
    assert!(seen == rows, "a reader sees the log in the order of its transactions");
    events.into_iter().zip(committed_us).map(|(event, committed_us)| recorded(event, committed_us)).collect()
}

/// Transactions of other databases hold readers back, for as long as they last.
async fn log(store: &PostgresEventStore, events_len: usize) -> Vec<Event> {
    let (mut after, mut events) = (None, Vec::new());
    let read = async {
        while events.len() < events_len {
            let page = store.read_all(after, &LogFilter::default(), 1_000.into()).await.unwrap();
            after = page.last().map(|(cursor, _)| *cursor).or(after);
            events.extend(page.into_iter().map(|(_, event)| event));
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the log is read to its end");
    events
}

fn recorded(event: Event, committed_us: i64) -> Recorded {
    let tells = (event.stream_id.category() == HISTORY_CATEGORY).then(|| tells(&event));
    let decided_by = event.metadata.generation.map(|generation| Decider {
        generation,
        digest: event.metadata.reducer_digest.unwrap_or_else(|| panic!("no code stands behind {generation}")),
    });
    Recorded {
        version: event.version.get(),
        tag: event.metadata.correlation_id,
        command_id: event.metadata.command_id,
        stream_id: event.stream_id,
        event_type: event.event_type,
        committed_us,
        decided_by,
        tells,
    }
}

fn tells(event: &Event) -> Tells {
    let data: Value = serde_json::from_slice(&event.data).unwrap();
    let text = |name: &str| data[name].as_str().unwrap().to_owned();
    assert_eq!(event.stream_id.as_str(), format!("{HISTORY_CATEGORY}-{}", text("name")));
    match event.event_type.as_str() {
        "ReducerDeployed.v1" => Tells::Deployed(text("name"), text("digest").parse().unwrap()),
        "ReducerVerified.v1" => Tells::Verified(text("verification_id").parse().unwrap(), text("status")),
        _ => {
            let canary = data["canary"].as_object().map(|canary| {
                let share: Share = serde_json::from_value(canary["share"].clone()).unwrap();
                (canary["digest"].as_str().unwrap().parse().unwrap(), share)
            });
            let number = data["generation"].as_u64().unwrap();
            let generation = Generation { name: text("name"), number, digest: text("digest").parse().unwrap(), canary };
            Tells::Generation { generation, before: data["before"]["generation"].as_u64() }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that a query's map asks for")]
fn remembered(row: PgRow) -> Remembered {
    Remembered {
        stream_id: stream_id(&row),
        command_id: row.get("command_id"),
        first_version: row.get::<Option<i64>, _>("first_version").map(|version| version as u64),
        last_version: row.get::<i64, _>("last_version") as u64,
        rejection: row.get("code"),
        decided_by: Decider {
            generation: row.get::<i64, _>("generation") as u64,
            digest: digest(row.get("reducer_digest")),
        },
        in_journal: row.get("in_journal"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that a query's map asks for")]
fn activated(row: PgRow) -> Activated {
    let share = row.get::<Option<i32>, _>("canary_share").map(|share| Share::new(share.try_into().unwrap()).unwrap());
    let generation = Generation {
        name: row.get("name"),
        number: row.get::<i64, _>("generation") as u64,
        digest: digest(row.get("digest")),
        canary: row.get::<Option<&[u8]>, _>("canary_digest").map(digest).zip(share),
    };
    Activated { generation, journal: row.get("journal") }
}

fn digest(bytes: &[u8]) -> ReducerDigest {
    ReducerDigest::try_from(bytes).unwrap()
}

fn stream_id(row: &PgRow) -> StreamId {
    StreamId::new(row.get("stream_id")).unwrap()
}

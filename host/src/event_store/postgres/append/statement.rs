//! The statements themselves, and which of the two is sent.

use sqlx::PgConnection;

use super::columns::{Columns, Events, Prepared};
use super::outcome::{self, Row};
use crate::event_store::postgres::appenders::Appenders;
use crate::event_store::postgres::error::{database_error, is_lost_whole};
use crate::event_store::{AppendOutcome, EventStoreError};

/// How often a statement is sent again because of a race that it lost whole. Each race has a winner that is durable, so the next
/// statement sees it.
const LOST_WHOLE_MAX: usize = 4;

/// Sends a statement: the fast one that fails whole, where it can do what is asked and nobody was seen to race for streams a
/// moment ago, or else the one that decides stream by stream.
pub(super) async fn run(
    connection: &mut PgConnection,
    appenders: &Appenders,
    batches: &[Prepared<'_>],
) -> Result<Vec<AppendOutcome>, EventStoreError> {
    if !appenders.is_contested()
        && let Some(events) = Events::of(batches)?
    {
        match send(&mut *connection, appenders, &events).await {
            Ok(()) => return Ok(outcome::all_won(batches)),
            Err(Sent::LostWhole) => {
                metrics::counter!("foldhost_appends_contested_total").increment(1);
                appenders.see_contention();
            }
            Err(Sent::Failed(error)) => return Err(error),
        }
    }
    let columns = Columns::of(batches)?;
    for _ in 0..LOST_WHOLE_MAX {
        match send_contested(&mut *connection, appenders, &columns).await {
            Ok(rows) => return outcome::of(batches, &rows),
            // A command that another statement remembered in the same moment. The next one finds it.
            Err(Sent::LostWhole) => {}
            Err(Sent::Failed(error)) => return Err(error),
        }
    }
    Err(EventStoreError::Contended("others kept deciding the same commands".into()))
}

/// As [`run`], inside a transaction, which is of no more use after a statement that failed.
pub(super) async fn run_in_transaction(
    connection: &mut PgConnection,
    appenders: &Appenders,
    batches: &[Prepared<'_>],
) -> Result<Vec<AppendOutcome>, EventStoreError> {
    match send_contested(connection, appenders, &Columns::of(batches)?).await {
        Ok(rows) => outcome::of(batches, &rows),
        Err(Sent::LostWhole) => Err(EventStoreError::Contended("another append decided the same command".into())),
        Err(Sent::Failed(error)) => Err(error),
    }
}

/// Why a statement did nothing.
enum Sent {
    /// For the sake of one stream.
    LostWhole,
    Failed(EventStoreError),
}

impl From<sqlx::Error> for Sent {
    fn from(error: sqlx::Error) -> Self {
        if is_lost_whole(&error) { Self::LostWhole } else { Self::Failed(database_error(error)) }
    }
}

impl From<EventStoreError> for Sent {
    fn from(error: EventStoreError) -> Self {
        Self::Failed(error)
    }
}

async fn send(connection: &mut PgConnection, appenders: &Appenders, events: &Events<'_>) -> Result<(), Sent> {
    if !events.effects.ids.is_empty() {
        return send_with_effects(connection, appenders, events).await;
    }
    let sent = sqlx::query_file!(
        "src/event_store/postgres/append.sql",
        &events.stream_ids as &[&str],
        &events.versions,
        &events.first,
        &events.fence as &[Option<i32>],
        &events.types as &[&str],
        &events.data as &[&[u8]],
        &events.metadata,
        &events.sealed as &[Option<i16>],
        &events.fences.reducers as &[&str],
        &events.fences.generations,
    )
    .execute(connection);
    appenders.in_time(async { sent.await.map_err(Sent::from) }).await.map(drop)
}

async fn send_with_effects(
    connection: &mut PgConnection,
    appenders: &Appenders,
    events: &Events<'_>,
) -> Result<(), Sent> {
    let Events { fences, effects, .. } = events;
    let sent = sqlx::query_file!(
        "src/event_store/postgres/append_with_effects.sql",
        &events.stream_ids as &[&str],
        &events.versions,
        &events.first,
        &events.fence as &[Option<i32>],
        &events.types as &[&str],
        &events.data as &[&[u8]],
        &events.metadata,
        &events.sealed as &[Option<i16>],
        &fences.reducers as &[&str],
        &fences.generations,
        &effects.ids,
        &effects.stream_ids as &[&str],
        &effects.generations as &[Option<i64>],
        &effects.kinds as &[&str],
        &effects.lanes as &[&str],
        &effects.delays_s,
        &effects.bodies as &[&[u8]],
        &effects.sealed as &[Option<i16>],
    )
    .execute(connection);
    appenders.in_time(async { sent.await.map_err(Sent::from) }).await.map(drop)
}

async fn send_contested(
    connection: &mut PgConnection,
    appenders: &Appenders,
    columns: &Columns<'_>,
) -> Result<Vec<Row>, Sent> {
    let Columns { fences, rest, commands, effects, .. } = columns;
    let rows = sqlx::query_file_as!(
        Row,
        "src/event_store/postgres/append_contested.sql",
        &columns.stream_ids as &[&str],
        &columns.expected,
        &columns.fence as &[Option<i32>],
        &columns.first_types as &[Option<&str>],
        &columns.first_data as &[Option<&[u8]>],
        &columns.first_metadata as &[Option<String>],
        &columns.first_sealed as &[Option<i16>],
        &fences.reducers as &[&str],
        &fences.generations,
        &rest.stream_ids as &[&str],
        &rest.versions,
        &rest.types as &[&str],
        &rest.data as &[&[u8]],
        &rest.metadata,
        &rest.sealed as &[Option<i16>],
        &commands.stream_ids as &[&str],
        &commands.ids as &[&str],
        &commands.names as &[&str],
        &commands.fingerprints as &[&[u8]],
        &commands.first_versions as &[Option<i64>],
        &commands.last_versions,
        &commands.rejections as &[Option<String>],
        &commands.reducers as &[Option<&[u8]>],
        &commands.generations as &[Option<i64>],
        &commands.payloads as &[Option<&[u8]>],
        &commands.payload_kinds as &[Option<i16>],
        &commands.payload_sealed as &[Option<i16>],
        &commands.decided_at_ms as &[Option<i64>],
        &effects.ids,
        &effects.stream_ids as &[&str],
        &effects.generations as &[Option<i64>],
        &effects.kinds as &[&str],
        &effects.lanes as &[&str],
        &effects.delays_s,
        &effects.bodies as &[&[u8]],
        &effects.sealed as &[Option<i16>],
    )
    .fetch_all(connection);
    appenders.in_time(async { rows.await.map_err(Sent::from) }).await
}

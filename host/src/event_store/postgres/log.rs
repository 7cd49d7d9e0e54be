//! Reading the log of all streams.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::error::database_error;
use super::pages::{self, inline_bytes, page_row};
use super::recorded::{EventRow, Reader, limit};
use crate::event_store::{Cursor, EventStoreError, LogFilter, PageLimit};
use crate::{Event, StreamId};

/// How much later than its `created_at` an event may get its transaction id, and with it its place in the log: `created_at` is
/// when the transaction began. An append waits for locks at most as long as a statement may run, 30 seconds unless it was set
/// otherwise.
const CREATED_BEFORE_PLACED_MAX: TimeDelta = TimeDelta::minutes(2);

pub(super) async fn epoch(pool: &PgPool, known: &OnceLock<i64>) -> Result<i64, EventStoreError> {
    if let Some(epoch) = known.get() {
        return Ok(*epoch);
    }
    let epoch =
        sqlx::query_file_scalar!("src/event_store/postgres/epoch.sql").fetch_one(pool).await.map_err(database_error)?;
    Ok(*known.get_or_init(|| epoch))
}

/// The columns of a page, whichever index it was read by.
struct LogRow {
    stream_id: String,
    version: i64,
    event_type: String,
    event_data: Option<Vec<u8>>,
    large_bytes: Option<i32>,
    sealed: Option<i16>,
    metadata: serde_json::Value,
    created_at: DateTime<Utc>,
    global_position: i64,
    transaction_id: i64,
}
page_row!(LogRow);

/// A page of the log by the narrowest index that the filter allows: of the type, of the category, or of everything.
pub(super) async fn read_all(
    reader: &Reader,
    epoch: i64,
    after: Option<Cursor>,
    filter: &LogFilter,
    page: PageLimit,
) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
    let (transaction_id, position) = match after {
        Some(after) if after.epoch != epoch => return Err(EventStoreError::ForeignCursor),
        Some(after) => (after.transaction_id, after.position),
        // A reader with a cursor is behind the beginning already.
        None => (begin(&reader.pool, filter).await?, 0),
    };
    let end = end(&reader.pool, filter).await?;
    let (events_max, inline_bytes) = (limit(page.events_max), inline_bytes(page));
    let LogFilter { category, event_type, from, until } = filter;
    let rows = match (event_type, category) {
        (Some(event_type), category) => {
            sqlx::query_file_as!(
                LogRow,
                "src/event_store/postgres/read_type.sql",
                transaction_id,
                position,
                events_max,
                inline_bytes,
                *from,
                *until,
                end,
                event_type,
                category.as_deref()
            )
            .fetch_all(&reader.pool)
            .await
        }
        (None, Some(category)) => {
            sqlx::query_file_as!(
                LogRow,
                "src/event_store/postgres/read_category.sql",
                transaction_id,
                position,
                events_max,
                inline_bytes,
                *from,
                *until,
                end,
                category
            )
            .fetch_all(&reader.pool)
            .await
        }
        (None, None) => {
            sqlx::query_file_as!(
                LogRow,
                "src/event_store/postgres/read_all.sql",
                transaction_id,
                position,
                events_max,
                inline_bytes,
                *from,
                *until,
                end
            )
            .fetch_all(&reader.pool)
            .await
        }
    };
    let mut rows = rows.map_err(database_error)?;
    pages::complete(&reader.pool, page, &mut rows, |row| row.stream_id.clone()).await?;
    events(reader, epoch, rows).await
}

async fn events(reader: &Reader, epoch: i64, rows: Vec<LogRow>) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
    let cursor = |row: &LogRow| Cursor { epoch, transaction_id: row.transaction_id, position: row.global_position };
    let cursors: Vec<_> = rows.iter().map(cursor).collect();
    let rows = rows.into_iter().map(|row| {
        Ok(EventRow {
            stream_id: StreamId::new(&row.stream_id).map_err(|error| EventStoreError::Database(error.to_string()))?,
            version: row.version,
            event_type: row.event_type,
            event_data: row.event_data.unwrap_or_default(),
            sealed: row.sealed,
            metadata: row.metadata,
            created_at: row.created_at,
        })
    });
    let events = reader.events(rows.collect::<Result<_, EventStoreError>>()?).await?;
    Ok(cursors.into_iter().zip(events).collect())
}

/// How long the oldest event that may not be shown yet has been there.
pub(super) async fn lag(pool: &PgPool) -> Result<Duration, EventStoreError> {
    let seconds = sqlx::query_file_scalar!("src/event_store/postgres/log_lag.sql")
        .fetch_optional(pool)
        .await
        .map_err(database_error)?;
    // The server's clock may have been set back meanwhile.
    Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default())
}

/// The transaction id at which a reader begins: all that is wanted stands at it or behind.
async fn begin(pool: &PgPool, filter: &LogFilter) -> Result<i64, EventStoreError> {
    let Some(from) = filter.from else { return Ok(0) };
    // Position 0 is before the first of the transaction.
    let from = from.checked_sub_signed(CREATED_BEFORE_PLACED_MAX).unwrap_or(DateTime::UNIX_EPOCH);
    Ok(seek(pool, from, Edge::Last).await?.unwrap_or(0))
}

/// The transaction id behind which nothing is wanted any more; none without such a bound.
async fn end(pool: &PgPool, filter: &LogFilter) -> Result<Option<i64>, EventStoreError> {
    match filter.until {
        // Beyond the end of all times there is no bound.
        Some(until) => match until.checked_add_signed(CREATED_BEFORE_PLACED_MAX) {
            Some(until) => seek(pool, until, Edge::First).await,
            None => Ok(None),
        },
        None => Ok(None),
    }
}

/// Which of a transaction's events says when it was. It takes more than one where a restore gave many events one id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    First,
    Last,
}

async fn seek(pool: &PgPool, time: DateTime<Utc>, edge: Edge) -> Result<Option<i64>, EventStoreError> {
    let found = sqlx::query_file_scalar!("src/event_store/postgres/seek_time.sql", time, edge == Edge::Last)
        .fetch_optional(pool)
        .await
        .map_err(database_error)?;
    Ok(found.flatten())
}

//! Reading the log of all streams.

use std::sync::OnceLock;

use sqlx::PgPool;

use super::error::database_error;
use super::streams::{corrupt, limit};
use crate::event_store::{Cursor, EventStoreError};
use crate::{Event, StreamId, Version};

pub(super) async fn epoch(pool: &PgPool, known: &OnceLock<i64>) -> Result<i64, EventStoreError> {
    if let Some(epoch) = known.get() {
        return Ok(*epoch);
    }
    let epoch =
        sqlx::query_file_scalar!("src/event_store/postgres/epoch.sql").fetch_one(pool).await.map_err(database_error)?;
    Ok(*known.get_or_init(|| epoch))
}

pub(super) async fn read_all(
    pool: &PgPool,
    epoch: i64,
    after: Option<Cursor>,
    events_max: usize,
) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
    let after = after.unwrap_or(Cursor { epoch, transaction_id: 0, position: 0 });
    if after.epoch != epoch {
        return Err(EventStoreError::ForeignCursor);
    }
    let rows = sqlx::query_file!(
        "src/event_store/postgres/read_all.sql",
        after.transaction_id,
        after.position,
        limit(events_max)
    )
    .fetch_all(pool)
    .await
    .map_err(database_error)?;
    rows.into_iter()
        .map(|row| {
            let stream_id =
                StreamId::new(&row.stream_id).map_err(|error| EventStoreError::Database(error.to_string()))?;
            let cursor = Cursor { epoch, transaction_id: row.transaction_id, position: row.global_position };
            let metadata = serde_json::from_value(row.metadata).map_err(|error| corrupt(&stream_id, error))?;
            let event = Event {
                stream_id,
                version: Version::from_i64(row.version),
                event_type: row.event_type,
                data: row.event_data,
                metadata,
                created_at: row.created_at,
            };
            Ok((cursor, event))
        })
        .collect()
}

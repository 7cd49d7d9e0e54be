//! Reading one stream, and the streams of a category.

use sqlx::PgPool;

use super::error::database_error;
use crate::event::Packer;
use crate::event_store::batch::check_follows;
use crate::event_store::{EventStoreError, RecordedCommand};
use crate::reducer::{ReducerDigest, Rejection};
use crate::{Event, PackedEvents, StreamId, Version};

pub(super) async fn load_events(
    pool: &PgPool,
    stream_id: &StreamId,
    after: Version,
    events_max: usize,
) -> Result<PackedEvents, EventStoreError> {
    let rows = sqlx::query_file!(
        "src/event_store/postgres/load_events.sql",
        stream_id.as_str(),
        after.as_i64(),
        limit(events_max)
    )
    .fetch_all(pool)
    .await
    .map_err(database_error)?;
    let mut packer = Packer::default();
    for row in rows {
        packer
            .push(Version::from_i64(row.version), &row.event_type, &row.event_data)
            .map_err(|error| corrupt(stream_id, error))?;
    }
    let page = packer.finish();
    check_follows(stream_id, after, &page)?;
    Ok(page)
}

pub(super) async fn read_stream(
    pool: &PgPool,
    stream_id: &StreamId,
    after: Version,
    events_max: usize,
) -> Result<Vec<Event>, EventStoreError> {
    let rows = sqlx::query_file!(
        "src/event_store/postgres/read_stream.sql",
        stream_id.as_str(),
        after.as_i64(),
        limit(events_max)
    )
    .fetch_all(pool)
    .await
    .map_err(database_error)?;
    rows.into_iter()
        .map(|row| {
            Ok(Event {
                stream_id: stream_id.clone(),
                version: Version::from_i64(row.version),
                event_type: row.event_type,
                data: row.event_data,
                metadata: serde_json::from_value(row.metadata).map_err(|error| corrupt(stream_id, error))?,
                created_at: row.created_at,
            })
        })
        .collect()
}

pub(super) async fn read_streams(
    pool: &PgPool,
    category: &str,
    after: Option<&StreamId>,
    streams_max: usize,
) -> Result<Vec<StreamId>, EventStoreError> {
    // Byte order: every id of the category stands between "category-" and "category.", since '.' follows '-'.
    let after = after.map_or_else(|| format!("{category}-"), |stream| stream.as_str().to_owned());
    let ids = sqlx::query_file_scalar!(
        "src/event_store/postgres/read_streams.sql",
        after,
        format!("{category}."),
        i32::try_from(streams_max).unwrap_or(i32::MAX)
    )
    .fetch_all(pool)
    .await
    .map_err(database_error)?;
    ids.iter().map(|id| StreamId::new(id).map_err(|error| EventStoreError::Database(error.to_string()))).collect()
}

pub(super) async fn find_commands(
    pool: &PgPool,
    stream_id: &StreamId,
    command_ids: &[String],
) -> Result<Vec<RecordedCommand>, EventStoreError> {
    let rows = sqlx::query_file!("src/event_store/postgres/find_commands.sql", stream_id.as_str(), command_ids)
        .fetch_all(pool)
        .await
        .map_err(database_error)?;
    let text = |rejection: &serde_json::Value, field: &str| {
        rejection.get(field).and_then(|text| text.as_str()).unwrap_or_default().to_owned()
    };
    rows.into_iter()
        .map(|row| {
            Ok(RecordedCommand {
                reducer_digest: ReducerDigest::try_from(&row.reducer_digest[..])
                    .map_err(|error| corrupt(stream_id, error))?,
                command_id: row.command_id,
                fingerprint: row.fingerprint,
                first_version: row.first_version.map(Version::from_i64),
                last_version: Version::from_i64(row.last_version),
                rejection: row
                    .rejection
                    .map(|no| Rejection { code: text(&no, "code").into(), message: text(&no, "message") }),
                generation: row.generation.map(|generation| generation as u64),
            })
        })
        .collect()
}

pub(super) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn corrupt(stream_id: &StreamId, reason: impl std::fmt::Display) -> EventStoreError {
    EventStoreError::Corrupt { stream_id: stream_id.clone(), reason: reason.to_string() }
}

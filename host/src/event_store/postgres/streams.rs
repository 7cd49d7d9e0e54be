//! Reading one stream, and the streams of a category.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::error::database_error;
use super::keys::Keys;
use super::pages::{self, inline_bytes, page_row};
use super::recorded::{EventRow, Reader, corrupt, limit};
use crate::event::Packer;
use crate::event_store::batch::check_follows;
use crate::event_store::sealing::Place;
use crate::event_store::{EventStoreError, PageLimit, RecordedCommand};
use crate::reducer::{ReducerDigest, Rejection};
use crate::{Event, PackedEvents, StreamId, Version};

/// A row for a fold.
struct FoldRow {
    version: i64,
    event_type: String,
    event_data: Option<Vec<u8>>,
    large_bytes: Option<i32>,
    sealed: Option<i16>,
}
page_row!(FoldRow);

pub(super) async fn load_events(
    reader: &Reader,
    stream_id: &StreamId,
    after: Version,
    page: PageLimit,
) -> Result<PackedEvents, EventStoreError> {
    let mut rows = sqlx::query_file_as!(
        FoldRow,
        "src/event_store/postgres/load_events.sql",
        stream_id.as_str(),
        after.as_i64(),
        limit(page.events_max),
        inline_bytes(page)
    )
    .fetch_all(&reader.pool)
    .await
    .map_err(database_error)?;
    pages::complete(&reader.pool, page, &mut rows, |_| stream_id.as_str().to_owned()).await?;
    let sealed = rows.iter().any(|row| row.sealed.is_some());
    let keys = Keys::for_reading(&reader.pool, reader.encryption(), sealed.then_some(stream_id).into_iter()).await?;
    let mut packer = Packer::default();
    for row in rows {
        let (version, data) = (Version::from_i64(row.version), row.event_data.unwrap_or_default());
        pack(&mut packer, &keys, stream_id, version, &row.event_type, row.sealed, data)?;
    }
    let page = packer.finish();
    check_follows(stream_id, after, &page)?;
    Ok(page)
}

/// Adds an event to a page, opened where it was sealed.
pub(super) fn pack(
    packer: &mut Packer,
    keys: &Keys,
    stream_id: &StreamId,
    version: Version,
    event_type: &str,
    sealed: Option<i16>,
    data: Vec<u8>,
) -> Result<(), EventStoreError> {
    let place = Place::Event { stream_id, version, event_type };
    let data = keys.open(stream_id, &place, sealed, data)?;
    let data = data.ok_or_else(|| EventStoreError::StreamErased { stream_id: stream_id.clone() })?;
    packer.push(version, event_type, &data).map_err(|error| corrupt(stream_id, error))
}

/// A row with everything that was recorded.
struct StreamRow {
    version: i64,
    event_type: String,
    event_data: Option<Vec<u8>>,
    large_bytes: Option<i32>,
    sealed: Option<i16>,
    metadata: serde_json::Value,
    created_at: DateTime<Utc>,
}
page_row!(StreamRow);

pub(super) async fn read_stream(
    reader: &Reader,
    stream_id: &StreamId,
    after: Version,
    page: PageLimit,
) -> Result<Vec<Event>, EventStoreError> {
    let rows = sqlx::query_file_as!(
        StreamRow,
        "src/event_store/postgres/read_stream.sql",
        stream_id.as_str(),
        after.as_i64(),
        limit(page.events_max),
        inline_bytes(page)
    )
    .fetch_all(&reader.pool)
    .await
    .map_err(database_error)?;
    events(reader, stream_id, page, rows).await
}

pub(super) async fn read_stream_backwards(
    reader: &Reader,
    stream_id: &StreamId,
    before: Version,
    page: PageLimit,
) -> Result<Vec<Event>, EventStoreError> {
    let rows = sqlx::query_file_as!(
        StreamRow,
        "src/event_store/postgres/read_stream_backwards.sql",
        stream_id.as_str(),
        before.as_i64(),
        limit(page.events_max),
        inline_bytes(page)
    )
    .fetch_all(&reader.pool)
    .await
    .map_err(database_error)?;
    events(reader, stream_id, page, rows).await
}

async fn events(
    reader: &Reader,
    stream_id: &StreamId,
    page: PageLimit,
    mut rows: Vec<StreamRow>,
) -> Result<Vec<Event>, EventStoreError> {
    pages::complete(&reader.pool, page, &mut rows, |_| stream_id.as_str().to_owned()).await?;
    let rows = rows.into_iter().map(|row| EventRow {
        stream_id: stream_id.clone(),
        version: row.version,
        event_type: row.event_type,
        event_data: row.event_data.unwrap_or_default(),
        sealed: row.sealed,
        metadata: row.metadata,
        created_at: row.created_at,
    });
    reader.events(rows.collect()).await
}

pub(super) async fn read_streams(
    pool: &PgPool,
    category: &str,
    after: Option<&StreamId>,
    streams_max: usize,
) -> Result<Vec<StreamId>, EventStoreError> {
    if streams_max == 0 {
        return Ok(Vec::new());
    }
    let (behind, below) = range(category, after);
    let ids = sqlx::query_file_scalar!(
        "src/event_store/postgres/read_streams.sql",
        behind,
        below,
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
    rows.into_iter()
        .map(|row| {
            Ok(RecordedCommand {
                reducer_digest: row
                    .reducer_digest
                    .map(|digest| ReducerDigest::try_from(&digest[..]))
                    .transpose()
                    .map_err(|error| corrupt(stream_id, error))?,
                command_id: row.command_id,
                fingerprint: row.fingerprint,
                first_version: row.first_version.map(Version::from_i64),
                last_version: Version::from_i64(row.last_version),
                rejection: row.rejection.as_ref().map(rejection),
                generation: row.generation.map(|generation| generation as u64),
            })
        })
        .collect()
}

/// A rule's no, as it is stored.
pub(super) fn rejection(stored: &serde_json::Value) -> Rejection {
    let text = |field: &str| stored.get(field).and_then(|text| text.as_str()).unwrap_or_default().to_owned();
    Rejection { code: text("code").into(), message: text("message") }
}

/// Between which ids a category's streams stand in byte order, behind one of them: '.' follows '-'.
pub(super) fn range(category: &str, after: Option<&StreamId>) -> (String, String) {
    let begin = format!("{category}-");
    (after.map_or(begin.clone(), |stream| begin.max(stream.as_str().to_owned())), format!("{category}."))
}

//! The command journal of a stream.

use super::error::database_error;
use super::keys::Keys;
use super::recorded::{Reader, limit};
use super::streams::rejection;
use crate::event_store::journal::payload;
use crate::event_store::sealing::Place;
use crate::event_store::{EventStoreError, JournalPlace, JournaledCommand};
use crate::reducer::ReducerDigest;
use crate::{StreamId, Version};

pub(super) async fn read(
    reader: &Reader,
    stream_id: &StreamId,
    after: Option<&JournalPlace>,
    commands_max: usize,
) -> Result<Vec<JournaledCommand>, EventStoreError> {
    let rows = sqlx::query_file!(
        "src/event_store/postgres/read_journal.sql",
        stream_id.as_str(),
        after.map_or(-1, |after| after.last_version.as_i64()),
        after.map_or("", |after| &after.command_id),
        limit(commands_max)
    )
    .fetch_all(&reader.pool)
    .await
    .map_err(database_error)?;
    let sealed = rows.iter().any(|row| row.payload_sealed.is_some());
    let keys = Keys::for_reading(&reader.pool, reader.encryption(), sealed.then_some(stream_id).into_iter()).await?;
    let corrupt = |reason: String| EventStoreError::Corrupt { stream_id: stream_id.clone(), reason };
    rows.into_iter()
        .map(|row| {
            let place = Place::CommandPayload { stream_id, command_id: &row.command_id };
            let opened =
                row.payload.map(|bytes| keys.open(stream_id, &place, row.payload_sealed, bytes)).transpose()?;
            let digest = row.reducer_digest.map(|digest| ReducerDigest::try_from(&digest[..])).transpose();
            Ok(JournaledCommand {
                payload: opened.flatten().map(|bytes| payload(stream_id, row.payload_kind, bytes)).transpose()?,
                place: JournalPlace { last_version: Version::from_i64(row.last_version), command_id: row.command_id },
                name: row.name,
                now_ms: row.decided_at_ms,
                first_version: row.first_version.map(Version::from_i64),
                rejection: row.rejection.as_ref().map(rejection),
                reducer_digest: digest.map_err(|error| corrupt(error.to_string()))?,
            })
        })
        .collect()
}

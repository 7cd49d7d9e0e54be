//! Snapshots: saved packed, loaded together with the events behind them.

use sqlx::PgPool;

use super::error::database_error;
use super::streams::{corrupt, limit};
use crate::event::Packer;
use crate::event_store::batch::check_follows;
use crate::event_store::{EventStoreError, LoadedStream, Snapshot, StoredSnapshot};
use crate::{StreamId, Version};

/// States from here on are packed with zstd; below it a packed state saves no page of the table.
const ZSTD_FROM_BYTES: usize = 4 << 10;
/// What a packed state may grow to. A guest's memory is smaller, so nothing that a guest wrote is refused.
const STATE_BYTES_MAX: usize = 1 << 30;

pub(super) async fn load(
    pool: &PgPool,
    stream_id: &StreamId,
    state_schema: &str,
    events_max: usize,
) -> Result<LoadedStream, EventStoreError> {
    let rows =
        sqlx::query_file!("src/event_store/postgres/load.sql", stream_id.as_str(), state_schema, limit(events_max))
            .fetch_all(pool)
            .await
            .map_err(database_error)?;
    let mut snapshot = None;
    let mut packer = Packer::default();
    for row in rows {
        let version = Version::from_i64(row.version);
        match row.event_type {
            None => {
                snapshot = Some(StoredSnapshot { version, state: decode(row.encoding.as_deref(), row.data) });
            }
            Some(event_type) => {
                packer.push(version, &event_type, &row.data).map_err(|error| corrupt(stream_id, error))?;
            }
        }
    }
    let tail = packer.finish();
    check_follows(stream_id, snapshot.as_ref().map_or(Version::EMPTY, |snapshot| snapshot.version), &tail)?;
    Ok(LoadedStream { snapshot, tail })
}

pub(super) async fn save(pool: &PgPool, snapshot: &Snapshot) -> Result<(), EventStoreError> {
    let (encoding, state) = encode(&snapshot.state)?;
    sqlx::query_file!(
        "src/event_store/postgres/save_snapshot.sql",
        snapshot.stream_id.as_str(),
        snapshot.version.as_i64(),
        &snapshot.state_schema,
        snapshot.reducer_digest.as_bytes().as_slice(),
        encoding,
        state.as_ref(),
    )
    .execute(pool)
    .await
    .map(drop)
    .map_err(database_error)
}

fn encode(state: &[u8]) -> Result<(&'static str, std::borrow::Cow<'_, [u8]>), EventStoreError> {
    if state.len() < ZSTD_FROM_BYTES {
        return Ok(("raw", state.into()));
    }
    let packed = zstd::bulk::compress(state, zstd::DEFAULT_COMPRESSION_LEVEL)
        .map_err(|error| EventStoreError::InvalidBatch(format!("the snapshot cannot be packed: {error}")))?;
    Ok(("zstd", packed.into()))
}

fn decode(encoding: Option<&str>, data: Vec<u8>) -> Result<Vec<u8>, String> {
    match encoding {
        Some("raw") => Ok(data),
        Some("zstd") => {
            // bulk::decompress would allocate the whole bound; the frame says what it needs.
            let bytes = zstd::zstd_safe::get_frame_content_size(&data).ok().flatten().unwrap_or(0);
            let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= STATE_BYTES_MAX);
            let bytes = bytes.ok_or_else(|| "the packed state names an impossible size".to_owned())?;
            zstd::bulk::decompress(&data, bytes).map_err(|error| error.to_string())
        }
        other => Err(format!("unknown encoding {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_state_comes_back_as_it_was_packed_or_not() {
        for bytes in [0, 1, ZSTD_FROM_BYTES - 1, ZSTD_FROM_BYTES, 1 << 20] {
            let state: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
            let (encoding, data) = encode(&state).unwrap();
            assert_eq!(encoding == "zstd", bytes >= ZSTD_FROM_BYTES);
            assert_eq!(decode(Some(encoding), data.into_owned()).unwrap(), state);
        }
    }

    #[test]
    fn a_broken_or_unknown_packing_is_an_error_and_no_panic() {
        let state = vec![7; ZSTD_FROM_BYTES];
        let mut data = encode(&state).unwrap().1.into_owned();
        data.truncate(data.len() / 2);
        assert!(decode(Some("zstd"), data).is_err());
        assert!(decode(Some("zstd"), b"nonsense".to_vec()).is_err());
        assert!(decode(Some("brotli"), Vec::new()).is_err());
        assert!(decode(None, Vec::new()).is_err());
    }
}

//! Snapshots: saved packed, loaded together with the events behind them.

use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::append::SEALED_XCHACHA20;
use super::error::database_error;
use super::keys::Keys;
use super::pages::{self, inline_bytes, page_row};
use super::recorded::{Reader, limit};
use super::streams::{pack, range};
use crate::event::Packer;
use crate::event_store::batch::check_follows;
use crate::event_store::sealing::Place;
use crate::event_store::{EventStoreError, LoadedStream, PageLimit, Snapshot, SnapshotKey, StoredSnapshot};
use crate::{StreamId, Version};

/// States from here on are packed with zstd: from where Postgres would else begin to move them out of their row (TOAST). An
/// order's state of 2,268 bytes packs to 456 (`cargo bench --bench append`); one of 588 would too, and saves no page.
const ZSTD_FROM_BYTES: usize = 2 << 10;
/// What a packed state may grow to. A guest's memory is smaller, so nothing that a guest wrote is refused.
const STATE_BYTES_MAX: usize = 1 << 30;

/// A snapshot, without an event type, or an event behind it.
struct LoadRow {
    version: i64,
    event_type: Option<String>,
    event_data: Option<Vec<u8>>,
    sealed: Option<i16>,
    encoding: Option<String>,
    state_digest: Option<Vec<u8>>,
    large_bytes: Option<i32>,
}
page_row!(LoadRow);

pub(super) async fn load(
    reader: &Reader,
    stream_id: &StreamId,
    snapshots: &SnapshotKey,
    page: PageLimit,
) -> Result<LoadedStream, EventStoreError> {
    let SnapshotKey { state_schema, reducer_digest } = snapshots;
    let mut rows = sqlx::query_file_as!(
        LoadRow,
        "src/event_store/postgres/load.sql",
        stream_id.as_str(),
        state_schema,
        limit(page.events_max),
        inline_bytes(page),
        reducer_digest.as_ref().map(|digest| digest.as_bytes().as_slice())
    )
    .fetch_all(&reader.pool)
    .await
    .map_err(database_error)?;
    // The snapshot comes first, and is no part of the page.
    let has_snapshot = rows.first().is_some_and(|row| row.event_type.is_none());
    let snapshot_row = has_snapshot.then(|| rows.remove(0));
    pages::complete(&reader.pool, page, &mut rows, |_| stream_id.as_str().to_owned()).await?;
    let sealed = rows.iter().chain(&snapshot_row).any(|row| row.sealed.is_some());
    let keys = Keys::for_reading(&reader.pool, reader.encryption(), sealed.then_some(stream_id).into_iter()).await?;
    let snapshot = snapshot_row.map(|row| open(&keys, stream_id, state_schema, row)).transpose()?;
    let mut packer = Packer::default();
    for row in rows {
        let (version, event_type) = (Version::from_i64(row.version), row.event_type.unwrap_or_default());
        let data = row.event_data.unwrap_or_default();
        pack(&mut packer, &keys, stream_id, version, &event_type, row.sealed, data)?;
    }
    let tail = packer.finish();
    check_follows(stream_id, snapshot.as_ref().map_or(Version::EMPTY, |snapshot| snapshot.version), &tail)?;
    Ok(LoadedStream { snapshot, tail })
}

/// A snapshot, checked, opened and unpacked; with the reason where that cannot be done.
fn open(
    keys: &Keys,
    stream_id: &StreamId,
    state_schema: &str,
    row: LoadRow,
) -> Result<StoredSnapshot, EventStoreError> {
    let version = Version::from_i64(row.version);
    let place = Place::Snapshot { stream_id, version, state_schema };
    let encoding = row.encoding.as_deref().unwrap_or_default();
    let checked = check(&place, row.state_digest.as_deref(), encoding, row.event_data.unwrap_or_default());
    let opened = match checked.map(|data| keys.open(stream_id, &place, row.sealed, data)) {
        Ok(Ok(Some(data))) => Ok(data),
        Ok(Ok(None)) => return Err(EventStoreError::StreamErased { stream_id: stream_id.clone() }),
        Ok(Err(error)) => Err(error.to_string()),
        Err(reason) => Err(reason),
    };
    Ok(StoredSnapshot { version, state: opened.and_then(|data| decode(row.encoding.as_deref(), data)) })
}

/// The bytes, if they are the ones that were saved there.
fn check(place: &Place<'_>, digest: Option<&[u8]>, encoding: &str, data: Vec<u8>) -> Result<Vec<u8>, String> {
    match digest {
        Some(digest) if digest == digest_of(place, encoding, &data) => Ok(data),
        Some(_) => Err("the state is not the one that was saved for this stream and version".into()),
        None => Err("the snapshot is from before states had a digest".into()),
    }
}

/// SHA-256 of a state as it is stored, and of where it belongs. bincode decodes most bytes into something, so damage is found
/// here or not at all; and a snapshot that a backup or a hand put under another stream or version is found as well. Of the sealed
/// bytes where it is sealed: the digest of a plain state outlives its key, and tells who guesses the state that he was right.
fn digest_of(place: &Place<'_>, encoding: &str, data: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let place = place.associated();
    hasher.update((place.len() as u64).to_be_bytes());
    hasher.update(place);
    hasher.update((encoding.len() as u64).to_be_bytes());
    hasher.update(encoding);
    hasher.update(data);
    hasher.finalize().into()
}

pub(super) async fn save(reader: &Reader, snapshot: &Snapshot) -> Result<(), EventStoreError> {
    let Snapshot { stream_id, version, state_schema, reducer_digest, state } = snapshot;
    let place = Place::Snapshot { stream_id, version: *version, state_schema };
    let (encoding, mut data) = encode(state)?;
    let mut sealed = None;
    if reader.encryption().is_some() {
        // Whatever the categories say now: the state of sealed events is sealed. A stream without a key has plain events, and its
        // state is as plain as they are. One whose key was dropped has no snapshot any more.
        let keys = Keys::for_reading(&reader.pool, reader.encryption(), std::iter::once(stream_id)).await?;
        match keys.get(stream_id) {
            Some(key) => {
                data = key.seal(&place, &data).into();
                sealed = Some(SEALED_XCHACHA20);
            }
            None if keys.knows(stream_id) => return Ok(()),
            None => {}
        }
    }
    let digest = digest_of(&place, encoding, &data);
    sqlx::query_file!(
        "src/event_store/postgres/save_snapshot.sql",
        stream_id.as_str(),
        version.as_i64(),
        state_schema,
        reducer_digest.as_bytes().as_slice(),
        encoding,
        data.as_ref(),
        digest.as_slice(),
        sealed,
    )
    .execute(&reader.pool)
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

/// Streams with a snapshot, and none of the schema wanted.
pub(super) async fn missing(
    pool: &PgPool,
    category: &str,
    wanted: &str,
    after: Option<&StreamId>,
    streams_max: usize,
) -> Result<Vec<StreamId>, EventStoreError> {
    let (behind, below) = range(category, after);
    let ids = sqlx::query_file_scalar!(
        "src/event_store/postgres/streams_without_snapshot.sql",
        behind,
        below,
        wanted,
        limit(streams_max)
    );
    let ids = ids.fetch_all(pool).await.map_err(database_error)?;
    ids.iter().map(|id| StreamId::new(id).map_err(|error| EventStoreError::Database(error.to_string()))).collect()
}

pub(super) async fn prune(
    pool: &PgPool,
    category: &str,
    schemas: &[String],
    snapshots_max: usize,
) -> Result<u64, EventStoreError> {
    let (behind, below) = range(category, None);
    let most = limit(snapshots_max);
    sqlx::query_file!("src/event_store/postgres/prune_snapshots.sql", behind, below, schemas, most)
        .execute(pool)
        .await
        .map(|pruned| pruned.rows_affected())
        .map_err(database_error)
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
    fn the_digest_of_a_state_tells_where_it_belongs() {
        let stream = |id: &str| StreamId::new(id).unwrap();
        let digest = |id: &str, version, state_schema: &str, state: &[u8]| {
            let (stream_id, version) = (&stream(id), Version::new(version));
            digest_of(&Place::Snapshot { stream_id, version, state_schema }, "raw", state)
        };
        let right = digest("order-1", 2, "order.v1", b"state");
        assert_eq!(right, digest("order-1", 2, "order.v1", b"state"));
        for wrong in [
            digest("order-2", 2, "order.v1", b"state"),
            digest("order-1", 3, "order.v1", b"state"),
            digest("order-1", 2, "order.v2", b"state"),
            digest("order-1", 2, "order.v1", b"stata"),
            digest("order-1o", 2, "rder.v1", b"state"),
        ] {
            assert_ne!(right, wrong);
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

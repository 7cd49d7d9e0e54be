//! The append: batches of many streams, one statement, one round trip.

mod columns;
mod locked;
mod outcome;
mod statement;

use sqlx::PgPool;

use columns::Prepared;

use super::appenders::Appenders;
use super::error::database_error;
use super::keys::{Keys, SealedData};
use super::retry::Retry;
use crate::event_store::batch::check;
use crate::event_store::sealing::Encryption;
use crate::event_store::{AppendOutcome, EventStoreError, StreamBatch};
use crate::{StreamId, Version};

/// `sealed` of an event whose data are XChaCha20-Poly1305.
pub(super) const SEALED_XCHACHA20: i16 = 1;

/// How often appends that leave their version open begin again because another one came first.
const RACES_MAX: usize = 32;

/// What an append needs.
pub(super) struct AppendStore<'a> {
    pub(super) appenders: &'a Appenders,
    pub(super) pool: &'a PgPool,
    pub(super) encryption: Option<&'a Encryption>,
    pub(super) retry: Retry,
}

/// Appends each stream's batch by itself.
///
/// One statement outside a transaction where every batch names its version. The process may die, or the future be dropped, at any
/// await: before the statement nothing has happened, after it all of it has.
pub(super) async fn append_many(
    store: &AppendStore<'_>,
    batches: &[StreamBatch],
) -> Result<Vec<AppendOutcome>, EventStoreError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    check(batches)?;
    if batches.iter().any(|batch| batch.expected_version().is_none()) {
        return locked::append_many(store, batches).await;
    }
    let bases: Vec<_> = batches.iter().filter_map(StreamBatch::expected_version).collect();
    let keys = store.retry.run(|| Keys::for_append(store.pool, store.encryption, batches)).await?;
    // Sealed once, so that a second attempt is known by the bytes of the first.
    let sealed = keys.seal(batches, &bases);
    let prepared = prepare(batches, &bases, &sealed);
    let mut attempt = 0;
    let attempts = || {
        attempt += 1;
        let again = attempt > 1;
        let prepared = &prepared;
        async move {
            let mut appender = store.appenders.take().await?;
            let outcomes = statement::run(&mut appender.connection, store.appenders, prepared).await?;
            appender.keep();
            Ok((outcomes, again))
        }
    };
    // Done twice it cannot be: a version has room for one batch. But whoever sends again has to tell its own first attempt from
    // a stranger's append, once its answer was lost.
    let (mut outcomes, again) = match batches.iter().all(outcome::is_recognisable) {
        true => store.retry.run(attempts).await?,
        false => store.retry.run_refused(attempts).await?,
    };
    if again {
        outcome::recognise(store.pool, batches, &bases, &sealed, &mut outcomes).await?;
    }
    outcome::name_conflicts(store.pool, store.retry, batches, &mut outcomes).await;
    Ok(outcomes)
}

/// Appends all batches or none, in a transaction that is given up where one of them loses.
pub(super) async fn append_atomic(
    store: &AppendStore<'_>,
    batches: &[StreamBatch],
) -> Result<Vec<Version>, EventStoreError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    check(batches)?;
    locked::append_atomic(store, batches).await
}

fn prepare<'a>(batches: &'a [StreamBatch], bases: &[Version], sealed: &'a [SealedData]) -> Vec<Prepared<'a>> {
    let prepared = batches.iter().zip(bases).zip(sealed);
    prepared.map(|((batch, base), sealed)| Prepared { batch, base: *base, sealed: sealed.as_deref() }).collect()
}

/// The heads of some streams, and which of them are closed, in a statement of its own.
async fn heads<'e>(
    executor: impl sqlx::PgExecutor<'e>,
    streams: &[String],
) -> Result<Vec<(Version, bool)>, EventStoreError> {
    let heads = sqlx::query_file!("src/event_store/postgres/heads.sql", streams)
        .fetch_all(executor)
        .await
        .map_err(database_error)?;
    Ok(heads.into_iter().map(|row| (Version::from_i64(row.head), row.closed)).collect())
}

/// Closes a stream, and drops its key where it is to be erased. One transaction: a stream is never erased and open.
pub(super) async fn close_stream(
    store: &AppendStore<'_>,
    stream_id: &StreamId,
    erase: bool,
) -> Result<Version, EventStoreError> {
    locked::close_stream(store, stream_id, erase).await
}

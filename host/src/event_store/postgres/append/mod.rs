//! The append: batches of many streams, one statement, one round trip.

mod columns;
mod locked;
mod outcome;
mod statement;

use std::sync::atomic::{AtomicBool, Ordering};

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
    let lost = Lost::default();
    let attempt = || async {
        let mut appender = store.appenders.take().await?;
        let outcomes = statement::run(appender.connection(), store.appenders, &prepared).await;
        match outcomes {
            Err(EventStoreError::Unavailable(_)) => lost.note(),
            _ => appender.keep(),
        }
        outcomes
    };
    // Done twice it cannot be: a version has room for one batch. But whoever sends again has to tell its own first attempt from
    // a stranger's append, once its answer was lost.
    let recognisable = batches.iter().all(outcome::is_recognisable);
    let outcomes = store.retry.run_append(attempt, || recognisable || !lost.is_noted()).await;
    let mut outcomes = outcomes.map_err(|error| lost.tell(error))?;
    if lost.is_noted() {
        let recognised = outcome::recognise(store, batches, &bases, &sealed, &mut outcomes).await;
        recognised.map_err(|error| lost.tell(error))?;
    }
    outcome::name_conflicts(store.pool, store.retry, batches, &mut outcomes).await;
    Ok(outcomes)
}

/// Whether an append was sent whose answer never came. It may be durable.
#[derive(Default)]
struct Lost(AtomicBool);

impl Lost {
    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Any other error would promise that nothing was appended.
    fn tell(&self, error: EventStoreError) -> EventStoreError {
        match error {
            EventStoreError::Unavailable(_) => error,
            _ if self.is_noted() => {
                EventStoreError::Unavailable(format!("an append's answer was lost, and after that: {error}"))
            }
            _ => error,
        }
    }
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
    prepared.map(|((batch, base), sealed)| Prepared { batch, base: *base, sealed: sealed.as_ref() }).collect()
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

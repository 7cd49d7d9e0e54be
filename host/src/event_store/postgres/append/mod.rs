//! The append: batches of many streams, one statement, one round trip.

mod columns;
mod locked;
mod outcome;

use sqlx::{PgConnection, PgPool};

use columns::{Columns, Prepared};
use outcome::Row;

use super::appenders::Appenders;
use super::error::{database_error, is_race};
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
    let columns = prepare(batches, &bases, &sealed)?;
    let mut attempt = 0;
    let attempts = || {
        attempt += 1;
        let again = attempt > 1;
        let columns = &columns;
        async move {
            let mut appender = store.appenders.take().await?;
            let rows = run(&mut appender.connection, store.appenders, columns).await?;
            appender.keep();
            Ok((rows, again))
        }
    };
    // Done twice it cannot be: a version has room for one batch. But whoever sends again has to tell its own first attempt from
    // a stranger's append, once its answer was lost.
    let (rows, again) = match batches.iter().all(outcome::is_recognisable) {
        true => store.retry.run(attempts).await?,
        false => store.retry.run_refused(attempts).await?,
    };
    let mut outcomes = outcome::of(batches, &rows, &bases)?;
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

fn prepare<'a>(
    batches: &'a [StreamBatch],
    bases: &[Version],
    sealed: &'a [SealedData],
) -> Result<Columns<'a>, EventStoreError> {
    let prepared: Vec<_> = batches
        .iter()
        .zip(bases)
        .zip(sealed)
        .map(|((batch, base), sealed)| Prepared { batch, base: *base, sealed: sealed.as_deref() })
        .collect();
    Columns::of(&prepared)
}

/// Which of the two statements is sent.
#[derive(Clone, Copy)]
enum Form {
    /// Fails whole where a stream is lost to a statement that saw the same head.
    Plain,
    /// Each stream fails alone.
    Contested,
}

/// How often a statement is sent again because of a race that it lost whole. Each race has a winner that is durable, so the next
/// statement sees it.
const LOST_WHOLE_MAX: usize = 4;

/// Sends the statement; in its contested form once a race failed it whole.
async fn run(
    connection: &mut PgConnection,
    appenders: &Appenders,
    columns: &Columns<'_>,
) -> Result<Vec<Row>, EventStoreError> {
    let mut form = Form::Plain;
    for _ in 0..LOST_WHOLE_MAX {
        match send(&mut *connection, appenders, columns, form).await {
            // Also of a command's id, which the contested form finds remembered.
            Err(Sent::Race) => form = Form::Contested,
            Err(Sent::Failed(error)) => return Err(error),
            Ok(rows) => return Ok(rows),
        }
    }
    Err(EventStoreError::Contended("others kept deciding the same commands".into()))
}

/// Sends the statement inside a transaction, which would be of no more use after a failed one.
async fn run_contested(
    connection: &mut PgConnection,
    appenders: &Appenders,
    columns: &Columns<'_>,
) -> Result<Vec<Row>, EventStoreError> {
    send(connection, appenders, columns, Form::Contested).await.map_err(|sent| match sent {
        Sent::Race => EventStoreError::Contended("another append decided the same command".into()),
        Sent::Failed(error) => error,
    })
}

/// Why a statement came back without rows.
enum Sent {
    Race,
    Failed(EventStoreError),
}

macro_rules! query {
    ($file:literal, $columns:ident) => {
        sqlx::query_file_as!(
            Row,
            $file,
            &$columns.stream_ids as &[&str],
            &$columns.expected,
            &$columns.fence as &[Option<i32>],
            &$columns.first_types as &[Option<&str>],
            &$columns.first_data as &[Option<&[u8]>],
            &$columns.first_metadata as &[Option<String>],
            &$columns.first_sealed as &[Option<i16>],
            &$columns.fences.reducers as &[&str],
            &$columns.fences.generations,
            &$columns.rest.stream_ids as &[&str],
            &$columns.rest.versions,
            &$columns.rest.types as &[&str],
            &$columns.rest.data as &[&[u8]],
            &$columns.rest.metadata,
            &$columns.rest.sealed as &[Option<i16>],
            &$columns.commands.stream_ids as &[&str],
            &$columns.commands.ids as &[&str],
            &$columns.commands.names as &[&str],
            &$columns.commands.fingerprints as &[&[u8]],
            &$columns.commands.first_versions as &[Option<i64>],
            &$columns.commands.last_versions,
            &$columns.commands.rejections as &[Option<String>],
            &$columns.commands.reducers as &[Option<&[u8]>],
            &$columns.commands.generations as &[Option<i64>],
        )
    };
}

async fn send(
    connection: &mut PgConnection,
    appenders: &Appenders,
    columns: &Columns<'_>,
    form: Form,
) -> Result<Vec<Row>, Sent> {
    let rows = async {
        match form {
            Form::Plain => query!("src/event_store/postgres/append.sql", columns).fetch_all(connection).await,
            Form::Contested => {
                query!("src/event_store/postgres/append_contested.sql", columns).fetch_all(connection).await
            }
        }
    };
    // The server's own limit is of no use when the network swallows its answer.
    match tokio::time::timeout(appenders.statement_max(), rows).await {
        Err(_) => {
            let reason = "the database did not answer an append in time".into();
            Err(Sent::Failed(EventStoreError::Unavailable(reason)))
        }
        Ok(Err(error)) if is_race(&error) => Err(Sent::Race),
        Ok(rows) => rows.map_err(|error| Sent::Failed(database_error(error))),
    }
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

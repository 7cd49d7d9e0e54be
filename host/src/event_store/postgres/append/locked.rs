//! Appends that take a transaction: those that leave their version open, and those that are all or nothing.

use sqlx::{Connection, PgConnection};

use super::{AppendStore, Lost, RACES_MAX, outcome, prepare, statement};
use crate::event_store::postgres::connect;
use crate::event_store::postgres::error::database_error;
use crate::event_store::postgres::keys::Keys;
use crate::event_store::{AppendOutcome, EventStoreError, StreamBatch};
use crate::{StreamId, Version};

/// What one attempt came to, when it was answered.
enum Attempt {
    /// Committed.
    Done(Vec<AppendOutcome>),
    /// Given up: what the batches would have come to.
    GivenUp(Vec<AppendOutcome>),
}

/// Whether a transaction with these outcomes is to be committed.
type MayCommit<'a> = &'a (dyn Fn(&[AppendOutcome]) -> bool + Sync);

/// Each stream by itself, and a batch that leaves its version open goes behind whatever is there.
pub(super) async fn append_many(
    store: &AppendStore<'_>,
    batches: &[StreamBatch],
) -> Result<Vec<AppendOutcome>, EventStoreError> {
    let append = Append::prepare(store, batches).await?;
    let mut races = 0;
    let mut outcomes = loop {
        races += 1;
        // An open version whose append came second begins again, with everything that went with it: its transaction has an id by
        // now, and what it appended behind the other's event would come before it in the log.
        let may_commit = |outcomes: &[AppendOutcome]| races == RACES_MAX || !came_second(batches, outcomes);
        if let Attempt::Done(outcomes) = append.run(&may_commit).await? {
            break outcomes;
        }
    };
    append.name_losses(&mut outcomes).await?;
    Ok(outcomes)
}

/// All of them or none.
pub(super) async fn append_atomic(
    store: &AppendStore<'_>,
    batches: &[StreamBatch],
) -> Result<Vec<Version>, EventStoreError> {
    let append = Append::prepare(store, batches).await?;
    let all_won =
        |outcomes: &[AppendOutcome]| outcomes.iter().all(|outcome| matches!(outcome, AppendOutcome::Appended { .. }));
    let mut races = 0;
    let mut outcomes = loop {
        races += 1;
        match append.run(&all_won).await? {
            Attempt::GivenUp(outcomes) if races < RACES_MAX && came_second(batches, &outcomes) => {}
            Attempt::Done(outcomes) | Attempt::GivenUp(outcomes) => break outcomes,
        }
    };
    append.name_losses(&mut outcomes).await?;
    outcomes.into_iter().zip(batches).map(|(outcome, batch)| outcome.into_version(batch)).collect()
}

/// An append under way, in as many attempts as it takes.
struct Append<'a> {
    store: &'a AppendStore<'a>,
    batches: &'a [StreamBatch],
    keys: Keys,
    /// Whether a commit was not answered.
    lost: Lost,
}

impl<'a> Append<'a> {
    async fn prepare(store: &'a AppendStore<'a>, batches: &'a [StreamBatch]) -> Result<Self, EventStoreError> {
        // Before any transaction: to make a key is a write, and the append has to be the first of its own.
        let keys = store.retry.run(|| Keys::for_append(store.pool, store.encryption, batches)).await?;
        Ok(Self { store, batches, keys, lost: Lost::default() })
    }

    /// Tries until it is answered. After a lost commit only where every batch has commands to be remembered: if it was done after
    /// all, the next attempt finds them.
    async fn run(&self, may_commit: MayCommit<'_>) -> Result<Attempt, EventStoreError> {
        let remembered = self.batches.iter().all(|batch| !batch.commands.is_empty());
        let may_repeat = || remembered || !self.lost.is_noted();
        let attempts = self.store.retry.run_append(|| self.attempt(may_commit), may_repeat);
        attempts.await.map_err(|error| self.lost.tell(error))
    }

    /// One transaction. Dropped or killed anywhere before its commit, nothing of it has happened.
    async fn attempt(&self, may_commit: MayCommit<'_>) -> Result<Attempt, EventStoreError> {
        let appenders = self.store.appenders;
        let mut appender = appenders.take().await?;
        let begin = async { appender.connection().begin().await.map_err(database_error) };
        let mut transaction = appenders.in_time(begin).await?;
        let outcomes = match self.append_in(&mut transaction).await {
            // Nothing more is asked of this connection.
            Err(error @ EventStoreError::Unavailable(_)) => return Err(error),
            outcomes => outcomes,
        };
        if !outcomes.as_ref().is_ok_and(|outcomes| may_commit(outcomes)) {
            appenders.in_time(async { transaction.rollback().await.map_err(database_error) }).await?;
            appender.keep();
            return outcomes.map(Attempt::GivenUp);
        }
        match appenders.in_time(async { transaction.commit().await.map_err(database_error) }).await {
            Ok(()) => {
                appender.keep();
                outcomes.map(Attempt::Done)
            }
            Err(error) => {
                // Any other is an answer, and says that nothing was committed.
                if matches!(error, EventStoreError::Unavailable(_)) {
                    self.lost.note();
                }
                Err(error)
            }
        }
    }

    async fn append_in(&self, transaction: &mut PgConnection) -> Result<Vec<AppendOutcome>, EventStoreError> {
        let appenders = self.store.appenders;
        let bases = appenders.in_time(bases(transaction, self.batches)).await?;
        let sealed = self.keys.seal(self.batches, &bases);
        let prepared = prepare(self.batches, &bases, &sealed);
        statement::run_in_transaction(transaction, appenders, &prepared).await
    }

    async fn name_losses(&self, outcomes: &mut [AppendOutcome]) -> Result<(), EventStoreError> {
        if self.lost.is_noted() {
            let recalled = outcome::recall(self.store, self.batches, outcomes).await;
            recalled.map_err(|error| self.lost.tell(error))?;
        }
        outcome::name_conflicts(self.store.pool, self.store.retry, self.batches, outcomes).await;
        Ok(())
    }
}

/// Whether a batch that left its version open lost to another append, and may go behind it.
fn came_second(batches: &[StreamBatch], outcomes: &[AppendOutcome]) -> bool {
    batches.iter().zip(outcomes).any(|(batch, outcome)| match outcome {
        AppendOutcome::Conflict { actual } => outcome::may_follow(batch, *actual),
        _ => false,
    })
}

/// A version that no stream has: a batch that expects it is told of a conflict by the statement.
const NO_HEAD: Version = Version::new(1 << 62);

/// The version that each batch follows. Those that leave it open are locked first, and follow the head that is there then.
async fn bases(connection: &mut PgConnection, batches: &[StreamBatch]) -> Result<Vec<Version>, EventStoreError> {
    let open = batches.iter().filter(|batch| batch.expected_version().is_none());
    let open: Vec<_> = open.map(|batch| batch.stream_id.as_str().to_owned()).collect();
    let mut heads = Vec::new();
    if !open.is_empty() {
        lock(connection, &open).await?;
        heads = super::heads(&mut *connection, &open).await?;
    }
    let mut heads = heads.into_iter();
    let base = |batch: &StreamBatch| {
        batch.expected_version().unwrap_or_else(|| {
            let head = heads.next().map_or(Version::EMPTY, |(head, _)| head);
            if batch.expected.admits(head) { head } else { NO_HEAD }
        })
    };
    Ok(batches.iter().map(base).collect())
}

async fn lock(connection: &mut PgConnection, streams: &[String]) -> Result<(), EventStoreError> {
    sqlx::query_file!("src/event_store/postgres/lock_streams.sql", streams)
        .fetch_all(connection)
        .await
        .map(drop)
        .map_err(database_error)
}

/// The closing event and the dropped key, in one transaction under the stream's lock.
pub(super) async fn close_stream(
    store: &AppendStore<'_>,
    stream_id: &StreamId,
    erase: bool,
) -> Result<Version, EventStoreError> {
    for _ in 0..RACES_MAX {
        if let Some(version) = store.retry.run(|| close(store, stream_id, erase)).await? {
            return Ok(version);
        }
    }
    Err(EventStoreError::Contended("others kept appending to the stream".into()))
}

/// None where an append came first. May be sent again whatever became of it: closing a closed stream changes nothing.
async fn close(store: &AppendStore<'_>, stream_id: &StreamId, erase: bool) -> Result<Option<Version>, EventStoreError> {
    let mut transaction = connect::begin(store.pool).await?;
    let stream = vec![stream_id.as_str().to_owned()];
    lock(&mut transaction, &stream).await?;
    let not_erasable = |reason: String| EventStoreError::NotErasable { stream_id: stream_id.clone(), reason };
    let version = match super::heads(&mut *transaction, &stream).await?.pop() {
        None | Some((Version::EMPTY, _)) => return Err(not_erasable("it has no events".into())),
        Some((head, true)) => head,
        Some((head, false)) => {
            let closed = sqlx::query_file_scalar!(
                "src/event_store/postgres/close_stream.sql",
                stream_id.as_str(),
                head.next().as_i64()
            );
            match closed.fetch_optional(&mut *transaction).await.map_err(database_error)? {
                Some(version) => Version::from_i64(version),
                None => return Ok(None),
            }
        }
    };
    if erase {
        let plain = sqlx::query_file_scalar!("src/event_store/postgres/count_plain.sql", stream_id.as_str());
        let plain = plain.fetch_one(&mut *transaction).await.map_err(database_error)?;
        if plain > 0 {
            let reason =
                format!("{plain} of its events are not encrypted, and would stay readable: close it without erasing");
            return Err(not_erasable(reason));
        }
        sqlx::query_file!("src/event_store/postgres/drop_stream_key.sql", stream_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(database_error)?;
        sqlx::query_file!("src/event_store/postgres/erase_stream.sql", stream_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(database_error)?;
        sqlx::query_file!("src/event_store/postgres/erase_effects.sql", stream_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(database_error)?;
    }
    transaction.commit().await.map_err(database_error)?;
    Ok(Some(version))
}

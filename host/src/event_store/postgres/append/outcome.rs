//! From the statement's rows to what became of each batch.

use sqlx::PgPool;

use super::AppendStore;
use super::columns::Prepared;
use crate::Version;
use crate::event_store::postgres::error::database_error;
use crate::event_store::postgres::keys::{Sealed, SealedData};
use crate::event_store::postgres::retry::Retry;
use crate::event_store::postgres::streams::find_commands;
use crate::event_store::{AppendOutcome, EventStoreError, StreamBatch};

/// One stream's row of the answer.
pub(super) struct Row {
    pub(super) admitted: bool,
    pub(super) repeated: bool,
    pub(super) closed: bool,
    /// Its head as the statement saw it.
    pub(super) head: i64,
    pub(super) won: bool,
}

impl Row {
    fn outcome(&self, batch: &StreamBatch, base: Version) -> AppendOutcome {
        let head = Version::from_i64(self.head);
        match self {
            // First of all: of a command that was done before, nothing else matters any more.
            Self { repeated: true, .. } => AppendOutcome::Repeated,
            Self { closed: true, .. } => AppendOutcome::Closed { version: head },
            Self { admitted: false, .. } => AppendOutcome::Fenced,
            Self { won: true, .. } => AppendOutcome::Appended { version: base + batch.events.len() as u64 },
            _ => AppendOutcome::Conflict { actual: head },
        }
    }
}

pub(super) fn of(batches: &[Prepared<'_>], rows: &[Row]) -> Result<Vec<AppendOutcome>, EventStoreError> {
    if rows.len() != batches.len() {
        let reason = format!("{} outcomes came back for {} streams", rows.len(), batches.len());
        return Err(EventStoreError::Unavailable(reason));
    }
    Ok(rows.iter().zip(batches).map(|(row, prepared)| row.outcome(prepared.batch, prepared.base)).collect())
}

/// After a statement that does all or nothing.
pub(super) fn all_won(batches: &[Prepared<'_>]) -> Vec<AppendOutcome> {
    let won = |prepared: &Prepared<'_>| AppendOutcome::Appended {
        version: prepared.base + prepared.batch.events.len() as u64,
    };
    batches.iter().map(won).collect()
}

/// Whether a batch that was appended can be told from any other: the store remembers its commands, or it has effects, which are no
/// other batch's, or its events name the command that led to them, or it changes nothing at all.
pub(super) fn is_recognisable(batch: &StreamBatch) -> bool {
    !batch.commands.is_empty()
        || !batch.effects.is_empty()
        || batch.events.iter().all(|(_, metadata)| metadata.command_id.is_some())
}

/// After an attempt whose answer was lost: a batch that lost now may have been appended then. It was, if the events behind its
/// version are the batch's own, byte by byte and under its command's id, or if its effects are there.
///
/// A repeated batch too: a turn appends commands with an id of their sender's and others as one batch. Told that it was
/// somebody else's, the host decided the others again.
pub(super) async fn recognise(
    store: &AppendStore<'_>,
    batches: &[StreamBatch],
    bases: &[Version],
    sealed: &[SealedData],
    outcomes: &mut [AppendOutcome],
) -> Result<(), EventStoreError> {
    for (place, outcome) in outcomes.iter_mut().enumerate() {
        let (batch, base, sealed) = (&batches[place], bases[place], sealed[place].as_ref());
        let lost = !matches!(outcome, AppendOutcome::Appended { .. });
        if lost && store.retry.run(|| is_there(store.pool, batch, base, sealed)).await? {
            *outcome = AppendOutcome::Appended { version: base + batch.events.len() as u64 };
        }
    }
    recall(store, batches, outcomes).await
}

/// Whether the effects of a batch are there. They were made for it alone, and came with its events or not at all.
async fn has_effects(pool: &PgPool, batch: &StreamBatch) -> Result<bool, EventStoreError> {
    if batch.effects.is_empty() {
        return Ok(false);
    }
    let ids: Vec<_> = batch.effects.iter().map(|effect| effect.effect_id.to_string()).collect();
    let count = sqlx::query_file_scalar!("src/event_store/postgres/find_effects.sql", batch.stream_id.as_str(), &ids)
        .fetch_one(pool)
        .await
        .map_err(database_error)?;
    Ok(count > 0)
}

/// Whether the events behind a version are a batch's own, or its effects are there.
async fn is_there(
    pool: &PgPool,
    batch: &StreamBatch,
    base: Version,
    sealed: Option<&Sealed>,
) -> Result<bool, EventStoreError> {
    if has_effects(pool, batch).await? {
        return Ok(true);
    }
    let count = batch.events.len();
    if count == 0 || batch.events.iter().any(|(_, metadata)| metadata.command_id.is_none()) {
        return Ok(false);
    }
    let rows = sqlx::query_file!(
        "src/event_store/postgres/read_stream.sql",
        batch.stream_id.as_str(),
        base.as_i64(),
        count as i64,
        // All of it, however large.
        i32::MAX,
    )
    .fetch_all(pool)
    .await
    .map_err(database_error)?;
    let ours = rows.iter().zip(&batch.events).enumerate().all(|(place, (row, (event, metadata)))| {
        let data = sealed.map_or(event.data.as_slice(), |sealed| &sealed.data[place]);
        row.event_type == event.event_type
            && row.event_data.as_deref() == Some(data)
            && row.metadata.get("command_id").and_then(|id| id.as_str()) == metadata.command_id.as_deref()
    });
    if !ours || rows.len() != count {
        return Ok(false);
    }
    // Another host may have done one of its commands with the same events. The rest of the batch is there only if all of its
    // commands are remembered.
    let ids: Vec<_> = batch.commands.iter().map(|command| command.command_id.clone()).collect();
    Ok(ids.is_empty() || find_commands(pool, &batch.stream_id, &ids).await?.len() == ids.len())
}

/// After an attempt whose answer was lost: a batch that lost to it while it was still under way finds its commands remembered
/// now, and is told as repeated.
pub(super) async fn recall(
    store: &AppendStore<'_>,
    batches: &[StreamBatch],
    outcomes: &mut [AppendOutcome],
) -> Result<(), EventStoreError> {
    for (batch, outcome) in batches.iter().zip(outcomes) {
        let lost =
            matches!(outcome, AppendOutcome::Conflict { .. } | AppendOutcome::Fenced | AppendOutcome::Closed { .. });
        let ids: Vec<_> = batch.commands.iter().map(|command| command.command_id.clone()).collect();
        if lost && !ids.is_empty() {
            let found = store.retry.run(|| find_commands(store.pool, &batch.stream_id, &ids)).await?;
            if !found.is_empty() {
                *outcome = AppendOutcome::Repeated;
            }
        }
    }
    Ok(())
}

/// Asks for the heads of the streams that lost, in a statement of its own: the append's saw the log as it was before the
/// winner's commit. The winners are durable by now, so where the question fails, what the append saw has to do.
pub(super) async fn name_conflicts(
    pool: &PgPool,
    retry: Retry,
    batches: &[StreamBatch],
    outcomes: &mut [AppendOutcome],
) {
    let is_conflict = |outcome: &AppendOutcome| matches!(outcome, AppendOutcome::Conflict { .. });
    let lost = batches.iter().zip(&*outcomes).filter(|(_, outcome)| is_conflict(outcome));
    let lost: Vec<_> = lost.map(|(batch, _)| batch.stream_id.as_str().to_owned()).collect();
    if lost.is_empty() {
        return;
    }
    let Ok(heads) = retry.run(|| super::heads(pool, &lost)).await else { return };
    for (outcome, (head, closed)) in outcomes.iter_mut().filter(|outcome| is_conflict(outcome)).zip(heads) {
        *outcome = match closed {
            true => AppendOutcome::Closed { version: head },
            false => AppendOutcome::Conflict { actual: head },
        };
    }
}

/// Whether a batch that lost may be tried at a newer version: it left its version open, and its stream still is what it asked
/// for.
pub(super) fn may_follow(batch: &StreamBatch, head: Version) -> bool {
    batch.expected_version().is_none() && batch.expected.admits(head)
}

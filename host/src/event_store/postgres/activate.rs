//! Changes who decides. What can be done before appends have to wait is done before.

use async_trait::async_trait;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::connect;
use super::error::database_error;
use super::reducers::{active, as_appended, count_events, json, kept, lock_history};
use crate::event_store::history::{HistoryEvent, history_stream};
use crate::event_store::{Activation, ActivationChange, Canary, EventStoreError, PendingActivation, ReducerNews};
use crate::reducer::{Descriptor, ReducerDigest};
use crate::{SerializedEvent, StreamId};

/// No generation has this number: with it, the statement that activates does nothing.
const NO_GENERATION: i64 = -1;

/// One transaction, from its beginning to where appends have to wait. Dropped or killed anywhere in it, the former generation stays the
/// active one, and the history tells of no other.
pub(super) async fn begin<'a>(pool: &PgPool, change: &'a ActivationChange<'a>) -> Result<Pending<'a>, EventStoreError> {
    let name = change.name;
    let mut transaction = connect::begin(pool).await?;
    lock_history(&mut transaction, name).await?;
    let before = active(&mut *transaction, Some(name)).await?.pop();
    let generation = before.as_ref().map_or(0, |active| active.generation);
    if let Some(expected) = change.expected_generation.filter(|expected| *expected != generation) {
        return Err(EventStoreError::Outrun { name: name.to_owned(), expected, active: generation });
    }
    if let Some(active) = before.as_ref().filter(|active| active.is_as(change)) {
        return Ok(Pending { transaction, change, made: Made::Nothing(Box::new(active.clone())) });
    }
    refuse_unread(&mut transaction, change).await?;
    let activation = activation(&mut transaction, change, before.as_ref()).await?;
    let written = Written::of(activation, before.as_ref())?;
    // In vain: a connection that has not activated anything yet looks up dozens of names in the catalog and makes a plan. That once took
    // 20 ms of an activation, in which all appends waited (docs/performance.md).
    send(&mut transaction, &written, NO_GENERATION).await?;
    Ok(Pending { transaction, change, made: Made::Written(Box::new(written)) })
}

/// A transaction in which all is ready.
pub(super) struct Pending<'a> {
    transaction: Transaction<'static, Postgres>,
    change: &'a ActivationChange<'a>,
    made: Made,
}

enum Made {
    /// It is active already.
    Nothing(Box<Activation>),
    Written(Box<Written>),
}

/// All that is to be stored.
struct Written {
    activation: Activation,
    /// The generation before it, 0 for none.
    before: u64,
    history: StreamId,
    event: SerializedEvent,
    metadata: serde_json::Value,
}

impl Written {
    fn of(activation: Activation, before: Option<&Activation>) -> Result<Self, EventStoreError> {
        let (event, metadata) = as_appended(&HistoryEvent::activated(&activation, before))?;
        let history = history_stream(&activation.name)?;
        Ok(Self { activation, before: before.map_or(0, |active| active.generation), history, event, metadata })
    }
}

#[async_trait]
impl PendingActivation for Pending<'_> {
    /// Three statements, for which appends wait: the lock, all that is written, and the commit.
    async fn commit(self: Box<Self>) -> Result<Activation, EventStoreError> {
        let Self { mut transaction, change, made } = *self;
        let written = match made {
            Made::Nothing(active) => return Ok(*active),
            Made::Written(written) => written,
        };
        sqlx::query_file!("src/event_store/postgres/lock_active_reducers.sql", change.name)
            .execute(&mut *transaction)
            .await
            .map_err(database_error)?;
        // Again, where appends wait: what was looked at before is not what there is.
        refuse_unread(&mut transaction, change).await?;
        if !send(&mut transaction, &written, written.before as i64).await? {
            let active = active(&mut *transaction, Some(change.name)).await?.pop();
            let active = active.map_or(0, |active| active.generation);
            return Err(EventStoreError::Outrun { name: change.name.to_owned(), expected: written.before, active });
        }
        transaction.commit().await.map_err(database_error)?;
        Ok(written.activation)
    }
}

async fn refuse_unread(connection: &mut PgConnection, change: &ActivationChange<'_>) -> Result<(), EventStoreError> {
    let events = count_events(connection, change.name, change.unread).await?;
    if events.is_empty() {
        return Ok(());
    }
    Err(EventStoreError::Unread { name: change.name.to_owned(), events })
}

/// What it will be. It is activated by the time at which its transaction began, less than a second before others see it.
async fn activation(
    connection: &mut PgConnection,
    change: &ActivationChange<'_>,
    before: Option<&Activation>,
) -> Result<Activation, EventStoreError> {
    let next = sqlx::query_file!("src/event_store/postgres/next_generation.sql", change.name)
        .fetch_one(&mut *connection)
        .await
        .map_err(database_error)?;
    let canary = match change.canary {
        Some((digest, share)) => Some(Canary { digest, descriptor: descriptor(connection, digest).await?, share }),
        None => None,
    };
    let descriptor = descriptor(connection, change.digest).await?;
    Ok(change.activation(before, (next.generation as u64, next.activated_at), descriptor, canary))
}

async fn descriptor(connection: &mut PgConnection, digest: ReducerDigest) -> Result<Descriptor, EventStoreError> {
    let kept = kept(connection, None, Some(digest), 1).await?.pop();
    let unknown = || EventStoreError::Database(format!("no component {digest} is kept"));
    Ok(kept.ok_or_else(unknown)?.descriptor)
}

/// Stores it, where generation `before` is the active one. False where another is.
async fn send(connection: &mut PgConnection, written: &Written, before: i64) -> Result<bool, EventStoreError> {
    let Written { activation, history, event, metadata, .. } = written;
    let (note, canary) = (&activation.note, activation.canary.as_ref());
    let stored = sqlx::query_file!(
        "src/event_store/postgres/activate.sql",
        &activation.name,
        activation.digest.as_bytes().as_slice(),
        json(&activation.effects)?,
        note.kind.as_str(),
        canary.map(|canary| canary.digest.as_bytes().as_slice()),
        canary.map(|canary| i32::from(canary.share.ten_thousandths())),
        activation.journal,
        note.by.as_deref(),
        note.reason.as_deref(),
        note.policy.as_ref(),
        note.verification_id.map(|id| id.to_string()),
        activation.generation as i64,
        before,
        history.as_str(),
        &event.event_type,
        &event.data,
        metadata,
        ReducerNews::Activated(activation.name.clone()).written(),
    );
    let stored = stored.execute(connection).await.map_err(database_error)?;
    Ok(stored.rows_affected() > 0)
}

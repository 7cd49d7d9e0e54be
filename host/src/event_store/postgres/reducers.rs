//! Components, and which of them is active.

use sqlx::{PgConnection, PgPool};

use super::error::database_error;
use super::{connect, news};
use crate::SerializedEvent;
use crate::event_store::batch::metadata_json;
use crate::event_store::history::{HistoryEvent, history_stream};
use crate::event_store::{
    Activation, ActivationKind, ActivationNote, Canary, EVENTS_COUNTED_MAX, EventCount, EventStoreError, KeptReducer,
    ReducerNews, Share,
};
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};

/// A component and what the history says of it, in one transaction.
pub(super) async fn save(
    pool: &PgPool,
    digest: ReducerDigest,
    descriptor: &Descriptor,
    component: &[u8],
    deployed_by: Option<&str>,
) -> Result<bool, EventStoreError> {
    let description = json(descriptor)?;
    let mut transaction = connect::begin(pool).await?;
    lock_history(&mut transaction, &descriptor.name).await?;
    let saved = sqlx::query_file!(
        "src/event_store/postgres/save_reducer.sql",
        digest.as_bytes().as_slice(),
        &descriptor.name,
        description,
        component,
        deployed_by
    )
    .execute(&mut *transaction)
    .await
    .map_err(database_error)?;
    let is_new = saved.rows_affected() > 0;
    if is_new && let Some(kept) = kept(&mut *transaction, None, Some(digest), 1).await?.pop() {
        tell(&mut transaction, &descriptor.name, &HistoryEvent::deployed(&descriptor.name, &kept)).await?;
        news::send(&mut *transaction, &ReducerNews::Candidate(digest)).await?;
    }
    transaction.commit().await.map_err(database_error)?;
    Ok(is_new)
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, EventStoreError> {
    serde_json::to_value(value).map_err(|error| EventStoreError::InvalidBatch(error.to_string()))
}

/// Before a transaction writes anything.
pub(super) async fn lock_history(connection: &mut PgConnection, name: &str) -> Result<(), EventStoreError> {
    sqlx::query_file!("src/event_store/postgres/lock_history.sql", name)
        .execute(connection)
        .await
        .map(drop)
        .map_err(database_error)
}

/// An event of a history as a statement takes it, and its metadata.
pub(super) fn as_appended(event: &HistoryEvent) -> Result<(SerializedEvent, serde_json::Value), EventStoreError> {
    let (event, metadata) = event.serialized();
    let metadata = serde_json::from_str(&metadata_json(&metadata)?);
    Ok((event, metadata.map_err(|error| EventStoreError::InvalidBatch(error.to_string()))?))
}

/// Appends to the history of a name, under its lock.
pub(super) async fn tell(
    connection: &mut PgConnection,
    name: &str,
    event: &HistoryEvent,
) -> Result<(), EventStoreError> {
    let stream_id = history_stream(name)?;
    let (event, metadata) = as_appended(event)?;
    sqlx::query_file!(
        "src/event_store/postgres/append_history.sql",
        stream_id.as_str(),
        &event.event_type,
        &event.data,
        metadata
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(database_error)
}

/// A row of an activation.
struct ActivationRow {
    name: String,
    generation: i64,
    digest: Vec<u8>,
    descriptor: serde_json::Value,
    activated_at: chrono::DateTime<chrono::Utc>,
    effects: serde_json::Value,
    kind: String,
    canary_digest: Option<Vec<u8>>,
    canary_descriptor: Option<serde_json::Value>,
    canary_share: Option<i32>,
    journal: bool,
    activated_by: Option<String>,
    reason: Option<String>,
    policy: Option<serde_json::Value>,
    verification_id: Option<String>,
}

impl ActivationRow {
    fn open(self) -> Result<Activation, EventStoreError> {
        let name = self.name.clone();
        let broken = |reason: String| EventStoreError::Database(format!("reducer {name}: {reason}"));
        let canary = match (self.canary_digest, self.canary_descriptor, self.canary_share) {
            (Some(digest), Some(descriptor), Some(share)) => Some(Canary {
                digest: ReducerDigest::try_from(&digest[..]).map_err(|error| broken(error.to_string()))?,
                descriptor: serde_json::from_value(descriptor).map_err(|error| broken(error.to_string()))?,
                share: Share::new(u16::try_from(share).unwrap_or_default())
                    .map_err(|error| broken(error.to_string()))?,
            }),
            _ => None,
        };
        let verification_id = self.verification_id.map(|id| id.parse()).transpose();
        Ok(Activation {
            generation: self.generation as u64,
            digest: ReducerDigest::try_from(&self.digest[..]).map_err(|error| broken(error.to_string()))?,
            descriptor: serde_json::from_value(self.descriptor).map_err(|error| broken(error.to_string()))?,
            canary,
            activated_at: self.activated_at,
            effects: serde_json::from_value(self.effects).map_err(|error| broken(error.to_string()))?,
            journal: self.journal,
            note: ActivationNote {
                kind: ActivationKind::of(&self.kind),
                by: self.activated_by,
                reason: self.reason,
                policy: self.policy,
                verification_id: verification_id.map_err(|error: uuid::Error| broken(error.to_string()))?,
            },
            name: self.name,
        })
    }
}

pub(super) async fn active<'e>(
    executor: impl sqlx::PgExecutor<'e>,
    name: Option<&str>,
) -> Result<Vec<Activation>, EventStoreError> {
    let rows = sqlx::query_file_as!(ActivationRow, "src/event_store/postgres/active_reducers.sql", name)
        .fetch_all(executor)
        .await
        .map_err(database_error)?;
    rows.into_iter().map(ActivationRow::open).collect()
}

pub(super) async fn activations(
    pool: &PgPool,
    name: &str,
    before: Option<u64>,
    activations_max: usize,
) -> Result<Vec<Activation>, EventStoreError> {
    let before = before.map(|before| i64::try_from(before).unwrap_or(i64::MAX));
    let most = i64::try_from(activations_max).unwrap_or(i64::MAX);
    let rows = sqlx::query_file_as!(ActivationRow, "src/event_store/postgres/activations.sql", name, before, most)
        .fetch_all(pool)
        .await
        .map_err(database_error)?;
    rows.into_iter().map(ActivationRow::open).collect()
}

pub(super) async fn kept<'e>(
    executor: impl sqlx::PgExecutor<'e>,
    name: Option<&str>,
    digest: Option<ReducerDigest>,
    reducers_max: usize,
) -> Result<Vec<KeptReducer>, EventStoreError> {
    let rows = sqlx::query_file!(
        "src/event_store/postgres/list_reducers.sql",
        name,
        i64::try_from(reducers_max).unwrap_or(i64::MAX),
        digest.as_ref().map(|digest| digest.as_bytes().as_slice())
    )
    .fetch_all(executor)
    .await
    .map_err(database_error)?;
    let broken = |reason: String| EventStoreError::Database(format!("a kept reducer: {reason}"));
    rows.into_iter()
        .map(|row| {
            Ok(KeptReducer {
                digest: ReducerDigest::try_from(&row.digest[..]).map_err(|error| broken(error.to_string()))?,
                descriptor: serde_json::from_value(row.descriptor).map_err(|error| broken(error.to_string()))?,
                bytes: u64::try_from(row.bytes).unwrap_or_default(),
                deployed_at: row.created_at,
                deployed_by: row.deployed_by,
            })
        })
        .collect()
}

pub(super) async fn count_events(
    connection: &mut PgConnection,
    category: &str,
    event_types: &[String],
) -> Result<Vec<EventCount>, EventStoreError> {
    let mut counts = Vec::new();
    for event_type in event_types {
        let count = sqlx::query_file_scalar!(
            "src/event_store/postgres/count_events_of_type.sql",
            category,
            event_type,
            EVENTS_COUNTED_MAX as i64
        );
        let count = u64::try_from(count.fetch_one(&mut *connection).await.map_err(database_error)?).unwrap_or_default();
        if count > 0 {
            counts.push(EventCount { event_type: event_type.clone(), count });
        }
    }
    Ok(counts)
}

pub(super) async fn effect_rules(
    pool: &PgPool,
    name: &str,
    generation: u64,
) -> Result<Option<EffectRules>, EventStoreError> {
    let rules = sqlx::query_file_scalar!("src/event_store/postgres/effect_rules.sql", name, generation as i64)
        .fetch_optional(pool)
        .await
        .map_err(database_error)?;
    let broken = |error| EventStoreError::Database(format!("the rules of {name}, generation {generation}: {error}"));
    rules.map(|rules| serde_json::from_value(rules).map_err(broken)).transpose()
}

pub(super) async fn load_component(pool: &PgPool, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
    sqlx::query_file_scalar!("src/event_store/postgres/load_component.sql", digest.as_bytes().as_slice())
        .fetch_optional(pool)
        .await
        .map_err(database_error)
}

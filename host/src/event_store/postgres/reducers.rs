//! Components, and which of them is active.

use sqlx::PgPool;

use super::connect;
use super::error::database_error;
use crate::event_store::{Activation, EventStoreError};
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};

pub(super) async fn save(
    pool: &PgPool,
    digest: ReducerDigest,
    descriptor: &Descriptor,
    component: &[u8],
) -> Result<(), EventStoreError> {
    let description =
        serde_json::to_value(descriptor).map_err(|error| EventStoreError::InvalidBatch(error.to_string()))?;
    sqlx::query_file!(
        "src/event_store/postgres/save_reducer.sql",
        digest.as_bytes().as_slice(),
        &descriptor.name,
        description,
        component
    )
    .execute(pool)
    .await
    .map(drop)
    .map_err(database_error)
}

/// One transaction. Dropped or killed anywhere in it, the former generation stays the active one.
pub(super) async fn activate(
    pool: &PgPool,
    name: &str,
    digest: ReducerDigest,
    rules: Option<&EffectRules>,
) -> Result<Activation, EventStoreError> {
    let mut transaction = connect::begin(pool).await?;
    sqlx::query_file!("src/event_store/postgres/lock_active_reducers.sql", name)
        .execute(&mut *transaction)
        .await
        .map_err(database_error)?;
    let active = active(&mut *transaction, Some(name)).await?.pop();
    let effects = rules.or(active.as_ref().map(|active| &active.effects)).cloned().unwrap_or_default();
    if active.is_none_or(|active| active.digest != digest || active.effects != effects) {
        let effects =
            serde_json::to_value(&effects).map_err(|error| EventStoreError::InvalidBatch(error.to_string()))?;
        sqlx::query_file!("src/event_store/postgres/activate.sql", name, digest.as_bytes().as_slice(), effects)
            .fetch_one(&mut *transaction)
            .await
            .map_err(database_error)?;
    }
    let activation = self::active(&mut *transaction, Some(name)).await?.pop();
    transaction.commit().await.map_err(database_error)?;
    activation.ok_or_else(|| EventStoreError::Database(format!("the activation of {name} left no row")))
}

pub(super) async fn active<'e>(
    executor: impl sqlx::PgExecutor<'e>,
    name: Option<&str>,
) -> Result<Vec<Activation>, EventStoreError> {
    let rows = sqlx::query_file!("src/event_store/postgres/active_reducers.sql", name)
        .fetch_all(executor)
        .await
        .map_err(database_error)?;
    rows.into_iter()
        .map(|row| {
            let broken = |reason: String| EventStoreError::Database(format!("reducer {}: {reason}", row.name));
            Ok(Activation {
                generation: row.generation as u64,
                digest: ReducerDigest::try_from(&row.digest[..]).map_err(|error| broken(error.to_string()))?,
                descriptor: serde_json::from_value(row.descriptor.clone())
                    .map_err(|error| broken(error.to_string()))?,
                activated_at: row.activated_at,
                effects: serde_json::from_value(row.effects.clone()).map_err(|error| broken(error.to_string()))?,
                name: row.name.clone(),
            })
        })
        .collect()
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

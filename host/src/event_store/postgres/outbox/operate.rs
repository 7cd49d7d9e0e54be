//! What operators and janitors ask for.

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use super::span;
use crate::event_store::outbox::{bounded, cut};
use crate::event_store::postgres::error::database_error;
use crate::event_store::postgres::keys::Keys;
use crate::event_store::postgres::recorded::{Reader, limit};
use crate::event_store::{EFFECT_ERROR_BYTES_MAX, EffectBacklog, EffectLease, EffectReopening, EventStoreError};

pub(super) async fn reopen(reader: &Reader, reopening: &EffectReopening) -> Result<bool, EventStoreError> {
    let EffectReopening { lease: EffectLease { effect_id, stream_id, token }, lane, progress } = reopening;
    let keys = Keys::of_streams(&reader.pool, reader.encryption(), std::iter::once(stream_id)).await?;
    let stored = keys.seal_progress(stream_id, *effect_id, progress)?;
    let (progress, sealed) = stored.map_or((None, None), |(progress, sealed)| (Some(progress), sealed));
    let reopened = sqlx::query_file!(
        "src/event_store/postgres/reopen_effect.sql",
        effect_id.to_string(),
        stream_id.as_str(),
        *token as i64,
        lane,
        progress,
        sealed
    );
    let reopened = reopened.execute(&reader.pool).await.map_err(database_error)?;
    Ok(reopened.rows_affected() > 0)
}

pub(super) async fn discard(pool: &PgPool, effect_id: Uuid, reason: &str) -> Result<bool, EventStoreError> {
    let discarded = sqlx::query_file!(
        "src/event_store/postgres/discard_effect.sql",
        effect_id.to_string(),
        cut(reason, EFFECT_ERROR_BYTES_MAX)
    );
    let discarded = discarded.execute(pool).await.map_err(database_error)?;
    Ok(discarded.rows_affected() > 0)
}

pub(super) async fn prune(pool: &PgPool, age: Duration, effects_max: usize) -> Result<u64, EventStoreError> {
    let age_s = bounded(age).as_secs_f64();
    let pruned = sqlx::query_file!("src/event_store/postgres/prune_effects.sql", age_s, limit(effects_max));
    Ok(pruned.execute(pool).await.map_err(database_error)?.rows_affected())
}

pub(super) async fn backlog(pool: &PgPool) -> Result<EffectBacklog, EventStoreError> {
    let row = sqlx::query_file!("src/event_store/postgres/effect_backlog.sql")
        .fetch_one(pool)
        .await
        .map_err(database_error)?;
    Ok(EffectBacklog {
        due: row.due as u64,
        waiting: row.waiting as u64,
        dead: row.dead as u64,
        oldest_due: span(row.oldest_due_s.unwrap_or_default()),
    })
}

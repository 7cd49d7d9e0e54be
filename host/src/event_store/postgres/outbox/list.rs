//! Effects, for people and programs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::claim::opened;
use super::ids;
use crate::event_store::postgres::error::database_error;
use crate::event_store::postgres::keys::Keys;
use crate::event_store::postgres::recorded::{Reader, limit};
use crate::event_store::sealing::Place;
use crate::event_store::{
    EFFECT_ATTEMPTS_SHOWN_MAX, EffectDetail, EffectFilter, EffectRecord, EffectStatus, EventStoreError, FailedAttempt,
    RecordedAttempt,
};

struct Row {
    effect_id: String,
    stream_id: String,
    generation: Option<i64>,
    kind: String,
    lane: String,
    status: String,
    attempts: i64,
    error: Option<String>,
    created_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    leased: bool,
    finished_at: Option<DateTime<Utc>>,
    token: i64,
}

impl Row {
    fn record(self) -> Result<EffectRecord, EventStoreError> {
        let (effect_id, stream_id) = ids(&self.effect_id, &self.stream_id)?;
        let unknown = || EventStoreError::Database(format!("effect {effect_id} has the status {:?}", self.status));
        Ok(EffectRecord {
            effect_id,
            stream_id,
            generation: self.generation.map(|generation| generation as u64),
            status: EffectStatus::from_name(&self.status).ok_or_else(unknown)?,
            kind: self.kind,
            lane: self.lane,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            error: self.error,
            created_at: self.created_at,
            due_at: self.due_at,
            leased: self.leased,
            finished_at: self.finished_at,
            token: self.token as u64,
        })
    }
}

/// Ids of streams that a filter admits: from the first on, and before the second. By bytes, as the database compares them.
fn streams(filter: &EffectFilter) -> Option<(String, String)> {
    let category = filter.category.as_deref();
    match &filter.stream_id {
        Some(stream_id) if category.is_some_and(|category| category != stream_id.category()) => None,
        // Nothing stands between an id and the same with the lowest character behind it.
        Some(stream_id) => Some((stream_id.as_str().to_owned(), format!("{stream_id}\u{1}"))),
        // '.' follows '-'.
        None => match category {
            Some(category) if category.contains(['\0', '-']) => None,
            Some(category) => Some((format!("{category}-"), format!("{category}."))),
            None => Some((String::new(), char::MAX.to_string())),
        },
    }
}

pub(super) async fn effects(
    pool: &PgPool,
    filter: &EffectFilter,
    effects_max: usize,
) -> Result<Vec<EffectRecord>, EventStoreError> {
    let Some((from, to)) = streams(filter) else { return Ok(Vec::new()) };
    let before = filter.before.unwrap_or(Uuid::max()).to_string();
    let status = filter.status.map(EffectStatus::as_str);
    let limit = limit(effects_max);
    let rows = match filter.status {
        None | Some(EffectStatus::Done) => {
            let file =
                sqlx::query_file_as!(Row, "src/event_store/postgres/list_effects.sql", status, before, from, to, limit);
            file.fetch_all(pool).await
        }
        Some(EffectStatus::Pending) => {
            let file =
                sqlx::query_file_as!(Row, "src/event_store/postgres/list_pending_effects.sql", before, from, to, limit);
            file.fetch_all(pool).await
        }
        Some(EffectStatus::Failed | EffectStatus::Dead | EffectStatus::Discarded) => {
            let file = sqlx::query_file_as!(
                Row,
                "src/event_store/postgres/list_failed_effects.sql",
                status,
                before,
                from,
                to,
                limit
            );
            file.fetch_all(pool).await
        }
    };
    rows.map_err(database_error)?.into_iter().map(Row::record).collect()
}

pub(super) async fn effect(reader: &Reader, effect_id: Uuid) -> Result<Option<EffectDetail>, EventStoreError> {
    let found = sqlx::query_file!("src/event_store/postgres/find_effect.sql", effect_id.to_string())
        .fetch_optional(&reader.pool)
        .await
        .map_err(database_error)?;
    let Some(row) = found else { return Ok(None) };
    let record = Row {
        effect_id: row.effect_id,
        stream_id: row.stream_id,
        generation: row.generation,
        kind: row.kind,
        lane: row.lane,
        status: row.status,
        attempts: row.attempts,
        error: row.error,
        created_at: row.created_at,
        due_at: row.due_at,
        leased: row.leased,
        finished_at: row.finished_at,
        token: row.token,
    };
    let record = record.record()?;
    let stream_id = &record.stream_id;
    let is_sealed = row.sealed.is_some() || row.progress_sealed.is_some();
    let sealed = is_sealed.then_some(stream_id).into_iter();
    let keys = Keys::for_reading(&reader.pool, reader.encryption(), sealed).await?;
    let body = opened(&keys, stream_id, Place::EffectBody { stream_id, effect_id }, row.sealed, row.body)?;
    let place = Place::EffectProgress { stream_id, effect_id };
    let progress = opened(&keys, stream_id, place, row.progress_sealed, row.progress)?;
    let failures = failures(&reader.pool, &record).await?;
    Ok(Some(EffectDetail { record, body, progress, failures }))
}

async fn failures(pool: &PgPool, record: &EffectRecord) -> Result<Vec<RecordedAttempt>, EventStoreError> {
    let rows = sqlx::query_file!(
        "src/event_store/postgres/effect_attempts.sql",
        record.stream_id.as_str(),
        record.effect_id.to_string(),
        limit(EFFECT_ATTEMPTS_SHOWN_MAX)
    )
    .fetch_all(pool)
    .await
    .map_err(database_error)?;
    let failures = rows.into_iter().rev().map(|row| RecordedAttempt {
        recorded_at: row.recorded_at,
        attempt: FailedAttempt {
            node: u32::try_from(row.node).unwrap_or_default(),
            took: Duration::from_micros(u64::try_from(row.took_us).unwrap_or_default()),
            code: row.code,
            message: row.message,
        },
    });
    Ok(failures.collect())
}

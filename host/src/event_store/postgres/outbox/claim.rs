//! Which lanes have something, and who runs it.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{ids, span};
use crate::StreamId;
use crate::event_store::outbox::{bounded, lanes_of};
use crate::event_store::postgres::appenders::Appenders;
use crate::event_store::postgres::error::database_error;
use crate::event_store::postgres::keys::Keys;
use crate::event_store::postgres::recorded::Reader;
use crate::event_store::sealing::Place;
use crate::event_store::{ClaimedEffect, EFFECTS_CLAIMED_MAX, EffectClaim, EventStoreError, LaneDue};

/// The lanes of a claim, as columns.
pub(super) struct Lanes<'a> {
    lanes: Vec<&'a str>,
    effects_max: Vec<i32>,
}

impl<'a> Lanes<'a> {
    pub(super) fn of(claim: &'a EffectClaim) -> Self {
        let bounded = |effects_max: usize| effects_max.min(EFFECTS_CLAIMED_MAX) as i32;
        let lanes = lanes_of(&claim.lanes).into_iter();
        let (lanes, effects_max) = lanes.map(|(lane, effects_max)| (lane, bounded(effects_max))).unzip();
        Self { lanes, effects_max }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}

/// A claimed effect as it lies in the table.
pub(super) struct Row {
    effect_id: String,
    stream_id: String,
    generation: Option<i64>,
    token: i64,
    lane: String,
    body: Option<Vec<u8>>,
    sealed: Option<i16>,
    progress: Option<Vec<u8>>,
    progress_sealed: Option<i16>,
    created_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

pub(super) async fn lanes(pool: &PgPool, after: &str, lanes_max: usize) -> Result<Vec<LaneDue>, EventStoreError> {
    if lanes_max == 0 || after.contains('\0') {
        return Ok(Vec::new());
    }
    let lanes_max = i32::try_from(lanes_max).unwrap_or(i32::MAX);
    let rows = sqlx::query_file!("src/event_store/postgres/effect_lanes.sql", after, lanes_max)
        .fetch_all(pool)
        .await
        .map_err(database_error)?;
    Ok(rows.into_iter().map(|row| LaneDue { lane: row.lane, due_in: span(row.due_in_s) }).collect())
}

pub(super) async fn claim(
    appenders: &Appenders,
    lanes: &Lanes<'_>,
    EffectClaim { lease, bytes_max, .. }: &EffectClaim,
) -> Result<Vec<Row>, EventStoreError> {
    let mut appender = appenders.take().await?;
    let claim = sqlx::query_file_as!(
        Row,
        "src/event_store/postgres/claim_effects.sql",
        &lanes.lanes as &[&str],
        &lanes.effects_max,
        bounded(*lease).as_secs_f64(),
        i64::try_from(*bytes_max).unwrap_or(i64::MAX)
    );
    let rows = async { claim.fetch_all(appender.connection()).await.map_err(database_error) };
    let rows = appenders.in_time(rows).await;
    appender.keep_after(rows)
}

/// The streams of the rows that are sealed.
pub(super) fn sealed(rows: &[Row]) -> Result<Vec<StreamId>, EventStoreError> {
    let sealed = rows.iter().filter(|row| row.sealed.is_some() || row.progress_sealed.is_some());
    sealed.map(|row| ids(&row.effect_id, &row.stream_id).map(|(_, stream_id)| stream_id)).collect()
}

pub(super) async fn keys(reader: &Reader, sealed: &[StreamId]) -> Result<Keys, EventStoreError> {
    Keys::as_far_as_they_open(&reader.pool, reader.encryption(), sealed.iter()).await
}

impl Row {
    /// What the row says. It is its own affair where it does not open: the claim's other effects are to run.
    pub(super) fn open(self, keys: &Keys) -> Result<ClaimedEffect, EventStoreError> {
        let (effect_id, stream_id) = ids(&self.effect_id, &self.stream_id)?;
        let body = Place::EffectBody { stream_id: &stream_id, effect_id };
        let progress = Place::EffectProgress { stream_id: &stream_id, effect_id };
        let texts = opened(keys, &stream_id, body, self.sealed, self.body)
            .and_then(|body| Ok((body, opened(keys, &stream_id, progress, self.progress_sealed, self.progress)?)));
        let (body, progress, unopened) = match texts {
            Ok((body, progress)) => (body, progress, None),
            Err(EventStoreError::Encryption(reason)) => (None, None, Some(reason)),
            Err(error) => return Err(error),
        };
        Ok(ClaimedEffect {
            effect_id,
            generation: self.generation.map(|generation| generation as u64),
            token: self.token as u64,
            lane: self.lane,
            body,
            progress,
            unopened,
            created_at: self.created_at,
            due_at: self.due_at,
            now: self.now,
            stream_id,
        })
    }
}

/// What a column says; none where it is null, or the stream's key was dropped.
pub(super) fn opened(
    keys: &Keys,
    stream_id: &StreamId,
    place: Place<'_>,
    sealed: Option<i16>,
    data: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, EventStoreError> {
    data.map_or(Ok(None), |data| keys.open(stream_id, &place, sealed, data))
}

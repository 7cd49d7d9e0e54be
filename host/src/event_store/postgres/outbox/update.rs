//! What became of claimed effects: a vector a column.

use std::time::Duration;

use uuid::Uuid;

use crate::event_store::outbox::{bounded, cut};
use crate::event_store::postgres::appenders::Appenders;
use crate::event_store::postgres::error::database_error;
use crate::event_store::postgres::keys::Keys;
use crate::event_store::postgres::recorded::Reader;
use crate::event_store::{
    EFFECT_ERROR_BYTES_MAX, EffectLease, EffectNext, EffectStatus, EffectUpdate, EventStoreError,
};

/// Whose claims.
#[derive(Default)]
struct Leases<'a> {
    effect_ids: Vec<String>,
    stream_ids: Vec<&'a str>,
    tokens: Vec<i64>,
}

/// Steps, as update_effects.sql takes them.
#[derive(Default)]
pub(super) struct Steps<'a> {
    leases: Leases<'a>,
    statuses: Vec<&'static str>,
    lanes: Vec<Option<&'a str>>,
    delays_s: Vec<Option<f64>>,
    leases_s: Vec<Option<f64>>,
    progress: Vec<Option<Vec<u8>>>,
    sealed: Vec<Option<i16>>,
    errors: Vec<Option<String>>,
    attempts: Vec<i64>,
    failures: Failures,
    /// Streams that have a key, or had one.
    encrypted: Vec<&'a str>,
}

#[derive(Default)]
struct Failures {
    /// The place of its effect among the steps, from 1.
    of: Vec<i64>,
    nodes: Vec<i64>,
    took_us: Vec<i64>,
    codes: Vec<String>,
    messages: Vec<String>,
}

impl<'a> Leases<'a> {
    fn push(&mut self, lease: &'a EffectLease) {
        self.effect_ids.push(lease.effect_id.to_string());
        self.stream_ids.push(lease.stream_id.as_str());
        self.tokens.push(lease.token as i64);
    }
}

impl<'a> Steps<'a> {
    pub(super) fn of(updates: &'a [EffectUpdate], keys: &Keys) -> Result<Self, EventStoreError> {
        let mut steps = Self::default();
        for update in updates {
            steps.push(update, keys)?;
        }
        Ok(steps)
    }

    fn push(&mut self, update: &'a EffectUpdate, keys: &Keys) -> Result<(), EventStoreError> {
        let EffectLease { effect_id, stream_id, .. } = &update.lease;
        self.leases.push(&update.lease);
        if keys.knows(stream_id) {
            self.encrypted.push(stream_id.as_str());
        }
        let (mut status, mut lane, mut delay, mut held, mut reason) = (EffectStatus::Pending, None, None, None, None);
        let progress = match &update.next {
            EffectNext::Finished { status: over, progress, error } => {
                (status, reason) = (*over, error.as_deref().filter(|_| *over != EffectStatus::Done));
                progress.as_ref()
            }
            EffectNext::Due { lane: waits, delay: pause, progress } => {
                (lane, delay) = (Some(waits.as_str()), Some(*pause));
                progress.as_ref()
            }
            EffectNext::Held { progress, lease } => {
                held = Some(*lease);
                Some(progress)
            }
        };
        let stored = progress.map(|progress| keys.seal_progress(stream_id, *effect_id, progress)).transpose();
        let stored = stored.map_err(|error| unsealed(*effect_id, error))?.flatten();
        let (progress, sealed) = stored.map_or((None, None), |(progress, sealed)| (Some(progress), sealed));
        self.statuses.push(status.as_str());
        self.lanes.push(lane);
        self.delays_s.push(delay.map(|delay| bounded(delay).as_secs_f64()));
        self.leases_s.push(held.map(|lease| bounded(lease).as_secs_f64()));
        self.progress.push(progress);
        self.sealed.push(sealed);
        self.errors.push(reason.map(|reason| cut(reason, EFFECT_ERROR_BYTES_MAX)));
        self.attempts.push(i64::from(update.attempts));
        self.failures.push(self.statuses.len() as i64, update);
        Ok(())
    }
}

impl Failures {
    fn push(&mut self, of: i64, update: &EffectUpdate) {
        for failed in &update.failures {
            self.of.push(of);
            self.nodes.push(i64::from(failed.node));
            self.took_us.push(i64::try_from(failed.took.as_micros()).unwrap_or(i64::MAX));
            self.codes.push(cut(&failed.code, EFFECT_ERROR_BYTES_MAX));
            self.messages.push(cut(&failed.message, EFFECT_ERROR_BYTES_MAX));
        }
    }
}

/// Of one step of many, so that its sender knows of which.
fn unsealed(effect_id: Uuid, error: EventStoreError) -> EventStoreError {
    match error {
        EventStoreError::Encryption(reason) => {
            EventStoreError::Encryption(format!("a step of effect {effect_id}: {reason}"))
        }
        other => other,
    }
}

/// Keys of the effects' streams, as far as they open: a step that says nothing of how far its effect has come needs none.
pub(super) async fn keys(reader: &Reader, updates: &[EffectUpdate]) -> Result<Keys, EventStoreError> {
    let streams = updates.iter().map(|update| &update.lease.stream_id);
    Keys::of_streams(&reader.pool, reader.encryption(), streams).await
}

pub(super) async fn update(appenders: &Appenders, steps: &Steps<'_>) -> Result<Vec<bool>, EventStoreError> {
    let Steps { leases, failures, .. } = steps;
    let mut appender = appenders.take().await?;
    let update = sqlx::query_file_scalar!(
        "src/event_store/postgres/update_effects.sql",
        &leases.effect_ids,
        &leases.stream_ids as &[&str],
        &leases.tokens,
        &steps.statuses as &[&str],
        &steps.lanes as &[Option<&str>],
        &steps.delays_s as &[Option<f64>],
        &steps.leases_s as &[Option<f64>],
        &steps.progress as &[Option<Vec<u8>>],
        &steps.sealed as &[Option<i16>],
        &steps.errors as &[Option<String>],
        &steps.attempts,
        &failures.of,
        &failures.nodes,
        &failures.took_us,
        &failures.codes,
        &failures.messages,
        &steps.encrypted as &[&str],
    );
    let held = async { update.fetch_all(appender.connection()).await.map_err(database_error) };
    let held = appenders.in_time(held).await;
    appender.keep_after(held)
}

pub(super) async fn renew(
    appenders: &Appenders,
    renewed: &[EffectLease],
    lease: Duration,
) -> Result<Vec<bool>, EventStoreError> {
    let mut leases = Leases::default();
    renewed.iter().for_each(|lease| leases.push(lease));
    let mut appender = appenders.take().await?;
    let renew = sqlx::query_file_scalar!(
        "src/event_store/postgres/renew_effects.sql",
        &leases.effect_ids,
        &leases.stream_ids as &[&str],
        &leases.tokens,
        bounded(lease).as_secs_f64()
    );
    let held = async { renew.fetch_all(appender.connection()).await.map_err(database_error) };
    let held = appenders.in_time(held).await;
    appender.keep_after(held)
}

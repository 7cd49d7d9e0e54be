//! The outbox. All times are the database's.
//!
//! What is written many times a second, claims and steps, goes over the connections that append: they keep their statements' plans,
//! and are neither asked nor given back between two of them.

mod claim;
mod list;
mod operate;
mod update;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::PostgresEventStore;
use crate::StreamId;
use crate::event_store::outbox::{check_reopening, check_updates};
use crate::event_store::{
    ClaimedEffect, EffectBacklog, EffectClaim, EffectDetail, EffectFilter, EffectLease, EffectRecord, EffectReopening,
    EffectUpdate, EventStoreError, LaneDue, OutboxStore,
};

#[async_trait]
impl OutboxStore for PostgresEventStore {
    async fn effect_lanes(&self, after: Option<&str>, lanes_max: usize) -> Result<Vec<LaneDue>, EventStoreError> {
        self.retry.run(|| claim::lanes(&self.pool, after.unwrap_or_default(), lanes_max)).await
    }

    /// Not sent again where it may have been done: the lease runs out, and until then nobody would run what it claimed.
    async fn claim_effects(&self, claim: &EffectClaim) -> Result<Vec<ClaimedEffect>, EventStoreError> {
        let lanes = claim::Lanes::of(claim);
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.retry.run_refused(|| claim::claim(&self.appenders, &lanes, claim)).await?;
        let sealed = claim::sealed(&rows)?;
        // Once the effects are claimed their keys are worth asking for again.
        let keys = self.retry.run(|| claim::keys(&self.reader, &sealed)).await?;
        rows.into_iter().map(|row| row.open(&keys)).collect()
    }

    async fn update_effects(&self, updates: &[EffectUpdate]) -> Result<Vec<bool>, EventStoreError> {
        check_updates(updates)?;
        if updates.is_empty() {
            return Ok(Vec::new());
        }
        // Sealed once, so that a second attempt is known by the bytes of the first.
        let keys = self.retry.run(|| update::keys(&self.reader, updates)).await?;
        let steps = update::Steps::of(updates, &keys)?;
        self.retry.run_append(|| update::update(&self.appenders, &steps), || true).await
    }

    async fn renew_effects(&self, leases: &[EffectLease], lease: Duration) -> Result<Vec<bool>, EventStoreError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        self.retry.run_append(|| update::renew(&self.appenders, leases, lease), || true).await
    }

    async fn effects(&self, filter: &EffectFilter, effects_max: usize) -> Result<Vec<EffectRecord>, EventStoreError> {
        self.retry.run(|| list::effects(&self.pool, filter, effects_max)).await
    }

    async fn effect(&self, effect_id: Uuid) -> Result<Option<EffectDetail>, EventStoreError> {
        self.retry.run(|| list::effect(&self.reader, effect_id)).await
    }

    /// Not sent again where it may have been done: a second time it would be told that it was not dead any more.
    async fn reopen_effect(&self, reopening: &EffectReopening) -> Result<bool, EventStoreError> {
        check_reopening(reopening)?;
        self.retry.run_refused(|| operate::reopen(&self.reader, reopening)).await
    }

    /// Not sent again either.
    async fn discard_effect(&self, effect_id: Uuid, reason: &str) -> Result<bool, EventStoreError> {
        self.retry.run_refused(|| operate::discard(&self.pool, effect_id, reason)).await
    }

    async fn prune_effects(&self, age: Duration, effects_max: usize) -> Result<u64, EventStoreError> {
        self.retry.run(|| operate::prune(&self.pool, age, effects_max)).await
    }

    async fn effect_backlog(&self) -> Result<EffectBacklog, EventStoreError> {
        self.retry.run(|| operate::backlog(&self.pool)).await
    }
}

/// A row's ids as they were written; anything else was put there by a hand.
fn ids(effect_id: &str, stream_id: &str) -> Result<(Uuid, StreamId), EventStoreError> {
    let broken = |reason: String| EventStoreError::Database(format!("effect {effect_id}: {reason}"));
    let id = effect_id.parse::<Uuid>().map_err(|error| broken(error.to_string()))?;
    Ok((id, StreamId::new(stream_id).map_err(|error| broken(error.to_string()))?))
}

/// A span as the database tells it; below zero is over.
fn span(span_s: f64) -> Duration {
    Duration::try_from_secs_f64(span_s).unwrap_or_default()
}

//! The outbox in memory.

use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use uuid::Uuid;

use super::InMemoryEventStore;
use crate::event_store::outbox::{bounded, check_reopening, check_updates};
use crate::event_store::{
    ClaimedEffect, EFFECT_ATTEMPTS_SHOWN_MAX, EffectBacklog, EffectClaim, EffectDetail, EffectFilter, EffectLease,
    EffectRecord, EffectReopening, EffectUpdate, EventStoreError, LaneDue, OutboxStore,
};

#[async_trait]
impl OutboxStore for InMemoryEventStore {
    async fn effect_lanes(&self, after: Option<&str>, lanes_max: usize) -> Result<Vec<LaneDue>, EventStoreError> {
        let (records, now) = (self.records(), Utc::now());
        let effects = &records.effects;
        let first = effects.next_lane(after.unwrap_or_default());
        let lanes = std::iter::successors(first, |lane| effects.next_lane(lane)).take(lanes_max);
        Ok(lanes.map(|lane| LaneDue { due_in: effects.due_in(&lane, now), lane }).collect())
    }

    async fn claim_effects(&self, claim: &EffectClaim) -> Result<Vec<ClaimedEffect>, EventStoreError> {
        Ok(self.records().effects.claim(claim))
    }

    async fn update_effects(&self, updates: &[EffectUpdate]) -> Result<Vec<bool>, EventStoreError> {
        check_updates(updates)?;
        let effects = &mut self.records().effects;
        Ok(updates.iter().map(|update| effects.update(update)).collect())
    }

    async fn renew_effects(&self, leases: &[EffectLease], lease: Duration) -> Result<Vec<bool>, EventStoreError> {
        let (effects, until) = (&mut self.records().effects, Utc::now() + bounded(lease));
        Ok(leases.iter().map(|lease| effects.renew(lease, until)).collect())
    }

    async fn effects(&self, filter: &EffectFilter, effects_max: usize) -> Result<Vec<EffectRecord>, EventStoreError> {
        let (records, now) = (self.records(), Utc::now());
        let before = filter.before.map_or(Bound::Unbounded, Bound::Excluded);
        let wanted = records.effects.by_id.range((Bound::Unbounded, before)).rev().filter(|(_, effect)| {
            filter.status.is_none_or(|status| effect.status == status)
                && filter.category.as_deref().is_none_or(|category| effect.stream_id.category() == category)
                && filter.stream_id.as_ref().is_none_or(|stream_id| effect.stream_id == *stream_id)
        });
        Ok(wanted.take(effects_max).map(|(id, effect)| effect.record(*id, now)).collect())
    }

    async fn effect(&self, effect_id: Uuid) -> Result<Option<EffectDetail>, EventStoreError> {
        let (records, now) = (self.records(), Utc::now());
        let effect = records.effects.by_id.get(&effect_id);
        Ok(effect.map(|effect| EffectDetail {
            record: effect.record(effect_id, now),
            body: effect.body.clone(),
            progress: effect.progress.clone(),
            failures: effect.failures[effect.failures.len().saturating_sub(EFFECT_ATTEMPTS_SHOWN_MAX)..].to_vec(),
        }))
    }

    async fn reopen_effect(&self, reopening: &EffectReopening) -> Result<bool, EventStoreError> {
        check_reopening(reopening)?;
        Ok(self.records().effects.reopen(reopening))
    }

    async fn discard_effect(&self, effect_id: Uuid, reason: &str) -> Result<bool, EventStoreError> {
        Ok(self.records().effects.discard(effect_id, reason))
    }

    async fn prune_effects(&self, age: Duration, effects_max: usize) -> Result<u64, EventStoreError> {
        Ok(self.records().effects.prune(age, effects_max))
    }

    async fn effect_backlog(&self) -> Result<EffectBacklog, EventStoreError> {
        Ok(self.records().effects.backlog())
    }
}

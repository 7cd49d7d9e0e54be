//! What the outbox in memory holds, and the rules by which it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StreamId;
use crate::event_store::outbox::{bounded, cut, lanes_of};
use crate::event_store::{
    ClaimedEffect, EFFECT_ERROR_BYTES_MAX, EFFECTS_CLAIMED_MAX, EffectBacklog, EffectClaim, EffectLease, EffectNext,
    EffectRecord, EffectReopening, EffectStatus, EffectUpdate, FailedAttempt, RecordedAttempt, StreamBatch,
};

/// All effects, and the order in which those that are not over are due.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) by_id: BTreeMap<Uuid, Effect>,
    /// Lane, time and id of every effect that is not over.
    pending: BTreeSet<(String, DateTime<Utc>, Uuid)>,
    /// The last token that was given out.
    tokens: u64,
}

/// One effect.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) stream_id: StreamId,
    generation: Option<u64>,
    kind: String,
    lane: String,
    pub(super) status: EffectStatus,
    due_at: DateTime<Utc>,
    /// Until when it is its claim's; none once that gave it up.
    leased_until: Option<DateTime<Utc>>,
    token: u64,
    attempts: u32,
    pub(super) body: Option<Vec<u8>>,
    pub(super) progress: Option<Vec<u8>>,
    error: Option<String>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    pub(super) failures: Vec<RecordedAttempt>,
}

impl Effect {
    fn is_leased(&self, now: DateTime<Utc>) -> bool {
        self.leased_until.is_some_and(|until| until > now)
    }

    /// When it can be claimed.
    fn free_at(&self) -> DateTime<Utc> {
        self.leased_until.map_or(self.due_at, |until| until.max(self.due_at))
    }

    fn bytes(&self) -> usize {
        [&self.body, &self.progress].into_iter().flatten().map(Vec::len).sum()
    }

    pub(super) fn record(&self, effect_id: Uuid, now: DateTime<Utc>) -> EffectRecord {
        EffectRecord {
            effect_id,
            stream_id: self.stream_id.clone(),
            generation: self.generation,
            kind: self.kind.clone(),
            lane: self.lane.clone(),
            status: self.status,
            attempts: self.attempts,
            error: self.error.clone(),
            created_at: self.created_at,
            due_at: (self.status == EffectStatus::Pending).then(|| self.free_at()),
            leased: self.is_leased(now),
            finished_at: self.finished_at,
            token: self.token,
        }
    }

    fn erase(&mut self) {
        (self.body, self.progress, self.error) = (None, None, None);
        self.failures.iter_mut().for_each(|failed| failed.attempt.message.clear());
    }

    fn fail(&mut self, attempts: u32, failures: &[FailedAttempt], now: DateTime<Utc>) {
        self.attempts = self.attempts.saturating_add(attempts);
        self.failures.extend(failures.iter().map(|failed| RecordedAttempt {
            recorded_at: now,
            attempt: FailedAttempt {
                code: cut(&failed.code, EFFECT_ERROR_BYTES_MAX),
                message: cut(&failed.message, EFFECT_ERROR_BYTES_MAX),
                ..failed.clone()
            },
        }));
    }
}

impl Effects {
    pub(super) fn append(&mut self, batch: &StreamBatch) {
        let now = Utc::now();
        for new in &batch.effects {
            // The same batch, sent again.
            if self.by_id.contains_key(&new.effect_id) {
                continue;
            }
            let due_at = now + bounded(new.delay);
            self.pending.insert((new.lane.clone(), due_at, new.effect_id));
            let effect = Effect {
                stream_id: batch.stream_id.clone(),
                generation: batch.fence.as_ref().map(|fence| fence.generation),
                kind: new.kind.clone(),
                lane: new.lane.clone(),
                status: EffectStatus::Pending,
                due_at,
                leased_until: None,
                token: 0,
                attempts: 0,
                body: Some(new.body.clone()),
                progress: None,
                error: None,
                created_at: now,
                finished_at: None,
                failures: Vec::new(),
            };
            self.by_id.insert(new.effect_id, effect);
        }
    }

    pub(super) fn erase(&mut self, stream_id: &StreamId) {
        for effect in self.by_id.values_mut().filter(|effect| effect.stream_id == *stream_id) {
            effect.erase();
        }
    }

    /// The effects of one lane that are not over, in the order of their times.
    fn lane(&self, lane: &str) -> impl Iterator<Item = (Uuid, &Effect)> {
        let begin = (lane.to_owned(), DateTime::<Utc>::MIN_UTC, Uuid::nil());
        let lane = lane.to_owned();
        let pending = self.pending.range(begin..).take_while(move |(of, ..)| *of == lane);
        pending.filter_map(|(.., id)| self.by_id.get(id).map(|effect| (*id, effect)))
    }

    pub(super) fn next_lane(&self, after: &str) -> Option<String> {
        // Behind every time and id of the lane before.
        let behind = (after.to_owned(), DateTime::<Utc>::MAX_UTC, Uuid::max());
        self.pending.range((Bound::Excluded(behind), Bound::Unbounded)).next().map(|(lane, ..)| lane.clone())
    }

    pub(super) fn due_in(&self, lane: &str, now: DateTime<Utc>) -> Duration {
        let mut first = DateTime::<Utc>::MAX_UTC;
        for (_, effect) in self.lane(lane) {
            first = first.min(effect.free_at());
            if !effect.is_leased(now) {
                break;
            }
        }
        (first - now).to_std().unwrap_or_default()
    }

    pub(super) fn claim(&mut self, claim: &EffectClaim) -> Vec<ClaimedEffect> {
        let now = Utc::now();
        let mut due = Vec::new();
        for (lane, effects_max) in lanes_of(&claim.lanes) {
            let of_lane = self.lane(lane).take_while(|(_, effect)| effect.due_at <= now);
            let free = of_lane.filter(|(_, effect)| !effect.is_leased(now));
            due.extend(free.take(effects_max).map(|(id, effect)| (effect.due_at, id, effect.bytes())));
        }
        due.truncate(EFFECTS_CLAIMED_MAX);
        due.sort_unstable();
        let (mut sum, mut first) = (0_usize, true);
        let affordable = due.into_iter().take_while(|(_, _, bytes)| {
            sum = sum.saturating_add(*bytes);
            std::mem::take(&mut first) || sum <= claim.bytes_max
        });
        let claimed = affordable.filter_map(|(_, effect_id, _)| {
            let effect = self.by_id.get_mut(&effect_id)?;
            self.tokens += 1;
            (effect.token, effect.leased_until) = (self.tokens, Some(now + bounded(claim.lease)));
            Some(ClaimedEffect {
                effect_id,
                stream_id: effect.stream_id.clone(),
                generation: effect.generation,
                token: effect.token,
                lane: effect.lane.clone(),
                body: effect.body.clone(),
                progress: effect.progress.clone(),
                unopened: None,
                created_at: effect.created_at,
                due_at: effect.due_at,
                now,
            })
        });
        claimed.collect()
    }

    /// The effect, while the claim's token is the newest and it is not over.
    fn held(&mut self, lease: &EffectLease) -> Option<&mut Effect> {
        self.by_id.get_mut(&lease.effect_id).filter(|effect| {
            effect.token == lease.token
                && effect.stream_id == lease.stream_id
                && effect.status == EffectStatus::Pending
                && effect.leased_until.is_some()
        })
    }

    pub(super) fn update(&mut self, update: &EffectUpdate) -> bool {
        let now = Utc::now();
        let EffectUpdate { lease, next, attempts, failures } = update;
        let effect_id = lease.effect_id;
        let Some(effect) = self.held(lease) else {
            // What this claim brought to an end or gave up before: the same step, sent again.
            return self.by_id.get(&effect_id).is_some_and(|effect| {
                effect.token == lease.token && lease.token > 0 && effect.stream_id == lease.stream_id
            });
        };
        let place = (effect.lane.clone(), effect.due_at, effect_id);
        match next {
            EffectNext::Finished { status, progress, error } => {
                effect.fail(*attempts, failures, now);
                (effect.status, effect.finished_at, effect.leased_until) = (*status, Some(now), None);
                effect.progress = progress.clone().or(effect.progress.take());
                let error = error.as_deref().filter(|_| *status != EffectStatus::Done);
                effect.error = error.map(|error| cut(error, EFFECT_ERROR_BYTES_MAX));
                self.pending.remove(&place);
            }
            EffectNext::Due { lane, delay, progress } => {
                effect.fail(*attempts, failures, now);
                (effect.lane, effect.due_at, effect.leased_until) = (lane.clone(), now + bounded(*delay), None);
                effect.progress = progress.clone().or(effect.progress.take());
                let waits = (effect.lane.clone(), effect.due_at, effect_id);
                self.pending.remove(&place);
                self.pending.insert(waits);
            }
            EffectNext::Held { progress, lease } => {
                if effect.progress.as_ref() != Some(progress) {
                    effect.fail(*attempts, failures, now);
                }
                effect.progress = Some(progress.clone());
                effect.leased_until = Some(now + bounded(*lease));
            }
        }
        // It ran on while its stream was erased.
        if let Some(effect) = self.by_id.get_mut(&effect_id).filter(|effect| effect.body.is_none()) {
            effect.erase();
        }
        true
    }

    pub(super) fn renew(&mut self, lease: &EffectLease, until: DateTime<Utc>) -> bool {
        let held = self.held(lease);
        held.map(|effect| effect.leased_until = Some(until)).is_some()
    }

    pub(super) fn reopen(&mut self, reopening: &EffectReopening) -> bool {
        let EffectReopening { lease, lane, progress } = reopening;
        let dead = self.by_id.get_mut(&lease.effect_id).filter(|effect| {
            effect.status == EffectStatus::Dead && effect.token == lease.token && effect.stream_id == lease.stream_id
        });
        let Some(effect) = dead else { return false };
        self.tokens += 1;
        (effect.token, effect.status, effect.lane) = (self.tokens, EffectStatus::Pending, lane.clone());
        (effect.due_at, effect.finished_at, effect.error) = (Utc::now(), None, None);
        effect.progress = effect.body.as_ref().map(|_| progress.clone());
        self.pending.insert((lane.clone(), effect.due_at, lease.effect_id));
        true
    }

    pub(super) fn discard(&mut self, effect_id: Uuid, reason: &str) -> bool {
        let open = |effect: &&mut Effect| matches!(effect.status, EffectStatus::Pending | EffectStatus::Dead);
        let Some(effect) = self.by_id.get_mut(&effect_id).filter(open) else { return false };
        self.pending.remove(&(effect.lane.clone(), effect.due_at, effect_id));
        self.tokens += 1;
        (effect.token, effect.status, effect.leased_until) = (self.tokens, EffectStatus::Discarded, None);
        effect.error = Some(cut(reason, EFFECT_ERROR_BYTES_MAX));
        effect.finished_at = Some(Utc::now());
        true
    }

    pub(super) fn prune(&mut self, age: Duration, effects_max: usize) -> u64 {
        let until = Utc::now() - bounded(age);
        let is_old = |effect: &Effect| {
            effect.status != EffectStatus::Dead && effect.finished_at.is_some_and(|finished_at| finished_at <= until)
        };
        let old = self.by_id.iter().filter(|(_, effect)| is_old(effect)).map(|(id, _)| *id);
        let old: Vec<_> = old.take(effects_max).collect();
        old.iter().for_each(|id| drop(self.by_id.remove(id)));
        old.len() as u64
    }

    pub(super) fn backlog(&self) -> EffectBacklog {
        let now = Utc::now();
        let mut backlog = EffectBacklog::default();
        for effect in self.by_id.values() {
            match effect.status {
                EffectStatus::Pending if effect.due_at <= now => {
                    backlog.due += 1;
                    if !effect.is_leased(now) {
                        let due_for = (now - effect.due_at).to_std().unwrap_or_default();
                        backlog.oldest_due = backlog.oldest_due.max(due_for);
                    }
                }
                EffectStatus::Pending => backlog.waiting += 1,
                EffectStatus::Dead => backlog.dead += 1,
                EffectStatus::Done | EffectStatus::Failed | EffectStatus::Discarded => {}
            }
        }
        backlog
    }
}

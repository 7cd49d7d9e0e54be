//! What an operator sees of effects, and does about them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::body::EffectBody;
use super::plan::{Next, Plan, Step};
use super::targets::Lane;
use crate::Host;
use crate::event_store::{EffectDetail, EffectLease, EffectReopening, EffectStatus, EventStoreError};
use crate::testing::effect_json;

/// An effect with what it says, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectView {
    /// What the outbox has of it.
    pub detail: EffectDetail,
    /// What it says, as [`effect_json`] draws it; none where its stream was erased, or this host cannot read it.
    pub effect: Option<Value>,
    /// The command that led to it.
    pub command_id: Option<String>,
    /// How far it has come: part by part, by their places in the list.
    pub progress: Option<Value>,
}

/// Why nothing was done about an effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EffectActionError {
    /// There is none of this id.
    #[error("there is no effect {0}: it never was, or it has been over for so long that it was deleted")]
    Unknown(Uuid),
    /// It is not in a status in which this could be done.
    #[error("effect {effect_id} is {}: {mend}", status_name(*.status))]
    Status {
        /// The effect.
        effect_id: Uuid,
        /// What became of it.
        status: EffectStatus,
        /// What could be done.
        mend: &'static str,
    },
    /// What it says cannot be read here.
    #[error("effect {effect_id} cannot be run: {reason}")]
    Unreadable {
        /// The effect.
        effect_id: Uuid,
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] EventStoreError),
}

fn status_name(status: EffectStatus) -> &'static str {
    match status {
        EffectStatus::Pending => "pending",
        EffectStatus::Done => "done",
        EffectStatus::Failed => "failed",
        EffectStatus::Dead => "dead",
        EffectStatus::Discarded => "discarded",
    }
}

impl Host {
    /// An effect with what it says.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub async fn effect(&self, effect_id: Uuid) -> Result<Option<EffectView>, EventStoreError> {
        let Some(detail) = self.store().effect(effect_id).await? else { return Ok(None) };
        let body = detail.body.as_deref().and_then(|body| EffectBody::from_bytes(body).ok());
        let command_id = body.as_ref().map(|body| body.command_id.clone());
        let effect = body.and_then(|body| {
            let roots = foldhost_sdk::unflatten(body.nodes.into_iter().map(Into::into).collect()).ok()?;
            roots.first().map(effect_json)
        });
        let progress = detail.progress.as_deref().and_then(|progress| serde_json::from_slice(progress).ok());
        Ok(Some(EffectView { detail, effect, command_id, progress }))
    }

    /// Has a dead letter run again, at once: what failed of it is done anew, what was done stays done.
    ///
    /// # Errors
    /// [`EffectActionError`]
    pub async fn retry_effect(&self, effect_id: Uuid) -> Result<(), EffectActionError> {
        let detail = self.store().effect(effect_id).await?.ok_or(EffectActionError::Unknown(effect_id))?;
        let record = &detail.record;
        let not_dead = |status| {
            let mend = match status {
                EffectStatus::Pending => "it is tried again by itself",
                EffectStatus::Failed => "its stream was told, and would not listen to another outcome",
                _ => "only a dead letter is run again",
            };
            EffectActionError::Status { effect_id, status, mend }
        };
        if record.status != EffectStatus::Dead {
            return Err(not_dead(record.status));
        }
        let unreadable = |reason| EffectActionError::Unreadable { effect_id, reason };
        let body = detail.body.as_deref().ok_or_else(|| unreadable("its stream was erased".to_owned()))?;
        let effects = self.effect_runner();
        let mut plan = effects.plan(body, detail.progress.as_deref(), record.created_at).map_err(unreadable)?;
        // Due since ever: whatever the clock here says, which is not the database's.
        plan.reopen(0);
        let reopening = EffectReopening {
            lease: EffectLease { effect_id, stream_id: record.stream_id.clone(), token: record.token },
            lane: self.lane_of(plan.clone(), record.stream_id.category()),
            progress: plan.progress(),
        };
        if !self.store().reopen_effect(&reopening).await? {
            // Somebody else was faster.
            let now =
                self.store().effect(effect_id).await?.map_or(EffectStatus::Pending, |detail| detail.record.status);
            return Err(not_dead(now));
        }
        effects.wake();
        Ok(())
    }

    fn lane_of(&self, mut plan: Plan, category: &str) -> String {
        let rules = self.known_rules(category).map(|(_, rules)| rules).unwrap_or_default();
        let step = match plan.next(i64::MAX) {
            Next::Now(steps) => steps.into_iter().next(),
            Next::Later { step, .. } => Some(step),
            Next::Over { .. } => None,
        };
        let lane = match step {
            Some(Step::Run(node)) => self.effect_runner().lane(plan.kind(node), category, &rules),
            Some(Step::Tell(_)) | None => Lane::new("dispatch", category, category),
        };
        lane.to_string()
    }

    /// Gives an effect up, for a reason that is kept with it. An attempt that is under way is not undone.
    ///
    /// # Errors
    /// [`EffectActionError`]
    pub async fn discard_effect(&self, effect_id: Uuid, reason: &str) -> Result<(), EffectActionError> {
        if self.store().discard_effect(effect_id, reason).await? {
            return Ok(());
        }
        match self.store().effect(effect_id).await? {
            None => Err(EffectActionError::Unknown(effect_id)),
            Some(detail) => Err(EffectActionError::Status {
                effect_id,
                status: detail.record.status,
                mend: "there is nothing to give up any more",
            }),
        }
    }
}

impl EffectView {
    /// As JSON, for the API.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let failures = self.detail.failures.iter().map(|failure| {
            json!({
                "node": failure.attempt.node,
                "at": failure.recorded_at,
                "took_ms": u64::try_from(failure.attempt.took.as_millis()).unwrap_or(u64::MAX),
                "code": failure.attempt.code,
                "message": failure.attempt.message,
            })
        });
        json!({
            "effect": self.effect,
            "command_id": self.command_id,
            "progress": self.progress,
            "failures": failures.collect::<Vec<_>>(),
        })
    }
}

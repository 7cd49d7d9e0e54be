//! A share of the streams first.

use super::difference::writes;
use super::{ActivationPolicy, SwapError};
use crate::Host;
use crate::event_store::{Activation, ActivationChange, ActivationKind, ActivationNote, Canary, Share};
use crate::reducer::ReducerDigest;
use crate::runtime::ReducerStatus;

/// A candidate for a share of the streams.
#[derive(Clone, Debug, PartialEq)]
pub struct CanaryRequest {
    /// The component; none for the one that is the canary already.
    pub digest: Option<ReducerDigest>,
    /// Of how many streams.
    pub share: Share,
    /// What has to be known of it.
    pub policy: ActivationPolicy,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Host {
    /// Has a candidate decide for a share of the streams, told by the hash of their ids, or gives the one that does another share. Each
    /// is a generation, as any swap.
    ///
    /// Both append to one log: what the candidate writes, the active one has to read, since it decides for all of them when the
    /// canary is withdrawn.
    ///
    /// # Errors
    /// [`SwapError`]; then nothing has changed.
    pub async fn canary(&self, name: &str, request: CanaryRequest) -> Result<ReducerStatus, SwapError> {
        request.policy.validate()?;
        let active = self.active_now(name).await?;
        let CanaryRequest { digest, share, policy, by, reason } = request;
        let reason = reason.or_else(|| policy.reason().map(str::to_owned));
        if let Some(canary) = &active.canary {
            if digest.is_some_and(|digest| digest != canary.digest) {
                return Err(SwapError::CanaryUnderWay { name: name.to_owned() });
            }
            let unread = match &policy {
                ActivationPolicy::Force(_) => Vec::new(),
                _ => self.readable(name, canary).await?,
            };
            let note = ActivationNote { kind: ActivationKind::CanaryResized, by, reason, ..ActivationNote::default() };
            let change = change(&active, Some((canary.digest, share)), note);
            return self.flip(&ActivationChange { unread: &unread, ..change }).await;
        }
        let digest = digest.ok_or_else(|| SwapError::NoCanary { name: name.to_owned() })?;
        if digest == active.digest {
            return Err(SwapError::Invalid(format!("{digest} decides for all streams of {name} already")));
        }
        let candidate = self.kept(name, digest).await?;
        let foreign = |event_type: &&String| !active.descriptor.event_types.contains(*event_type);
        let event_types: Vec<_> = writes(&candidate.descriptor).iter().filter(foreign).cloned().collect();
        // Not to be forced: a canary that is withdrawn would leave streams behind that nobody can load.
        if !event_types.is_empty() {
            return Err(SwapError::CanaryWrites { name: name.to_owned(), event_types });
        }
        let allowed = self.allowed(&candidate, Some(&active), &policy, by.as_deref()).await?;
        self.registry().of_digest(name, digest).await?;
        let note = ActivationNote {
            kind: ActivationKind::CanaryStarted,
            by,
            reason,
            policy: Some(policy.to_json()),
            verification_id: allowed.verification_id,
        };
        let change = change(&active, Some((digest, share)), note);
        self.flip(&ActivationChange { unread: &allowed.unread, ..change }).await
    }

    /// That it reads what the active one has recorded since it began: it is to decide for streams that were not its own.
    async fn readable(&self, name: &str, canary: &Canary) -> Result<Vec<String>, SwapError> {
        let candidate = self.kept(name, canary.digest).await?;
        self.announce(&candidate).await;
        self.check_readable(&candidate).await
    }

    /// Has the canary decide for all streams. It has to read the types of all events that were recorded since it began; where it does
    /// not, it can be withdrawn, and [activated](Self::activate) by force.
    ///
    /// # Errors
    /// [`SwapError::NoCanary`], [`SwapError::Unreadable`]
    pub async fn finish_canary(
        &self,
        name: &str,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<ReducerStatus, SwapError> {
        let active = self.active_now(name).await?;
        let canary = of(&active)?;
        let unread = self.readable(name, canary).await?;
        let note = ActivationNote { kind: ActivationKind::CanaryFinished, by, reason, ..ActivationNote::default() };
        let change = ActivationChange { digest: canary.digest, unread: &unread, ..change(&active, None, note) };
        self.flip(&change).await
    }

    /// Has the active one decide for all streams again.
    ///
    /// # Errors
    /// [`SwapError::NoCanary`]
    pub async fn withdraw_canary(
        &self,
        name: &str,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<ReducerStatus, SwapError> {
        let active = self.active_now(name).await?;
        of(&active)?;
        let note = ActivationNote { kind: ActivationKind::CanaryWithdrawn, by, reason, ..ActivationNote::default() };
        self.flip(&change(&active, None, note)).await
    }
}

fn of(active: &Activation) -> Result<&Canary, SwapError> {
    active.canary.as_ref().ok_or_else(|| SwapError::NoCanary { name: active.name.clone() })
}

fn change(active: &Activation, canary: Option<(ReducerDigest, Share)>, note: ActivationNote) -> ActivationChange<'_> {
    ActivationChange {
        canary,
        expected_generation: Some(active.generation),
        note,
        ..ActivationChange::to(&active.name, active.digest)
    }
}

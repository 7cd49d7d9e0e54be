//! The way back.

use std::time::Duration;

use super::verify::VerificationScope;
use super::{ActivationPolicy, Streams, SwapError, VerificationView, VerifyRequest};
use crate::Host;
use crate::event_store::{Activation, ActivationChange, ActivationKind, ActivationNote, VerificationStatus};
use crate::reducer::ReducerDigest;
use crate::runtime::ReducerStatus;

/// Reports that are looked through for one of this way back.
const REPORTS_MAX: usize = 20;
/// How long a report that is done stands for what was recorded since: so long one who was told that it is made has to ask again. One
/// of last week, whose way back was not gone in the end, says nothing of this week's events.
const REPORT_FRESH: chrono::TimeDelta = chrono::TimeDelta::minutes(5);
/// How often a report is looked at while it is made.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one is waited for at once.
const WAIT: Duration = Duration::from_secs(10);
/// Activations that are looked through for another component.
const ACTIVATIONS_MAX: usize = 1_000;

/// Back to whom, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollBackRequest {
    /// The component; none for the one that decided before.
    pub to: Option<ReducerDigest>,
    /// Why nothing is looked at first, where that is so.
    pub force: Option<String>,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum RollBackOutcome {
    /// The former one decides.
    Done(Box<ReducerStatus>),
    /// What was recorded since is being looked through.
    Verifying(Box<VerificationView>),
}

impl Host {
    /// Has the component decide again that did before; a canary is withdrawn by it.
    ///
    /// It has to read all that was recorded since: the types of all events are looked at, and the streams that have an event of its
    /// successor's time are folded through it. That some states differ is no reason against it, since that is what the swap was
    /// made for; the report says in what.
    ///
    /// # Errors
    /// [`SwapError`]; then the present one decides on.
    pub async fn roll_back(&self, name: &str, request: RollBackRequest) -> Result<ReducerStatus, SwapError> {
        loop {
            match self.roll_back_within(name, request.clone(), WAIT).await? {
                RollBackOutcome::Done(status) => return Ok(*status),
                RollBackOutcome::Verifying(_) => {}
            }
        }
    }

    /// As [`roll_back`](Self::roll_back), and where what was recorded is not looked through after `wait`, says how far that has come.
    /// Asked again, it goes on from there.
    ///
    /// # Errors
    /// [`SwapError`]; then the present one decides on.
    pub async fn roll_back_within(
        &self,
        name: &str,
        request: RollBackRequest,
        wait: Duration,
    ) -> Result<RollBackOutcome, SwapError> {
        let active = self.active_now(name).await?;
        let (former, since) = self.former(&active, request.to).await?;
        let candidate = self.kept(name, former).await?;
        let policy = match &request.force {
            Some(reason) => ActivationPolicy::Force(reason.clone()),
            None => ActivationPolicy::Accept(vec!["*".into()]),
        };
        policy.validate()?;
        let mut verification_id = None;
        // Of a canary alone nothing has to be looked at: its events were checked before it began.
        if request.force.is_none() && former != active.digest {
            self.announce(&candidate).await;
            self.check_readable(&candidate).await?;
            let scope = VerificationScope { streams: Streams::Since(since), ..VerificationScope::default() };
            let verify = VerifyRequest { scope, by: request.by.clone(), ..VerifyRequest::of(former) };
            let view = self.verified(name, &active, verify, wait).await?;
            if view.status == VerificationStatus::Running {
                return Ok(RollBackOutcome::Verifying(Box::new(view)));
            }
            policy.judge(&view)?;
            verification_id = Some(view.verification_id);
        }
        self.registry().of_digest(name, former).await?;
        let note = ActivationNote {
            kind: if former == active.digest { ActivationKind::CanaryWithdrawn } else { ActivationKind::RolledBack },
            by: request.by,
            reason: request.reason.or(request.force),
            policy: Some(policy.to_json()),
            verification_id,
        };
        let expected_generation = Some(active.generation);
        let change = ActivationChange { expected_generation, note, ..ActivationChange::to(name, former) };
        Ok(RollBackOutcome::Done(Box::new(self.flip(&change).await?)))
    }

    /// The report over the streams of the active one's time: one that there is, or one that is made now and waited for so long.
    async fn verified(
        &self,
        name: &str,
        active: &Activation,
        verify: VerifyRequest,
        wait: Duration,
    ) -> Result<VerificationView, SwapError> {
        let until = tokio::time::Instant::now() + wait;
        let begun = self.verifications(name, Some(verify.candidate), REPORTS_MAX).await?.into_iter().find(|view| {
            let is_of_use = match view.status {
                VerificationStatus::Running => view.is_held,
                VerificationStatus::Cancelled => false,
                _ => is_fresh(view),
            };
            is_of_use && view.baseline == Some(active.digest) && view.scope == verify.scope
        });
        let mut view = match begun {
            Some(view) => view,
            None => self.verify(name, verify).await?,
        };
        while view.status == VerificationStatus::Running && tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK_EVERY).await;
            view = self.verification(view.verification_id).await?;
        }
        match view.status {
            VerificationStatus::Cancelled => {
                Err(SwapError::Invalid(format!("verification {} was given up: ask again", view.verification_id)))
            }
            _ => Ok(view),
        }
    }

    /// Whom to go back to, and since when others have decided.
    async fn former(
        &self,
        active: &Activation,
        to: Option<ReducerDigest>,
    ) -> Result<(ReducerDigest, chrono::DateTime<chrono::Utc>), SwapError> {
        // A canary is gone back from as well: the active one decides for all streams again.
        if let (Some(_), None) = (&active.canary, to) {
            return Ok((active.digest, active.activated_at));
        }
        let earlier = self.activations(&active.name, None, ACTIVATIONS_MAX).await?;
        let mut since = active.activated_at;
        let mut former = None;
        for activation in earlier {
            let is_wanted = to.map_or(activation.digest != active.digest, |to| activation.digest == to);
            if former.is_none() && is_wanted && activation.generation != active.generation {
                former = Some(activation.digest);
            }
            // While it was a canary of the former one, others than that decided too.
            let is_alone = activation.canary.as_ref().is_none_or(|canary| canary.digest == activation.digest);
            if let Some(former) = former.filter(|_| is_alone) {
                return Ok((former, since));
            }
            since = activation.activated_at;
        }
        if let Some(former) = former {
            return Ok((former, since));
        }
        match to {
            Some(digest) => {
                Err(SwapError::UnknownDigest { name: active.name.clone(), digest: format!("{digest} that was active") })
            }
            None => Err(SwapError::NoFormer(active.name.clone())),
        }
    }
}

/// Whether a report that is done was done a moment ago, as far as this host's clock and the database's agree.
fn is_fresh(view: &VerificationView) -> bool {
    view.finished_at.is_some_and(|finished_at| chrono::Utc::now() - finished_at < REPORT_FRESH)
}

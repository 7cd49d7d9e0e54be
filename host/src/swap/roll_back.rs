//! The way back.

use std::time::Duration;

use super::activate::active_as_expected;
use super::proof::{Claim, Proof};
use super::{ActivationPolicy, SwapError, VerificationView};
use crate::Host;
use crate::event_store::{Activation, ActivationChange, ActivationKind, ActivationNote};
use crate::reducer::ReducerDigest;
use crate::runtime::ReducerStatus;

/// How long one is waited for at once.
const WAIT: Duration = Duration::from_secs(10);
/// Activations that are looked through for another component.
const ACTIVATIONS_MAX: usize = 1_000;

/// Back to whom, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollBackRequest {
    /// The component; none for the one that decided before.
    pub to: Option<ReducerDigest>,
    /// The generation that the caller has looked at. Where another is active by then, nothing is done: of two who go back from the same
    /// one, the second would bring it back else.
    pub expected_generation: Option<u64>,
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
    pub async fn roll_back(&self, name: &str, mut request: RollBackRequest) -> Result<ReducerStatus, SwapError> {
        // Whoever else swaps while this looks through what was recorded: it goes back from what there was when it was asked for.
        if request.expected_generation.is_none() {
            request.expected_generation = Some(self.active_now(name).await?.generation);
        }
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
        active_as_expected(name, active.generation, request.expected_generation)?;
        let (former, since) = self.former(&active, request.to).await?;
        let candidate = self.kept(name, former).await?;
        let policy = match &request.force {
            Some(reason) => ActivationPolicy::Force(reason.clone()),
            None => ActivationPolicy::Accept(vec!["*".into()]),
        };
        policy.validate()?;
        self.announce(&candidate).await;
        let (mut verification_id, mut unread) = (None, Vec::new());
        // Of a canary alone nothing has to be looked at: its events were checked before it began.
        if request.force.is_none() && former != active.digest {
            unread = self.check_readable(&candidate).await?;
            let (baseline, by) = (active.digest, request.by.as_deref());
            let claim = Claim { name, candidate: former, baseline, policy: &policy, by };
            match self.prove_since(claim, since, wait).await? {
                Proof::Whole(report) => verification_id = report,
                Proof::Running(view) => return Ok(RollBackOutcome::Verifying(view)),
            }
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
        let change =
            ActivationChange { expected_generation, unread: &unread, note, ..ActivationChange::to(name, former) };
        Ok(RollBackOutcome::Done(Box::new(self.flip(&change).await?)))
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

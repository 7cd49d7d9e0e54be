//! What was found out about a component, up to a moment ago.
//!
//! A shadow replay says nothing of what came behind it: streams that it had passed went on. So proof is a chain. Each link looks at the
//! streams that have an event since the one before it was begun, and the last one was begun a moment ago.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::verify::VerificationScope;
use super::{ActivationPolicy, Streams, SwapError, VerificationView, VerifyRequest};
use crate::Host;
use crate::event_store::VerificationStatus;
use crate::reducer::ReducerDigest;

/// Reports that are looked through for a link.
const REPORTS_MAX: usize = 100;
/// What was recorded for so long before a swap is not looked at before it: the last link takes some time itself, and one who was told
/// that it is made has to ask again.
const RECENT: TimeDelta = TimeDelta::minutes(5);
/// An append's events carry the time at which it began, and a link passes their stream before it commits: the next link begins so
/// much earlier. Longer than any statement of an append may take.
const OVERLAP: TimeDelta = TimeDelta::minutes(1);
/// Each link is shorter than the one before, unless events come faster than they are folded.
const LINKS_MAX: usize = 10;
/// How often a report is looked at while it is made.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who is to take whose place, and what allows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) name: &'a str,
    pub(super) candidate: ReducerDigest,
    pub(super) baseline: ReducerDigest,
    pub(super) policy: &'a ActivationPolicy,
    pub(super) by: Option<&'a str>,
}

/// How far it is proven.
#[derive(Debug)]
pub(super) enum Proof {
    /// Up to a moment ago, by this report in the end; none where nothing had to be looked at.
    Whole(Option<Uuid>),
    /// This report is being made.
    Running(Box<VerificationView>),
}

impl Host {
    /// Looks at the streams that have an event since `since`, link by link, and waits `wait` for it.
    ///
    /// # Errors
    /// [`SwapError`]; of the policy, where something was found that it does not allow.
    pub(super) async fn prove_since(
        &self,
        claim: Claim<'_>,
        mut since: DateTime<Utc>,
        wait: Duration,
    ) -> Result<Proof, SwapError> {
        let until = Instant::now() + wait;
        for _ in 0..LINKS_MAX {
            let view = self.link(claim, Streams::Since(since), until).await?;
            if view.status == VerificationStatus::Running {
                return Ok(Proof::Running(Box::new(view)));
            }
            claim.policy.judge(&view)?;
            if is_recent(view.started_at) {
                return Ok(Proof::Whole(Some(view.verification_id)));
            }
            since = behind(&view);
        }
        let reason = format!(
            "events of {} come faster than {} folds them: ask again when there are fewer, or force it with a reason",
            claim.name, claim.candidate
        );
        Err(SwapError::Invalid(reason))
    }

    /// Looks at what came behind a report over all streams.
    ///
    /// # Errors
    /// [`SwapError`]
    pub(super) async fn prove_behind(
        &self,
        claim: Claim<'_>,
        report: &VerificationView,
        wait: Duration,
    ) -> Result<Proof, SwapError> {
        if is_recent(report.started_at) {
            return Ok(Proof::Whole(None));
        }
        self.prove_since(claim, behind(report), wait).await
    }

    /// One report: one that there is, or one that is made now and waited for.
    async fn link(&self, claim: Claim<'_>, streams: Streams, until: Instant) -> Result<VerificationView, SwapError> {
        let scope = VerificationScope { streams, ..VerificationScope::default() };
        let reports = self.verifications(claim.name, Some(claim.candidate), REPORTS_MAX).await?;
        let begun = reports.into_iter().find(|view| {
            let is_of_use = match view.status {
                VerificationStatus::Running => view.is_held,
                VerificationStatus::Cancelled => false,
                // What failed may have been mended: a stream that could not be read, say.
                VerificationStatus::Failed => view.finished_at.is_some_and(is_recent),
                // It stands for all that was recorded before it began, however long ago that was.
                VerificationStatus::Passed | VerificationStatus::Differs => true,
            };
            is_of_use && view.baseline == Some(claim.baseline) && view.scope == scope
        });
        let mut view = match begun {
            Some(view) => view,
            None => {
                let by = claim.by.map(str::to_owned);
                let baseline = Some(claim.baseline);
                let verify = VerifyRequest { baseline, scope, by, ..VerifyRequest::of(claim.candidate) };
                self.verify(claim.name, verify).await?
            }
        };
        while view.status == VerificationStatus::Running && Instant::now() < until {
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
}

/// From where on the next link looks.
fn behind(view: &VerificationView) -> DateTime<Utc> {
    view.started_at - OVERLAP
}

/// As far as this host's clock and the database's agree.
fn is_recent(time: DateTime<Utc>) -> bool {
    Utc::now() - time < RECENT
}

//! The swap: one point in time for all hosts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::proof::{Claim, Proof};
use super::{ActivationPolicy, SwapError, VerificationScope, VerificationView};
use crate::event_store::{
    Activation, ActivationChange, ActivationKind, ActivationNote, EventCount, EventStoreError, KeptReducer,
    VerificationStatus,
};
use uuid::Uuid;

use crate::reducer::{Descriptor, EffectRules, ReducerDigest};
use crate::runtime::ReducerStatus;
use crate::{CommandError, Host};

/// Reports that are looked through for one that allows an activation.
const REPORTS_MAX: usize = 100;
/// How long what was recorded behind a report is waited for.
const WAIT: Duration = Duration::from_secs(10);
/// Shortest beginning of a digest that stands for it.
const DIGEST_DIGITS_MIN: usize = 6;
/// Components that are looked through for one that begins so.
const REDUCERS_MAX: usize = 10_000;

/// What is to decide, and what allows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivateRequest {
    /// The component.
    pub digest: ReducerDigest,
    /// What has to be known of it.
    pub policy: ActivationPolicy,
    /// What its effects may do; none leaves the rules of the activation before.
    pub rules: Option<EffectRules>,
    /// Whether its commands are kept with their payloads; none leaves it as it was.
    pub journal: Option<bool>,
    /// The generation that the caller has looked at, 0 for none. Where another is active by then, nothing is done.
    pub expected_generation: Option<u64>,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl ActivateRequest {
    /// A component, after a report in which nothing differs.
    #[must_use]
    pub fn of(digest: ReducerDigest) -> Self {
        Self {
            digest,
            policy: ActivationPolicy::Clean,
            rules: None,
            journal: None,
            expected_generation: None,
            by: None,
            reason: None,
        }
    }
}

impl Host {
    /// Makes a component the one that decides for its category, as the next generation, if what was found out about it allows it.
    /// Appends of the former generation are refused from then on, on every host; what they held is decided again, and its senders
    /// notice nothing.
    ///
    /// # Errors
    /// [`SwapError`]; then the former one decides on.
    pub async fn activate(&self, name: &str, request: ActivateRequest) -> Result<ReducerStatus, SwapError> {
        request.policy.validate()?;
        request.rules.as_ref().map_or(Ok(()), EffectRules::validate)?;
        // 1. Who it is, and who decides now.
        let candidate = self.kept(name, request.digest).await?;
        let active = self.active_or_none(name).await?;
        let generation = active.as_ref().map_or(0, |active| active.generation);
        active_as_expected(name, generation, request.expected_generation)?;
        if let Some(active) = active.as_ref().filter(|active| active.canary.is_some()) {
            return Err(SwapError::CanaryUnderWay { name: active.name.clone() });
        }
        let is_other = active.as_ref().is_none_or(|active| active.digest != candidate.digest);
        // 2. What was found out about it. The same logic under other rules needs no proof.
        let allowed = match is_other {
            true => self.allowed(&candidate, active.as_ref(), &request.policy, request.by.as_deref()).await?,
            false => Allowed::default(),
        };
        // 3. Compiled before the flip, here and on the other hosts: the first command after it would wait for the compiler else.
        self.registry().of_digest(name, candidate.digest).await?;
        // 4. One transaction: the next generation, and what the history tells of it.
        let kind = if is_other { ActivationKind::Activated } else { ActivationKind::RulesChanged };
        let change = ActivationChange {
            rules: request.rules.as_ref(),
            journal: request.journal,
            expected_generation: Some(generation),
            unread: &allowed.unread,
            note: ActivationNote {
                kind,
                by: request.by,
                reason: request.reason.or_else(|| request.policy.reason().map(str::to_owned)),
                policy: is_other.then(|| request.policy.to_json()),
                verification_id: allowed.verification_id,
            },
            ..ActivationChange::to(name, candidate.digest)
        };
        self.flip(&change).await
    }

    /// Whether a component may take the active one's place.
    pub(super) async fn allowed(
        &self,
        candidate: &KeptReducer,
        active: Option<&Activation>,
        policy: &ActivationPolicy,
        by: Option<&str>,
    ) -> Result<Allowed, SwapError> {
        self.announce(candidate).await;
        if let ActivationPolicy::Force(_) = policy {
            return Ok(Allowed::default());
        }
        // Again: events that it cannot read may have come since it was deployed.
        let unread = self.check_readable(candidate).await?;
        let (name, baseline) = (&candidate.descriptor.name, active.map(|active| active.digest));
        let report = self.report(candidate, baseline).await?;
        policy.judge(&report)?;
        if let Some(baseline) = baseline {
            let claim = Claim { name, candidate: candidate.digest, baseline, policy, by };
            if let Proof::Running(view) = self.prove_behind(claim, &report, WAIT).await? {
                let verification_id = view.verification_id;
                return Err(SwapError::Verifying { name: name.clone(), verification_id });
            }
        }
        Ok(Allowed { verification_id: Some(report.verification_id), unread })
    }

    /// The newest report that stands for the whole history. One that left something out stands for nothing but what it found: a
    /// candidate that failed on a sample has failed.
    async fn report(
        &self,
        candidate: &KeptReducer,
        baseline: Option<ReducerDigest>,
    ) -> Result<VerificationView, SwapError> {
        let name = &candidate.descriptor.name;
        let reports = self.verifications(name, Some(candidate.digest), REPORTS_MAX).await?;
        let report = reports.into_iter().filter(|view| view.baseline == baseline).find(|view| match view.status {
            VerificationStatus::Failed => true,
            VerificationStatus::Passed | VerificationStatus::Differs => view.scope == VerificationScope::default(),
            VerificationStatus::Running | VerificationStatus::Cancelled => false,
        });
        report.ok_or_else(|| SwapError::NotVerified {
            name: name.clone(),
            digest: candidate.digest,
            baseline: baseline.map_or_else(|| "the recorded history".to_owned(), |digest| digest.to_string()),
        })
    }

    /// Has the other hosts compile it. They do without: it only saves their next command the wait.
    pub(super) async fn announce(&self, candidate: &KeptReducer) {
        if let Err(error) = self.store().announce(candidate.digest).await {
            tracing::debug!(%error, "a candidate could not be announced to the other hosts");
        }
    }

    /// Refuses a component that does not read an event that is stored, and gives the types that may not be stored when it begins to
    /// decide either.
    pub(super) async fn check_readable(&self, candidate: &KeptReducer) -> Result<Vec<String>, SwapError> {
        let Descriptor { name, .. } = &candidate.descriptor;
        let unread = self.unread_types(&candidate.descriptor).await?;
        let events = self.store().count_events(name, &unread).await?;
        if events.is_empty() {
            return Ok(unread);
        }
        Err(SwapError::Unreadable { name: name.clone(), digest: candidate.digest, events })
    }

    /// Stored events that a component does not read: of the types that any component of its name reads. What was appended past all of
    /// them, a shadow replay finds.
    pub(super) async fn unreadable_events(&self, candidate: &Descriptor) -> Result<Vec<EventCount>, EventStoreError> {
        self.store().count_events(&candidate.name, &self.unread_types(candidate).await?).await
    }

    async fn unread_types(&self, candidate: &Descriptor) -> Result<Vec<String>, EventStoreError> {
        let kept = self.store().reducers(&candidate.name, REDUCERS_MAX).await?;
        let known = kept.into_iter().flat_map(|kept| kept.descriptor.event_types);
        let unread: BTreeSet<_> = known.filter(|event_type| !candidate.event_types.contains(event_type)).collect();
        Ok(unread.into_iter().collect())
    }

    /// A component that is kept for this reducer.
    pub(super) async fn kept(&self, name: &str, digest: ReducerDigest) -> Result<KeptReducer, SwapError> {
        if self.registry().native(name).is_some() {
            return Err(SwapError::Native(name.to_owned()));
        }
        let kept = self.store().reducer(digest).await?.filter(|kept| kept.descriptor.name == name);
        kept.ok_or_else(|| SwapError::UnknownDigest { name: name.to_owned(), digest: digest.to_string() })
    }

    /// A component of this reducer by its digest, or by the beginning of it: six digits or more.
    ///
    /// # Errors
    /// [`SwapError::UnknownDigest`], [`SwapError::AmbiguousDigest`]
    pub async fn find_reducer(&self, name: &str, digest: &str) -> Result<KeptReducer, SwapError> {
        if let Ok(digest) = digest.parse() {
            return self.kept(name, digest).await;
        }
        let unknown = || SwapError::UnknownDigest { name: name.to_owned(), digest: digest.to_owned() };
        if digest.len() < DIGEST_DIGITS_MIN {
            return Err(unknown());
        }
        let kept = self.store().reducers(name, REDUCERS_MAX).await?;
        let mut found: Vec<_> =
            kept.into_iter().filter(|kept| kept.digest.to_string().starts_with(&digest.to_lowercase())).collect();
        match (found.len(), found.pop()) {
            (1, Some(kept)) => Ok(kept),
            (0, _) | (_, None) => Err(unknown()),
            (count, _) => Err(SwapError::AmbiguousDigest { name: name.to_owned(), digest: digest.to_owned(), count }),
        }
    }

    /// The components that are kept for a reducer, the newest first.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn kept_reducers(&self, name: &str, reducers_max: usize) -> Result<Vec<KeptReducer>, SwapError> {
        Ok(self.store().reducers(name, reducers_max).await?)
    }

    /// The activations of a reducer below generation `before`, the newest first.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn activations(
        &self,
        name: &str,
        before: Option<u64>,
        activations_max: usize,
    ) -> Result<Vec<Activation>, SwapError> {
        Ok(self.store().activations(name, before, activations_max).await?)
    }

    /// Who decides, as the store says now.
    pub(super) async fn active_or_none(&self, name: &str) -> Result<Option<Activation>, SwapError> {
        Ok(self.store().active_reducers(Some(name)).await?.pop())
    }

    pub(super) async fn active_now(&self, name: &str) -> Result<Activation, SwapError> {
        if self.registry().native(name).is_some() {
            return Err(SwapError::Native(name.to_owned()));
        }
        self.active_or_none(name).await?.ok_or_else(|| SwapError::NotActive(name.to_owned()))
    }

    /// Compiles a component that may decide soon.
    pub(crate) async fn prepare(&self, digest: ReducerDigest) -> Result<(), CommandError> {
        if let Some(kept) = self.store().reducer(digest).await? {
            self.registry().of_digest(&kept.descriptor.name, digest).await?;
        }
        Ok(())
    }
}

/// What allows a swap.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    /// The report over the whole history.
    pub(super) verification_id: Option<Uuid>,
    /// Types that no event may be of when it is done.
    pub(super) unread: Vec<String>,
}

/// Before anything else is said of a swap: what was found out was found out about another active one.
pub(super) fn active_as_expected(name: &str, active: u64, expected: Option<u64>) -> Result<(), EventStoreError> {
    match expected {
        Some(expected) if expected != active => {
            Err(EventStoreError::Outrun { name: name.to_owned(), expected, active })
        }
        _ => Ok(()),
    }
}

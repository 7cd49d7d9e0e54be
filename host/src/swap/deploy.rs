//! A component comes to the host.

use std::sync::Arc;

use super::DescriptorDifference;
use crate::event_store::{Activation, ActivationChange, ActivationKind, ActivationNote};
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};
use crate::runtime::{DeployError, ReducerStatus};
use crate::{Host, Reducer};

/// How a component is deployed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeployRequest {
    /// What its effects may do, where this deployment activates it, or it is active already; none leaves the rules as they are.
    pub rules: Option<EffectRules>,
    /// Who deploys.
    pub by: Option<String>,
}

/// What became of a deployment.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// What the component is known by.
    pub digest: ReducerDigest,
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Whether it was not kept before.
    pub is_new: bool,
    /// Who decides now, and since when: it, where nothing was active and nothing recorded.
    pub active: Option<ReducerStatus>,
    /// In what it differs from who decides; none where that is itself, or nobody.
    pub difference: Option<DescriptorDifference>,
}

impl Deployed {
    /// Whether the component decides now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.reducer.digest == self.digest)
    }
}

impl Host {
    /// As [`deploy_with`](Self::deploy_with), under the rules that hold already.
    ///
    /// # Errors
    /// [`DeployError`]; then nothing has changed.
    pub async fn deploy(&self, component: Vec<u8>) -> Result<Deployed, DeployError> {
        self.deploy_with(component, DeployRequest::default()).await
    }

    /// Checks a component and keeps it in the store as a candidate. Where nothing decides for its category and nothing is recorded
    /// there is nothing to prove, and it decides from now on; else it waits to be verified and activated. Deploying what is active
    /// changes its rules, where some are given, and nothing else.
    ///
    /// # Errors
    /// [`DeployError`]; then who decides has not changed. A component whose first activation did not come about is kept all the same: deploying
    /// it again goes on.
    pub async fn deploy_with(&self, component: Vec<u8>, request: DeployRequest) -> Result<Deployed, DeployError> {
        let DeployRequest { rules, by } = request;
        rules.as_ref().map_or(Ok(()), EffectRules::validate)?;
        let (reducer, component) = self.registry().check(component).await?;
        let (digest, descriptor) = (reducer.digest(), reducer.descriptor().clone());
        let reducer: Arc<dyn Reducer> = Arc::new(reducer);
        let name = &descriptor.name;
        if self.registry().native(name).is_some() {
            return Err(DeployError::Native(name.clone()));
        }
        let store = self.store();
        let active = store.active_reducers(Some(name)).await?.pop();
        // A candidate that would lock the streams that hold them can never decide: it is told now.
        let events = self.unreadable_events(&descriptor).await?;
        if !events.is_empty() {
            return Err(DeployError::Unreadable { name: name.clone(), events });
        }
        let is_new = store.save_reducer(digest, &descriptor, &component, by.as_deref()).await?;
        // Killed here, it is kept and decides nothing; deploying again goes on.
        self.registry().keep_compiled(&reducer);
        let active = match active {
            None if store.read_streams(name, None, 1).await?.is_empty() => {
                let kind = ActivationKind::Activated;
                Some(self.decide_by(&reducer, None, rules.as_ref(), kind, by).await?)
            }
            Some(active) if active.digest == digest && rules.as_ref().is_some_and(|rules| *rules != active.effects) => {
                let kind = ActivationKind::RulesChanged;
                Some(self.decide_by(&reducer, Some(&active), rules.as_ref(), kind, by).await?)
            }
            active => active,
        };
        let difference = active.as_ref().filter(|active| active.digest != digest);
        let difference = difference.map(|active| DescriptorDifference::between(&active.descriptor, &descriptor));
        Ok(Deployed { digest, descriptor, is_new, active: active.map(ReducerStatus::from), difference })
    }

    /// An activation that needs no proof: the first one, and the same logic under other rules.
    async fn decide_by(
        &self,
        reducer: &Arc<dyn Reducer>,
        active: Option<&Activation>,
        rules: Option<&EffectRules>,
        kind: ActivationKind,
        by: Option<String>,
    ) -> Result<Activation, DeployError> {
        let name = &reducer.descriptor().name;
        let canary = active.and_then(|active| active.canary.as_ref());
        let change = ActivationChange {
            rules,
            canary: canary.map(|canary| (canary.digest, canary.share)),
            expected_generation: Some(active.map_or(0, |active| active.generation)),
            note: ActivationNote { kind, by, ..ActivationNote::default() },
            ..ActivationChange::to(name, reducer.digest())
        };
        let activation = self.store().activate(&change).await?;
        // Dropped or killed here, the activation stands all the same: the next append or start finds it in the store.
        self.take_up(&activation).await;
        Ok(activation)
    }

    /// Has an activation decide on this host from now on. What keeps it from doing so is told by the next command: the activation
    /// stands.
    pub(super) async fn take_up(&self, activation: &Activation) {
        if let Err(error) = self.registry().take_up(activation.clone()).await {
            tracing::error!(reducer = activation.name, %error, "an activated reducer does not load");
        }
    }
}

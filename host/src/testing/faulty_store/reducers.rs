//! What a faulty store lets through of reducers and their verifications.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{FaultyStore, StoreCall};
use crate::event_store::{
    Activation, ActivationChange, EventCount, KeptReducer, NewVerification, PendingActivation, ReducerNews,
    ReducerStore, TaskClaim, TaskProgress, Verification, VerificationClaim, VerificationLease, VerificationStatus,
    VerificationStore,
};
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};
use crate::{EventStoreError, StreamId};

/// An activation whose commit can fail.
struct FaultyActivation<'a, S: ?Sized> {
    store: &'a FaultyStore<S>,
    pending: Box<dyn PendingActivation + 'a>,
}

#[async_trait]
impl<S: ReducerStore + ?Sized> PendingActivation for FaultyActivation<'_, S> {
    async fn commit(self: Box<Self>) -> Result<Activation, EventStoreError> {
        let Self { store, pending } = *self;
        store.answer(StoreCall::Activate, pending.commit()).await
    }
}

#[async_trait]
impl<S: ReducerStore + ?Sized> ReducerStore for FaultyStore<S> {
    async fn save_reducer(
        &self,
        digest: ReducerDigest,
        descriptor: &Descriptor,
        component: &[u8],
        deployed_by: Option<&str>,
    ) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Reducers)?.save_reducer(digest, descriptor, component, deployed_by).await
    }

    async fn begin_activation<'a>(
        &'a self,
        change: &'a ActivationChange<'a>,
    ) -> Result<Box<dyn PendingActivation + 'a>, EventStoreError> {
        let pending = self.enter(StoreCall::Reducers)?.begin_activation(change).await?;
        Ok(Box::new(FaultyActivation { store: self, pending }))
    }

    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.active_reducers(name).await
    }

    async fn activations(
        &self,
        name: &str,
        before: Option<u64>,
        activations_max: usize,
    ) -> Result<Vec<Activation>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.activations(name, before, activations_max).await
    }

    async fn reducers(&self, name: &str, reducers_max: usize) -> Result<Vec<KeptReducer>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.reducers(name, reducers_max).await
    }

    async fn reducer(&self, digest: ReducerDigest) -> Result<Option<KeptReducer>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.reducer(digest).await
    }

    async fn effect_rules(&self, name: &str, generation: u64) -> Result<Option<EffectRules>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.effect_rules(name, generation).await
    }

    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.load_component(digest).await
    }

    async fn count_events(&self, category: &str, event_types: &[String]) -> Result<Vec<EventCount>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.count_events(category, event_types).await
    }

    async fn streams_without_snapshot(
        &self,
        category: &str,
        wanted: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        self.enter(StoreCall::Reducers)?.streams_without_snapshot(category, wanted, after, streams_max).await
    }

    async fn prune_snapshots(
        &self,
        category: &str,
        schemas: &[String],
        snapshots_max: usize,
    ) -> Result<u64, EventStoreError> {
        self.enter(StoreCall::Reducers)?.prune_snapshots(category, schemas, snapshots_max).await
    }

    async fn announce(&self, digest: ReducerDigest) -> Result<(), EventStoreError> {
        self.enter(StoreCall::Reducers)?.announce(digest).await
    }

    fn news(&self) -> broadcast::Receiver<ReducerNews> {
        self.inner.news()
    }
}

#[async_trait]
impl<S: VerificationStore + ?Sized> VerificationStore for FaultyStore<S> {
    async fn begin_verification(
        &self,
        begun: &NewVerification,
        lease: Duration,
    ) -> Result<VerificationClaim, EventStoreError> {
        self.enter(StoreCall::Verifications)?.begin_verification(begun, lease).await
    }

    async fn save_verification(
        &self,
        held: VerificationLease,
        checkpoint: Option<&StreamId>,
        report: &Value,
        lease: Duration,
    ) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Verifications)?.save_verification(held, checkpoint, report, lease).await
    }

    async fn finish_verification(
        &self,
        held: VerificationLease,
        status: VerificationStatus,
        report: &Value,
    ) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Verifications)?.finish_verification(held, status, report).await
    }

    async fn cancel_verification(&self, verification_id: Uuid) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Verifications)?.cancel_verification(verification_id).await
    }

    async fn verification(&self, verification_id: Uuid) -> Result<Option<Verification>, EventStoreError> {
        self.enter(StoreCall::Verifications)?.verification(verification_id).await
    }

    async fn verifications(
        &self,
        name: &str,
        candidate: Option<ReducerDigest>,
        verifications_max: usize,
    ) -> Result<Vec<Verification>, EventStoreError> {
        self.enter(StoreCall::Verifications)?.verifications(name, candidate, verifications_max).await
    }

    async fn claim_task(
        &self,
        name: &str,
        generation: u64,
        lease: Duration,
    ) -> Result<Option<TaskClaim>, EventStoreError> {
        self.enter(StoreCall::Verifications)?.claim_task(name, generation, lease).await
    }

    async fn save_task(
        &self,
        name: &str,
        generation: u64,
        token: u64,
        progress: TaskProgress,
    ) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Verifications)?.save_task(name, generation, token, progress).await
    }
}

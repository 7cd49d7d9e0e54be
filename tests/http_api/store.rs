//! A store that fails when it is told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use foldhost::event_store::{
    Activation, ActivationChange, AppendOutcome, ClaimOutcome, ClaimedEffect, Cursor, EffectBacklog, EffectClaim,
    EffectDetail, EffectFilter, EffectLease, EffectRecord, EffectReopening, EffectUpdate, EventCount, JournalPlace,
    JournaledCommand, KeptReducer, LaneDue, LoadedStream, NewVerification, OutboxStore, PendingActivation,
    RecordedCommand, ReducerNews, Snapshot, SnapshotKey, StreamBatch, SubscriptionClaim, SubscriptionError,
    SubscriptionName, SubscriptionStatus, SubscriptionStore, TaskClaim, TaskProgress, Verification, VerificationClaim,
    VerificationLease, VerificationStatus, VerificationStore,
};
use foldhost::reducer::{Descriptor, EffectRules, ReducerDigest};
use foldhost::{
    Event, EventStore, EventStoreError, InMemoryEventStore, LogFilter, PackedEvents, PageLimit, ReducerStore, StreamId,
    Version,
};
use serde_json::Value;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

/// How the store answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    Well,
    /// As a database that is down.
    Down,
    /// Not at all, until the mood changes.
    Stuck,
    /// As code with a bug.
    Panicking,
}

pub(crate) struct MoodyStore {
    inner: InMemoryEventStore,
    mood: watch::Sender<Mood>,
    /// How many calls wait for the mood to change.
    stuck: watch::Sender<usize>,
}

impl MoodyStore {
    pub(crate) fn new() -> Arc<Self> {
        Self::over(InMemoryEventStore::new())
    }

    pub(crate) fn over(inner: InMemoryEventStore) -> Arc<Self> {
        Arc::new(Self { inner, mood: watch::Sender::new(Mood::Well), stuck: watch::Sender::new(0) })
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Waits until a call is stuck.
    pub(crate) async fn until_stuck(&self) {
        self.stuck.subscribe().wait_for(|stuck| *stuck > 0).await.unwrap();
    }

    async fn enter(&self) -> Result<&InMemoryEventStore, EventStoreError> {
        let mood = *self.mood.borrow();
        match mood {
            Mood::Well => {}
            Mood::Down => return Err(EventStoreError::Unavailable("connection refused".into())),
            Mood::Panicking => panic!("a bug in the store"),
            Mood::Stuck => {
                self.stuck.send_modify(|stuck| *stuck += 1);
                self.mood.subscribe().wait_for(|mood| *mood != Mood::Stuck).await.unwrap();
                self.stuck.send_modify(|stuck| *stuck -= 1);
            }
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl EventStore for MoodyStore {
    async fn append_many(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
        self.enter().await?.append_many(batches).await
    }

    async fn append_atomic(&self, batches: &[StreamBatch]) -> Result<Vec<Version>, EventStoreError> {
        self.enter().await?.append_atomic(batches).await
    }

    async fn load(
        &self,
        id: &StreamId,
        snapshots: Option<&SnapshotKey>,
        page: PageLimit,
    ) -> Result<LoadedStream, EventStoreError> {
        self.enter().await?.load(id, snapshots, page).await
    }

    async fn load_events(
        &self,
        id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<PackedEvents, EventStoreError> {
        self.enter().await?.load_events(id, after, page).await
    }

    async fn read_stream(&self, id: &StreamId, after: Version, page: PageLimit) -> Result<Vec<Event>, EventStoreError> {
        self.enter().await?.read_stream(id, after, page).await
    }

    async fn read_stream_backwards(
        &self,
        id: &StreamId,
        before: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError> {
        self.enter().await?.read_stream_backwards(id, before, page).await
    }

    async fn read_all(
        &self,
        after: Option<Cursor>,
        filter: &LogFilter,
        page: PageLimit,
    ) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
        self.enter().await?.read_all(after, filter, page).await
    }

    async fn is_sealed(&self, category: &str) -> Result<bool, EventStoreError> {
        self.enter().await?.is_sealed(category).await
    }

    async fn read_streams(
        &self,
        category: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        self.enter().await?.read_streams(category, after, streams_max).await
    }

    async fn find_commands(&self, id: &StreamId, ids: &[String]) -> Result<Vec<RecordedCommand>, EventStoreError> {
        self.enter().await?.find_commands(id, ids).await
    }

    async fn read_journal(
        &self,
        stream_id: &StreamId,
        after: Option<&JournalPlace>,
        commands_max: usize,
    ) -> Result<Vec<JournaledCommand>, EventStoreError> {
        self.enter().await?.read_journal(stream_id, after, commands_max).await
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError> {
        self.enter().await?.save_snapshot(snapshot).await
    }

    async fn close_stream(&self, id: &StreamId, erase: bool) -> Result<Version, EventStoreError> {
        // Not held up: a database that is slow for one stream closes another, and the tests close the stream that is stuck.
        let stuck = *self.mood.borrow() == Mood::Stuck;
        let store = if stuck { &self.inner } else { self.enter().await? };
        store.close_stream(id, erase).await
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.inner.appended()
    }

    async fn log_lag(&self) -> Result<Duration, EventStoreError> {
        self.enter().await?.log_lag().await
    }

    async fn ping(&self) -> Result<(), EventStoreError> {
        self.enter().await?.ping().await
    }
}

#[async_trait]
impl ReducerStore for MoodyStore {
    async fn save_reducer(
        &self,
        digest: ReducerDigest,
        descriptor: &Descriptor,
        component: &[u8],
        deployed_by: Option<&str>,
    ) -> Result<bool, EventStoreError> {
        self.enter().await?.save_reducer(digest, descriptor, component, deployed_by).await
    }

    async fn begin_activation<'a>(
        &'a self,
        change: &'a ActivationChange<'a>,
    ) -> Result<Box<dyn PendingActivation + 'a>, EventStoreError> {
        self.enter().await?.begin_activation(change).await
    }

    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError> {
        self.enter().await?.active_reducers(name).await
    }

    async fn activations(
        &self,
        name: &str,
        before: Option<u64>,
        activations_max: usize,
    ) -> Result<Vec<Activation>, EventStoreError> {
        self.enter().await?.activations(name, before, activations_max).await
    }

    async fn reducers(&self, name: &str, reducers_max: usize) -> Result<Vec<KeptReducer>, EventStoreError> {
        self.enter().await?.reducers(name, reducers_max).await
    }

    async fn reducer(&self, digest: ReducerDigest) -> Result<Option<KeptReducer>, EventStoreError> {
        self.enter().await?.reducer(digest).await
    }

    async fn effect_rules(&self, name: &str, generation: u64) -> Result<Option<EffectRules>, EventStoreError> {
        self.enter().await?.effect_rules(name, generation).await
    }

    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
        self.enter().await?.load_component(digest).await
    }

    async fn count_events(&self, category: &str, event_types: &[String]) -> Result<Vec<EventCount>, EventStoreError> {
        self.enter().await?.count_events(category, event_types).await
    }

    async fn streams_without_snapshot(
        &self,
        category: &str,
        wanted: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        self.enter().await?.streams_without_snapshot(category, wanted, after, streams_max).await
    }

    async fn prune_snapshots(
        &self,
        category: &str,
        schemas: &[String],
        snapshots_max: usize,
    ) -> Result<u64, EventStoreError> {
        self.enter().await?.prune_snapshots(category, schemas, snapshots_max).await
    }

    async fn announce(&self, digest: ReducerDigest) -> Result<(), EventStoreError> {
        self.enter().await?.announce(digest).await
    }

    fn news(&self) -> broadcast::Receiver<ReducerNews> {
        self.inner.news()
    }
}

#[async_trait]
impl VerificationStore for MoodyStore {
    async fn begin_verification(
        &self,
        begun: &NewVerification,
        lease: Duration,
    ) -> Result<VerificationClaim, EventStoreError> {
        self.enter().await?.begin_verification(begun, lease).await
    }

    async fn save_verification(
        &self,
        held: VerificationLease,
        checkpoint: Option<&StreamId>,
        report: &Value,
        lease: Duration,
    ) -> Result<bool, EventStoreError> {
        self.enter().await?.save_verification(held, checkpoint, report, lease).await
    }

    async fn finish_verification(
        &self,
        held: VerificationLease,
        status: VerificationStatus,
        report: &Value,
    ) -> Result<bool, EventStoreError> {
        self.enter().await?.finish_verification(held, status, report).await
    }

    async fn cancel_verification(&self, verification_id: Uuid) -> Result<bool, EventStoreError> {
        self.enter().await?.cancel_verification(verification_id).await
    }

    async fn verification(&self, verification_id: Uuid) -> Result<Option<Verification>, EventStoreError> {
        self.enter().await?.verification(verification_id).await
    }

    async fn verifications(
        &self,
        name: &str,
        candidate: Option<ReducerDigest>,
        verifications_max: usize,
    ) -> Result<Vec<Verification>, EventStoreError> {
        self.enter().await?.verifications(name, candidate, verifications_max).await
    }

    async fn claim_task(
        &self,
        name: &str,
        generation: u64,
        lease: Duration,
    ) -> Result<Option<TaskClaim>, EventStoreError> {
        self.enter().await?.claim_task(name, generation, lease).await
    }

    async fn save_task(
        &self,
        name: &str,
        generation: u64,
        token: u64,
        progress: TaskProgress,
    ) -> Result<bool, EventStoreError> {
        self.enter().await?.save_task(name, generation, token, progress).await
    }
}

/// What the workers of the host do by themselves is not held up: whom the tests wait for is a request. Nor does a bug end them.
#[async_trait]
impl OutboxStore for MoodyStore {
    async fn effect_lanes(&self, after: Option<&str>, lanes_max: usize) -> Result<Vec<LaneDue>, EventStoreError> {
        self.inner.effect_lanes(after, lanes_max).await
    }

    async fn claim_effects(&self, claim: &EffectClaim) -> Result<Vec<ClaimedEffect>, EventStoreError> {
        self.inner.claim_effects(claim).await
    }

    async fn update_effects(&self, updates: &[EffectUpdate]) -> Result<Vec<bool>, EventStoreError> {
        self.inner.update_effects(updates).await
    }

    async fn renew_effects(&self, leases: &[EffectLease], lease: Duration) -> Result<Vec<bool>, EventStoreError> {
        self.inner.renew_effects(leases, lease).await
    }

    async fn effects(&self, filter: &EffectFilter, effects_max: usize) -> Result<Vec<EffectRecord>, EventStoreError> {
        self.enter().await?.effects(filter, effects_max).await
    }

    async fn effect(&self, effect_id: Uuid) -> Result<Option<EffectDetail>, EventStoreError> {
        self.enter().await?.effect(effect_id).await
    }

    async fn reopen_effect(&self, reopening: &EffectReopening) -> Result<bool, EventStoreError> {
        self.enter().await?.reopen_effect(reopening).await
    }

    async fn discard_effect(&self, effect_id: Uuid, reason: &str) -> Result<bool, EventStoreError> {
        self.enter().await?.discard_effect(effect_id, reason).await
    }

    async fn prune_effects(&self, age: Duration, effects_max: usize) -> Result<u64, EventStoreError> {
        self.inner.prune_effects(age, effects_max).await
    }

    async fn effect_backlog(&self) -> Result<EffectBacklog, EventStoreError> {
        self.enter().await?.effect_backlog().await
    }
}

#[async_trait]
impl SubscriptionStore for MoodyStore {
    async fn claim_subscription(&self, claim: &SubscriptionClaim) -> Result<ClaimOutcome, SubscriptionError> {
        self.enter().await?.claim_subscription(claim).await
    }

    async fn renew_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        lease: Duration,
    ) -> Result<(), SubscriptionError> {
        self.enter().await?.renew_subscription(name, token, lease).await
    }

    async fn acknowledge_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        cursor: Cursor,
    ) -> Result<(), SubscriptionError> {
        self.enter().await?.acknowledge_subscription(name, token, cursor).await
    }

    async fn release_subscription(&self, name: &SubscriptionName, token: u64) -> Result<(), SubscriptionError> {
        self.enter().await?.release_subscription(name, token).await
    }

    async fn subscriptions(&self, name: Option<&SubscriptionName>) -> Result<Vec<SubscriptionStatus>, EventStoreError> {
        self.enter().await?.subscriptions(name).await
    }

    async fn delete_subscription(&self, name: &SubscriptionName) -> Result<(), SubscriptionError> {
        self.enter().await?.delete_subscription(name).await
    }

    async fn reset_subscription(&self, name: &SubscriptionName, to: Option<Cursor>) -> Result<(), SubscriptionError> {
        self.enter().await?.reset_subscription(name, to).await
    }
}

//! What a faulty store lets through: every call, by its kind.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{FaultyStore, StoreCall};
use crate::event_store::{
    AppendOutcome, ClaimOutcome, ClaimedEffect, Cursor, EffectBacklog, EffectClaim, EffectDetail, EffectFilter,
    EffectLease, EffectRecord, EffectReopening, EffectUpdate, JournalPlace, JournaledCommand, LaneDue, LoadedStream,
    OutboxStore, RecordedCommand, Snapshot, SnapshotKey, StreamBatch, SubscriptionClaim, SubscriptionError,
    SubscriptionName, SubscriptionStatus, SubscriptionStore,
};
use crate::{Event, EventStore, EventStoreError, LogFilter, PackedEvents, PageLimit, StreamId, Version};

#[async_trait]
impl<S: EventStore + ?Sized> EventStore for FaultyStore<S> {
    async fn append_many(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
        self.answer(StoreCall::Append, self.inner.append_many(batches)).await
    }

    async fn append_atomic(&self, batches: &[StreamBatch]) -> Result<Vec<Version>, EventStoreError> {
        self.answer(StoreCall::Append, self.inner.append_atomic(batches)).await
    }

    async fn load(
        &self,
        stream_id: &StreamId,
        snapshots: Option<&SnapshotKey>,
        page: PageLimit,
    ) -> Result<LoadedStream, EventStoreError> {
        self.enter(StoreCall::Load)?.load(stream_id, snapshots, page).await
    }

    async fn load_events(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<PackedEvents, EventStoreError> {
        self.enter(StoreCall::Load)?.load_events(stream_id, after, page).await
    }

    async fn read_stream(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError> {
        self.enter(StoreCall::Read)?.read_stream(stream_id, after, page).await
    }

    async fn read_stream_backwards(
        &self,
        stream_id: &StreamId,
        before: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError> {
        self.enter(StoreCall::Read)?.read_stream_backwards(stream_id, before, page).await
    }

    async fn read_all(
        &self,
        after: Option<Cursor>,
        filter: &LogFilter,
        page: PageLimit,
    ) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
        self.enter(StoreCall::Read)?.read_all(after, filter, page).await
    }

    async fn read_streams(
        &self,
        category: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        self.enter(StoreCall::Read)?.read_streams(category, after, streams_max).await
    }

    async fn find_commands(
        &self,
        stream_id: &StreamId,
        command_ids: &[String],
    ) -> Result<Vec<RecordedCommand>, EventStoreError> {
        self.enter(StoreCall::FindCommands)?.find_commands(stream_id, command_ids).await
    }

    async fn read_journal(
        &self,
        stream_id: &StreamId,
        after: Option<&JournalPlace>,
        commands_max: usize,
    ) -> Result<Vec<JournaledCommand>, EventStoreError> {
        self.enter(StoreCall::Read)?.read_journal(stream_id, after, commands_max).await
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError> {
        self.enter(StoreCall::SaveSnapshot)?.save_snapshot(snapshot).await
    }

    async fn close_stream(&self, stream_id: &StreamId, erase: bool) -> Result<Version, EventStoreError> {
        self.enter(StoreCall::CloseStream)?.close_stream(stream_id, erase).await
    }

    async fn is_sealed(&self, category: &str) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Read)?.is_sealed(category).await
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.inner.appended()
    }

    async fn log_lag(&self) -> Result<Duration, EventStoreError> {
        self.enter(StoreCall::Ping)?.log_lag().await
    }

    async fn ping(&self) -> Result<(), EventStoreError> {
        self.enter(StoreCall::Ping)?.ping().await
    }
}

#[async_trait]
impl<S: SubscriptionStore + ?Sized> SubscriptionStore for FaultyStore<S> {
    async fn claim_subscription(&self, claim: &SubscriptionClaim) -> Result<ClaimOutcome, SubscriptionError> {
        self.enter(StoreCall::Subscriptions)?.claim_subscription(claim).await
    }

    async fn renew_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        lease: Duration,
    ) -> Result<(), SubscriptionError> {
        self.enter(StoreCall::Subscriptions)?.renew_subscription(name, token, lease).await
    }

    async fn acknowledge_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        cursor: Cursor,
    ) -> Result<(), SubscriptionError> {
        self.enter(StoreCall::Subscriptions)?.acknowledge_subscription(name, token, cursor).await
    }

    async fn release_subscription(&self, name: &SubscriptionName, token: u64) -> Result<(), SubscriptionError> {
        self.enter(StoreCall::Subscriptions)?.release_subscription(name, token).await
    }

    async fn subscriptions(&self, name: Option<&SubscriptionName>) -> Result<Vec<SubscriptionStatus>, EventStoreError> {
        self.enter(StoreCall::Subscriptions)?.subscriptions(name).await
    }

    async fn delete_subscription(&self, name: &SubscriptionName) -> Result<(), SubscriptionError> {
        self.enter(StoreCall::Subscriptions)?.delete_subscription(name).await
    }

    async fn reset_subscription(&self, name: &SubscriptionName, to: Option<Cursor>) -> Result<(), SubscriptionError> {
        self.enter(StoreCall::Subscriptions)?.reset_subscription(name, to).await
    }
}

#[async_trait]
impl<S: OutboxStore + ?Sized> OutboxStore for FaultyStore<S> {
    async fn effect_lanes(&self, after: Option<&str>, lanes_max: usize) -> Result<Vec<LaneDue>, EventStoreError> {
        self.enter(StoreCall::Outbox)?.effect_lanes(after, lanes_max).await
    }

    async fn claim_effects(&self, claim: &EffectClaim) -> Result<Vec<ClaimedEffect>, EventStoreError> {
        self.answer(StoreCall::Outbox, self.inner.claim_effects(claim)).await
    }

    async fn update_effects(&self, updates: &[EffectUpdate]) -> Result<Vec<bool>, EventStoreError> {
        self.answer(StoreCall::Outbox, self.inner.update_effects(updates)).await
    }

    async fn renew_effects(&self, leases: &[EffectLease], lease: Duration) -> Result<Vec<bool>, EventStoreError> {
        self.answer(StoreCall::Outbox, self.inner.renew_effects(leases, lease)).await
    }

    async fn effects(&self, filter: &EffectFilter, effects_max: usize) -> Result<Vec<EffectRecord>, EventStoreError> {
        self.enter(StoreCall::Outbox)?.effects(filter, effects_max).await
    }

    async fn effect(&self, effect_id: Uuid) -> Result<Option<EffectDetail>, EventStoreError> {
        self.enter(StoreCall::Outbox)?.effect(effect_id).await
    }

    async fn reopen_effect(&self, reopening: &EffectReopening) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Outbox)?.reopen_effect(reopening).await
    }

    async fn discard_effect(&self, effect_id: Uuid, reason: &str) -> Result<bool, EventStoreError> {
        self.enter(StoreCall::Outbox)?.discard_effect(effect_id, reason).await
    }

    async fn prune_effects(&self, age: Duration, effects_max: usize) -> Result<u64, EventStoreError> {
        self.enter(StoreCall::Outbox)?.prune_effects(age, effects_max).await
    }

    async fn effect_backlog(&self) -> Result<EffectBacklog, EventStoreError> {
        self.enter(StoreCall::Outbox)?.effect_backlog().await
    }
}

//! The log and what belongs to it: the traits [`EventStore`], [`OutboxStore`], [`ReducerStore`] and [`SubscriptionStore`], kept in
//! Postgres or in memory.

mod batch;
mod cursor;
mod error;
mod log;
mod memory;
mod outbox;
mod postgres;
mod reading;
pub mod sealing;
mod snapshot;
mod subscription;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

pub use batch::{AppendOutcome, CommandRecord, Fence, RecordedCommand, StreamBatch};
pub use cursor::{Cursor, CursorError};
pub use error::EventStoreError;
pub use log::{LogFilter, PageLimit};
pub use memory::InMemoryEventStore;
pub use outbox::{
    ClaimedEffect, EFFECT_ATTEMPTS_SHOWN_MAX, EFFECT_ERROR_BYTES_MAX, EFFECTS_CLAIMED_MAX, EffectBacklog, EffectClaim,
    EffectDetail, EffectFilter, EffectLease, EffectNext, EffectRecord, EffectReopening, EffectStatus, EffectUpdate,
    FailedAttempt, LANE_BYTES_MAX, LaneDue, NewEffect, OutboxStore, RecordedAttempt,
};
pub use postgres::{PoolConfig, PostgresEventStore, Restored};
pub use reading::{log_events, stream_events};
pub use snapshot::{LoadedStream, Snapshot, SnapshotConfig, SnapshotKey, StoredSnapshot};
pub use subscription::{
    ClaimOutcome, Subscription, SubscriptionClaim, SubscriptionConfig, SubscriptionError, SubscriptionFilter,
    SubscriptionName, SubscriptionStart, SubscriptionStatus, SubscriptionStore,
};

use crate::reducer::{Descriptor, EffectRules, ReducerDigest};
use crate::{Event, ExpectedVersion, PackedEvents, SerializedEvent, StreamId, Version};

/// The append-only log of events, with the snapshots and the commands that it remembers.
///
/// [`PostgresEventStore`] and [`InMemoryEventStore`] pass one contract suite (`tests/event_store_contract.rs`).
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Appends the batches of many streams, each stream at most once. Every stream wins or loses alone; the outcomes come in
    /// the order of the batches. When this returns `Ok`, every [`AppendOutcome::Appended`] is durable.
    ///
    /// # Errors
    /// [`EventStoreError::Unavailable`]: it is not known what was appended. Any other: nothing was.
    async fn append_many(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError>;

    /// Appends the batches of many streams, all of them or none, and returns the streams' new versions.
    ///
    /// # Errors
    /// [`EventStoreError::Conflict`], [`EventStoreError::StreamClosed`], [`EventStoreError::Fenced`] and
    /// [`EventStoreError::CommandIdReused`] of the first stream that could not be appended to; as
    /// [`append_many`](EventStore::append_many) else.
    async fn append_atomic(&self, batches: &[StreamBatch]) -> Result<Vec<Version>, EventStoreError>;

    /// The newest snapshot that `snapshots` admits, and the first page behind it. Without `snapshots`, the first page.
    ///
    /// # Errors
    /// [`EventStoreError::StreamErased`] when the events cannot be read any more.
    async fn load(
        &self,
        stream_id: &StreamId,
        snapshots: Option<&SnapshotKey>,
        page: PageLimit,
    ) -> Result<LoadedStream, EventStoreError>;

    /// The next page behind version `after`.
    ///
    /// # Errors
    /// [`EventStoreError::StreamErased`] when the events cannot be read any more.
    async fn load_events(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<PackedEvents, EventStoreError>;

    /// As [`load_events`](EventStore::load_events), with all that was recorded. An erased event comes without its data.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn read_stream(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError>;

    /// The page before version `before`, the newest event first. [`Version::MAX`] begins at the head.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn read_stream_backwards(
        &self,
        stream_id: &StreamId,
        before: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError>;

    /// Events of all streams behind a cursor, each with its own cursor. The order is the same for every reader, keeps each
    /// stream's order, and no event ever turns up behind a cursor that was given out.
    ///
    /// # Errors
    /// [`EventStoreError::ForeignCursor`] when the cursor was made by another database.
    async fn read_all(
        &self,
        after: Option<Cursor>,
        filter: &LogFilter,
        page: PageLimit,
    ) -> Result<Vec<(Cursor, Event)>, EventStoreError>;

    /// Ids of the streams of one category, in byte order, behind `after`.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn read_streams(
        &self,
        category: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError>;

    /// Which of these commands the stream remembers, and their outcomes.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn find_commands(
        &self,
        stream_id: &StreamId,
        command_ids: &[String],
    ) -> Result<Vec<RecordedCommand>, EventStoreError>;

    /// Keeps a snapshot, unless a newer one of the same schema is there.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError>;

    /// Closes a stream: [`STREAM_CLOSED`](crate::event::STREAM_CLOSED) becomes its last event, and no append goes through behind
    /// it. With `erase`, the data of its events, its snapshot and its rejections' texts become unreadable for good, in the same
    /// transaction. Closing a closed stream changes nothing; erasing one erases it.
    ///
    /// # Errors
    /// [`EventStoreError::NotErasable`] when the stream has no events, or, with `erase`, data that is not encrypted.
    async fn close_stream(&self, stream_id: &StreamId, erase: bool) -> Result<Version, EventStoreError>;

    /// How long the oldest event that [`read_all`](EventStore::read_all) may not show yet has been waiting: a transaction that is
    /// still open, anywhere in the cluster, holds all readers back. Zero when nothing waits.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn log_lag(&self) -> Result<Duration, EventStoreError>;

    /// Changes whenever this process appended something: a reader that waits looks again. Other processes' appends are found by
    /// looking now and then.
    fn appended(&self) -> watch::Receiver<u64>;

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`EventStoreError::Unavailable`]
    async fn ping(&self) -> Result<(), EventStoreError>;

    /// Appends events to one stream, and returns its new version.
    ///
    /// # Errors
    /// [`EventStoreError::Conflict`] when the stream is not what was expected; as [`append_atomic`](EventStore::append_atomic)
    /// else.
    async fn append_events(
        &self,
        stream_id: &StreamId,
        expected: ExpectedVersion,
        events: Vec<SerializedEvent>,
    ) -> Result<Version, EventStoreError> {
        let batch = StreamBatch::new(stream_id.clone(), expected, events);
        let outcome = self.append_many(std::slice::from_ref(&batch)).await?.pop();
        outcome.unwrap_or(AppendOutcome::Repeated).into_version(&batch)
    }

    /// Appends events to one stream once, however often it is called with the same `command_id`: the first time it appends, and
    /// then it says where it did, after a lost acknowledgement, a restart, or from another host. Returns the versions of the first
    /// and last event.
    ///
    /// # Errors
    /// [`EventStoreError::CommandIdReused`] when the id stands for other events; as [`append_events`](EventStore::append_events)
    /// else.
    async fn append_once(
        &self,
        stream_id: &StreamId,
        expected: ExpectedVersion,
        command_id: &str,
        events: Vec<SerializedEvent>,
    ) -> Result<(Version, Version), EventStoreError> {
        batch::append_once(self, stream_id, expected, command_id, events).await
    }
}

/// Components by digest, and which of them decides for which category.
#[async_trait]
pub trait ReducerStore: Send + Sync + 'static {
    /// Keeps a component.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn save_reducer(
        &self,
        digest: ReducerDigest,
        descriptor: &Descriptor,
        component: &[u8],
    ) -> Result<(), EventStoreError>;

    /// Makes a kept component the one that decides for its category, as the next generation; if it already is, under the same
    /// rules, nothing changes. Without `rules`, those of the activation before stay. Appends that name an older generation are
    /// refused from now on.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn activate(
        &self,
        name: &str,
        digest: ReducerDigest,
        rules: Option<&EffectRules>,
    ) -> Result<Activation, EventStoreError>;

    /// The active reducers, by name; with `name`, only that one.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError>;

    /// What the effects of one activation may do, whether it is still active or not. None where there never was one.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn effect_rules(&self, name: &str, generation: u64) -> Result<Option<EffectRules>, EventStoreError>;

    /// A kept component's bytes.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError>;
}

/// A store of all four kinds, as a host needs it.
pub trait Store: EventStore + OutboxStore + ReducerStore + SubscriptionStore {}

impl<S: EventStore + OutboxStore + ReducerStore + SubscriptionStore> Store for S {}

/// Since when which component decides for a category.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// The category.
    pub name: String,
    /// Counts the activations of this name, from 1.
    pub generation: u64,
    /// The component.
    pub digest: ReducerDigest,
    /// What the component says of itself.
    pub descriptor: Descriptor,
    /// When it was activated.
    pub activated_at: DateTime<Utc>,
    /// What the effects that it decides may do.
    pub effects: EffectRules,
}

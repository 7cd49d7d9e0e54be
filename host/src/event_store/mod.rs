//! The log and what belongs to it: the traits [`EventStore`], [`OutboxStore`], [`ReducerStore`], [`VerificationStore`] and
//! [`SubscriptionStore`], kept in Postgres or in memory.

mod activation;
mod batch;
mod cursor;
mod error;
mod history;
mod journal;
mod log;
mod memory;
mod outbox;
mod postgres;
mod reading;
mod reducers;
pub mod sealing;
mod share;
mod snapshot;
mod subscription;
mod verification;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

pub(crate) use activation::listed;
pub use activation::{
    Activation, ActivationChange, ActivationKind, ActivationNote, Canary, EVENTS_COUNTED_MAX, EventCount, KeptReducer,
};
pub use batch::{AppendOutcome, CommandRecord, Fence, RecordedCommand, StreamBatch};
pub use cursor::{Cursor, CursorError};
pub use error::EventStoreError;
pub use history::{HISTORY_CATEGORY, HistoryEvent, history_stream};
pub use journal::{JournalEntry, JournalPlace, JournaledCommand};
pub use log::{LogFilter, PageLimit};
pub use memory::InMemoryEventStore;
pub use outbox::{
    ClaimedEffect, EFFECT_ATTEMPTS_SHOWN_MAX, EFFECT_ERROR_BYTES_MAX, EFFECTS_CLAIMED_MAX, EffectBacklog, EffectClaim,
    EffectDetail, EffectFilter, EffectLease, EffectNext, EffectRecord, EffectReopening, EffectStatus, EffectUpdate,
    FailedAttempt, LANE_BYTES_MAX, LaneDue, NewEffect, OutboxStore, RecordedAttempt,
};
pub use postgres::{PoolConfig, PostgresEventStore, Restored};
pub use reading::{log_events, stream_events};
pub use reducers::{PendingActivation, ReducerNews, ReducerStore};
pub use share::{Share, ShareError};
pub use snapshot::{LoadedStream, Snapshot, SnapshotConfig, SnapshotKey, StoredSnapshot};
pub use subscription::{
    ClaimOutcome, Subscription, SubscriptionClaim, SubscriptionConfig, SubscriptionError, SubscriptionFilter,
    SubscriptionName, SubscriptionStart, SubscriptionStatus, SubscriptionStore,
};
pub use verification::{
    NewVerification, TaskClaim, TaskProgress, Verification, VerificationClaim, VerificationLease, VerificationStatus,
    VerificationStore,
};

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

    /// A stream's commands that are in the journal, in the order of the versions that they were decided on, behind `after`.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn read_journal(
        &self,
        stream_id: &StreamId,
        after: Option<&JournalPlace>,
        commands_max: usize,
    ) -> Result<Vec<JournaledCommand>, EventStoreError>;

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

    /// Whether payloads of a category's streams are encrypted, or some of them were. What is kept beside them may hold nothing of theirs
    /// then: no erasure would reach it.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn is_sealed(&self, category: &str) -> Result<bool, EventStoreError>;

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

/// A store of all five kinds, as a host needs it.
pub trait Store: EventStore + OutboxStore + ReducerStore + SubscriptionStore + VerificationStore {}

impl<S: EventStore + OutboxStore + ReducerStore + SubscriptionStore + VerificationStore> Store for S {}

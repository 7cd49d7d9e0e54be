//! The log and what belongs to it: the traits [`EventStore`] and [`ReducerStore`], kept in Postgres or in memory.

mod batch;
mod cursor;
mod error;
mod memory;
mod postgres;
mod snapshot;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use batch::{AppendOutcome, CommandRecord, Fence, RecordedCommand, StreamBatch};
pub use cursor::{Cursor, CursorError};
pub use error::EventStoreError;
pub use memory::InMemoryEventStore;
pub use postgres::{PoolConfig, PostgresEventStore};
pub use snapshot::{LoadedStream, Snapshot, SnapshotConfig, StoredSnapshot};

use crate::reducer::{Descriptor, ReducerDigest};
use crate::{Event, PackedEvents, SerializedEvent, StreamId, Version};

/// The append-only log of events, with the snapshots and the commands that it remembers.
///
/// [`PostgresEventStore`] and [`InMemoryEventStore`] pass one contract suite (`tests/event_store_contract.rs`).
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Appends the batches of many streams, each stream at most once. Every stream wins or loses alone; the outcomes come in
    /// the order of the batches. When this returns `Ok`, every [`AppendOutcome::Appended`] is durable.
    ///
    /// # Errors
    /// [`EventStoreError::InvalidBatch`] and [`EventStoreError::Database`]: then nothing was appended, and the caller may send
    /// the batches again one by one. Any other: then it is not known what was.
    async fn append(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError>;

    /// The newest snapshot of `state_schema`, and the first page of at most `events_max` events behind it.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn load(
        &self,
        stream_id: &StreamId,
        state_schema: &str,
        events_max: usize,
    ) -> Result<LoadedStream, EventStoreError>;

    /// The next page of at most `events_max` events behind version `after`.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn load_events(
        &self,
        stream_id: &StreamId,
        after: Version,
        events_max: usize,
    ) -> Result<PackedEvents, EventStoreError>;

    /// As [`load_events`](EventStore::load_events), with all that was recorded.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn read_stream(
        &self,
        stream_id: &StreamId,
        after: Version,
        events_max: usize,
    ) -> Result<Vec<Event>, EventStoreError>;

    /// Events of all streams behind a cursor, each with its own cursor. The order is the same for every reader, keeps each
    /// stream's order, and no event ever turns up behind a cursor that was given out.
    ///
    /// # Errors
    /// [`EventStoreError::ForeignCursor`] when the cursor was made by another database.
    async fn read_all(&self, after: Option<Cursor>, events_max: usize)
    -> Result<Vec<(Cursor, Event)>, EventStoreError>;

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

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`EventStoreError::Unavailable`]
    async fn ping(&self) -> Result<(), EventStoreError>;

    /// Appends events to one stream that has just `expected` events, and returns its new version.
    ///
    /// # Errors
    /// [`EventStoreError::Conflict`] when the stream has another version; as [`append`](EventStore::append) else.
    async fn append_events(
        &self,
        stream_id: &StreamId,
        expected: Version,
        events: Vec<SerializedEvent>,
    ) -> Result<Version, EventStoreError> {
        let batch = StreamBatch::new(stream_id.clone(), expected, events);
        match self.append(&[batch]).await?.pop() {
            Some(AppendOutcome::Appended { version }) => Ok(version),
            Some(AppendOutcome::Conflict { actual }) => {
                Err(EventStoreError::Conflict { stream_id: stream_id.clone(), expected, actual })
            }
            Some(AppendOutcome::Fenced) | None => {
                Err(EventStoreError::InvalidBatch("an append without a fence was fenced".into()))
            }
        }
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

    /// Makes a kept component the one that decides for its category, as the next generation; if it already is, nothing
    /// changes. Appends that name an older generation are refused from now on.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn activate(&self, name: &str, digest: ReducerDigest) -> Result<Activation, EventStoreError>;

    /// The active reducers, by name; with `name`, only that one.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError>;

    /// A kept component's bytes.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError>;
}

/// A store of both kinds, as a host needs it.
pub trait Store: EventStore + ReducerStore {}

impl<S: EventStore + ReducerStore> Store for S {}

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
}

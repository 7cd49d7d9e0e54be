//! Streams and stores that have a past.

use super::event_builder::EventBuilder;
use crate::event_store::StreamBatch;
use crate::{EventStore, EventStoreError, InMemoryEventStore, SerializedEvent, StreamId, Version};

/// When it is, in a test: noon on 1 January 2026 (UTC), in milliseconds since 1970-01-01T00:00:00Z. The same as in the SDK's
/// [`Context::for_test`](crate::reducer::Context::for_test).
pub const NOW_MS: i64 = 1_767_268_800_000;

/// The stream of this id.
///
/// # Panics
/// When the text is no stream id, with the rule that it breaks.
#[must_use]
#[track_caller]
pub fn stream(stream_id: &str) -> StreamId {
    match StreamId::new(stream_id) {
        Ok(stream_id) => stream_id,
        Err(error) => panic!("{stream_id:?}: {error}"),
    }
}

/// So many events of the type `Numbered.v1`, each with its version in decimal digits as its data: whoever reads them back sees at
/// once which one is missing. No reducer reads them.
///
/// ```
/// assert_eq!(foldhost::testing::history(10)[9].data, b"10");
/// ```
#[must_use]
pub fn history(events: usize) -> Vec<SerializedEvent> {
    let numbered =
        |version: usize| SerializedEvent { event_type: "Numbered.v1".into(), data: version.to_string().into_bytes() };
    (1..=events).map(numbered).collect()
}

/// The past of one stream, to be appended to any store.
///
/// ```
/// # async fn run() -> Result<(), foldhost::EventStoreError> {
/// use foldhost::testing::{StreamFixture, event};
/// use foldhost::{InMemoryEventStore, Version};
///
/// let store = InMemoryEventStore::new();
/// let head = StreamFixture::new("order-1")
///     .events([event("OrderPlaced.v1").data(b"...").command_id("c-1"), event("OrderShipped.v1")])
///     .appended_to(&store)
///     .await?;
/// assert_eq!(head, Version::new(2));
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a fixture does nothing before it is appended"]
pub struct StreamFixture {
    stream_id: StreamId,
    after: Version,
    batch_len: usize,
    events: Vec<EventBuilder>,
}

impl StreamFixture {
    /// A stream without events.
    ///
    /// # Panics
    /// When the text is no stream id.
    #[track_caller]
    pub fn new(stream_id: &str) -> Self {
        Self { stream_id: stream(stream_id), after: Version::EMPTY, batch_len: 1_000, events: Vec::new() }
    }

    /// These events, behind those so far.
    pub fn events(mut self, events: impl IntoIterator<Item: Into<EventBuilder>>) -> Self {
        self.events.extend(events.into_iter().map(Into::into));
        self
    }

    /// The stream has this version already, and the events follow it. Otherwise it has to be empty.
    pub fn after(mut self, version: Version) -> Self {
        self.after = version;
        self
    }

    /// So many events an append, and at least one. Default 1,000.
    pub fn in_batches_of(mut self, events: usize) -> Self {
        self.batch_len = events.max(1);
        self
    }

    /// Appends the events, each batch at the exact version that the one before left, and returns the stream's new version.
    ///
    /// # Errors
    /// [`EventStoreError::Conflict`] when the stream is not as long as the fixture says; whatever the store answers else.
    pub async fn appended_to(&self, store: &(impl EventStore + ?Sized)) -> Result<Version, EventStoreError> {
        let mut head = self.after;
        for events in self.events.chunks(self.batch_len) {
            let mut batch = StreamBatch::new(self.stream_id.clone(), head, Vec::new());
            batch.events = events.iter().cloned().map(EventBuilder::build).collect();
            let outcome = store.append_many(std::slice::from_ref(&batch)).await?.pop();
            // A store answers each batch.
            let outcome = outcome.ok_or_else(|| EventStoreError::Corrupt {
                stream_id: self.stream_id.clone(),
                reason: "the store gave no answer to an append".into(),
            })?;
            head = outcome.into_version(&batch)?;
        }
        Ok(head)
    }
}

/// A store in memory that holds these streams.
///
/// ```
/// # async fn run() -> Result<(), foldhost::EventStoreError> {
/// use foldhost::testing::{StreamFixture, history, store_with};
///
/// let store = store_with([
///     StreamFixture::new("order-1").events(history(3)),
///     StreamFixture::new("order-2").events(history(1)),
/// ])
/// .await?;
/// assert_eq!(store.events_len(), 4);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
///
/// # Errors
/// [`EventStoreError::Conflict`] when a stream stands there twice; [`EventStoreError::InvalidBatch`] when an event is one that no
/// store takes.
pub async fn store_with(
    streams: impl IntoIterator<Item = StreamFixture>,
) -> Result<InMemoryEventStore, EventStoreError> {
    let store = InMemoryEventStore::new();
    for stream in streams {
        stream.appended_to(&store).await?;
    }
    Ok(store)
}

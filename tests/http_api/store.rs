//! A store that fails when it is told to.

use std::sync::Arc;

use async_trait::async_trait;
use foldhost::event_store::{Activation, AppendOutcome, Cursor, LoadedStream, RecordedCommand, Snapshot, StreamBatch};
use foldhost::reducer::{Descriptor, ReducerDigest};
use foldhost::{Event, EventStore, EventStoreError, InMemoryEventStore, PackedEvents, ReducerStore, StreamId, Version};
use tokio::sync::watch;

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
        let inner = InMemoryEventStore::new();
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
    async fn append(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
        self.enter().await?.append(batches).await
    }

    async fn load(&self, id: &StreamId, schema: &str, events_max: usize) -> Result<LoadedStream, EventStoreError> {
        self.enter().await?.load(id, schema, events_max).await
    }

    async fn load_events(&self, id: &StreamId, after: Version, max: usize) -> Result<PackedEvents, EventStoreError> {
        self.enter().await?.load_events(id, after, max).await
    }

    async fn read_stream(&self, id: &StreamId, after: Version, max: usize) -> Result<Vec<Event>, EventStoreError> {
        self.enter().await?.read_stream(id, after, max).await
    }

    async fn read_all(&self, after: Option<Cursor>, max: usize) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
        self.enter().await?.read_all(after, &LogFilter::default(), max.into()).await
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

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError> {
        self.enter().await?.save_snapshot(snapshot).await
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
    ) -> Result<(), EventStoreError> {
        self.enter().await?.save_reducer(digest, descriptor, component).await
    }

    async fn activate(&self, name: &str, digest: ReducerDigest) -> Result<Activation, EventStoreError> {
        self.enter().await?.activate(name, digest).await
    }

    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError> {
        self.enter().await?.active_reducers(name).await
    }

    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
        self.enter().await?.load_component(digest).await
    }
}

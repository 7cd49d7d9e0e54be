//! The store in memory, for tests and for trying things out. It answers as Postgres would; nothing outlives it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::Utc;

use super::batch::check;
use super::{
    Activation, AppendOutcome, Cursor, EventStore, EventStoreError, LoadedStream, RecordedCommand, ReducerStore,
    Snapshot, StoredSnapshot, StreamBatch,
};
use crate::event::Packer;
use crate::reducer::{Descriptor, ReducerDigest};
use crate::{Event, PackedEvents, StreamId, Version};

/// Events, snapshots, commands and reducers in memory.
#[derive(Debug, Default)]
pub struct InMemoryEventStore {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    streams: BTreeMap<StreamId, Vec<Event>>,
    /// Every event's stream and version, in the order of the appends.
    log: Vec<(StreamId, Version)>,
    snapshots: HashMap<StreamId, Snapshot>,
    commands: HashMap<(StreamId, String), RecordedCommand>,
    components: HashMap<ReducerDigest, (Descriptor, Vec<u8>)>,
    active: BTreeMap<String, Activation>,
}

impl InMemoryEventStore {
    /// A store without anything in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.records() = Records::default();
    }

    /// How many events there are, in all streams together.
    #[must_use]
    pub fn events_len(&self) -> usize {
        self.records().log.len()
    }

    /// The snapshot that is kept for a stream.
    #[must_use]
    pub fn snapshot(&self, stream_id: &StreamId) -> Option<Snapshot> {
        self.records().snapshots.get(stream_id).cloned()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // No code that can panic runs under the lock between two changes that belong together.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn head(&self, stream_id: &StreamId) -> Version {
        Version::new(self.streams.get(stream_id).map_or(0, |events| events.len() as u64))
    }

    fn behind(&self, stream_id: &StreamId, after: Version, events_max: usize) -> impl Iterator<Item = &Event> {
        let events = self.streams.get(stream_id).map_or(&[][..], Vec::as_slice);
        events.iter().skip(usize::try_from(after.get()).unwrap_or(usize::MAX)).take(events_max)
    }

    fn page(&self, stream_id: &StreamId, after: Version, events_max: usize) -> Result<PackedEvents, EventStoreError> {
        let mut packer = Packer::default();
        for event in self.behind(stream_id, after, events_max) {
            packer.push(event.version, &event.event_type, &event.data).map_err(|error| EventStoreError::Corrupt {
                stream_id: stream_id.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(packer.finish())
    }

    fn append(&mut self, batch: &StreamBatch) -> AppendOutcome {
        if let Some(fence) = &batch.fence
            && self.active.get(&fence.reducer).is_none_or(|active| active.generation != fence.generation)
        {
            return AppendOutcome::Fenced;
        }
        let actual = self.head(&batch.stream_id);
        let decided = |id: &String| self.commands.contains_key(&(batch.stream_id.clone(), id.clone()));
        if actual != batch.expected || batch.commands.iter().any(|command| decided(&command.command_id)) {
            return AppendOutcome::Conflict { actual };
        }
        let now = Utc::now();
        for (event, metadata) in &batch.events {
            let stream = self.streams.entry(batch.stream_id.clone()).or_default();
            let version = Version::new(stream.len() as u64 + 1);
            stream.push(Event {
                stream_id: batch.stream_id.clone(),
                version,
                event_type: event.event_type.clone(),
                data: event.data.clone(),
                metadata: metadata.clone(),
                created_at: now,
            });
            self.log.push((batch.stream_id.clone(), version));
        }
        for command in &batch.commands {
            let key = (batch.stream_id.clone(), command.command_id.clone());
            self.commands.entry(key).or_insert_with(|| RecordedCommand {
                command_id: command.command_id.clone(),
                fingerprint: command.fingerprint.to_vec(),
                first_version: command.first_version,
                last_version: command.last_version,
                rejection: command.rejection.clone(),
                reducer_digest: command.reducer_digest,
                generation: batch.fence.as_ref().map(|fence| fence.generation),
            });
        }
        AppendOutcome::Appended { version: batch.last_version() }
    }
}

#[async_trait]
impl EventStore for InMemoryEventStore {
    async fn append(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
        check(batches)?;
        let mut records = self.records();
        Ok(batches.iter().map(|batch| records.append(batch)).collect())
    }

    async fn load(
        &self,
        stream_id: &StreamId,
        state_schema: &str,
        events_max: usize,
    ) -> Result<LoadedStream, EventStoreError> {
        let records = self.records();
        let usable = |kept: &&Snapshot| kept.state_schema == state_schema && kept.version <= records.head(stream_id);
        let snapshot = records.snapshots.get(stream_id).filter(usable);
        let after = snapshot.map_or(Version::EMPTY, |snapshot| snapshot.version);
        Ok(LoadedStream {
            snapshot: snapshot.map(|kept| StoredSnapshot { version: kept.version, state: Ok(kept.state.clone()) }),
            tail: records.page(stream_id, after, events_max)?,
        })
    }

    async fn load_events(
        &self,
        stream_id: &StreamId,
        after: Version,
        events_max: usize,
    ) -> Result<PackedEvents, EventStoreError> {
        self.records().page(stream_id, after, events_max)
    }

    async fn read_stream(
        &self,
        stream_id: &StreamId,
        after: Version,
        events_max: usize,
    ) -> Result<Vec<Event>, EventStoreError> {
        Ok(self.records().behind(stream_id, after, events_max).cloned().collect())
    }

    async fn read_all(
        &self,
        after: Option<Cursor>,
        events_max: usize,
    ) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
        // There is one epoch, since nothing outlives the store; 0 is no Postgres cluster's.
        if after.is_some_and(|after| after.epoch != 0) {
            return Err(EventStoreError::ForeignCursor);
        }
        let records = self.records();
        let seen = after.map_or(0, |after| usize::try_from(after.position).unwrap_or(usize::MAX));
        let page = records.log.iter().zip(1_i64..).skip(seen).take(events_max);
        Ok(page
            .filter_map(|((stream_id, version), position)| {
                let event = records.streams.get(stream_id)?.get(version.get() as usize - 1)?;
                Some((Cursor { epoch: 0, transaction_id: 0, position }, event.clone()))
            })
            .collect())
    }

    async fn read_streams(
        &self,
        category: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        let records = self.records();
        let behind = |stream: &&StreamId| stream.category() == category && after.is_none_or(|after| *stream > after);
        Ok(records.streams.keys().filter(behind).take(streams_max).cloned().collect())
    }

    async fn find_commands(
        &self,
        stream_id: &StreamId,
        command_ids: &[String],
    ) -> Result<Vec<RecordedCommand>, EventStoreError> {
        let records = self.records();
        let find = |id: &String| records.commands.get(&(stream_id.clone(), id.clone())).cloned();
        Ok(command_ids.iter().filter_map(find).collect())
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError> {
        let mut records = self.records();
        let newer = |kept: &Snapshot| kept.state_schema == snapshot.state_schema && kept.version >= snapshot.version;
        if !records.snapshots.get(&snapshot.stream_id).is_some_and(newer) {
            records.snapshots.insert(snapshot.stream_id.clone(), snapshot.clone());
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), EventStoreError> {
        Ok(())
    }
}

#[async_trait]
impl ReducerStore for InMemoryEventStore {
    async fn save_reducer(
        &self,
        digest: ReducerDigest,
        descriptor: &Descriptor,
        component: &[u8],
    ) -> Result<(), EventStoreError> {
        let kept = (descriptor.clone(), component.to_vec());
        self.records().components.entry(digest).or_insert(kept);
        Ok(())
    }

    async fn activate(&self, name: &str, digest: ReducerDigest) -> Result<Activation, EventStoreError> {
        let mut records = self.records();
        let Some((descriptor, _)) = records.components.get(&digest) else {
            return Err(EventStoreError::Database(format!("no component {digest} is kept")));
        };
        let generation = match records.active.get(name) {
            Some(active) if active.digest == digest => return Ok(active.clone()),
            active => active.map_or(1, |active| active.generation + 1),
        };
        let activation = Activation {
            name: name.to_owned(),
            generation,
            digest,
            descriptor: descriptor.clone(),
            activated_at: Utc::now(),
        };
        records.active.insert(name.to_owned(), activation.clone());
        Ok(activation)
    }

    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError> {
        let records = self.records();
        let asked = |active: &&Activation| name.is_none_or(|name| active.name == name);
        Ok(records.active.values().filter(asked).cloned().collect())
    }

    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
        Ok(self.records().components.get(&digest).map(|(_, component)| component.clone()))
    }
}

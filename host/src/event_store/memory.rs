//! The store in memory, for tests and for trying things out. It answers as Postgres would; nothing outlives it.

mod effects;
mod outbox;
mod records;
mod reducers;
mod subscriptions;
mod verifications;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use records::{Records, up_to};

use super::batch::{check, metadata_json};
use super::{
    AppendOutcome, Cursor, EventStore, EventStoreError, JournalPlace, JournaledCommand, LoadedStream, LogFilter,
    PageLimit, RecordedCommand, ReducerNews, Snapshot, SnapshotKey, StoredSnapshot, StreamBatch,
};
use crate::event::STREAM_CLOSED;
use crate::{Event, EventMetadata, PackedEvents, StreamId, Version};

/// Events, snapshots, commands, effects and reducers in memory.
#[derive(Debug)]
pub struct InMemoryEventStore {
    records: Mutex<Records>,
    /// Categories whose streams can be erased.
    erasable: BTreeSet<String>,
    appended: watch::Sender<u64>,
    news: broadcast::Sender<ReducerNews>,
}

impl Default for InMemoryEventStore {
    fn default() -> Self {
        let news = broadcast::Sender::new(256);
        Self { records: Mutex::default(), erasable: BTreeSet::new(), appended: watch::Sender::default(), news }
    }
}

impl InMemoryEventStore {
    /// A store without anything in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Streams of these categories can be erased, as those of encrypted categories can in a database. Nothing is encrypted: in
    /// memory, erasing is forgetting.
    #[must_use]
    pub fn erasable(mut self, categories: impl IntoIterator<Item: Into<String>>) -> Self {
        self.erasable = categories.into_iter().map(Into::into).collect();
        self
    }

    /// Forgets everything, as a new store would have it.
    pub fn reset(&self) {
        *self.records() = Records::default();
    }

    /// How many events there are, in all streams together.
    #[must_use]
    pub fn events_len(&self) -> usize {
        self.records().log.len()
    }

    /// All events, in the order of the appends.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let records = self.records();
        records.log.iter().filter_map(|(stream_id, version)| records.event(stream_id, *version).cloned()).collect()
    }

    /// All streams, in the order of their ids, and their versions.
    #[must_use]
    pub fn streams(&self) -> Vec<(StreamId, Version)> {
        let records = self.records();
        records.streams.keys().map(|stream_id| (stream_id.clone(), records.head(stream_id))).collect()
    }

    /// The newest of the snapshots that are kept for a stream, one for each schema.
    #[must_use]
    pub fn snapshot(&self, stream_id: &StreamId) -> Option<Snapshot> {
        self.records().snapshots_of(stream_id).max_by_key(|kept| kept.version).cloned()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // No code that can panic runs under the lock between two changes that belong together.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What Postgres would refuse.
fn check_all(batches: &[StreamBatch]) -> Result<(), EventStoreError> {
    check(batches)?;
    batches.iter().flat_map(|batch| &batch.events).try_for_each(|(_, metadata)| metadata_json(metadata).map(drop))
}

#[async_trait]
impl EventStore for InMemoryEventStore {
    async fn append_many(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
        check_all(batches)?;
        let outcomes = {
            let mut records = self.records();
            batches.iter().map(|batch| records.append(batch)).collect()
        };
        self.appended.send_modify(|appends| *appends += 1);
        Ok(outcomes)
    }

    async fn append_atomic(&self, batches: &[StreamBatch]) -> Result<Vec<Version>, EventStoreError> {
        check_all(batches)?;
        let versions = {
            let mut records = self.records();
            for batch in batches {
                records.judge(batch).into_version(batch)?;
            }
            batches.iter().map(|batch| records.append(batch).into_version(batch)).collect()
        };
        self.appended.send_modify(|appends| *appends += 1);
        versions
    }

    async fn load(
        &self,
        stream_id: &StreamId,
        snapshots: Option<&SnapshotKey>,
        page: PageLimit,
    ) -> Result<LoadedStream, EventStoreError> {
        let records = self.records();
        let usable =
            |kept: &&Snapshot| snapshots.is_some_and(|key| key.admits(kept)) && kept.version <= records.head(stream_id);
        let snapshot = records.snapshots_of(stream_id).find(usable);
        let after = snapshot.map_or(Version::EMPTY, |snapshot| snapshot.version);
        Ok(LoadedStream {
            snapshot: snapshot.map(|kept| StoredSnapshot { version: kept.version, state: Ok(kept.state.clone()) }),
            tail: records.load(stream_id, after, page)?,
        })
    }

    async fn load_events(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<PackedEvents, EventStoreError> {
        self.records().load(stream_id, after, page)
    }

    async fn read_stream(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError> {
        let records = self.records();
        let events = up_to(page, records.behind(stream_id, after), |event| event.data.len());
        Ok(events.into_iter().cloned().collect())
    }

    async fn read_stream_backwards(
        &self,
        stream_id: &StreamId,
        before: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError> {
        let records = self.records();
        let events = records.streams.get(stream_id).map_or(&[][..], Vec::as_slice);
        let earlier = events.iter().rev().filter(|event| event.version < before);
        Ok(up_to(page, earlier, |event| event.data.len()).into_iter().cloned().collect())
    }

    async fn read_all(
        &self,
        after: Option<Cursor>,
        filter: &LogFilter,
        page: PageLimit,
    ) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
        // There is one epoch, since nothing outlives the store; 0 is no Postgres cluster's.
        if after.is_some_and(|after| after.epoch != 0) {
            return Err(EventStoreError::ForeignCursor);
        }
        let records = self.records();
        let seen = after.map_or(0, |after| usize::try_from(after.position).unwrap_or(usize::MAX));
        let wanted = records.log.iter().zip(1_i64..).skip(seen).filter_map(|((stream_id, version), position)| {
            let event = records.event(stream_id, *version).filter(|event| filter.admits(event))?;
            Some((Cursor { epoch: 0, transaction_id: 0, position }, event))
        });
        let page = up_to(page, wanted, |(_, event)| event.data.len());
        Ok(page.into_iter().map(|(cursor, event)| (cursor, event.clone())).collect())
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

    async fn read_journal(
        &self,
        stream_id: &StreamId,
        after: Option<&JournalPlace>,
        commands_max: usize,
    ) -> Result<Vec<JournaledCommand>, EventStoreError> {
        let records = self.records();
        let journal = records.journal.get(stream_id).into_iter().flatten();
        let behind = journal.filter(|(place, _)| after.is_none_or(|after| *place > after));
        Ok(behind.take(commands_max).map(|(_, command)| command.clone()).collect())
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError> {
        let mut records = self.records();
        let head = records.head(&snapshot.stream_id);
        let keeps = |kept: &Snapshot| kept.version >= snapshot.version && kept.version <= head;
        if snapshot.version > head {
            return Ok(());
        }
        let erased = records.event(&snapshot.stream_id, Version::new(1)).is_some_and(|first| first.erased);
        let key = (snapshot.stream_id.clone(), snapshot.state_schema.clone());
        if !erased && !records.snapshots.get(&key).is_some_and(keeps) {
            records.snapshots.insert(key, snapshot.clone());
        }
        Ok(())
    }

    async fn close_stream(&self, stream_id: &StreamId, erase: bool) -> Result<Version, EventStoreError> {
        let version = {
            let mut records = self.records();
            let not_erasable = |reason: &str| {
                Err(EventStoreError::NotErasable { stream_id: stream_id.clone(), reason: reason.to_owned() })
            };
            if records.head(stream_id) == Version::EMPTY {
                return not_erasable("it has no events");
            }
            if erase && !self.erasable.contains(stream_id.category()) {
                return not_erasable("its events are not encrypted, and would stay readable: close it without erasing");
            }
            let version = match records.is_closed(stream_id) {
                true => records.head(stream_id),
                false => records.push(stream_id, STREAM_CLOSED.to_owned(), Vec::new(), EventMetadata::default()),
            };
            if erase {
                records.erase(stream_id);
            }
            version
        };
        self.appended.send_modify(|appends| *appends += 1);
        Ok(version)
    }

    async fn is_sealed(&self, category: &str) -> Result<bool, EventStoreError> {
        Ok(self.erasable.contains(category))
    }

    async fn log_lag(&self) -> Result<Duration, EventStoreError> {
        Ok(Duration::ZERO)
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }

    async fn ping(&self) -> Result<(), EventStoreError> {
        Ok(())
    }
}

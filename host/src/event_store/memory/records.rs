//! What the store in memory holds, and the rules by which it changes.

use std::collections::{BTreeMap, HashMap};

use chrono::Utc;

use super::effects::Effects;
use super::subscriptions::SubscriptionRecord;
use super::verifications::{HeldTask, HeldVerification};
use crate::event::{Packer, STREAM_CLOSED};
use crate::event_store::{
    Activation, AppendOutcome, CommandRecord, EventStoreError, JournalPlace, JournaledCommand, KeptReducer, PageLimit,
    RecordedCommand, Snapshot, StreamBatch, SubscriptionName,
};
use crate::reducer::ReducerDigest;
use crate::{Event, EventMetadata, PackedEvents, StreamId, Version};

#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) streams: BTreeMap<StreamId, Vec<Event>>,
    /// Every event's stream and version, in the order of the appends.
    pub(super) log: Vec<(StreamId, Version)>,
    /// One for each schema.
    pub(super) snapshots: BTreeMap<(StreamId, String), Snapshot>,
    pub(super) commands: HashMap<(StreamId, String), RecordedCommand>,
    /// What each stream's journal holds, in its order.
    pub(super) journal: HashMap<StreamId, BTreeMap<JournalPlace, JournaledCommand>>,
    pub(super) components: HashMap<ReducerDigest, (KeptReducer, Vec<u8>)>,
    pub(super) active: BTreeMap<String, Activation>,
    /// Every activation there was.
    pub(super) generations: BTreeMap<(String, u64), Activation>,
    pub(super) verifications: Vec<HeldVerification>,
    pub(super) tasks: HashMap<(String, u64), HeldTask>,
    pub(super) effects: Effects,
    pub(super) subscriptions: BTreeMap<SubscriptionName, SubscriptionRecord>,
    /// The last token that was given out, of all subscriptions.
    pub(super) tokens: u64,
}

impl Records {
    pub(super) fn head(&self, stream_id: &StreamId) -> Version {
        Version::new(self.streams.get(stream_id).map_or(0, |events| events.len() as u64))
    }

    pub(super) fn event(&self, stream_id: &StreamId, version: Version) -> Option<&Event> {
        let place = usize::try_from(version.get()).ok()?.checked_sub(1)?;
        self.streams.get(stream_id)?.get(place)
    }

    pub(super) fn is_closed(&self, stream_id: &StreamId) -> bool {
        self.event(stream_id, self.head(stream_id)).is_some_and(|last| last.event_type == STREAM_CLOSED)
    }

    pub(super) fn behind(&self, stream_id: &StreamId, after: Version) -> impl Iterator<Item = &Event> {
        let events = self.streams.get(stream_id).map_or(&[][..], Vec::as_slice);
        events.iter().skip(usize::try_from(after.get()).unwrap_or(usize::MAX))
    }

    pub(super) fn load(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<PackedEvents, EventStoreError> {
        let mut packer = Packer::default();
        for event in up_to(page, self.behind(stream_id, after), |event| event.data.len()) {
            if event.erased {
                return Err(EventStoreError::StreamErased { stream_id: stream_id.clone() });
            }
            packer.push(event.version, &event.event_type, &event.data).map_err(|error| EventStoreError::Corrupt {
                stream_id: stream_id.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(packer.finish())
    }

    /// What would become of a batch.
    pub(super) fn judge(&self, batch: &StreamBatch) -> AppendOutcome {
        let actual = self.head(&batch.stream_id);
        let decided = |id: &String| self.commands.contains_key(&(batch.stream_id.clone(), id.clone()));
        if batch.commands.iter().any(|command| decided(&command.command_id)) {
            AppendOutcome::Repeated
        } else if self.is_closed(&batch.stream_id) {
            AppendOutcome::Closed { version: actual }
        } else if self.is_fenced(batch) {
            AppendOutcome::Fenced
        } else if !batch.expected.admits(actual) {
            AppendOutcome::Conflict { actual }
        } else {
            AppendOutcome::Appended { version: actual + batch.events.len() as u64 }
        }
    }

    fn is_fenced(&self, batch: &StreamBatch) -> bool {
        batch.fence.as_ref().is_some_and(|fence| {
            self.active.get(&fence.reducer).is_none_or(|active| active.generation != fence.generation)
        })
    }

    pub(super) fn append(&mut self, batch: &StreamBatch) -> AppendOutcome {
        let outcome = self.judge(batch);
        if !matches!(outcome, AppendOutcome::Appended { .. }) {
            return outcome;
        }
        let base = self.head(&batch.stream_id);
        for (event, metadata) in &batch.events {
            let mut metadata = metadata.clone();
            if let Some(generation) = metadata.generation.filter(|_| metadata.reducer_digest.is_none()) {
                metadata.reducer_digest = self
                    .generations
                    .get(&(batch.stream_id.category().to_owned(), generation))
                    .map(|activation| activation.digest);
            }
            self.push(&batch.stream_id, event.event_type.clone(), event.data.clone(), metadata);
        }
        for command in &batch.commands {
            self.journal(&batch.stream_id, command, base);
            let key = (batch.stream_id.clone(), command.command_id.clone());
            self.commands.entry(key).or_insert_with(|| RecordedCommand {
                command_id: command.command_id.clone(),
                fingerprint: command.fingerprint.to_vec(),
                first_version: command.first_version(base),
                last_version: command.last_version(base),
                rejection: command.rejection.clone(),
                reducer_digest: command.reducer_digest,
                generation: batch.fence.as_ref().map(|fence| fence.generation),
            });
        }
        self.effects.append(batch);
        outcome
    }

    fn journal(&mut self, stream_id: &StreamId, command: &CommandRecord, base: Version) {
        let Some(entry) = &command.journal else { return };
        let place = JournalPlace { last_version: command.last_version(base), command_id: command.command_id.clone() };
        let journaled = JournaledCommand {
            place: place.clone(),
            name: command.name.clone(),
            payload: Some(entry.payload.clone()),
            now_ms: entry.now_ms,
            first_version: command.first_version(base),
            rejection: command.rejection.clone(),
            reducer_digest: command.reducer_digest,
        };
        self.journal.entry(stream_id.clone()).or_default().insert(place, journaled);
    }

    /// The snapshots of a stream.
    pub(super) fn snapshots_of<'a>(&'a self, stream_id: &'a StreamId) -> impl Iterator<Item = &'a Snapshot> {
        let begin = (stream_id.clone(), String::new());
        self.snapshots.range(begin..).take_while(move |((of, _), _)| of == stream_id).map(|(_, snapshot)| snapshot)
    }

    pub(super) fn push(
        &mut self,
        stream_id: &StreamId,
        event_type: String,
        data: Vec<u8>,
        metadata: EventMetadata,
    ) -> Version {
        let stream = self.streams.entry(stream_id.clone()).or_default();
        let version = Version::new(stream.len() as u64 + 1);
        let (stream_id, created_at) = (stream_id.clone(), Utc::now());
        self.log.push((stream_id.clone(), version));
        stream.push(Event { stream_id, version, event_type, data, metadata, created_at, erased: false });
        version
    }

    pub(super) fn erase(&mut self, stream_id: &StreamId) {
        self.snapshots.retain(|(of, _), _| of != stream_id);
        for command in self.journal.get_mut(stream_id).into_iter().flatten().map(|(_, command)| command) {
            command.payload = None;
            command.rejection.iter_mut().for_each(|rejection| rejection.message.clear());
        }
        for event in self.streams.get_mut(stream_id).into_iter().flatten().filter(|e| e.event_type != STREAM_CLOSED) {
            event.data = Vec::new();
            event.erased = true;
        }
        for ((stream, _), command) in &mut self.commands {
            if stream == stream_id {
                command.fingerprint = vec![0; 32];
                command.rejection.iter_mut().for_each(|rejection| rejection.message.clear());
            }
        }
        self.effects.erase(stream_id);
    }
}

/// The events of a page: it ends with the one that reaches the bytes.
pub(super) fn up_to<T>(page: PageLimit, events: impl Iterator<Item = T>, bytes_of: impl Fn(&T) -> usize) -> Vec<T> {
    let mut bytes = 0;
    let begins_within = |event: &T| {
        let within = bytes < page.bytes_max;
        bytes += bytes_of(event);
        within
    };
    events.take(page.events_max).take_while(begins_within).collect()
}

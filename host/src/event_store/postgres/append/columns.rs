//! The append statement's parameters: a vector a column.

use std::collections::BTreeSet;

use crate::Version;
use crate::event_store::batch::metadata_json;
use crate::event_store::outbox::bounded;
use crate::event_store::postgres::keys::Sealed;
use crate::event_store::{EventStoreError, Fence, StreamBatch};

/// A batch on its way into the statement: with the one version that it follows, and its data as they are stored.
pub(super) struct Prepared<'a> {
    pub(super) batch: &'a StreamBatch,
    pub(super) base: Version,
    /// The events' data where they are sealed, else none.
    pub(super) sealed: Option<&'a Sealed>,
}

/// For append.sql and append_with_effects.sql: a row an event.
#[derive(Default)]
pub(super) struct Events<'a> {
    pub(super) stream_ids: Vec<&'a str>,
    pub(super) versions: Vec<i64>,
    pub(super) first: Vec<bool>,
    /// The place of its fence among `fences`, from 1.
    pub(super) fence: Vec<Option<i32>>,
    pub(super) types: Vec<&'a str>,
    pub(super) data: Vec<&'a [u8]>,
    pub(super) metadata: Vec<String>,
    pub(super) sealed: Vec<Option<i16>>,
    pub(super) fences: Fences<'a>,
    pub(super) effects: Effects<'a>,
}

/// For append_contested.sql: a row a stream.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) stream_ids: Vec<&'a str>,
    pub(super) expected: Vec<i64>,
    /// The place of its fence among `fences`, from 1.
    pub(super) fence: Vec<Option<i32>>,
    pub(super) first_types: Vec<Option<&'a str>>,
    pub(super) first_data: Vec<Option<&'a [u8]>>,
    pub(super) first_metadata: Vec<Option<String>>,
    pub(super) first_sealed: Vec<Option<i16>>,
    pub(super) fences: Fences<'a>,
    pub(super) rest: Rest<'a>,
    pub(super) commands: Commands<'a>,
    pub(super) effects: Effects<'a>,
}

/// The activations that the batches stand under, each once and in order.
#[derive(Default)]
pub(super) struct Fences<'a> {
    pub(super) reducers: Vec<&'a str>,
    pub(super) generations: Vec<i64>,
}

/// Every event of a batch but its first.
#[derive(Default)]
pub(super) struct Rest<'a> {
    pub(super) stream_ids: Vec<&'a str>,
    pub(super) versions: Vec<i64>,
    pub(super) types: Vec<&'a str>,
    pub(super) data: Vec<&'a [u8]>,
    pub(super) metadata: Vec<String>,
    pub(super) sealed: Vec<Option<i16>>,
}

/// Effects to be kept, for append_with_effects.sql and append_contested.sql alike.
#[derive(Default)]
pub(super) struct Effects<'a> {
    pub(super) ids: Vec<String>,
    pub(super) stream_ids: Vec<&'a str>,
    pub(super) generations: Vec<Option<i64>>,
    pub(super) kinds: Vec<&'a str>,
    pub(super) lanes: Vec<&'a str>,
    pub(super) delays_s: Vec<f64>,
    pub(super) bodies: Vec<&'a [u8]>,
    pub(super) sealed: Vec<Option<i16>>,
}

/// Commands to be remembered.
#[derive(Default)]
pub(super) struct Commands<'a> {
    pub(super) stream_ids: Vec<&'a str>,
    pub(super) ids: Vec<&'a str>,
    pub(super) names: Vec<&'a str>,
    pub(super) fingerprints: Vec<&'a [u8]>,
    pub(super) first_versions: Vec<Option<i64>>,
    pub(super) last_versions: Vec<i64>,
    pub(super) rejections: Vec<Option<String>>,
    pub(super) reducers: Vec<Option<&'a [u8]>>,
    pub(super) generations: Vec<Option<i64>>,
    /// For the journal; null where the command is not in it.
    pub(super) payloads: Vec<Option<&'a [u8]>>,
    pub(super) payload_kinds: Vec<Option<i16>>,
    pub(super) payload_sealed: Vec<Option<i16>>,
    pub(super) decided_at_ms: Vec<Option<i64>>,
}

impl<'a> Fences<'a> {
    fn of(batches: &[Prepared<'a>]) -> Self {
        let fences = batches.iter().filter_map(|prepared| prepared.batch.fence.as_ref());
        let fences: BTreeSet<_> = fences.map(|fence| (fence.reducer.as_str(), fence.generation as i64)).collect();
        let (reducers, generations) = fences.into_iter().unzip();
        Self { reducers, generations }
    }

    fn place(&self, fence: &Fence) -> Option<i32> {
        let known = self.reducers.iter().zip(&self.generations);
        let place = known
            .zip(1..)
            .find(|((reducer, generation), _)| **reducer == fence.reducer && **generation == fence.generation as i64);
        place.map(|(_, place)| place)
    }
}

impl<'a> Prepared<'a> {
    /// An event's data as they are stored.
    fn data(&self, place: usize) -> &'a [u8] {
        self.sealed.map_or(self.batch.events[place].0.data.as_slice(), |sealed| &sealed.data[place])
    }

    /// What an effect says, as it is stored.
    fn effect_body(&self, place: usize) -> &'a [u8] {
        self.sealed.map_or(self.batch.effects[place].body.as_slice(), |sealed| &sealed.effects[place])
    }

    /// A command's arguments for the journal, as they are stored, and their kind.
    fn payload(&self, place: usize) -> (Option<&'a [u8]>, Option<i16>) {
        let Some(entry) = &self.batch.commands[place].journal else { return (None, None) };
        let (kind, bytes) = entry.stored();
        let bytes = match self.sealed {
            Some(sealed) => sealed.payloads[place].as_deref(),
            None => Some(bytes),
        };
        (bytes, Some(kind))
    }

    fn cipher(&self) -> Option<i16> {
        self.sealed.map(|_| super::SEALED_XCHACHA20)
    }
}

impl<'a> Effects<'a> {
    fn push(&mut self, prepared: &Prepared<'a>) {
        let batch = prepared.batch;
        let generation = batch.fence.as_ref().map(|fence| fence.generation as i64);
        for (place, effect) in batch.effects.iter().enumerate() {
            self.ids.push(effect.effect_id.to_string());
            self.stream_ids.push(batch.stream_id.as_str());
            self.generations.push(generation);
            self.kinds.push(&effect.kind);
            self.lanes.push(&effect.lane);
            self.delays_s.push(bounded(effect.delay).as_secs_f64());
            self.bodies.push(prepared.effect_body(place));
            self.sealed.push(prepared.cipher());
        }
    }
}

impl<'a> Events<'a> {
    /// None where neither of the two can do it: they remember no commands, ask nothing of a stream without an event, and do not look
    /// whether a key was dropped.
    pub(super) fn of(batches: &[Prepared<'a>]) -> Result<Option<Self>, EventStoreError> {
        let can = |prepared: &Prepared<'_>| {
            let Prepared { batch, sealed, .. } = prepared;
            !batch.events.is_empty() && batch.commands.is_empty() && !sealed.is_some_and(|sealed| sealed.erased)
        };
        if !batches.iter().all(can) {
            return Ok(None);
        }
        let mut events = Self { fences: Fences::of(batches), ..Self::default() };
        // In the order that the statement inserts them: to sort what is sorted costs it a comparison a row.
        let mut batches: Vec<_> = batches.iter().collect();
        batches.sort_unstable_by_key(|prepared| prepared.batch.stream_id.as_str());
        for prepared in batches {
            events.effects.push(prepared);
            let fence = prepared.batch.fence.as_ref().and_then(|fence| events.fences.place(fence));
            for (place, (event, metadata)) in prepared.batch.events.iter().enumerate() {
                events.stream_ids.push(prepared.batch.stream_id.as_str());
                events.versions.push(prepared.base.as_i64() + 1 + place as i64);
                events.first.push(place == 0);
                events.fence.push(fence);
                events.types.push(&event.event_type);
                events.data.push(prepared.data(place));
                events.metadata.push(metadata_json(metadata)?);
                events.sealed.push(prepared.cipher());
            }
        }
        Ok(Some(events))
    }
}

impl<'a> Columns<'a> {
    pub(super) fn of(batches: &[Prepared<'a>]) -> Result<Self, EventStoreError> {
        let mut columns = Self { fences: Fences::of(batches), ..Self::default() };
        for batch in batches {
            columns.push(batch)?;
        }
        Ok(columns)
    }

    fn push(&mut self, prepared: &Prepared<'a>) -> Result<(), EventStoreError> {
        let (batch, base, cipher) = (prepared.batch, prepared.base, prepared.cipher());
        let stream_id = batch.stream_id.as_str();
        let generation = batch.fence.as_ref().map(|fence| fence.generation as i64);
        self.stream_ids.push(stream_id);
        self.expected.push(base.as_i64());
        self.fence.push(batch.fence.as_ref().and_then(|fence| self.fences.place(fence)));
        let first = batch.events.first();
        self.first_types.push(first.map(|(event, _)| event.event_type.as_str()));
        self.first_data.push(first.map(|_| prepared.data(0)));
        self.first_metadata.push(first.map(|(_, metadata)| metadata_json(metadata)).transpose()?);
        self.first_sealed.push(cipher);
        for (place, (event, metadata)) in batch.events.iter().enumerate().skip(1) {
            self.rest.stream_ids.push(stream_id);
            self.rest.versions.push(base.as_i64() + 1 + place as i64);
            self.rest.types.push(&event.event_type);
            self.rest.data.push(prepared.data(place));
            self.rest.metadata.push(metadata_json(metadata)?);
            self.rest.sealed.push(cipher);
        }
        self.effects.push(prepared);
        for (place, command) in batch.commands.iter().enumerate() {
            let (payload, payload_kind) = prepared.payload(place);
            self.commands.payloads.push(payload);
            self.commands.payload_kinds.push(payload_kind);
            self.commands.payload_sealed.push(payload.and(cipher));
            self.commands.decided_at_ms.push(command.journal.as_ref().map(|entry| entry.now_ms));
            self.commands.stream_ids.push(stream_id);
            self.commands.ids.push(&command.command_id);
            self.commands.names.push(&command.name);
            self.commands.fingerprints.push(&command.fingerprint);
            self.commands.first_versions.push(command.first_version(base).map(Version::as_i64));
            self.commands.last_versions.push(command.last_version(base).as_i64());
            let rejection = command.rejection.as_ref();
            let rejection = rejection.map(|no| serde_json::json!({"code": no.code, "message": no.message}).to_string());
            self.commands.rejections.push(rejection);
            self.commands.reducers.push(command.reducer_digest.as_ref().map(|digest| digest.as_bytes().as_slice()));
            self.commands.generations.push(generation);
        }
        Ok(())
    }
}

use std::collections::HashSet;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::outbox::check_lane;
use super::{EventStore, EventStoreError, JournalEntry, LANE_BYTES_MAX, NewEffect};
use crate::event::STREAM_CLOSED;
use crate::reducer::{ReducerDigest, Rejection};
use crate::{EventMetadata, ExpectedVersion, PackedEvents, SerializedEvent, StreamId, Version};

/// What one stream appends: all of it or nothing.
#[derive(Clone, Debug)]
pub struct StreamBatch {
    /// The stream.
    pub stream_id: StreamId,
    /// What the stream has to be before it. Exact is what is fast: a batch for any version, or for a stream that merely exists,
    /// takes a lock on its stream and costs some round trips more.
    pub expected: ExpectedVersion,
    /// The events, each with its metadata. None at all asks whether the stream still has the expected version.
    pub events: Vec<(SerializedEvent, EventMetadata)>,
    /// The activation that decided; none for a reducer that is linked into the host.
    pub fence: Option<Fence>,
    /// Commands whose outcome is to be remembered with the events.
    pub commands: Vec<CommandRecord>,
    /// What is to be done once the batch is durable, each under an id of its own. A batch without events may have some too.
    pub effects: Vec<NewEffect>,
}

/// The activation that an append stands under. It goes through only while that activation is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The reducer's name.
    pub reducer: String,
    /// Its generation.
    pub generation: u64,
}

/// A command to be remembered by the id that its sender gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// The sender's id, 1 to 255 bytes; unique within the stream.
    pub command_id: String,
    /// Which command.
    pub name: String,
    /// SHA-256 of its name and payload.
    pub fingerprint: [u8; 32],
    /// Which of the batch's events it led to, by their places. Where it led to none: an empty range, at the place that it would
    /// have had.
    pub events: Range<usize>,
    /// The business rule's no, where there was one.
    pub rejection: Option<Rejection>,
    /// The code that decided; none where no reducer did.
    pub reducer_digest: Option<ReducerDigest>,
    /// What it takes to decide it anew; none where its reducer has no journal.
    pub journal: Option<JournalEntry>,
}

/// A command that a stream remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCommand {
    /// The sender's id.
    pub command_id: String,
    /// SHA-256 of its name and payload.
    pub fingerprint: Vec<u8>,
    /// Version of its first event; none if it led to none.
    pub first_version: Option<Version>,
    /// The stream's version after it.
    pub last_version: Version,
    /// The business rule's no, where there was one.
    pub rejection: Option<Rejection>,
    /// The code that decided; none where no reducer did.
    pub reducer_digest: Option<ReducerDigest>,
    /// Its activation; none for a reducer that is linked into the host.
    pub generation: Option<u64>,
}

/// What became of one stream's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It is durable, and the stream has this version.
    Appended {
        /// The stream's new version.
        version: Version,
    },
    /// The stream was not what was expected. Nothing of the batch was appended.
    Conflict {
        /// The version that the stream had shortly afterwards.
        actual: Version,
    },
    /// The stream remembers one of the commands: it was done before. Nothing of the batch was appended now, and
    /// [`find_commands`](super::EventStore::find_commands) has the first outcome.
    Repeated,
    /// The stream was closed, and takes no more events. Nothing of the batch was appended.
    Closed {
        /// Its version, the closing event included.
        version: Version,
    },
    /// Another generation of the reducer is active. Nothing of the batch was appended.
    Fenced,
}

impl CommandRecord {
    /// The version of its first event, in a batch that follows version `base`; none if it led to none.
    #[must_use]
    pub fn first_version(&self, base: Version) -> Option<Version> {
        (!self.events.is_empty()).then(|| base + self.events.start as u64 + 1)
    }

    /// The stream's version after it, in a batch that follows version `base`.
    #[must_use]
    pub fn last_version(&self, base: Version) -> Version {
        base + self.events.end as u64
    }
}

impl AppendOutcome {
    /// The new version, or the error that tells why there is none.
    ///
    /// # Errors
    /// [`EventStoreError`] for every outcome but [`AppendOutcome::Appended`].
    pub fn into_version(self, batch: &StreamBatch) -> Result<Version, EventStoreError> {
        let stream_id = batch.stream_id.clone();
        match self {
            Self::Appended { version } => Ok(version),
            Self::Conflict { actual } => Err(EventStoreError::Conflict { stream_id, expected: batch.expected, actual }),
            Self::Closed { version } => Err(EventStoreError::StreamClosed { stream_id, version }),
            Self::Fenced => Err(EventStoreError::Fenced { stream_id }),
            Self::Repeated => {
                let command_id = batch.commands.first().map(|command| command.command_id.clone()).unwrap_or_default();
                Err(EventStoreError::Repeated { stream_id, command_id })
            }
        }
    }
}

impl StreamBatch {
    /// A batch without metadata, fence, commands and effects.
    #[must_use]
    pub fn new(stream_id: StreamId, expected: impl Into<ExpectedVersion>, events: Vec<SerializedEvent>) -> Self {
        let events = events.into_iter().map(|event| (event, EventMetadata::default())).collect();
        Self { stream_id, expected: expected.into(), events, fence: None, commands: Vec::new(), effects: Vec::new() }
    }

    /// The version that the stream has to have, where the batch says just one.
    #[must_use]
    pub fn expected_version(&self) -> Option<Version> {
        match self.expected {
            ExpectedVersion::NoStream => Some(Version::EMPTY),
            ExpectedVersion::Exact(version) => Some(version),
            ExpectedVersion::Exists | ExpectedVersion::Any => None,
        }
    }
}

/// Longest event type, in bytes.
const EVENT_TYPE_BYTES_MAX: usize = 255;

/// The name under which a store remembers an append that no command led to.
const APPEND: &str = "append";

pub(super) async fn append_once<S: EventStore + ?Sized>(
    store: &S,
    stream_id: &StreamId,
    expected: ExpectedVersion,
    command_id: &str,
    events: Vec<SerializedEvent>,
) -> Result<(Version, Version), EventStoreError> {
    let count = events.len() as u64;
    if count == 0 {
        return Err(EventStoreError::InvalidBatch("an append that is remembered has events".into()));
    }
    let fingerprint = fingerprint(&events);
    let mut batch = StreamBatch::new(stream_id.clone(), expected, events);
    for (_, metadata) in &mut batch.events {
        metadata.command_id = Some(command_id.to_owned());
    }
    batch.commands.push(CommandRecord {
        command_id: command_id.to_owned(),
        name: APPEND.into(),
        fingerprint,
        events: 0..batch.events.len(),
        rejection: None,
        reducer_digest: None,
        journal: None,
    });
    let appended = store.append_many(std::slice::from_ref(&batch)).await;
    let appended = appended
        .and_then(|outcomes| outcomes.into_iter().next().unwrap_or(AppendOutcome::Repeated).into_version(&batch));
    let error = match appended {
        Ok(version) => return Ok((Version::new(version.get() - count + 1), version)),
        Err(error) => error,
    };
    // Whatever went wrong, the stream may hold it by now: from the first time, from this one with its answer lost, or from
    // another host's in the same moment.
    let recorded = store.find_commands(stream_id, &[command_id.to_owned()]).await.unwrap_or_default().pop();
    match recorded {
        Some(RecordedCommand { fingerprint: first, first_version: Some(begin), last_version, .. })
            if first == fingerprint =>
        {
            Ok((begin, last_version))
        }
        Some(_) => {
            Err(EventStoreError::CommandIdReused { stream_id: stream_id.clone(), command_id: command_id.into() })
        }
        None => Err(error),
    }
}

/// SHA-256 of what is appended: the same id with other events is a mistake, not a retry.
fn fingerprint(events: &[SerializedEvent]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for event in events {
        for part in [event.event_type.as_bytes(), event.data.as_slice()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().into()
}

/// Refuses what would make a statement fail for every stream in it: NUL bytes, which Postgres has no place for in text, and
/// a stream that stands in it twice.
pub(super) fn check(batches: &[StreamBatch]) -> Result<(), EventStoreError> {
    let mut seen = HashSet::with_capacity(batches.len());
    let mut effect_ids = HashSet::new();
    for batch in batches {
        let stream_id = &batch.stream_id;
        if !seen.insert(stream_id) {
            return Err(EventStoreError::InvalidBatch(format!("stream {stream_id} stands twice in one append")));
        }
        check_batch(batch)
            .map_err(|reason| EventStoreError::InvalidBatch(format!("a batch of stream {stream_id}: {reason}")))?;
        if let Some(effect) = batch.effects.iter().find(|effect| !effect_ids.insert(effect.effect_id)) {
            let id = effect.effect_id;
            return Err(EventStoreError::InvalidBatch(format!("the effect id {id} stands twice in one append")));
        }
    }
    Ok(())
}

fn check_batch(batch: &StreamBatch) -> Result<(), String> {
    let expected = batch.expected_version().unwrap_or_default().get();
    if expected.saturating_add(batch.events.len() as u64) > Version::MAX.get() {
        return Err("it would pass the highest version".into());
    }
    for (event, metadata) in &batch.events {
        // Longer ones meet the limits of an index for every stream in the statement.
        if !(1..=EVENT_TYPE_BYTES_MAX).contains(&event.event_type.len()) || event.event_type.contains('\0') {
            return Err(format!("an event's type has 1 to {EVENT_TYPE_BYTES_MAX} bytes, and no NUL byte in it"));
        }
        // It would close the stream, and leave its key and its snapshot behind.
        if event.event_type == STREAM_CLOSED {
            return Err(format!("no event is of type {STREAM_CLOSED}: close a stream with close_stream"));
        }
        if metadata.command_id.as_deref().is_some_and(|id| id.contains('\0')) {
            return Err("an event's command id has a NUL byte in it".into());
        }
    }
    let mut ids = HashSet::with_capacity(batch.commands.len());
    for command in &batch.commands {
        if !ids.insert(&command.command_id) {
            return Err(format!("the command id {} stands twice in it", command.command_id));
        }
        if command.rejection.is_some() && !command.events.is_empty() {
            return Err("a command that was rejected leads to no events".into());
        }
        if command.events.end > batch.events.len() || command.events.start > command.events.end {
            return Err("a command led to events that are not in it".into());
        }
        let rejected = command.rejection.iter().flat_map(|no| [no.code.as_ref(), no.message.as_str()]);
        let texts = [command.command_id.as_str(), command.name.as_str()];
        let length = command.command_id.len();
        if !(1..=255).contains(&length) || texts.into_iter().chain(rejected).any(|text| text.contains('\0')) {
            return Err(format!("a command has an id of {length} bytes, or a NUL byte in a text"));
        }
    }
    batch.effects.iter().try_for_each(check_effect)
}

fn check_effect(effect: &NewEffect) -> Result<(), String> {
    if !(1..=LANE_BYTES_MAX).contains(&effect.kind.len()) || effect.kind.contains('\0') {
        return Err(format!("an effect's kind has 1 to {LANE_BYTES_MAX} bytes, and no NUL byte in it"));
    }
    check_lane(&effect.lane)
}

/// As JSON for the event's row.
pub(super) fn metadata_json(metadata: &EventMetadata) -> Result<String, EventStoreError> {
    metadata.to_json().map_err(|error| EventStoreError::InvalidBatch(error.to_string()))
}

/// Checks that a page read from a store begins where the reader was: a hole at its edge is as bad as one inside.
pub(super) fn check_follows(stream_id: &StreamId, after: Version, page: &PackedEvents) -> Result<(), EventStoreError> {
    if !page.is_empty() && page.first_version != after.next().get() {
        let reason = format!("event {} follows event {after}", page.first_version);
        return Err(EventStoreError::Corrupt { stream_id: stream_id.clone(), reason });
    }
    Ok(())
}

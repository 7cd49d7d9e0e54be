use std::collections::HashSet;

use super::EventStoreError;
use crate::reducer::{ReducerDigest, Rejection};
use crate::{EventMetadata, PackedEvents, SerializedEvent, StreamId, Version};

/// What one stream appends: all of it or nothing.
#[derive(Clone, Debug)]
pub struct StreamBatch {
    /// The stream.
    pub stream_id: StreamId,
    /// The version that the stream has to have.
    pub expected: Version,
    /// The events, each with its metadata. None at all asks whether the stream still has the expected version.
    pub events: Vec<(SerializedEvent, EventMetadata)>,
    /// The activation that decided; none for a reducer that is linked into the host.
    pub fence: Option<Fence>,
    /// Commands whose outcome is to be remembered with the events.
    pub commands: Vec<CommandRecord>,
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
    /// Version of its first event; none if it led to none.
    pub first_version: Option<Version>,
    /// The stream's version after it.
    pub last_version: Version,
    /// The business rule's no, where there was one.
    pub rejection: Option<Rejection>,
    /// The code that decided.
    pub reducer_digest: ReducerDigest,
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
    /// The code that decided.
    pub reducer_digest: ReducerDigest,
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
    /// The stream had another version, or remembers one of the commands. Nothing of the batch was appended.
    Conflict {
        /// The version that the stream had shortly afterwards.
        actual: Version,
    },
    /// Another generation of the reducer is active. Nothing of the batch was appended.
    Fenced,
}

impl StreamBatch {
    /// A batch without metadata, fence and commands.
    #[must_use]
    pub fn new(stream_id: StreamId, expected: Version, events: Vec<SerializedEvent>) -> Self {
        let events = events.into_iter().map(|event| (event, EventMetadata::default())).collect();
        Self { stream_id, expected, events, fence: None, commands: Vec::new() }
    }

    /// The stream's version once the batch is appended.
    #[must_use]
    pub fn last_version(&self) -> Version {
        self.expected + self.events.len() as u64
    }
}

/// Refuses what would make a statement fail for every stream in it: NUL bytes, which Postgres has no place for in text, and
/// a stream that stands in it twice.
pub(super) fn check(batches: &[StreamBatch]) -> Result<(), EventStoreError> {
    let mut seen = HashSet::with_capacity(batches.len());
    for batch in batches {
        let stream_id = &batch.stream_id;
        if !seen.insert(stream_id) {
            return Err(EventStoreError::InvalidBatch(format!("stream {stream_id} stands twice in one append")));
        }
        if batch.expected.get().saturating_add(batch.events.len() as u64) > Version::MAX.get() {
            return Err(EventStoreError::InvalidBatch(format!("stream {stream_id} would pass the highest version")));
        }
        for (event, metadata) in &batch.events {
            let texts = [Some(event.event_type.as_str()), metadata.command_id.as_deref()];
            if event.event_type.is_empty() || texts.into_iter().flatten().any(|text| text.contains('\0')) {
                let reason = format!("an event of stream {stream_id} has no type, or a NUL byte in a text");
                return Err(EventStoreError::InvalidBatch(reason));
            }
        }
        for command in &batch.commands {
            let rejected = command.rejection.iter().flat_map(|no| [no.code.as_ref(), no.message.as_str()]);
            let texts = [command.command_id.as_str(), command.name.as_str()];
            let length = command.command_id.len();
            if !(1..=255).contains(&length) || texts.into_iter().chain(rejected).any(|text| text.contains('\0')) {
                let reason =
                    format!("a command of stream {stream_id} has an id of {length} bytes, or a NUL byte in a text");
                return Err(EventStoreError::InvalidBatch(reason));
            }
        }
    }
    Ok(())
}

/// Checks that a page read from a store begins where the reader was: a hole at its edge is as bad as one inside.
pub(super) fn check_follows(stream_id: &StreamId, after: Version, page: &PackedEvents) -> Result<(), EventStoreError> {
    if !page.is_empty() && page.first_version != after.next().get() {
        let reason = format!("event {} follows event {after}", page.first_version);
        return Err(EventStoreError::Corrupt { stream_id: stream_id.clone(), reason });
    }
    Ok(())
}

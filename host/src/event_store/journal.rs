//! The command journal: commands with what it takes to decide them anew, accepted and rejected ones.

use super::EventStoreError;
use crate::reducer::{Payload, ReducerDigest, Rejection};
use crate::{StreamId, Version};

/// What the journal keeps of a command beside its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its arguments.
    pub payload: Payload,
    /// The clock that it was decided with, in milliseconds since 1970.
    pub now_ms: i64,
}

/// A place in a stream's journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalPlace {
    /// The stream's version after the command.
    pub last_version: Version,
    /// The command's id: several may have led to the same version, all but one of them to no events.
    pub command_id: String,
}

/// A command of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournaledCommand {
    /// Where it stands.
    pub place: JournalPlace,
    /// Which command.
    pub name: String,
    /// Its arguments; none where the stream was erased.
    pub payload: Option<Payload>,
    /// The clock that it was decided with, in milliseconds since 1970.
    pub now_ms: i64,
    /// Version of its first event; none if it led to none.
    pub first_version: Option<Version>,
    /// The business rule's no, where there was one.
    pub rejection: Option<Rejection>,
    /// The code that decided; none where no reducer did.
    pub reducer_digest: Option<ReducerDigest>,
}

impl JournaledCommand {
    /// The version of the stream that it was decided on.
    #[must_use]
    pub fn decided_at(&self) -> Version {
        self.first_version.map_or(self.place.last_version, |first| Version::new(first.get().saturating_sub(1)))
    }
}

/// `payload_kind` of JSON text.
const JSON: i16 = 0;
/// `payload_kind` of the reducer's own encoding.
const BINARY: i16 = 1;

impl JournalEntry {
    /// The payload's kind and bytes, as they are stored.
    pub(super) fn stored(&self) -> (i16, &[u8]) {
        match &self.payload {
            Payload::Json(text) => (JSON, text.as_bytes()),
            Payload::Binary(bytes) => (BINARY, bytes),
        }
    }
}

/// A payload as it was stored.
pub(super) fn payload(stream_id: &StreamId, kind: i16, bytes: Vec<u8>) -> Result<Payload, EventStoreError> {
    let corrupt = |reason: String| EventStoreError::Corrupt { stream_id: stream_id.clone(), reason };
    match kind {
        JSON => {
            let text = String::from_utf8(bytes).map_err(|_| corrupt("a command's JSON is no UTF-8".into()))?;
            Ok(Payload::Json(text))
        }
        BINARY => Ok(Payload::Binary(bytes)),
        kind => Err(corrupt(format!("a command's payload is of kind {kind}: use a newer foldhost"))),
    }
}

//! What a sender hands in, and what it gets back.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::failure::ReducerFailure;
use crate::event::{MetadataError, TraceParent, fields_size};
use crate::event_store::EventStoreError;
use crate::reducer::{Command, Payload, ReducerDigest, Rejection};
use crate::{ExpectedVersion, StreamId, Version};

/// A command for a stream, with all that its sender wants of it.
#[derive(Clone, Debug)]
pub struct CommandRequest {
    /// The stream to change.
    pub stream_id: StreamId,
    /// The command.
    pub command: Command,
    /// The version that the sender takes the stream to have.
    pub expected: ExpectedVersion,
    /// The sender's id for the command, 1 to 255 bytes. A second command with it is answered with the first one's outcome.
    pub command_id: Option<String>,
    /// What is recorded beside the events that it leads to.
    pub metadata: CommandMetadata,
    /// Whether the reply's events are wanted as JSON too.
    pub events_as_json: bool,
}

/// What a sender has recorded beside the events of its command: where the command came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandMetadata {
    /// What the command belongs to: the same for all that one request from outside leads to.
    pub correlation_id: Option<String>,
    /// The message that led to the command.
    pub causation_id: Option<String>,
    /// The trace that the command is a part of.
    pub traceparent: Option<TraceParent>,
    /// The sender's own.
    pub fields: Map<String, Value>,
}

impl CommandRequest {
    /// A command for a stream in any version, without an id.
    #[must_use]
    pub fn new(stream_id: StreamId, command: Command) -> Self {
        let (expected, metadata) = (ExpectedVersion::Any, CommandMetadata::default());
        Self { stream_id, command, expected, command_id: None, metadata, events_as_json: false }
    }

    /// Its payload's bytes.
    pub(super) fn bytes(&self) -> usize {
        self.command.bytes()
    }

    /// About the bytes of what its sender has recorded beside its events.
    pub(super) fn metadata_bytes(&self) -> usize {
        fields_size(&self.metadata.fields)
    }

    /// SHA-256 of the command, by which a retry is told from another command under the same id.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.command.name.as_bytes());
        let (encoding, payload) = match &self.command.payload {
            Payload::Json(text) => (0_u8, text.as_bytes()),
            Payload::Binary(bytes) => (1, bytes.as_slice()),
        };
        // A name has no NUL, so no two commands come to the same bytes.
        hasher.update([0, encoding]);
        hasher.update(payload);
        hasher.finalize().into()
    }
}

/// The command was accepted, and what it led to is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandReply {
    /// The stream's version after the command.
    pub version: Version,
    /// The events that it led to, maybe none.
    pub events: Vec<AppendedEvent>,
    /// Which logic decided.
    pub reducer: DecidedBy,
}

/// An event that a command led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedEvent {
    /// Its place in the stream.
    pub version: Version,
    /// Name and schema version.
    pub event_type: String,
    /// As JSON, where that was wanted.
    pub json: Option<String>,
}

/// Which logic decided, or drew a state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DecidedBy {
    /// The reducer's name.
    pub name: String,
    /// The reducer's code.
    pub digest: ReducerDigest,
    /// Its activation; none for a reducer that is linked into the host.
    pub generation: Option<u64>,
}

/// Why a command changed nothing. Rejection, conflict and fault are three things, and the last may be worth a retry.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// A business rule said no.
    #[error("{}: {}", .0.code, .0.message)]
    Rejected(Rejection),
    /// The reducer cannot read the command.
    #[error("{0}")]
    Malformed(String),
    /// The reducer has no such command.
    #[error("{reducer} has no command {command}; it has {}", known.join(", "))]
    UnknownCommand {
        /// The reducer.
        reducer: String,
        /// The command asked for.
        command: String,
        /// The commands that it has.
        known: Vec<String>,
    },
    /// Nothing decides for the stream's category.
    #[error("no reducer is deployed for {category}: deploy one with `foldhost deploy`")]
    UnknownCategory {
        /// The category.
        category: String,
    },
    /// The stream is not in the version that the sender expects.
    #[error("the stream has version {actual}, and {expected} was expected")]
    Conflict {
        /// What the sender expects.
        expected: ExpectedVersion,
        /// The stream's version.
        actual: Version,
    },
    /// Others kept changing the stream for as often as the command was decided again. A swap of its reducer is not counted.
    #[error("the stream was changed by others {attempts} times while the command was decided: send it again")]
    Contended {
        /// How often it was decided.
        attempts: usize,
    },
    /// The id was used for another command of this stream.
    #[error("the command id {command_id} was used for another command of this stream: take a new one")]
    IdReused {
        /// The id.
        command_id: String,
    },
    /// The command is larger than is allowed, or its id is.
    #[error("{0}")]
    TooLarge(String),
    /// The command's metadata cannot be recorded.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The stream was closed, and takes no more commands.
    #[error("stream {stream_id} was closed at version {version}, and takes no more commands")]
    StreamClosed {
        /// The stream.
        stream_id: StreamId,
        /// Its version, the closing event included.
        version: Version,
    },
    /// Too many commands wait for the stream.
    #[error("too many commands wait for stream {stream_id}: send it again in a moment")]
    Busy {
        /// The stream.
        stream_id: StreamId,
    },
    /// The commands that wait on this host take as much memory as they may.
    #[error(
        "the commands that wait on this host take {bytes} bytes, and {bytes_max} are allowed: send it again in a moment"
    )]
    Overloaded {
        /// What they would take with this one.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
    },
    /// The host takes no more commands.
    #[error("the host is shutting down: send the command to another, or again in a moment")]
    ShuttingDown,
    /// The reducer failed.
    #[error(transparent)]
    Fault(Box<ReducerFailure>),
    /// The store failed, and it is not known whether the command was done. With an id it can be sent again safely.
    #[error(transparent)]
    Store(#[from] EventStoreError),
    /// The deployed component does not load any more.
    #[error("the reducer {name} cannot be loaded: {reason}")]
    ReducerUnusable {
        /// The reducer.
        name: String,
        /// Why.
        reason: String,
    },
    /// The stream's entity is gone without an answer. It is not known whether the command was done.
    #[error("the command was lost on its way: send it again")]
    Lost,
}

impl CommandError {
    /// A failure that came before the command was looked at, with the command that it is told to.
    pub(super) fn at_command(self, name: &str) -> Self {
        match self {
            Self::Fault(failure) => failure.at_command(name).told(),
            error => error,
        }
    }
}

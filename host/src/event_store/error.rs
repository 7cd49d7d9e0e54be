use super::activation::{EventCount, listed};
use crate::{ExpectedVersion, StreamId, Version};

/// What a store answers instead of a result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EventStoreError {
    /// The stream is not what the append expected. Nothing was appended.
    #[error("stream {stream_id} has version {actual}, and {expected} was expected")]
    Conflict {
        /// The stream.
        stream_id: StreamId,
        /// What the append expected.
        expected: ExpectedVersion,
        /// The version that the stream has.
        actual: Version,
    },
    /// The stream remembers the command id for another append. Nothing was appended.
    #[error("the command id {command_id} was used for something else in stream {stream_id}: take a new one")]
    CommandIdReused {
        /// The stream.
        stream_id: StreamId,
        /// The id.
        command_id: String,
    },
    /// The stream remembers the command: it was done before, and was not done again.
    #[error("the command {command_id} was done before in stream {stream_id}: look its outcome up by its id")]
    Repeated {
        /// The stream.
        stream_id: StreamId,
        /// The id.
        command_id: String,
    },
    /// The stream was closed, and takes no more events.
    #[error("stream {stream_id} was closed at version {version}, and takes no more events")]
    StreamClosed {
        /// The stream.
        stream_id: StreamId,
        /// Its version, the closing event included.
        version: Version,
    },
    /// The stream was erased: its events are there, and nobody can read their data any more.
    #[error("stream {stream_id} was erased: the data of its events cannot be read any more")]
    StreamErased {
        /// The stream.
        stream_id: StreamId,
    },
    /// The stream has nothing to close, or its data would stay readable after an erasure.
    #[error("stream {stream_id} cannot be erased: {reason}")]
    NotErasable {
        /// The stream.
        stream_id: StreamId,
        /// Why.
        reason: String,
    },
    /// Another generation of the reducer is active. Nothing was appended.
    #[error("stream {stream_id}: another generation of its reducer is active")]
    Fenced {
        /// The stream.
        stream_id: StreamId,
    },
    /// Another activation came before this one. Nothing was activated.
    #[error(
        "generation {active} of {name} is active by now, and the change was made for generation {expected}: look at it, and decide again"
    )]
    Outrun {
        /// The reducer.
        name: String,
        /// The generation that the change was decided on.
        expected: u64,
        /// The generation that is active; 0 where there is none.
        active: u64,
    },
    /// Events are recorded that the component does not read. Nothing was activated.
    #[error("{name} has events that the component does not read: {}", listed(events))]
    Unread {
        /// The reducer.
        name: String,
        /// Which, and how many.
        events: Vec<EventCount>,
    },
    /// Encrypted data, and no key here that opens it.
    #[error("{0}")]
    Encryption(String),
    /// The append is not one that any store could take.
    #[error("the append is invalid: {0}")]
    InvalidBatch(String),
    /// The cursor was made by another database, or by this one before it was restored elsewhere.
    #[error(
        "the cursor belongs to another database, or to this one before it was restored: start again without a cursor"
    )]
    ForeignCursor,
    /// A stream's record contradicts itself.
    #[error("stream {stream_id} is corrupt: {reason}")]
    Corrupt {
        /// The stream.
        stream_id: StreamId,
        /// In what.
        reason: String,
    },
    /// The database does not answer, not in time, or not as it should. What was being written may or may not be durable.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database gave a statement up for another's sake (a serialization failure, a deadlock), each time it was tried. It did
    /// nothing.
    #[error("the database gave the statement up for another's sake: {0}")]
    Contended(String),
    /// The database has no room: its disk is full, or its memory or connections are used up. It did nothing.
    #[error("the database has no room: {0}")]
    OutOfResources(String),
    /// The database answered with an error, and did nothing of what it was asked.
    #[error("the database refused: {0}")]
    Database(String),
    /// The database's schema is not the one that this program knows.
    #[error("{0}")]
    Schema(String),
}

use crate::{StreamId, Version};

/// What a store answers instead of a result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EventStoreError {
    /// The stream has another version than the append expected.
    #[error("stream {stream_id} has version {actual}, and {expected} was expected")]
    Conflict {
        /// The stream.
        stream_id: StreamId,
        /// The version that the append expected.
        expected: Version,
        /// The version that the stream has.
        actual: Version,
    },
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
    /// The database answered with an error, and did nothing of what it was asked.
    #[error("the database refused: {0}")]
    Database(String),
    /// The database's schema is not the one that this program knows.
    #[error("{0}")]
    Schema(String),
}

//! What a check can find.

use std::fmt::Write as _;

use super::{EVENTS_FILE, STATE_FILE};
use crate::testing::Difference;

/// What golden files and a reducer do not agree on. Its text is one line, and says what to do.
///
/// `entry` and `snapshot` count from 0, as in the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Finding {
    /// The reducer reads an event type that has no entry.
    #[error(
        "`{event_type}` has no entry in {EVENTS_FILE}: give or emit it in a scenario, and run `foldhost test --bless`"
    )]
    EventTypeWithoutEntry {
        /// As in `OrderPlaced.v1`.
        event_type: String,
    },
    /// An entry's type is not read any more.
    #[error(
        "`{event_type}` is in {EVENTS_FILE}, but is no longer read: streams that hold it could not be loaded. Put the \
         version back, with an upcaster to the newest"
    )]
    EventTypeNotRead {
        /// As in `OrderPlaced.v1`.
        event_type: String,
    },
    /// The reducer cannot read recorded bytes.
    #[error(
        "`{event_type}` entry {entry}: its recorded bytes are no longer read: {message}. Put the fields back, and make a \
         new version for what changed"
    )]
    EventNotRead {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// Which entry.
        entry: usize,
        /// What the reducer says.
        message: String,
    },
    /// Recorded bytes have other fields now.
    #[error(
        "`{event_type}` entry {entry}: its recorded bytes are read otherwise {difference}. Put the fields back, and make a \
         new version for what changed"
    )]
    RecordedDiffers {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// Which entry.
        entry: usize,
        /// The first field.
        difference: Difference,
    },
    /// The reducer cannot apply a recorded event.
    #[error(
        "`{event_type}` entry {entry}: it can no longer be brought to the newest version: {message}. Look at its upcasters"
    )]
    NotUpcast {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// Which entry.
        entry: usize,
        /// What the reducer says.
        message: String,
    },
    /// The event has a newer version than when the entry was made: intended, as a rule, and accepted by a bless.
    #[error(
        "`{event_type}` entry {entry}: it is now brought to `{now}`, and to `{recorded}` before: read what the upcaster makes \
         of it, and run `foldhost test --bless`"
    )]
    NewerVersion {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// Which entry.
        entry: usize,
        /// The newest version when the entry was made.
        recorded: String,
        /// The newest version now.
        now: String,
    },
    /// The event is applied as another one, of the same version.
    #[error(
        "`{event_type}` entry {entry}: it is applied otherwise {difference}. Recorded streams would fold to another state: \
         put its upcasters back"
    )]
    UpcastDiffers {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// Which entry.
        entry: usize,
        /// The first field; `/event_type` for the type itself.
        difference: Difference,
    },
    /// The reducer cannot write an event that it emits.
    #[error(
        "`{event_type}` entry {entry}: it cannot be written from its JSON: {message}. Look for a field that JSON cannot hold"
    )]
    NotWritten {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// Which entry.
        entry: usize,
        /// What the reducer says.
        message: String,
    },
    /// The same fields are written as other bytes.
    #[error(
        "`{event_type}` entry {entry}: the same fields are written as other bytes: {} before, {} now. The encoding changed \
         under one version: put it back, and make a new version",
        cut(recorded),
        cut(now)
    )]
    BytesDiffer {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// Which entry.
        entry: usize,
        /// The entry's bytes.
        recorded: Vec<u8>,
        /// Those that the reducer writes.
        now: Vec<u8>,
    },
    /// An event cannot become an entry, since JSON numbers are kept in 64 bits.
    #[error(
        "`{event_type}`: unsupported: {number} has more than 64 bits, and golden files hold none of these. Give the event with a \
         smaller number in a scenario"
    )]
    NumberUnsupported {
        /// As in `OrderPlaced.v1`.
        event_type: String,
        /// The number.
        number: String,
    },
    /// There is nothing to compare the state with.
    #[error("{STATE_FILE} has no snapshot: write a scenario that records events, and run `foldhost test --bless`")]
    SnapshotsMissing,
    /// The state schema has another name: intended, as a rule, and accepted by a bless.
    #[error(
        "the state schema is `{now}`, and {STATE_FILE} holds snapshots of `{recorded}`: run `foldhost test --bless`, \
         without a filter, to keep those of the new one"
    )]
    StateSchemaRenamed {
        /// The file's.
        recorded: String,
        /// The reducer's.
        now: String,
    },
    /// A snapshot cannot be read under its own schema.
    #[error(
        "snapshot {snapshot}: the state changed under the schema `{state_schema}`, and it is no longer read: {message}. \
         Rename STATE_SCHEMA, or put the state back"
    )]
    SnapshotNotRead {
        /// Which one.
        snapshot: usize,
        /// The schema.
        state_schema: String,
        /// What the reducer says.
        message: String,
    },
    /// A snapshot is read as another state.
    #[error(
        "snapshot {snapshot}: the state changed under the schema `{state_schema}`, and it is read otherwise {difference}. \
         Rename STATE_SCHEMA, or put the state back"
    )]
    SnapshotStateDiffers {
        /// Which one.
        snapshot: usize,
        /// The schema.
        state_schema: String,
        /// The first field.
        difference: Difference,
    },
    /// The snapshot's events cannot be folded any more.
    #[error(
        "snapshot {snapshot}: its events can no longer be folded: {message}. Read every version that was ever recorded"
    )]
    EventsNotFolded {
        /// Which one.
        snapshot: usize,
        /// What the reducer says.
        message: String,
    },
    /// The snapshot's events fold to another state.
    #[error(
        "snapshot {snapshot}: its events fold to another state under the schema `{state_schema}` {difference}. A stream with \
         a snapshot and one without would differ: rename STATE_SCHEMA, or put `apply` back"
    )]
    FoldDiffers {
        /// Which one.
        snapshot: usize,
        /// The schema.
        state_schema: String,
        /// The first field.
        difference: Difference,
    },
    /// The snapshot's events fold to the same fields, in other bytes.
    #[error(
        "snapshot {snapshot}: the same state is written as other bytes under the schema `{state_schema}`: {} before, {} now. \
         Rename STATE_SCHEMA, or put the state back; collections need a fixed order",
        cut(recorded),
        cut(now)
    )]
    SnapshotBytesDiffer {
        /// Which one.
        snapshot: usize,
        /// The schema.
        state_schema: String,
        /// The file's bytes.
        recorded: Vec<u8>,
        /// Those that the reducer writes.
        now: Vec<u8>,
    },
}

/// Bytes as hexadecimal pairs.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// So many of them as a line holds.
fn cut(bytes: &[u8]) -> String {
    const BYTES_MAX: usize = 32;
    match bytes.get(..BYTES_MAX) {
        Some(first) if bytes.len() > BYTES_MAX => format!("{}… ({} bytes)", hex(first), bytes.len()),
        _ => hex(bytes),
    }
}

use crate::reducer::ReducerDigest;
use crate::{PackedEvents, StreamId, Version};

/// When snapshots are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotConfig {
    every_events: Option<u64>,
}

impl SnapshotConfig {
    /// One whenever a stream is `events` events, or more, beyond its last snapshot. At least 1.
    #[must_use]
    pub const fn every(events: u64) -> Self {
        Self { every_events: Some(if events == 0 { 1 } else { events }) }
    }

    /// None at all: every load folds the whole stream.
    #[must_use]
    pub const fn never() -> Self {
        Self { every_events: None }
    }

    /// Whether a stream at `version` wants one, the last having been taken at `snapshot`.
    #[must_use]
    pub fn is_due(self, snapshot: Version, version: Version) -> bool {
        self.every_events.is_some_and(|every| version.get().saturating_sub(snapshot.get()) >= every)
    }
}

impl Default for SnapshotConfig {
    /// Every 100 events: a load then folds 99 events at the most, which takes less time than the query that brings them.
    fn default() -> Self {
        Self::every(100)
    }
}

/// The state of a stream at a version, as its reducer encoded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream.
    pub stream_id: StreamId,
    /// How many events it holds.
    pub version: Version,
    /// Only reducers that declare the same schema may read it.
    pub state_schema: String,
    /// The reducer that took it.
    pub reducer_digest: ReducerDigest,
    /// The encoded state.
    pub state: Vec<u8>,
}

/// A snapshot as it comes with [`load`](super::EventStore::load), its schema having been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// How many events it holds.
    pub version: Version,
    /// The encoded state; an error where it could not be unpacked, and the stream has to be replayed.
    pub state: Result<Vec<u8>, String>,
}

/// The beginning of a stream, as [`load`](super::EventStore::load) finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedStream {
    /// The newest snapshot of the schema asked for.
    pub snapshot: Option<StoredSnapshot>,
    /// The first page behind it.
    pub tail: PackedEvents,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_once_enough_events_came_since_the_last() {
        let config = SnapshotConfig::default();
        assert!(!config.is_due(Version::EMPTY, Version::new(99)));
        assert!(config.is_due(Version::EMPTY, Version::new(100)));
        assert!(!config.is_due(Version::new(130), Version::new(229)));
        assert!(config.is_due(Version::new(130), Version::new(230)));
        assert!(!SnapshotConfig::never().is_due(Version::EMPTY, Version::MAX));
    }
}

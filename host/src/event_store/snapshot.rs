use std::time::Duration;

use crate::reducer::ReducerDigest;
use crate::{PackedEvents, StreamId, Version};

/// When snapshots of a reducer's streams are taken, and which of them it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotConfig {
    due: Due,
    own_digest_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    EveryEvents(u64),
    ReplayCost(Duration),
    Never,
}

impl SnapshotConfig {
    /// One whenever a stream is `events` events, or more, beyond its last snapshot. At least 1.
    #[must_use]
    pub const fn every(events: u64) -> Self {
        Self::new(Due::EveryEvents(if events == 0 { 1 } else { events }))
    }

    /// One whenever it took `cost`, or more, to read and fold what came after the last snapshot, as measured by the host: many
    /// events that are folded in no time want none, and a few heavy ones do.
    #[must_use]
    pub const fn by_replay_cost(cost: Duration) -> Self {
        Self::new(Due::ReplayCost(cost))
    }

    /// None at all: none is taken and none is read, so every load folds the whole stream.
    #[must_use]
    pub const fn never() -> Self {
        Self::new(Due::Never)
    }

    const fn new(due: Due) -> Self {
        Self { due, own_digest_only: false }
    }

    /// The reducer reads only snapshots that its very code took. Without it, it reads those of any code that declares the same
    /// state schema, so a swap that leaves the schema alone does not replay every stream.
    #[must_use]
    pub const fn of_own_digest_only(self) -> Self {
        Self { own_digest_only: true, ..self }
    }

    /// Whether a stream wants one that is `events` events beyond the last, which took `cost` to read and fold.
    #[must_use]
    pub fn is_due(self, events: u64, cost: Duration) -> bool {
        match self.due {
            Due::EveryEvents(every) => events >= every,
            Due::ReplayCost(most) => events > 0 && cost >= most,
            Due::Never => false,
        }
    }

    /// Which snapshots a reducer may read under this configuration; none where none are taken.
    #[must_use]
    pub fn readable(self, state_schema: &str, digest: ReducerDigest) -> Option<SnapshotKey> {
        let reducer_digest = self.own_digest_only.then_some(digest);
        (self.due != Due::Never).then(|| SnapshotKey { state_schema: state_schema.to_owned(), reducer_digest })
    }
}

impl Default for SnapshotConfig {
    /// Every 100 events: a load then folds 99 events at the most, which takes less time than the query that brings them.
    fn default() -> Self {
        Self::every(100)
    }
}

/// Which snapshots may be read. It is compared before anything is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotKey {
    /// Only those of this schema.
    pub state_schema: String,
    /// Only those that this code took; none for any code of the schema.
    pub reducer_digest: Option<ReducerDigest>,
}

impl SnapshotKey {
    /// Those of a schema, whatever code took them.
    #[must_use]
    pub fn schema(state_schema: impl Into<String>) -> Self {
        Self { state_schema: state_schema.into(), reducer_digest: None }
    }

    /// Whether a snapshot is one of them.
    #[must_use]
    pub fn admits(&self, snapshot: &Snapshot) -> bool {
        self.state_schema == snapshot.state_schema
            && self.reducer_digest.is_none_or(|digest| digest == snapshot.reducer_digest)
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_snapshot_is_due_once_enough_events_came_since_the_last() {
        let config = SnapshotConfig::default();
        assert!(!config.is_due(99, Duration::MAX));
        assert!(config.is_due(100, Duration::ZERO));
        assert!(SnapshotConfig::every(0).is_due(1, Duration::ZERO), "every 0 is every 1");
        assert!(!SnapshotConfig::never().is_due(u64::MAX, Duration::MAX));
    }

    #[test]
    fn a_snapshot_is_due_once_replaying_costs_too_much() {
        let config = SnapshotConfig::by_replay_cost(Duration::from_millis(5));
        assert!(!config.is_due(1_000_000, Duration::from_millis(4)));
        assert!(config.is_due(3, Duration::from_millis(5)));
        assert!(!config.is_due(0, Duration::from_secs(1)), "a snapshot at the same version saves nothing");
    }

    #[test]
    fn a_reducer_reads_the_snapshots_of_its_schema_or_only_its_own() {
        let (mine, theirs) = (ReducerDigest::of(b"mine"), ReducerDigest::of(b"theirs"));
        let snapshot = Snapshot {
            stream_id: StreamId::new("order-1").unwrap(),
            version: Version::new(1),
            state_schema: "order.v1".into(),
            reducer_digest: theirs,
            state: Vec::new(),
        };
        let config = SnapshotConfig::default();
        assert!(config.readable("order.v1", mine).unwrap().admits(&snapshot));
        assert!(!config.readable("order.v2", theirs).unwrap().admits(&snapshot));
        let own = config.of_own_digest_only();
        assert!(!own.readable("order.v1", mine).unwrap().admits(&snapshot));
        assert!(own.readable("order.v1", theirs).unwrap().admits(&snapshot));
        assert_eq!(SnapshotConfig::never().readable("order.v1", mine), None);
    }
}

//! The flow of a command, and the [`Host`] that an embedder holds.

mod answers;
mod builder;
mod command;
mod committer;
mod departed;
mod drawing;
mod entities;
mod entity;
mod execute;
mod failure;
mod gates;
mod host;
mod load;
mod measured;
mod registry;
mod replay;
mod snapshots;
mod succession;
mod turn;
mod warm;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use answers::{DeployError, ReadError, ReducerStatus, StateView};
pub use builder::{HostBuilder, HostError};
pub use command::{AppendedEvent, CommandError, CommandMetadata, CommandReply, CommandRequest, DecidedBy};
pub use failure::ReducerFailure;
pub use host::Host;
pub(crate) use host::WeakHost;
pub use load::LoadError;
pub(crate) use load::{is_exhausted, load_until};
pub use measured::describe_metrics;
pub use replay::{ReplayReport, replay_stream};
pub(crate) use turn::context;

use crate::Limits;
use crate::effects::Effects;
use crate::event_store::{SnapshotConfig, Store};

/// What the parts of one host share.
struct Shared {
    store: Arc<dyn Store>,
    limits: Limits,
    registry: registry::Registry,
    entities: entities::Entities,
    gates: gates::Gates,
    departed: Arc<departed::Departed>,
    committer: committer::Committer,
    effects: Arc<Effects>,
    snapshots: snapshots::SnapshotWriter,
    snapshot_config: SnapshotConfig,
    /// What differs from it, by reducer.
    snapshot_configs: HashMap<String, SnapshotConfig>,
    entity_tasks: TaskTracker,
    writer_tasks: TaskTracker,
    stop_writers: CancellationToken,
    /// Told when there may be work behind a swap.
    swapped: Arc<Notify>,
}

/// The tasks that run effects hold the store, and nobody else tells them that the host is gone: each host that a test dropped
/// went on polling.
impl Drop for Shared {
    fn drop(&mut self) {
        self.effects.end();
    }
}

impl Shared {
    /// When the streams of a category have snapshots taken, and which are read.
    fn snapshot_config(&self, category: &str) -> SnapshotConfig {
        self.snapshot_configs.get(category).copied().unwrap_or(self.snapshot_config)
    }
}

//! Writes snapshots off the hot path.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::event_store::{Snapshot, Store};

/// Snapshots that may wait to be written. When there are more, the next is left out: the stream asks again with its next
/// batch.
const WAITING_MAX: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct SnapshotWriter {
    queue: mpsc::Sender<Snapshot>,
}

impl SnapshotWriter {
    pub(super) fn start(store: Arc<dyn Store>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (queue, queued) = mpsc::channel(WAITING_MAX);
        tasks.spawn(run(queued, store, stop));
        Self { queue }
    }

    /// Takes a place in the queue, if one is free; the snapshot is made only then.
    pub(super) fn reserve(&self) -> Option<mpsc::Permit<'_, Snapshot>> {
        self.queue.try_reserve().ok()
    }
}

/// Once told to stop, writes what waits and ends. A process that dies instead loses a cache.
async fn run(mut queue: mpsc::Receiver<Snapshot>, store: Arc<dyn Store>, stop: CancellationToken) {
    loop {
        let next = tokio::select! {
            biased;
            next = queue.recv() => next,
            () = stop.cancelled() => queue.try_recv().ok(),
        };
        let Some(snapshot) = next else { return };
        match store.save_snapshot(&snapshot).await {
            Ok(()) => metrics::counter!("foldhost_snapshots_written_total").increment(1),
            Err(error) => {
                metrics::counter!("foldhost_snapshots_failed_total").increment(1);
                let Snapshot { stream_id, version, .. } = &snapshot;
                tracing::warn!(%stream_id, %version, %error, "a snapshot was not kept");
            }
        }
    }
}

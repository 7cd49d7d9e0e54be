//! A gate for each reducer between the turns of its streams and a swap that is made through this host.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// How long a swap waits for the turns under way: a decision may take its time, and an append that of a store that is away.
const CLOSING_MAX: Duration = Duration::from_millis(100);
/// How long it stays closed at most.
const CLOSED_MAX: Duration = Duration::from_secs(1);

/// Keeps the turns that would be in vain from being begun.
///
/// A swap fences whatever is decided and not appended yet. Without this, that was every stream with a command under way: 64 of them
/// read from the store anew and decided again took two cores 50 ms, at which all senders waited. Nothing rests on it: the
/// store's fence holds whoever goes through here, and those of other hosts.
#[derive(Default)]
pub(crate) struct Gates(DashMap<String, Arc<RwLock<()>>>);

impl Gates {
    fn of(&self, reducer: &str) -> Arc<RwLock<()>> {
        if let Some(gate) = self.0.get(reducer) {
            return Arc::clone(&gate);
        }
        Arc::clone(&self.0.entry(reducer.to_owned()).or_default())
    }

    /// Goes through, from before it is looked who decides until what was decided is durable.
    pub(super) async fn pass(&self, reducer: &str) -> OwnedRwLockReadGuard<()> {
        self.of(reducer).read_owned().await
    }

    /// How many turns are under way, or wait for it to be opened: about as many, since it is counted while they come and go.
    pub(crate) fn passing(&self, reducer: &str) -> usize {
        // Each holds the gate, and so does the map.
        self.0.get(reducer).map_or(0, |gate| Arc::strong_count(&gate).saturating_sub(1))
    }

    /// Does something behind it, once the turns under way are through; where they take too long, without it. Where what is done takes
    /// longer than a moment, it is opened again: a store that is away may take minutes, and a command that waits for it is told.
    pub(crate) async fn close_for<T>(&self, reducer: &str, doing: impl Future<Output = T>) -> T {
        let gate = tokio::time::timeout(CLOSING_MAX, self.of(reducer).write_owned()).await;
        let mut doing = std::pin::pin!(doing);
        if let Ok(done) = tokio::time::timeout(CLOSED_MAX, &mut doing).await {
            return done;
        }
        drop(gate);
        doing.await
    }
}

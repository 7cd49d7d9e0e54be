//! The moment of a swap: what takes time is done before it and behind it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::SwapError;
use crate::Host;
use crate::event_store::{ActivationChange, EventStoreError};
use crate::reducer::Reducer;
use crate::runtime::ReducerStatus;

/// Instances that are made before it at most; streams beyond that make their own.
const INSTANCES_MAX: usize = 256;
/// How long behind it those are dropped that no stream has taken.
const INSTANCES_KEPT: Duration = Duration::from_secs(1);

impl Host {
    /// Changes who decides, here at once and on the other hosts by notification. Dropped or killed in it, the former or the next
    /// generation decides on every host, and the store says which.
    pub(super) async fn flip(&self, change: &ActivationChange<'_>) -> Result<ReducerStatus, SwapError> {
        let _ahead = self.make_instances(change).await;
        let activated = async {
            let pending = self.store().begin_activation(change).await?;
            let activating = async {
                let activation = pending.commit().await?;
                self.take_up(&activation).await;
                Ok(activation)
            };
            self.gates().close_for(change.name, activating).await
        };
        let activation = activated.await.map_err(|error| match error {
            EventStoreError::Unread { name, events } => {
                let digest = change.canary.map_or(change.digest, |(canary, _)| canary);
                SwapError::Unreadable { name, digest, events }
            }
            other => other.into(),
        })?;
        self.settle_soon();
        Ok(activation.into())
    }

    /// Makes an instance for each stream that has a command under way, of whom it will be decided by: right behind the swap all of
    /// them want one at once, and making those took two cores as long as the swap itself.
    async fn make_instances(&self, change: &ActivationChange<'_>) -> Ahead {
        let count = self.gates().passing(change.name).min(INSTANCES_MAX);
        let active = self.registry().known(change.name).map(|active| active.reducer.digest());
        let mut ahead = Ahead(Vec::new());
        for digest in [Some(change.digest), change.canary.map(|(digest, _)| digest)].into_iter().flatten() {
            // One that is not here is told of by whoever needs it.
            if count > 0
                && Some(digest) != active
                && let Ok(reducer) = self.registry().of_digest(change.name, digest).await
            {
                ahead.0.push(Arc::clone(&reducer));
                // A panic of the engine's is a matter of whoever calls it next.
                tokio::task::spawn_blocking(move || reducer.make_instances(count)).await.ok();
            }
        }
        ahead
    }
}

/// Reducers with instances that were made ahead. Those that no stream has taken a while behind the swap are dropped, also where the
/// swap was.
struct Ahead(Vec<Arc<dyn Reducer>>);

impl Drop for Ahead {
    fn drop(&mut self) {
        let reducers = std::mem::take(&mut self.0);
        let drop_them = move || reducers.iter().for_each(|reducer| reducer.drop_instances());
        // Without a runtime the host is gone, and its reducers with it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(INSTANCES_KEPT).await;
                tokio::task::spawn_blocking(drop_them);
            });
        }
    }
}

//! The moment of a swap: what takes time is done before it and behind it.

use super::SwapError;
use crate::Host;
use crate::event_store::{ActivationChange, EventStoreError};
use crate::runtime::ReducerStatus;

impl Host {
    /// Changes who decides, here at once and on the other hosts by notification. Dropped or killed in it, the former or the next
    /// generation decides on every host, and the store says which.
    pub(super) async fn flip(&self, change: &ActivationChange<'_>) -> Result<ReducerStatus, SwapError> {
        let next = self.registry().deciding_behind(change).await;
        let activated = async {
            let pending = self.store().begin_activation(change).await?;
            // Only now: no stream prepares for what is refused.
            let swap = next.map(|next| self.tell_of_swap(change.name, next));
            if let Some(swap) = &swap {
                swap.prepared().await;
            }
            let activating = async {
                let activation = pending.commit().await?;
                self.take_up(&activation).await;
                Ok(activation)
            };
            let activation = self.gates().close_for(change.name, activating).await?;
            if let Some(swap) = swap {
                swap.made();
            }
            Ok(activation)
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
}

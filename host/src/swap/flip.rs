//! The moment of a swap: what takes time is done before it and behind it.

use super::SwapError;
use crate::Host;
use crate::event_store::{ActivationChange, EventStoreError};
use crate::runtime::{Announcement, ReducerStatus};

impl Host {
    /// Changes who decides, here at once and on the other hosts by notification. Dropped or killed in it, the former or the next
    /// generation decides on every host, and the store says which.
    pub(super) async fn flip(&self, change: &ActivationChange<'_>) -> Result<ReducerStatus, SwapError> {
        let announced = self.announce_swap(change).await;
        let activated = async {
            let pending = self.store().begin_activation(change).await?;
            if let Some(announced) = &announced {
                announced.heard().await;
            }
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

    /// Has the streams with a command under way take their state over while they still decide with who is active: right behind the swap
    /// all of them need it, and taking over 64 states took two cores as long as the rest of the swap.
    async fn announce_swap(&self, change: &ActivationChange<'_>) -> Option<Announcement> {
        // Where nobody decides yet, nothing is under way; and what is not here is told of by whoever needs it.
        self.registry().known(change.name)?;
        let next = self.registry().deciding_behind(change).await.ok()?;
        Some(self.gates().announce(change.name, next))
    }
}

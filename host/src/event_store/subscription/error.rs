use chrono::{DateTime, Utc};

use super::{SubscriptionFilter, SubscriptionName};
use crate::event_store::EventStoreError;

/// Why a subscription cannot go on, or cannot be what it was asked to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubscriptionError {
    /// The lease ran out, another reader took over, or the checkpoint was reset. Nothing was changed; what was not acknowledged
    /// is handed out again.
    #[error(
        "this reader of subscription {name} is the active one no more: what it did not acknowledge is handed out again"
    )]
    Lost {
        /// The subscription.
        name: SubscriptionName,
    },
    /// The name was made for other events.
    #[error("subscription {name} reads {stored}, and not {asked}: ask for the same, or take another name")]
    FilterDiffers {
        /// The subscription.
        name: SubscriptionName,
        /// What it reads.
        stored: SubscriptionFilter,
        /// What was asked for.
        asked: SubscriptionFilter,
    },
    /// The checkpoint is an [`EventStoreError::ForeignCursor`], and no reader can begin without one as that would have it do.
    #[error(
        "the checkpoint of subscription {name} belongs to another database, or to this one before it was restored: after a \
         restore run `foldhost migrate --after-restore`; else reset the subscription, and expect events again that its \
         reader has done"
    )]
    ForeignCheckpoint {
        /// The subscription.
        name: SubscriptionName,
    },
    /// The cursor stands ahead of everything that a reader was handed. Taken, it would skip events.
    #[error("the cursor is ahead of what subscription {name} handed out: take one that came with an event")]
    NotHandedOut {
        /// The subscription.
        name: SubscriptionName,
    },
    /// Somebody reads.
    #[error("subscription {name} has a reader, whose lease is good until {leased_until}: stop it first")]
    InUse {
        /// The subscription.
        name: SubscriptionName,
        /// When its lease ends, unless it is renewed.
        leased_until: DateTime<Utc>,
    },
    /// There is no such name.
    #[error("there is no subscription {name}")]
    Unknown {
        /// The subscription.
        name: SubscriptionName,
    },
    /// A name, filter, lease or page that no subscription can have.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] EventStoreError),
}

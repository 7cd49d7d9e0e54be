//! Named subscriptions: readers of the log whose place is kept beside it.
//!
//! A name has one active reader at a time, whatever host it is on; the others stand by. The active one holds a *lease*, by the
//! store's clock, and renews it while it works; when it falls silent for that long, another one takes over. Each takeover
//! raises the name's *token*. All that changes the checkpoint names a token, and does nothing once another one is in force: a
//! reader that was paused for longer than its lease, and does not know it yet, cannot move the checkpoint under its successor.
//!
//! So the lease keeps two readers from working at the same time, as far as clocks allow, and the token keeps the checkpoint
//! right whatever the clocks do. Every event is handed out at least once, in the order of the log.

mod config;
mod error;
mod lease;
mod name;
mod reader;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use config::SubscriptionConfig;
pub use error::SubscriptionError;
pub use name::SubscriptionName;
pub use reader::Subscription;

use super::{Cursor, EventStoreError, LogFilter};

/// The names, their checkpoints, and who reads. [`Subscription`] is the reader over it; the methods are for whoever acknowledges
/// elsewhere than where it reads, and for operators.
#[async_trait]
pub trait SubscriptionStore: Send + Sync + 'static {
    /// Makes `claim.reader` the active one if nobody is, if the lease of the one that was ran out, or if it is the active one
    /// already: then its token stays and its lease begins anew. A name that is not there yet is made.
    ///
    /// # Errors
    /// [`SubscriptionError::FilterDiffers`] when the name reads something else, [`SubscriptionError::ForeignCheckpoint`] when its
    /// checkpoint means nothing in this log.
    async fn claim_subscription(&self, claim: &SubscriptionClaim) -> Result<ClaimOutcome, SubscriptionError>;

    /// Begins the lease anew.
    ///
    /// # Errors
    /// [`SubscriptionError::Lost`] when the token is in force no more.
    async fn renew_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        lease: Duration,
    ) -> Result<(), SubscriptionError>;

    /// Moves the checkpoint to a cursor: everything up to it was done. It never moves back; a cursor before it changes nothing.
    /// An acknowledgement that comes after the lease ran out, and before anybody took over, counts: nobody was handed
    /// anything in between.
    ///
    /// # Errors
    /// [`SubscriptionError::Lost`] when the token is in force no more, [`SubscriptionError::NotHandedOut`] when the cursor is
    /// ahead of all that a reader can have been shown, [`EventStoreError::ForeignCursor`].
    async fn acknowledge_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        cursor: Cursor,
    ) -> Result<(), SubscriptionError>;

    /// Gives the lease back, so that another reader takes over at once.
    ///
    /// # Errors
    /// [`SubscriptionError::Lost`] when the token is in force no more.
    async fn release_subscription(&self, name: &SubscriptionName, token: u64) -> Result<(), SubscriptionError>;

    /// The subscriptions, by name; with `name`, only that one.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn subscriptions(&self, name: Option<&SubscriptionName>) -> Result<Vec<SubscriptionStatus>, EventStoreError>;

    /// Forgets a name and its checkpoint. A reader that asks for it afterwards makes it anew.
    ///
    /// # Errors
    /// [`SubscriptionError::InUse`] while somebody reads, [`SubscriptionError::Unknown`].
    async fn delete_subscription(&self, name: &SubscriptionName) -> Result<(), SubscriptionError>;

    /// Puts the checkpoint to a cursor, or to the beginning of the log. Its active reader finds its lease lost, at its next
    /// renewal or acknowledgement, and begins there.
    ///
    /// # Errors
    /// [`SubscriptionError::Unknown`], [`SubscriptionError::NotHandedOut`] when the cursor is ahead of the log,
    /// [`EventStoreError::ForeignCursor`].
    async fn reset_subscription(&self, name: &SubscriptionName, to: Option<Cursor>) -> Result<(), SubscriptionError>;
}

/// Which events a subscription reads; kept with its name. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Only streams of this category.
    pub category: Option<String>,
    /// Only events of this type, as in `OrderPlaced.v1`.
    pub event_type: Option<String>,
}

impl SubscriptionFilter {
    /// The events of one category.
    #[must_use]
    pub fn category(category: impl Into<String>) -> Self {
        Self { category: Some(category.into()), ..Self::default() }
    }

    /// The events of one type.
    #[must_use]
    pub fn event_type(event_type: impl Into<String>) -> Self {
        Self { event_type: Some(event_type.into()), ..Self::default() }
    }
}

impl From<SubscriptionFilter> for LogFilter {
    fn from(filter: SubscriptionFilter) -> Self {
        let SubscriptionFilter { category, event_type } = filter;
        Self { category, event_type, ..Self::default() }
    }
}

impl fmt::Display for SubscriptionFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.category, &self.event_type) {
            (None, None) => f.write_str("all events"),
            (Some(category), None) => write!(f, "the category {category}"),
            (None, Some(event_type)) => write!(f, "the type {event_type}"),
            (Some(category), Some(event_type)) => write!(f, "the type {event_type} of the category {category}"),
        }
    }
}

/// Where a new name begins. One that is there already goes on behind its checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionStart {
    /// At the first event of the log.
    #[default]
    Beginning,
    /// Behind the events that are there. Some of the newest may come all the same: those that an open transaction still hides
    /// from every reader.
    Now,
}

/// A reader's wish to be the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionClaim {
    /// Whose checkpoint it reads from.
    pub name: SubscriptionName,
    /// What it reads.
    pub filter: SubscriptionFilter,
    /// Where it begins if the name is new.
    pub start: SubscriptionStart,
    /// The reader: it is known by this id when it asks again.
    pub reader: Uuid,
    /// How long nobody else may read, counted by the store's clock.
    pub lease: Duration,
}

/// What came of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The reader is the active one.
    Active {
        /// Its token, greater than that of every reader before.
        token: u64,
        /// Behind which cursor it reads; none is the beginning.
        checkpoint: Option<Cursor>,
    },
    /// Another reader is.
    StandBy {
        /// How long its lease is good for, if it is not renewed.
        leased_for: Duration,
    },
}

/// A subscription, as an operator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriptionStatus {
    /// Its name.
    pub name: SubscriptionName,
    /// What it reads.
    pub filter: SubscriptionFilter,
    /// Everything up to here was acknowledged; none is the beginning.
    pub checkpoint: Option<Cursor>,
    /// Whether the checkpoint belongs to another database, or to this one before it was restored. Nobody can read on from it.
    pub checkpoint_is_foreign: bool,
    /// The last acknowledgement that moved the checkpoint.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Who reads; none while nobody does.
    pub reader: Option<Uuid>,
    /// Until when, if it falls silent now.
    pub leased_until: Option<DateTime<Utc>>,
    /// The token in force.
    pub token: u64,
    /// The age of the oldest event behind the checkpoint, those included that an open transaction still hides; none when
    /// there is no such event, and of a foreign checkpoint.
    pub lag: Option<Duration>,
}

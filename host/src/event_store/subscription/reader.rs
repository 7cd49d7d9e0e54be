//! The reader of a subscription.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::lease::{Lease, Term};
use super::{
    ClaimOutcome, SubscriptionClaim, SubscriptionConfig, SubscriptionError, SubscriptionName, SubscriptionStore,
};
use crate::Event;
use crate::event_store::{Cursor, EventStore, LogFilter, PageLimit, Store};

/// How long the active reader waits before it looks again: events of other processes are found by looking, and so are those
/// that a transaction still hid when this process appended them.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The same, once nothing came for [`IDLE_AFTER`].
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(50);
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// How long it waits after an append of this process. Under load there is one all the time, and a look for each would be a
/// query for each.
const GATHER: Duration = Duration::from_millis(5);
/// How often a reader that stands by asks: ten times a lease, within these bounds.
const STAND_BY_MIN: Duration = Duration::from_millis(20);
const STAND_BY_MAX: Duration = Duration::from_secs(1);

/// A reader of the log under a name: it hands out events in their order, and remembers in the store how far they were
/// acknowledged. Of several readers of one name, on whatever hosts, one is active and the others wait in [`next`](Self::next).
///
/// Every event comes at least once. It comes again, to this reader or another one, when it was not acknowledged before the
/// lease was lost or the reader began anew: what is done with it has to be such that a second time does no harm, or has to
/// keep the cursor with its own work.
///
/// Dropped without [`release`](Self::release), its lease runs out and another reader takes over then.
///
/// ```
/// # async fn read() -> Result<(), foldhost::event_store::SubscriptionError> {
/// use std::sync::Arc;
/// use foldhost::event_store::{Subscription, SubscriptionConfig};
/// use foldhost::{EventStore, InMemoryEventStore, SerializedEvent, Version};
///
/// let store = Arc::new(InMemoryEventStore::new());
/// let event = SerializedEvent { event_type: "OrderPlaced.v1".into(), data: Vec::new() };
/// store.append_events(&"order-1".parse().unwrap(), Version::EMPTY.into(), vec![event; 3]).await?;
///
/// let config = SubscriptionConfig::new("billing".parse()?);
/// let mut billing = Subscription::new(Arc::clone(&store), config.clone())?;
/// let batch = billing.next().await?;
/// assert_eq!(batch.len(), 3);
/// billing.acknowledge(batch[1].0).await?; // the first two are done
/// billing.release().await?;
///
/// let mut billing = Subscription::new(store, config)?;
/// assert_eq!(billing.next().await?, batch[2..]);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(read()).unwrap();
/// ```
pub struct Subscription<S: ?Sized = dyn Store> {
    store: Arc<S>,
    claim: SubscriptionClaim,
    filter: LogFilter,
    page: PageLimit,
    appended: watch::Receiver<u64>,
    /// None while the reader stands by.
    active: Option<Active>,
}

/// What an active reader knows.
#[derive(Debug)]
struct Active {
    token: u64,
    lease: Lease,
    /// The last event that was handed out, or the checkpoint before the first.
    after: Option<Cursor>,
    /// When events came the last time.
    busy_at: Instant,
}

impl<S: EventStore + SubscriptionStore + ?Sized> Subscription<S> {
    /// A reader that stands by. Nothing is asked of the store before [`next`](Self::next) is.
    ///
    /// # Errors
    /// [`SubscriptionError::Invalid`] when the configuration is out of its bounds.
    pub fn new(store: Arc<S>, config: SubscriptionConfig) -> Result<Self, SubscriptionError> {
        config.check()?;
        let SubscriptionConfig { name, filter, start, lease, page } = config;
        let appended = store.appended();
        let log_filter = filter.clone().into();
        let claim = SubscriptionClaim { name, filter, start, reader: Uuid::now_v7(), lease };
        Ok(Self { store, claim, filter: log_filter, page, appended, active: None })
    }

    /// The subscription's name.
    #[must_use]
    pub fn name(&self) -> &SubscriptionName {
        &self.claim.name
    }

    /// The token under which this reader is the active one; none while it stands by, and once its lease is lost.
    ///
    /// Tokens only grow. A consumer that hands it on with what it writes elsewhere can have that refuse a former reader.
    #[must_use]
    pub fn token(&self) -> Option<u64> {
        self.active.as_ref().filter(|active| active.lease.is_valid()).map(|active| active.token)
    }

    /// The events behind those that were handed out before, acknowledged or not; never none. Waits until this reader is the
    /// active one, and until there is one.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`SubscriptionError::Lost`], once, when the lease was lost: what was not acknowledged is not this reader's any more. Then
    /// the next call stands by, and reads on from the stored checkpoint. After [`SubscriptionError::Store`] the next call tries
    /// again.
    pub async fn next(&mut self) -> Result<Vec<(Cursor, Event)>, SubscriptionError> {
        self.next_up_to(self.page.events_max).await
    }

    /// As [`next`](Self::next), at most `events_max` events.
    pub(crate) async fn next_up_to(&mut self, events_max: usize) -> Result<Vec<(Cursor, Event)>, SubscriptionError> {
        let page = PageLimit { events_max: events_max.min(self.page.events_max), ..self.page };
        self.stand_by().await?;
        loop {
            self.appended.mark_unchanged();
            let asked_at = Instant::now();
            let events = self.read(page).await?;
            if !events.is_empty() {
                return Ok(events);
            }
            self.wait(asked_at.elapsed()).await;
        }
    }

    /// Waits until this reader is the active one.
    ///
    /// # Errors
    /// [`SubscriptionError::FilterDiffers`] and [`SubscriptionError::ForeignCheckpoint`] as
    /// [`claim_subscription`](SubscriptionStore::claim_subscription) has them; [`SubscriptionError::Lost`], once, when it was
    /// the active one, and [`SubscriptionError::Store`].
    pub async fn stand_by(&mut self) -> Result<(), SubscriptionError> {
        while let Some(leased_for) = self.claim().await? {
            let pause = (self.claim.lease / 10).clamp(STAND_BY_MIN, STAND_BY_MAX);
            sleep(pause.min(leased_for)).await;
        }
        Ok(())
    }

    /// Asks once to be the active reader. If another one is, says for how long its lease is good.
    pub(crate) async fn claim(&mut self) -> Result<Option<Duration>, SubscriptionError> {
        if self.active.is_some() && self.token().is_none() {
            return Err(self.give_up());
        }
        while self.active.is_none() {
            let asked_at = Instant::now();
            match self.store.claim_subscription(&self.claim).await? {
                ClaimOutcome::StandBy { leased_for } => return Ok(Some(leased_for)),
                // The answer took longer than the lease: nothing is known any more.
                ClaimOutcome::Active { .. } if asked_at.elapsed() >= self.claim.lease => {}
                ClaimOutcome::Active { token, checkpoint } => {
                    let term = Term { name: self.claim.name.clone(), token, lease: self.claim.lease };
                    let lease = Lease::hold(Arc::clone(&self.store), term, asked_at);
                    self.active = Some(Active { token, lease, after: checkpoint, busy_at: Instant::now() });
                }
            }
        }
        Ok(None)
    }

    /// One look at the log. Nothing is handed out unless the lease held to the end of it.
    async fn read(&mut self, page: PageLimit) -> Result<Vec<(Cursor, Event)>, SubscriptionError> {
        let Some(active) = &mut self.active else { return Err(self.give_up()) };
        let events = tokio::select! {
            biased;
            () = active.lease.lost() => Vec::new(),
            events = self.store.read_all(active.after, &self.filter, page) => events?,
        };
        if !active.lease.is_valid() {
            return Err(self.give_up());
        }
        if let Some((last, _)) = events.last() {
            active.after = Some(*last);
            active.busy_at = Instant::now();
        }
        Ok(events)
    }

    /// Waits for a moment at which there may be more, and at least for as long as the last look took: under a type and a
    /// category that do not go together, it may read much of the log to find nothing.
    async fn wait(&mut self, took: Duration) {
        let is_idle = self.active.as_ref().is_none_or(|active| active.busy_at.elapsed() > IDLE_AFTER);
        let interval = if is_idle { IDLE_POLL_INTERVAL } else { POLL_INTERVAL };
        tokio::select! {
            () = sleep(interval.max(took)) => {}
            // The sender lives as long as the store does.
            _ = self.appended.changed() => {
                if let Some(active) = &mut self.active {
                    active.busy_at = Instant::now();
                }
                sleep(GATHER.max(took)).await;
            }
        }
    }

    /// Comes back once the lease is lost, and at once while this reader stands by: whoever works on a batch for long can stop
    /// then, since another reader has it.
    pub async fn lost(&self) {
        if let Some(active) = &self.active {
            active.lease.lost().await;
        }
    }

    /// Acknowledges everything that was handed out up to a cursor; it is not handed out again. Durable when this returns.
    ///
    /// After [`SubscriptionError::Store`] it is not known whether it was done, and it may be done again.
    ///
    /// # Errors
    /// [`SubscriptionError::Lost`] when this reader is the active one no more: nothing was changed, and the next call of
    /// [`next`](Self::next) stands by. [`SubscriptionError::NotHandedOut`] when the cursor is ahead of what this reader was
    /// handed.
    pub async fn acknowledge(&mut self, cursor: Cursor) -> Result<(), SubscriptionError> {
        let Some(active) = self.active.as_ref().filter(|active| active.lease.is_valid()) else {
            return Err(self.give_up());
        };
        if active.after.is_none_or(|after| cursor.is_ahead_of(after)) {
            return Err(SubscriptionError::NotHandedOut { name: self.claim.name.clone() });
        }
        let acknowledged = self.store.acknowledge_subscription(&self.claim.name, active.token, cursor).await;
        if matches!(acknowledged, Err(SubscriptionError::Lost { .. } | SubscriptionError::Unknown { .. })) {
            return Err(self.give_up());
        }
        acknowledged
    }

    /// Ends the reader, and gives its lease back: one that stands by takes over at once.
    ///
    /// # Errors
    /// [`SubscriptionError::Lost`] when there was nothing to give back; then another reader has it, or takes it.
    /// [`SubscriptionError::Store`] when the store did not answer; then the lease runs out.
    pub async fn release(self) -> Result<(), SubscriptionError> {
        let Some(Active { token, lease, .. }) = self.active else { return Ok(()) };
        // No renewal behind the release.
        drop(lease);
        self.store.release_subscription(&self.claim.name, token).await
    }

    /// Takes its own lease for lost.
    pub(crate) fn give_up(&mut self) -> SubscriptionError {
        self.active = None;
        SubscriptionError::Lost { name: self.claim.name.clone() }
    }
}

impl<S: ?Sized> fmt::Debug for Subscription<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("claim", &self.claim).field("active", &self.active).finish_non_exhaustive()
    }
}

use std::time::Duration;

use super::name::check_text;
use super::{SubscriptionError, SubscriptionFilter, SubscriptionName, SubscriptionStart};
use crate::event_store::PageLimit;

/// How long a lease may be.
const LEASE_MIN: Duration = Duration::from_millis(100);
const LEASE_MAX: Duration = Duration::from_secs(60 * 60);
/// Most events and bytes that are handed out at once.
const PAGE_EVENTS_MAX: usize = 10_000;
const PAGE_BYTES_MAX: usize = 64 << 20;

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionConfig {
    /// Whose checkpoint it reads from.
    pub name: SubscriptionName,
    /// What it reads. Default: everything.
    pub filter: SubscriptionFilter,
    /// Where it begins if the name is new. Default: at the first event.
    pub start: SubscriptionStart,
    /// How long the others stand by when this reader falls silent; 100 milliseconds to an hour. Default 10 seconds. Renewed in the
    /// background: a batch may take longer.
    pub lease: Duration,
    /// How much is handed out at once; at most 10,000 events and 64 MiB. Default: 1,000 events or 8 MiB.
    pub page: PageLimit,
}

impl SubscriptionConfig {
    /// Everything from the first event on.
    #[must_use]
    pub fn new(name: SubscriptionName) -> Self {
        let (filter, start) = (SubscriptionFilter::default(), SubscriptionStart::default());
        Self { name, filter, start, lease: Duration::from_secs(10), page: 1_000.into() }
    }

    pub(super) fn check(&self) -> Result<(), SubscriptionError> {
        let Self { name: _, filter: SubscriptionFilter { category, event_type }, start: _, lease, page } = self;
        category.as_ref().map_or(Ok(()), |category| check_text("a category", category))?;
        if category.as_ref().is_some_and(|category| category.contains('-')) {
            let reason = "a category is what stands before the first - of a stream id, as in order";
            return Err(SubscriptionError::Invalid(reason.into()));
        }
        event_type.as_ref().map_or(Ok(()), |event_type| check_text("an event type", event_type))?;
        if !(LEASE_MIN..=LEASE_MAX).contains(lease) {
            let reason = format!("a lease lasts {LEASE_MIN:?} to {LEASE_MAX:?}, and not {lease:?}");
            return Err(SubscriptionError::Invalid(reason));
        }
        check_page(*page)
    }
}

fn check_page(page: PageLimit) -> Result<(), SubscriptionError> {
    let PageLimit { events_max, bytes_max } = page;
    if !(1..=PAGE_EVENTS_MAX).contains(&events_max) || !(1..=PAGE_BYTES_MAX).contains(&bytes_max) {
        let reason = format!(
            "a page has 1 to {PAGE_EVENTS_MAX} events and 1 to {PAGE_BYTES_MAX} bytes, and not {events_max} and {bytes_max}"
        );
        return Err(SubscriptionError::Invalid(reason));
    }
    Ok(())
}

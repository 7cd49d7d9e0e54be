//! The events of one stream, read as often as they are wanted.

use crate::event_store::{EventStore, EventStoreError, PageLimit};
use crate::{PackedEvents, StreamId, Version};

/// Where the events of a stream come from.
pub(super) struct Events<'a> {
    store: &'a dyn EventStore,
    stream_id: &'a StreamId,
    /// Of what is read at once.
    page: PageLimit,
    /// All of them, where one page holds them. Most streams are short, and reading one costs more than folding it.
    whole: Option<PackedEvents>,
}

/// What was read at once.
pub(super) struct Page {
    pub(super) events: PackedEvents,
    /// The last version that was read; none where there was nothing.
    pub(super) last: Option<Version>,
    /// Whether the last of them closed the stream: there is nothing to fold in it.
    pub(super) is_closed: bool,
    /// Whether there may be more behind it.
    pub(super) is_full: bool,
}

impl<'a> Events<'a> {
    pub(super) fn of(store: &'a dyn EventStore, stream_id: &'a StreamId, page: PageLimit) -> Self {
        Self { store, stream_id, page, whole: None }
    }

    /// The next ones behind a version, for the first time.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub(super) async fn read(&mut self, after: Version) -> Result<Page, EventStoreError> {
        let page = self.load(after, self.page).await?;
        if after == Version::EMPTY && !page.is_full {
            self.whole = Some(page.events.clone());
        }
        Ok(page)
    }

    /// Those behind a version once more, up to another one at most.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub(super) async fn again(&self, after: Version, until: Version) -> Result<PackedEvents, EventStoreError> {
        let wanted = usize::try_from(until.get().saturating_sub(after.get())).unwrap_or(usize::MAX);
        if let Some(whole) = &self.whole {
            let from = usize::try_from(after.get()).unwrap_or(usize::MAX);
            return Ok(if after == Version::EMPTY && wanted >= whole.len() {
                whole.clone()
            } else {
                whole.part(from, wanted)
            });
        }
        let page = PageLimit { events_max: self.page.events_max.min(wanted), ..self.page };
        Ok(self.load(after, page).await?.events)
    }

    async fn load(&self, after: Version, page: PageLimit) -> Result<Page, EventStoreError> {
        let mut events = self.store.load_events(self.stream_id, after, page).await?;
        let is_full = page.is_reached(events.len(), events.data.len());
        let last = events.last_version();
        let is_closed = events.take_closing();
        Ok(Page { events, last, is_closed, is_full })
    }
}

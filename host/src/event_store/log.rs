//! What is asked of the log: which events, and how many at once.

use chrono::{DateTime, Utc};

use super::sealing::SEAL_OVERHEAD_BYTES;

/// How much one read brings: it ends with the event that reaches either bound, so a page is never empty before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// Events, at most.
    pub events_max: usize,
    /// Bytes of data from which on no further event is brought. One event alone may be larger.
    pub bytes_max: usize,
}

impl PageLimit {
    /// Bytes of a page, unless something else is said: 8 MiB.
    pub const BYTES_MAX_DEFAULT: usize = 8 << 20;

    /// Whether a page of so many events and bytes may have ended because of its bounds: then there may be another one behind it.
    ///
    /// A store counts bytes as they lie in it, and sealed ones are [`SEAL_OVERHEAD_BYTES`] longer there. Once taken for short
    /// of its bounds, an encrypted stream's page was taken for its last.
    #[must_use]
    pub fn is_reached(self, events: usize, bytes: usize) -> bool {
        events >= self.events_max || bytes + events * SEAL_OVERHEAD_BYTES >= self.bytes_max
    }
}

impl From<usize> for PageLimit {
    /// So many events, and [`PageLimit::BYTES_MAX_DEFAULT`].
    fn from(events_max: usize) -> Self {
        Self { events_max, bytes_max: Self::BYTES_MAX_DEFAULT }
    }
}

/// Which events of the log are wanted. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only streams of this category.
    pub category: Option<String>,
    /// Only events of this type, as in `OrderPlaced.v1`.
    pub event_type: Option<String>,
    /// Only events that the database took at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Only events that the database took before this time.
    pub until: Option<DateTime<Utc>>,
}

impl LogFilter {
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

    /// Whether an event is wanted.
    #[must_use]
    pub fn admits(&self, event: &crate::Event) -> bool {
        self.category.as_ref().is_none_or(|category| event.stream_id.category() == category)
            && self.event_type.as_ref().is_none_or(|event_type| event.event_type == *event_type)
            && self.from.is_none_or(|from| event.created_at >= from)
            && self.until.is_none_or(|until| event.created_at < until)
    }
}

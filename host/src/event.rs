//! What is recorded: an event on its way to the store, one that came back, and a page of them packed for a fold.

mod metadata;

use chrono::{DateTime, Utc};

pub use metadata::{EventMetadata, METADATA_BYTES_MAX, MetadataError, TraceParent, TraceParentError};
pub(crate) use metadata::{fields_size, size as metadata_size};

use crate::{StreamId, Version};

/// The type of the event that closes a stream: always its last one, without data. The store refuses it in an append.
pub const STREAM_CLOSED: &str = "$stream-closed";

/// An event that a reducer emitted, encoded and not yet appended. The host never decodes `data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerializedEvent {
    /// Name and schema version, as in `OrderPlaced.v1`.
    pub event_type: String,
    /// The encoded event.
    pub data: Vec<u8>,
}

/// A recorded event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The stream that it belongs to.
    pub stream_id: StreamId,
    /// Its place in the stream; the first has 1.
    pub version: Version,
    /// Name and schema version, as in `OrderPlaced.v1`.
    pub event_type: String,
    /// The encoded event.
    pub data: Vec<u8>,
    /// Which command led to it, and which generation of the reducer decided.
    pub metadata: EventMetadata,
    /// When the database took it.
    pub created_at: DateTime<Utc>,
    /// Whether its stream's key was dropped: then `data` is empty, for good.
    pub erased: bool,
}

/// Events of one stream, column by column, in the form that [`Aggregate::apply`](crate::Aggregate::apply) folds.
///
/// One copy a column crosses into a component instead of two a record; at 256 events a page that was 2.5 to 3 times as
/// fast as a list of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedEvents {
    /// Version of the first event; meaningless while there is none.
    pub first_version: u64,
    /// The distinct event types.
    pub event_types: Vec<String>,
    /// For each event, an index into `event_types`.
    pub type_index: Vec<u16>,
    /// For each event, one past its last byte in `data`.
    pub ends: Vec<u32>,
    /// All events' data, one behind the other.
    pub data: Vec<u8>,
}

/// Why an event does not fit into a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Versions have to follow one another. A hole here would be folded into a state that no history has.
    #[error("event {found} follows event {last}: the stream has a hole")]
    NotContiguous {
        /// The last version in the page.
        last: u64,
        /// The version that came behind it.
        found: u64,
    },
    /// Offsets are 32 bits wide and type indices 16.
    #[error("a page holds at most 4 GiB of data and 65,536 event types")]
    PageFull,
}

impl PackedEvents {
    /// An empty page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A page of new events, the first of which has version `first_version`.
    ///
    /// # Errors
    /// [`PackError::PageFull`]
    pub fn of(first_version: Version, events: &[SerializedEvent]) -> Result<Self, PackError> {
        let mut packer = Packer::default();
        for (event, version) in events.iter().zip(first_version.get()..) {
            packer.push(Version::new(version), &event.event_type, &event.data)?;
        }
        Ok(packer.finish())
    }

    /// How many events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Version of the last event, or none in an empty page.
    #[must_use]
    pub fn last_version(&self) -> Option<Version> {
        (!self.is_empty()).then(|| Version::new(self.first_version + self.len() as u64 - 1))
    }

    /// `count` of its events, from the place `from` on; as many as there are.
    #[must_use]
    pub fn part(&self, from: usize, count: usize) -> Self {
        let from = from.min(self.len());
        let to = from.saturating_add(count).min(self.len());
        let at = |place: usize| place.checked_sub(1).map_or(0, |last| self.ends[last]);
        let (begin, end) = (at(from), at(to));
        Self {
            first_version: self.first_version + from as u64,
            event_types: self.event_types.clone(),
            type_index: self.type_index[from..to].to_vec(),
            ends: self.ends[from..to].iter().map(|place| place - begin).collect(),
            data: self.data[begin as usize..end as usize].to_vec(),
        }
    }

    /// The type and data of one of its events.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<(&str, &[u8])> {
        let event_type = &self.event_types[usize::from(*self.type_index.get(place)?)];
        let begin = place.checked_sub(1).map_or(0, |last| self.ends[last] as usize);
        Some((event_type, &self.data[begin..self.ends[place] as usize]))
    }

    /// Takes away the event that closes a stream, if the page ends with it, and says whether it did. No reducer knows it.
    pub fn take_closing(&mut self) -> bool {
        let last = self.type_index.last().map(|index| self.event_types[usize::from(*index)].as_str());
        if last != Some(STREAM_CLOSED) {
            return false;
        }
        self.type_index.pop();
        self.ends.pop();
        self.data.truncate(self.ends.last().map_or(0, |end| *end as usize));
        self.event_types.retain(|event_type| event_type != STREAM_CLOSED);
        true
    }
}

/// Fills a page event by event.
#[derive(Debug, Default)]
pub struct Packer {
    page: PackedEvents,
    /// The type of the last event, which is mostly the next one's too.
    last_index: usize,
}

impl Packer {
    /// Adds the next event.
    ///
    /// # Errors
    /// [`PackError`] when its version does not follow the last one, or the page is full.
    pub fn push(&mut self, version: Version, event_type: &str, data: &[u8]) -> Result<(), PackError> {
        let page = &mut self.page;
        match page.last_version() {
            None => page.first_version = version.get(),
            // Asserted on every read: a stream with a hole was once folded in silence into a wrong state.
            Some(last) if last.next() != version => {
                return Err(PackError::NotContiguous { last: last.get(), found: version.get() });
            }
            Some(_) => {}
        }
        if page.event_types.get(self.last_index).is_none_or(|last| last != event_type) {
            // A page has few types: looking them through is faster than any map, and one event's page needs none.
            self.last_index = page.event_types.iter().position(|known| known == event_type).unwrap_or_else(|| {
                page.event_types.push(event_type.to_owned());
                page.event_types.len() - 1
            });
        }
        let index = u16::try_from(self.last_index).map_err(|_| PackError::PageFull)?;
        let end = u32::try_from(page.data.len() + data.len()).map_err(|_| PackError::PageFull)?;
        page.data.extend_from_slice(data);
        page.ends.push(end);
        page.type_index.push(index);
        Ok(())
    }

    /// The page.
    #[must_use]
    pub fn finish(self) -> PackedEvents {
        self.page
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_names_each_event_type_once() {
        let mut packer = Packer::default();
        for (version, event_type, data) in [(5, "A.v1", "x"), (6, "B.v1", ""), (7, "A.v1", "yz")] {
            packer.push(Version::new(version), event_type, data.as_bytes()).unwrap();
        }
        let page = packer.finish();
        assert_eq!(page.first_version, 5);
        assert_eq!(page.event_types, ["A.v1", "B.v1"]);
        assert_eq!(page.type_index, [0, 1, 0]);
        assert_eq!(page.ends, [1, 1, 3]);
        assert_eq!(page.data, b"xyz");
        assert_eq!(page.last_version(), Some(Version::new(7)));
    }

    #[test]
    fn a_part_of_a_page_has_the_events_of_its_places() {
        let mut packer = Packer::default();
        for (version, event_type, data) in [(5, "A.v1", "x"), (6, "B.v1", ""), (7, "A.v1", "yz")] {
            packer.push(Version::new(version), event_type, data.as_bytes()).unwrap();
        }
        let page = packer.finish();
        assert_eq!(page.part(0, 9), page);
        let part = page.part(1, 2);
        assert_eq!((part.first_version, part.last_version()), (6, Some(Version::new(7))));
        assert_eq!(
            (part.get(0), part.get(1), part.get(2)),
            (Some(("B.v1", &b""[..])), Some(("A.v1", &b"yz"[..])), None)
        );
        assert!(page.part(3, 1).is_empty() && page.part(9, 9).is_empty());
    }

    #[test]
    fn the_event_that_closes_a_stream_is_taken_off_the_page() {
        let mut packer = Packer::default();
        packer.push(Version::new(1), "A.v1", b"x").unwrap();
        let open = packer.page.clone();
        packer.push(Version::new(2), STREAM_CLOSED, b"").unwrap();
        let mut page = packer.finish();
        assert!(page.take_closing());
        assert_eq!(page, open);
        assert!(!page.take_closing());
        assert!(!PackedEvents::new().take_closing());
    }

    #[test]
    fn a_hole_in_a_stream_is_refused() {
        let mut packer = Packer::default();
        packer.push(Version::new(1), "A.v1", b"").unwrap();
        assert_eq!(packer.push(Version::new(3), "A.v1", b""), Err(PackError::NotContiguous { last: 1, found: 3 }));
        assert_eq!(packer.push(Version::new(1), "A.v1", b""), Err(PackError::NotContiguous { last: 1, found: 1 }));
    }
}

//! Which stream, and how far: [`StreamId`] and [`Version`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest stream id, in bytes. It keeps the primary key of the events table well under a third of a btree page.
pub const STREAM_ID_BYTES_MAX: usize = 255;

/// Names one stream: the events of one aggregate instance, written `category-id`, as in `order-7f3c`.
///
/// The category is what stands before the first `-`; it names the reducer that decides for the stream. The whole has 1 to
/// [`STREAM_ID_BYTES_MAX`] bytes and no control characters: Postgres refuses NUL in text, and a line break would forge log lines.
///
/// ```
/// # use foldhost::StreamId;
/// let stream: StreamId = "order-7f3c".parse().unwrap();
/// assert_eq!(stream.category(), "order");
/// assert!("order".parse::<StreamId>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(Arc<str>);

/// Why a text is no [`StreamId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamIdError {
    /// No bytes at all.
    #[error("a stream id is never empty: write category-id, as in order-7f3c")]
    Empty,
    /// More than [`STREAM_ID_BYTES_MAX`] bytes.
    #[error("a stream id has at most {STREAM_ID_BYTES_MAX} bytes, this one has {bytes}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A control character somewhere in it.
    #[error("a stream id holds no control characters, this one has U+{code:04X} at byte {at}")]
    ControlCharacter {
        /// The character's code point.
        code: u32,
        /// Where it stands, in bytes.
        at: usize,
    },
    /// No `-`, or nothing on one side of the first.
    #[error("a stream id is category-id, as in order-7f3c: this one has no category or no id")]
    NoCategory,
}

impl StreamId {
    /// Checks a text and takes it as a stream id.
    ///
    /// # Errors
    /// [`StreamIdError`] says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, StreamIdError> {
        if text.is_empty() {
            return Err(StreamIdError::Empty);
        }
        if text.len() > STREAM_ID_BYTES_MAX {
            return Err(StreamIdError::TooLong { bytes: text.len() });
        }
        if let Some((at, character)) = text.char_indices().find(|(_, character)| character.is_control()) {
            return Err(StreamIdError::ControlCharacter { code: character.into(), at });
        }
        match text.split_once('-') {
            Some((category, id)) if !category.is_empty() && !id.is_empty() => Ok(Self(text.into())),
            _ => Err(StreamIdError::NoCategory),
        }
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `-`: the name of the stream's reducer.
    #[must_use]
    pub fn category(&self) -> &str {
        self.0.split_once('-').map_or(&self.0, |(category, _)| category)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for StreamId {
    type Error = StreamIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl Serialize for StreamId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The number of events in a stream: 0 is an empty stream, and its first event has version 1.
///
/// ```
/// # use foldhost::Version;
/// assert_eq!(Version::EMPTY.next(), Version::new(1));
/// assert_eq!(Version::new(3) + 2, Version::new(5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version of a stream without events.
    pub const EMPTY: Self = Self(0);
    /// The highest version that the store can hold: Postgres counts in signed 64 bits.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The version after `events` events; held at [`Version::MAX`].
    #[must_use]
    pub const fn new(events: u64) -> Self {
        if events > Self::MAX.0 { Self::MAX } else { Self(events) }
    }

    /// As a number of events.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version of the event after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.0.saturating_add(1))
    }

    /// As Postgres' bigint.
    pub(crate) const fn as_i64(self) -> i64 {
        // Held at i64::MAX by every constructor.
        self.0 as i64
    }

    /// From Postgres' bigint; the table's check constraint keeps it from being negative.
    pub(crate) const fn from_i64(version: i64) -> Self {
        Self(if version < 0 { 0 } else { version as u64 })
    }
}

impl std::ops::Add<u64> for Version {
    type Output = Self;

    fn add(self, events: u64) -> Self {
        Self::new(self.0.saturating_add(events))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a command's sender says of the stream before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Nothing: any version will do.
    #[default]
    Any,
    /// The stream has no events.
    NoStream,
    /// The stream has at least one event.
    Exists,
    /// The stream has just this version.
    Exact(Version),
}

/// A text that is none of `none`, `exists`, `any` and a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an expected version is a number, none, exists or any")]
pub struct ExpectedVersionError;

impl ExpectedVersion {
    /// Whether a stream at `version` is what was expected.
    #[must_use]
    pub fn admits(self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => version == Version::EMPTY,
            Self::Exists => version > Version::EMPTY,
            Self::Exact(expected) => version == expected,
        }
    }
}

impl From<Version> for ExpectedVersion {
    fn from(version: Version) -> Self {
        Self::Exact(version)
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::NoStream => f.write_str("none"),
            Self::Exists => f.write_str("exists"),
            Self::Exact(version) => version.fmt(f),
        }
    }
}

impl FromStr for ExpectedVersion {
    type Err = ExpectedVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "any" => Ok(Self::Any),
            "none" => Ok(Self::NoStream),
            "exists" => Ok(Self::Exists),
            number => number.parse().map(|n| Self::Exact(Version::new(n))).map_err(|_| ExpectedVersionError),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stream_id_is_category_and_id() {
        let stream = StreamId::new("order-7f3c-x").unwrap();
        assert_eq!(stream.category(), "order");
        assert_eq!(stream.to_string(), "order-7f3c-x");
        for text in ["order", "-7", "order-", "-"] {
            assert_eq!(StreamId::new(text), Err(StreamIdError::NoCategory), "{text:?}");
        }
    }

    #[test]
    fn a_stream_id_has_1_to_255_bytes_and_no_control_characters() {
        assert_eq!(StreamId::new(""), Err(StreamIdError::Empty));
        let longest = format!("a-{}", "x".repeat(253));
        assert!(StreamId::new(&longest).is_ok());
        assert_eq!(StreamId::new(&format!("{longest}x")), Err(StreamIdError::TooLong { bytes: 256 }));
        assert_eq!(StreamId::new("a-\0"), Err(StreamIdError::ControlCharacter { code: 0, at: 2 }));
        assert_eq!(StreamId::new("a-b\nc"), Err(StreamIdError::ControlCharacter { code: 10, at: 3 }));
        assert_eq!(StreamId::new("a-\u{85}"), Err(StreamIdError::ControlCharacter { code: 0x85, at: 2 }));
    }

    #[test]
    fn an_expected_version_is_read_as_it_is_written() {
        for (text, expected) in [
            ("any", ExpectedVersion::Any),
            ("none", ExpectedVersion::NoStream),
            ("exists", ExpectedVersion::Exists),
            ("7", ExpectedVersion::Exact(Version::new(7))),
        ] {
            assert_eq!(text.parse(), Ok(expected));
            assert_eq!(expected.to_string(), text);
        }
        assert!("-1".parse::<ExpectedVersion>().is_err());
        assert!("some".parse::<ExpectedVersion>().is_err());
    }

    #[test]
    fn an_expected_version_admits_what_it_names() {
        let (empty, third) = (Version::EMPTY, Version::new(3));
        assert!(ExpectedVersion::Any.admits(empty) && ExpectedVersion::Any.admits(third));
        assert!(ExpectedVersion::NoStream.admits(empty) && !ExpectedVersion::NoStream.admits(third));
        assert!(!ExpectedVersion::Exists.admits(empty) && ExpectedVersion::Exists.admits(third));
        assert!(ExpectedVersion::Exact(third).admits(third) && !ExpectedVersion::Exact(third).admits(empty));
    }

    #[test]
    fn a_version_never_passes_what_the_store_can_hold() {
        assert_eq!(Version::MAX + 1, Version::MAX);
        assert_eq!(Version::new(u64::MAX), Version::MAX);
        assert_eq!(Version::from_i64(Version::MAX.as_i64()), Version::MAX);
    }
}

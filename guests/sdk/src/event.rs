//! Events: what is recorded.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoding::{self, EncodingError};

/// Turns the recorded bytes of one event type into an event.
pub type Decoder<E> = fn(&[u8]) -> Result<E, EventError>;

/// Something that happened to a stream, in a form that can be recorded and read again years later.
///
/// Derive it on an enum. Each variant is an event type of its own, `OrderPlaced.v1`, and only its fields are encoded:
/// variants may be added and moved at will. The fields of a recorded variant may not change: a changed shape is a new
/// version of it, and the one that it had is kept as a [`FormerEvent`](trait@crate::FormerEvent).
///
/// ```
/// use foldhost_sdk::prelude::*;
///
/// #[derive(Debug, PartialEq, Event)]
/// enum OrderEvent {
///     OrderPlaced { customer_id: String },
///     #[event(version = 2, since = 2)]
///     OrderShipped { tracking: String, shipped_at_ms: i64 },
/// }
///
/// let shipped = OrderEvent::OrderShipped { tracking: "1Z".into(), shipped_at_ms: 0 };
/// assert_eq!(shipped.event_type(), "OrderShipped.v2");
/// assert_eq!(OrderEvent::from_bytes("OrderShipped.v2", &shipped.to_bytes()?)?, shipped);
/// assert_eq!(shipped.to_json()?, r#"{"tracking":"1Z","shipped_at_ms":0}"#);
/// # Ok::<(), foldhost_sdk::EventError>(())
/// ```
pub trait Event: Sized {
    /// Every event type that [`Event::decoder`] knows, older versions included. The derive lists them variant by variant, each
    /// with its newest version first.
    const EVENT_TYPES: &'static [&'static str];

    /// Those of [`Event::EVENT_TYPES`] that may be emitted: the newest version of each event, without what is read only.
    const WRITES: &'static [&'static str] = Self::EVENT_TYPES;

    /// Name and schema version, as in `OrderPlaced.v1`.
    fn event_type(&self) -> &'static str;

    /// The bytes to record.
    fn to_bytes(&self) -> Result<Vec<u8>, EventError>;

    /// The decoder for one event type, or none if the type is unknown. A page of events looks each distinct type up once
    /// and then decodes by index.
    fn decoder(event_type: &str) -> Option<Decoder<Self>>;

    /// The event as JSON, for people: an object of its fields. A newtype variant shows its inner value, a tuple variant
    /// an array.
    fn to_json(&self) -> Result<String, EventError>;

    /// Recorded bytes as JSON, in the version in which they were recorded; [`Event::to_json`] of what they decode to is in the
    /// newest. The two differ for older versions alone.
    fn recorded_json(event_type: &str, bytes: &[u8]) -> Result<String, EventError> {
        Self::from_bytes(event_type, bytes)?.to_json()
    }

    /// The bytes to record for an event that is written as JSON, in any version that can be read: for those who write a
    /// stream's past by hand. An implementation by hand does not have it unless it says how.
    fn bytes_from_json(event_type: &str, json: &str) -> Result<Vec<u8>, EventError> {
        let _ = json;
        Err(EventError::malformed_json(event_type, "this reducer does not read events from JSON"))
    }

    /// Reads a recorded event. All bytes must be used.
    fn from_bytes(event_type: &str, bytes: &[u8]) -> Result<Self, EventError> {
        match Self::decoder(event_type) {
            Some(decode) => decode(bytes),
            None => Err(EventError::unknown::<Self>(event_type)),
        }
    }
}

/// Why an event cannot be recorded or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Nothing reads this event type.
    #[error("the event type `{event_type}` is unknown; this reducer reads {known}. Deploy one that still reads it")]
    UnknownType {
        /// The type that was asked for.
        event_type: String,
        /// The known types, comma separated.
        known: String,
    },
    /// The bytes are not an event of this type.
    #[error("the recorded bytes are not a `{event_type}`: {message}. Fields must not change under the same version")]
    Malformed {
        /// The type that the bytes were read as.
        event_type: String,
        /// What is wrong with the bytes.
        message: String,
    },
    /// The JSON is not an event of this type.
    #[error("the JSON is not a `{event_type}`: {message}")]
    MalformedJson {
        /// The type that the JSON was read as.
        event_type: String,
        /// What is wrong with it.
        message: String,
    },
    /// The event has no encoding.
    #[error("the event `{event_type}` cannot be encoded: {message}. Look at the `Serialize` of its fields")]
    Unencodable {
        /// The type of the event.
        event_type: String,
        /// What serde or bincode said.
        message: String,
    },
    /// The event encodes, but not to something that is read back as it was: it would break its stream for good, or fold into
    /// another state than the one that was decided on. So it is not recorded.
    #[error(
        "the event `{event_type}` would not be read back as it is: {message}. Look for a field whose `Serialize` and \
         `Deserialize` differ, or that holds a JSON value or a hash map"
    )]
    Unreadable {
        /// The type of the event.
        event_type: String,
        /// Why decoding failed, or what differed.
        message: String,
    },
    /// The event was emitted, but it is only there to be read.
    #[error("the event `{event_type}` is read only, so it cannot be emitted; emit one of {written}")]
    ReadOnly {
        /// The type of the event.
        event_type: String,
        /// What may be emitted, comma separated.
        written: String,
    },
}

impl EventError {
    /// For an implementation by hand: `event_type` is none of `E`'s.
    pub fn unknown<E: Event>(event_type: &str) -> Self {
        Self::UnknownType { event_type: event_type.to_owned(), known: E::EVENT_TYPES.join(", ") }
    }

    /// For an implementation by hand: `bytes` are not an event of this type, because of `message`.
    pub fn malformed(event_type: &str, message: impl Into<String>) -> Self {
        Self::Malformed { event_type: event_type.to_owned(), message: message.into() }
    }

    /// For an implementation by hand: the JSON is not an event of this type, because of `message`.
    pub fn malformed_json(event_type: &str, message: impl Into<String>) -> Self {
        Self::MalformedJson { event_type: event_type.to_owned(), message: message.into() }
    }
}

#[doc(hidden)]
#[inline]
pub fn event_from_bytes<T: DeserializeOwned>(event_type: &str, bytes: &[u8]) -> Result<T, EventError> {
    match encoding::decode(bytes) {
        Ok(fields) => Ok(fields),
        Err(error) => Err(malformed(event_type, &error)),
    }
}

// Out of line, so that the decoders in the loop of `apply_packed` stay small.
#[cold]
fn malformed(event_type: &str, error: &EncodingError) -> EventError {
    EventError::malformed(event_type, error.to_string())
}

#[doc(hidden)]
pub fn event_to_bytes<T: Serialize>(event_type: &str, fields: &T) -> Result<Vec<u8>, EventError> {
    encoding::encode(fields)
        .map_err(|error| EventError::Unencodable { event_type: event_type.to_owned(), message: error.to_string() })
}

#[doc(hidden)]
pub fn event_to_json<T: Serialize>(event_type: &str, fields: &T) -> Result<String, EventError> {
    serde_json::to_string(fields)
        .map_err(|error| EventError::Unencodable { event_type: event_type.to_owned(), message: error.to_string() })
}

#[doc(hidden)]
pub fn event_from_json<T: DeserializeOwned>(event_type: &str, json: &str) -> Result<T, EventError> {
    crate::json::from_str(json).map_err(|error| EventError::malformed_json(event_type, error.to_string()))
}

#[doc(hidden)]
pub fn event_from_json_object<T: DeserializeOwned>(event_type: &str, json: &str) -> Result<T, EventError> {
    // Serde reads a struct from an array as well, by position; whoever writes a past by hand would learn of swapped fields too late.
    if json.trim_ascii_start().starts_with('[') {
        return Err(EventError::malformed_json(event_type, "expected a JSON object, found an array"));
    }
    event_from_json(event_type, json)
}

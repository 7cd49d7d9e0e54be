//! Events: what is recorded.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoding::{self, EncodingError};

/// Turns the recorded bytes of one event type into an event.
pub type Decoder<E> = fn(&[u8]) -> Result<E, EventError>;

/// Something that happened to a stream, in a form that can be recorded and read again years later.
///
/// Derive it on an enum. Each variant is an event type of its own, `OrderPlaced.v1`, and only its fields are encoded:
/// variants may be added and moved at will, the fields of a recorded variant may not change.
///
/// ```
/// use foldhost_sdk::prelude::*;
///
/// #[derive(Debug, PartialEq, Event)]
/// enum OrderEvent {
///     OrderPlaced { customer_id: String },
///     #[event(version = 2)]
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
    /// Every event type that [`Event::decoder`] knows.
    const EVENT_TYPES: &'static [&'static str];

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
    /// No variant has this event type.
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
    /// The event has no encoding.
    #[error("the event `{event_type}` cannot be encoded: {message}. Look at the `Serialize` of its fields")]
    Unencodable {
        /// The type of the event.
        event_type: String,
        /// What serde or bincode said.
        message: String,
    },
    /// The event encodes, but not to something that decodes: it would break its stream for good, so it is not recorded.
    #[error(
        "the event `{event_type}` was encoded, but its bytes cannot be read again: {message}. Look for a field whose \
         `Serialize` and `Deserialize` differ, or that holds a JSON value"
    )]
    Unreadable {
        /// The type of the event.
        event_type: String,
        /// Why decoding failed.
        message: String,
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
}

#[doc(hidden)]
#[inline]
pub fn event_from_bytes<T: DeserializeOwned>(event_type: &'static str, bytes: &[u8]) -> Result<T, EventError> {
    match encoding::decode_recorded(bytes) {
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
pub fn event_to_bytes<T: Serialize>(event_type: &'static str, fields: &T) -> Result<Vec<u8>, EventError> {
    encoding::encode(fields)
        .map_err(|error| EventError::Unencodable { event_type: event_type.to_owned(), message: error.to_string() })
}

#[doc(hidden)]
pub fn event_to_json<T: Serialize>(event_type: &'static str, fields: &T) -> Result<String, EventError> {
    serde_json::to_string(fields)
        .map_err(|error| EventError::Unencodable { event_type: event_type.to_owned(), message: error.to_string() })
}

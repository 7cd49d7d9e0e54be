//! What a decision emits has to be read back as it was: a recorded event cannot be mended.

use crate::{EncodedEvent, Event, EventError};

/// Encodes an event and sees to it that its bytes are read back as the same one.
///
/// Two events with the same bytes are not told apart: what a nested type keeps out of its bytes in both directions
/// (`#[serde(skip)]`) is lost without a word.
pub(crate) fn encode<E: Event>(event: &E) -> Result<EncodedEvent, EventError> {
    let event_type = event.event_type();
    // The lengths are constants: where everything that is read may be emitted, nothing is searched.
    if E::WRITES.len() != E::EVENT_TYPES.len()
        && !E::WRITES.contains(&event_type)
        && E::EVENT_TYPES.contains(&event_type)
    {
        return Err(EventError::ReadOnly { event_type: event_type.to_owned(), written: E::WRITES.join(", ") });
    }
    let data = event.to_bytes()?;
    let read = match E::from_bytes(event_type, &data) {
        Ok(read) => read,
        Err(error) => return Err(unreadable(event_type, error.to_string())),
    };
    let again = read.to_bytes()?;
    if read.event_type() != event_type || again != data {
        return Err(unreadable(event_type, difference(event, &read, &data, &again)));
    }
    Ok(EncodedEvent { event_type, data })
}

#[cold]
fn unreadable(event_type: &str, message: String) -> EventError {
    EventError::Unreadable { event_type: event_type.to_owned(), message }
}

/// What became another when an event was read back: its type, or where its JSON parts, or where its bytes do.
#[cold]
fn difference<E: Event>(event: &E, read: &E, data: &[u8], again: &[u8]) -> String {
    if read.event_type() != event.event_type() {
        return format!("it is read back as a `{}`", read.event_type());
    }
    if let (Ok(before), Ok(after)) = (event.to_json(), read.to_json())
        && before != after
    {
        let parts = common_prefix(before.as_bytes(), after.as_bytes());
        return format!("{} comes back as {}", excerpt(&before, parts), excerpt(&after, parts));
    }
    let parts = common_prefix(data, again);
    format!("encoded again it has {} bytes instead of {}, other ones from byte {parts} on", again.len(), data.len())
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// A few fields around the byte at which two texts part: an event may be a megabyte.
fn excerpt(json: &str, parts: usize) -> String {
    const BEFORE: usize = 40;
    const AFTER: usize = 80;
    let start = json.floor_char_boundary(parts.saturating_sub(BEFORE));
    let end = json.ceil_char_boundary(json.len().min(parts + AFTER));
    let (from, to) = (if start > 0 { "..." } else { "" }, if end < json.len() { "..." } else { "" });
    // By `get`: a panic at a character's boundary would link 5 kB of formatting to every component.
    format!("`{from}{}{to}`", json.get(start..end).unwrap_or_default())
}

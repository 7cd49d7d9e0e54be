//! Reads JSON: what commands arrive as, and events that are written by hand.
//!
//! Not by serde_json, which writes it here too: as a reader it made a component 74 kB larger, a third of the order guest. It
//! brings the formatting of floats along with every refusal of a type, and reads each struct in two ways, as an object and
//! as an array. Here a struct is an object alone, at every depth: in an array, a sender would learn of swapped fields too
//! late. One struct cannot be held to that: in an enum with `#[serde(untagged)]`, serde itself first reads whatever stands
//! there, and then takes a struct from an array too. What else is accepted and how a refusal reads is as in serde_json; its
//! tests compare the two on random documents.
//!
//! Two of serde_json's own types are read by serde_json alone, by a secret sign between the two: `RawValue`, which the derives
//! refuse where they see it, and `Number` with its feature `arbitrary_precision`, which has the digits of a float here unless
//! it is a whole number of 64 bits.

mod deserializer;
mod parts;
mod reader;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;

use crate::codec_error::CodecError;
use reader::Reader;

/// How deep arrays and objects may be nested, as in serde_json: the stack is small, and the sender chooses the depth.
const DEPTH_MAX: u8 = 127;

/// Why a text is not the JSON of a value: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

impl JsonError {
    pub(crate) fn new(message: &str) -> Self {
        Self(message.to_owned())
    }
}

/// Reads JSON that came back with an outcome: the state of a snapshot, the fields of an event, what a custom effect answered.
///
/// In a component it is a part of what reads the commands anyway, so it costs next to nothing beside a reader of one's own.
///
/// ```
/// let quantity: u32 = foldhost_sdk::read_json("2")?;
/// assert_eq!(quantity, 2);
/// assert!(foldhost_sdk::read_json::<u32>("-2").unwrap_err().to_string().contains("line 1 column 2"));
/// # Ok::<(), foldhost_sdk::JsonError>(())
/// ```
///
/// # Errors
/// It is no JSON, or not that of a `T`.
pub fn read_json<T: DeserializeOwned>(json: &str) -> Result<T, JsonError> {
    from_str(json).map_err(|error| JsonError(error.to_string()))
}

/// Reads one value. Nothing but white space may follow it.
pub(crate) fn from_str<T: DeserializeOwned>(json: &str) -> Result<T, CodecError> {
    let mut reader = Reader::new(json);
    // Whatever fails, the reader stands where it failed: the error is located here, once, and not at every step.
    match T::deserialize(&mut reader) {
        Ok(value) => reader.end().map(|()| value),
        Err(error) => Err(reader.locate(error)),
    }
}

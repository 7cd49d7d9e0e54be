//! The binary encoding of events, binary commands and snapshots: that of bincode 2, `config::standard()`, by way of serde.
//!
//! Recorded events are in this encoding for good. bincode has no maintainer any more (RUSTSEC-2025-0141), and as a part of a
//! component it was 40 kB of 190, most of it the formatting of floats in errors that nobody sees. So the encoding stands
//! here, and the tests hold it against bincode 2.0.1: random values come out as the same bytes, and damaged ones are read, or
//! refused, by both.

mod decoder;
mod deserializer;
mod encoder;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

use decoder::Decoder;
use encoder::Encoder;

/// The first byte of integers that follow in 2, 4, 8 and 16 bytes; smaller first bytes are the integer.
const TWO_BYTES: u8 = 251;
const FOUR_BYTES: u8 = 252;
const EIGHT_BYTES: u8 = 253;
const SIXTEEN_BYTES: u8 = 254;

/// Why bytes and a value do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodingError {
    #[error("{0}")]
    Encode(String),
    #[error("{0}")]
    Decode(String),
    #[error("{0} bytes are left over after the last field")]
    TrailingBytes(usize),
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodingError> {
    let mut encoder = Encoder::default();
    match value.serialize(&mut encoder) {
        Ok(()) => Ok(encoder.bytes),
        Err(error) => Err(EncodingError::Encode(error.to_string())),
    }
}

/// Decodes an event, a snapshot or a binary command. Bytes left over are an error: they are another type's, or another
/// version's, and reading on as if nothing were wrong would fold garbage into the state.
///
/// Lengths are claims of whoever wrote the bytes. None costs memory before as many bytes are there, in whatever of the
/// three it stands.
#[inline]
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, EncodingError> {
    let mut decoder = Decoder { bytes };
    match T::deserialize(&mut decoder) {
        Ok(value) if decoder.bytes.is_empty() => Ok(value),
        Ok(_) => Err(EncodingError::TrailingBytes(decoder.bytes.len())),
        Err(error) => Err(EncodingError::Decode(error.to_string())),
    }
}

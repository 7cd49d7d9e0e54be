//! The binary encoding of events, binary commands and snapshots: bincode 2.0.1, `config::standard()`, by way of serde.
//!
//! Nothing else in the SDK names bincode. Recorded events are in this encoding for good, so neither the configuration nor
//! the version may change without a second decoder beside it.

use bincode::config;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes that a recorded event or a snapshot may claim while it is decoded.
///
/// bincode allocates a string by its claimed length before it looks whether so many bytes follow: without a limit, nine
/// bytes that claim four exabytes abort a native host and trap a component. The claim of an integer is its full width, so
/// this is 16 to 256 MiB of real data. A limit leaves the encoding as it is.
const RECORDED_BYTES_MAX: usize = 256 << 20;

/// The same for a binary command. It comes from outside, so a component must survive the claim within its memory.
const COMMAND_BYTES_MAX: usize = 16 << 20;

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
    bincode::serde::encode_to_vec(value, config::standard()).map_err(|error| EncodingError::Encode(error.to_string()))
}

/// Decodes an event or a snapshot. Bytes left over are an error: they are another type's, or another version's, and reading
/// on as if nothing were wrong would fold garbage into the state.
#[inline]
pub(crate) fn decode_recorded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, EncodingError> {
    decode::<T, RECORDED_BYTES_MAX>(bytes)
}

/// Decodes a binary command. All bytes must be used.
pub(crate) fn decode_command<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, EncodingError> {
    decode::<T, COMMAND_BYTES_MAX>(bytes)
}

#[inline]
fn decode<T: DeserializeOwned, const BYTES_MAX: usize>(bytes: &[u8]) -> Result<T, EncodingError> {
    match bincode::serde::borrow_decode_from_slice(bytes, config::standard().with_limit::<BYTES_MAX>()) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        Ok((_, read)) => Err(EncodingError::TrailingBytes(bytes.len() - read)),
        Err(error) => Err(EncodingError::Decode(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_encoding_is_the_one_that_recorded_events_are_in() {
        let bytes = encode(&(1_u64, 300_u32, -1_i64, "ab", Some(true))).unwrap();
        assert_eq!(bytes, [1, 251, 44, 1, 1, 2, b'a', b'b', 1, 1]);
        assert_eq!(
            decode_recorded::<(u64, u32, i64, String, Option<bool>)>(&bytes),
            Ok((1, 300, -1, "ab".into(), Some(true)))
        );
    }

    #[test]
    fn bytes_after_the_value_are_refused() {
        let mut bytes = encode(&7_u8).unwrap();
        bytes.extend([0, 0]);
        assert_eq!(decode_recorded::<u8>(&bytes), Err(EncodingError::TrailingBytes(2)));
        assert_eq!(decode_command::<u8>(&bytes), Err(EncodingError::TrailingBytes(2)));
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_without_allocating_it() {
        let four_exabytes = [253, 0, 0, 0, 0, 0, 0, 0, 64];
        for error in [
            decode_recorded::<String>(&four_exabytes).unwrap_err(),
            decode_command::<String>(&four_exabytes).unwrap_err(),
            decode_recorded::<Vec<u64>>(&four_exabytes).map(drop).unwrap_err(),
            decode_command::<Vec<u64>>(&four_exabytes).map(drop).unwrap_err(),
        ] {
            assert!(matches!(error, EncodingError::Decode(_)), "{error}");
        }
    }

    #[test]
    fn a_large_value_is_read_back_as_it_was() {
        let large = ("x".repeat(4 << 20), vec![1_u64; 1 << 20]);
        let bytes = encode(&large).unwrap();
        assert!(decode_recorded::<(String, Vec<u64>)>(&bytes).as_ref() == Ok(&large), "as recorded");
        assert!(decode_command::<(String, Vec<u64>)>(&bytes).as_ref() == Ok(&large), "as a command");
    }
}

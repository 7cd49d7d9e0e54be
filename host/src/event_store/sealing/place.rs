use std::fmt;

use uuid::Uuid;

use crate::{StreamId, Version};

/// Stands first in all associated data. Another number here, and nothing that was sealed before opens any more.
const FORMAT: u8 = 1;

/// Where a sealed payload belongs. It is not kept with the payload but is its associated data: who opens says where he
/// found it, and it opens there only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place<'a> {
    /// The payload of an event.
    Event {
        /// The stream.
        stream_id: &'a StreamId,
        /// The event's version.
        version: Version,
        /// Its type, as in `OrderPlaced.v1`.
        event_type: &'a str,
    },
    /// The state in a snapshot.
    Snapshot {
        /// The stream.
        stream_id: &'a StreamId,
        /// How many events it holds.
        version: Version,
        /// The schema of the state.
        state_schema: &'a str,
    },
    /// What an effect says.
    EffectBody {
        /// The stream whose decision asked for it.
        stream_id: &'a StreamId,
        /// The effect's id.
        effect_id: Uuid,
    },
    /// How far an effect has come.
    EffectProgress {
        /// The stream whose decision asked for it.
        stream_id: &'a StreamId,
        /// The effect's id.
        effect_id: Uuid,
    },
    /// The arguments of a command in the journal.
    CommandPayload {
        /// The stream.
        stream_id: &'a StreamId,
        /// The command's id.
        command_id: &'a str,
    },
}

impl Place<'_> {
    /// As associated data.
    pub(in crate::event_store) fn associated(&self) -> Vec<u8> {
        match self {
            Self::Event { stream_id, version, event_type } => encode(&[
                b"foldhost event",
                stream_id.as_str().as_bytes(),
                &version.get().to_be_bytes(),
                event_type.as_bytes(),
            ]),
            Self::Snapshot { stream_id, version, state_schema } => encode(&[
                b"foldhost snapshot",
                stream_id.as_str().as_bytes(),
                &version.get().to_be_bytes(),
                state_schema.as_bytes(),
            ]),
            Self::EffectBody { stream_id, effect_id } => {
                encode(&[b"foldhost effect body", stream_id.as_str().as_bytes(), effect_id.as_bytes()])
            }
            Self::EffectProgress { stream_id, effect_id } => {
                encode(&[b"foldhost effect progress", stream_id.as_str().as_bytes(), effect_id.as_bytes()])
            }
            Self::CommandPayload { stream_id, command_id } => {
                encode(&[b"foldhost command payload", stream_id.as_str().as_bytes(), command_id.as_bytes()])
            }
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { stream_id, version, event_type } => {
                write!(f, "event {version} of stream {stream_id}, of type {event_type:?},")
            }
            Self::Snapshot { stream_id, version, state_schema } => {
                write!(f, "the snapshot of stream {stream_id} at version {version}, of schema {state_schema:?},")
            }
            Self::EffectBody { stream_id, effect_id } => write!(f, "effect {effect_id} of stream {stream_id}"),
            Self::EffectProgress { stream_id, effect_id } => {
                write!(f, "the progress of effect {effect_id} of stream {stream_id}")
            }
            Self::CommandPayload { stream_id, command_id } => {
                write!(f, "the payload of command {command_id:?} of stream {stream_id}")
            }
        }
    }
}

/// The associated data of the wrapped data key of a stream.
pub(super) fn data_key_of(stream_id: &StreamId) -> Vec<u8> {
    encode(&[b"foldhost data key", stream_id.as_str().as_bytes()])
}

/// The format, then each field behind its length as eight bytes, most significant first: no two lists of fields are
/// written alike. Fields simply joined would let stream `a-1` with type `2x` pass for stream `a-12` with type `x`.
fn encode(fields: &[&[u8]]) -> Vec<u8> {
    let bytes = fields.iter().map(|field| size_of::<u64>() + field.len()).sum::<usize>();
    let mut encoded = Vec::with_capacity(1 + bytes);
    encoded.push(FORMAT);
    for field in fields {
        encoded.extend_from_slice(&(field.len() as u64).to_be_bytes());
        encoded.extend_from_slice(field);
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn associated_data_is_the_format_and_each_field_behind_its_length() {
        let stream_id = StreamId::new("a-1").unwrap();
        let place = Place::Event { stream_id: &stream_id, version: Version::new(258), event_type: "T" };
        let expected = b"\x01\
            \0\0\0\0\0\0\0\x0efoldhost event\
            \0\0\0\0\0\0\0\x03a-1\
            \0\0\0\0\0\0\0\x08\0\0\0\0\0\0\x01\x02\
            \0\0\0\0\0\0\0\x01T";
        assert_eq!(place.associated(), expected);
        assert_eq!(data_key_of(&stream_id), b"\x01\0\0\0\0\0\0\0\x11foldhost data key\0\0\0\0\0\0\0\x03a-1");
    }

    #[test]
    fn no_shift_of_bytes_between_fields_gives_the_same_associated_data() {
        let lists: [&[&[u8]]; 8] =
            [&[], &[b""], &[b"", b""], &[b"ab"], &[b"a", b"b"], &[b"", b"ab"], &[b"ab", b""], &[b"\0\0\0\0\0\0\0\0"]];
        for (at, one) in lists.iter().enumerate() {
            for (other_at, other) in lists.iter().enumerate() {
                assert_eq!(encode(one) == encode(other), at == other_at, "{one:?} and {other:?}");
            }
        }
    }
}

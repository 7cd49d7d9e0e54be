//! What is recorded beside an event's data: where it came from, and whatever its sender wants to find again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::reducer::ReducerDigest;

/// What an event's metadata may take as JSON, in bytes.
pub const METADATA_BYTES_MAX: usize = 16 << 10;
/// Longest id in it, in bytes.
const ID_BYTES_MAX: usize = 255;
/// How deep its free fields may be nested.
const DEPTH_MAX: usize = 32;

/// What is recorded beside an event's data. It is never encrypted and outlives an erasure: no personal data belongs here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventMetadata {
    /// The command that led to the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// What the event belongs to: the same for all that one request from outside led to, across streams. Where there is none,
    /// the command's id stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The message that led to the command: an event's or another command's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// The trace that the command was a part of (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// The activation of the reducer that decided; absent for a reducer that is linked into the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The reducer's code. Left out by who appends under a generation: that names it already, in 85 bytes less, and the store
    /// fills it in when the event is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reducer_digest: Option<ReducerDigest>,
    /// The sender's own.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// Why metadata cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// An id that is empty, too long, or holds control characters.
    #[error("the {name} has 1 to {ID_BYTES_MAX} bytes and no control characters")]
    Id {
        /// Which one.
        name: &'static str,
    },
    /// More than [`METADATA_BYTES_MAX`] bytes.
    #[error("metadata has at most {bytes_max} bytes as JSON, this has {bytes}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
    },
    /// Nested too deep, or a NUL byte somewhere, which Postgres has no place for in jsonb.
    #[error("metadata is nested at most {DEPTH_MAX} deep, and its texts and names hold no NUL bytes")]
    Fields,
}

impl EventMetadata {
    /// Checks that a store can take it, and gives it as JSON.
    ///
    /// # Errors
    /// [`MetadataError`] says what is wrong.
    pub fn to_json(&self) -> Result<String, MetadataError> {
        self.to_json_below(METADATA_BYTES_MAX)
    }

    /// As [`to_json`](Self::to_json), within a narrower bound.
    pub(crate) fn to_json_below(&self, bytes_max: usize) -> Result<String, MetadataError> {
        let ids = [
            ("command id", self.command_id.as_deref()),
            ("correlation id", self.correlation_id.as_deref()),
            ("causation id", self.causation_id.as_deref()),
        ];
        for (name, id) in ids {
            if id.is_some_and(|id| id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(char::is_control)) {
                return Err(MetadataError::Id { name });
            }
        }
        if !self.fields.iter().all(|(name, value)| !name.contains('\0') && is_storable(value, DEPTH_MAX)) {
            return Err(MetadataError::Fields);
        }
        // A map with texts for keys, whose values were just walked through: serde_json refuses none of it.
        let json = serde_json::to_string(self).map_err(|_| MetadataError::Fields)?;
        if json.len() > bytes_max {
            return Err(MetadataError::TooLarge { bytes: json.len(), bytes_max });
        }
        Ok(json)
    }
}

/// About what it takes as JSON, without making any.
pub(crate) fn size(metadata: &EventMetadata) -> usize {
    let ids = [&metadata.command_id, &metadata.correlation_id, &metadata.causation_id];
    let ids: usize = ids.into_iter().flatten().map(String::len).sum();
    // Names of fields, a trace, a generation.
    ids + fields_size(&metadata.fields) + 100
}

/// About what a sender's own fields take.
pub(crate) fn fields_size(fields: &Map<String, Value>) -> usize {
    fields.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 4,
        Value::Array(values) => 4 + values.iter().map(size_of_value).sum::<usize>(),
        Value::Object(fields) => {
            4 + fields.iter().map(|(name, value)| name.len() + 4 + size_of_value(value)).sum::<usize>()
        }
        // Counted as what it is in memory: a list of zeros is a hundred times as large there as in text.
        Value::Null | Value::Bool(_) | Value::Number(_) => std::mem::size_of::<Value>(),
    }
}

fn is_storable(value: &Value, depth: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.contains('\0'),
        Value::Array(values) => depth > 0 && values.iter().all(|value| is_storable(value, depth - 1)),
        Value::Object(fields) => {
            depth > 0 && fields.iter().all(|(name, value)| !name.contains('\0') && is_storable(value, depth - 1))
        }
    }
}

/// The `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), as in
/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent(String);

/// A text that is no [`TraceParent`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a traceparent is VERSION-TRACE-PARENT-FLAGS in lower-case hexadecimal digits, 2-32-16-2 of them, as in \
         00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)]
pub struct TraceParentError;

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// Version 00 has just these four parts; a later one may have more, which are dropped, as the recommendation asks.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<_> = text.splitn(5, '-').collect();
        let [version, trace_id, parent_id, flags, rest @ ..] = parts.as_slice() else { return Err(TraceParentError) };
        let lengths = [(version, 2), (trace_id, 32), (parent_id, 16), (flags, 2)];
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        let well_formed = lengths.iter().all(|(part, length)| part.len() == *length && is_hex(part));
        if !well_formed || *version == "ff" || is_zero(trace_id) || is_zero(parent_id) {
            return Err(TraceParentError);
        }
        if *version == "00" && !rest.is_empty() {
            return Err(TraceParentError);
        }
        Ok(Self(format!("{version}-{trace_id}-{parent_id}-{flags}")))
    }
}

impl TraceParent {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace's own part: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.split('-').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TraceParent {
    type Error = TraceParentError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TraceParent> for String {
    fn from(traceparent: TraceParent) -> Self {
        traceparent.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_holds_what_it_was_given_and_nothing_else() {
        assert_eq!(EventMetadata::default().to_json().unwrap(), "{}");
        let metadata = EventMetadata {
            command_id: Some("c-1".into()),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap()),
            fields: Map::from_iter([("tenant".into(), json!("acme"))]),
            ..Default::default()
        };
        let json = metadata.to_json().unwrap();
        assert_eq!(
            json,
            r#"{"command_id":"c-1","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","fields":{"tenant":"acme"}}"#
        );
        assert_eq!(serde_json::from_str::<EventMetadata>(&json).unwrap(), metadata);
    }

    #[test]
    fn what_no_store_could_take_is_refused() {
        let fields = |value| EventMetadata { fields: Map::from_iter([("a".into(), value)]), ..Default::default() };
        let deep = |depth| (0..depth).fold(json!(1), |value, _| json!([value]));
        assert!(fields(deep(DEPTH_MAX)).to_json().is_ok());
        assert_eq!(fields(deep(DEPTH_MAX + 1)).to_json(), Err(MetadataError::Fields));
        assert_eq!(fields(json!({"b": ["\0"]})).to_json(), Err(MetadataError::Fields));
        assert_eq!(fields(json!({"\0": 1})).to_json(), Err(MetadataError::Fields));
        assert!(matches!(fields(json!("x".repeat(20_000))).to_json(), Err(MetadataError::TooLarge { .. })));
        for id in ["", "a\nb", &"x".repeat(256)] {
            let metadata = EventMetadata { correlation_id: Some(id.into()), ..Default::default() };
            assert_eq!(metadata.to_json(), Err(MetadataError::Id { name: "correlation id" }));
        }
    }

    #[test]
    fn a_traceparent_is_read_as_the_recommendation_says() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(valid.parse::<TraceParent>().unwrap().as_str(), valid);
        let later = format!("cc{}-what-the-future-brings", &valid[2..]);
        assert_eq!(later.parse::<TraceParent>().unwrap().as_str(), format!("cc{}", &valid[2..]));
        for broken in [
            "",
            "00",
            &valid.to_uppercase(),
            &format!("{valid}-more"),
            &format!("ff{}", &valid[2..]),
            &valid[..54],
            &valid.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &valid.replace("00f067aa0ba902b7", &"0".repeat(16)),
        ] {
            assert_eq!(broken.parse::<TraceParent>(), Err(TraceParentError), "{broken:?}");
        }
    }
}

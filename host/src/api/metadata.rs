//! Where a command comes from, as its headers say.

use axum::http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::kinds;
use super::problem::Problem;
use super::request::header_text;
use crate::{CommandMetadata, TraceParent};

const CORRELATION_ID: HeaderName = HeaderName::from_static("correlation-id");
const CAUSATION_ID: HeaderName = HeaderName::from_static("causation-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const EVENT_METADATA: HeaderName = HeaderName::from_static("event-metadata");
/// Longest id that the log repeats, in bytes. A longer one is refused where it would be recorded.
const LOGGED_BYTES_MAX: usize = 255;

/// What is to be recorded beside the events of a command. How long it may be is checked with the command.
pub(super) fn command_metadata(headers: &HeaderMap) -> Result<CommandMetadata, Problem> {
    let id = |name| header_text(headers, name).map(|text| text.map(str::to_owned));
    Ok(CommandMetadata {
        correlation_id: id(&CORRELATION_ID)?,
        causation_id: id(&CAUSATION_ID)?,
        traceparent: traceparent(headers),
        fields: fields(headers)?,
    })
}

/// The trace that a request is a part of. One that cannot be read is none: it comes from a proxy more often than from the
/// sender, and W3C Trace Context has whoever meets it begin a new trace.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    header_text(headers, &TRACEPARENT).ok().flatten()?.trim().parse().ok()
}

/// The correlation id, for a line in the log.
pub(super) fn correlation_id(headers: &HeaderMap) -> Option<&str> {
    let id = header_text(headers, &CORRELATION_ID).ok().flatten()?;
    (!id.is_empty() && id.len() <= LOGGED_BYTES_MAX).then_some(id)
}

fn fields(headers: &HeaderMap) -> Result<Map<String, Value>, Problem> {
    let Some(text) = header_text(headers, &EVENT_METADATA)? else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|error| {
        let detail = format!(
            "the header {EVENT_METADATA} is a JSON object in ASCII, as in {{\"tenant\":\"acme\"}}, other characters as \\u \
             escapes: {error}"
        );
        Problem::new(&kinds::INVALID_HEADER, detail)
    })
}

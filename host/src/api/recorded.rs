//! Recorded events as JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::STREAM_CLOSED;
use crate::event_store::{Cursor, EventStoreError};
use crate::runtime::CommandError;
use crate::{Event, EventMetadata, Host, StreamId, Version};

/// A recorded event, for people and programs.
#[derive(Serialize)]
pub(super) struct RecordedEvent {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cursor: Option<String>,
    stream_id: StreamId,
    version: Version,
    pub(super) event_type: String,
    #[serde(flatten)]
    data: Data,
    metadata: EventMetadata,
    created_at: DateTime<Utc>,
    /// Whether the data was erased with its stream's key.
    #[serde(skip_serializing_if = "is_false")]
    erased: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_false(erased: &bool) -> bool {
    !erased
}

/// What the event says, or why nobody can tell and its bytes.
#[derive(Serialize)]
struct Data {
    data: Option<Box<RawValue>>,
    #[serde(rename = "data_error", skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(rename = "data_base64", skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Data {
    /// Of an event that says nothing, or nothing any more.
    const NONE: Self = Self { data: None, error: None, base64: None };
}

/// Whether there is data that a reducer could draw. No reducer knows the event that closes a stream.
fn has_data(event: &Event) -> bool {
    !event.erased && event.event_type != STREAM_CLOSED
}

/// Draws events by the reducers that are active for their categories. One that cannot be drawn keeps its bytes: the record is
/// readable without its reducer.
///
/// # Errors
/// [`EventStoreError`] when a reducer could not be fetched from the store.
pub(super) async fn draw(
    host: &Host,
    events: Vec<(Option<Cursor>, Event)>,
) -> Result<Vec<RecordedEvent>, EventStoreError> {
    let mut places_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, (_, event)) in events.iter().enumerate().filter(|(_, (_, event))| has_data(event)) {
        places_of.entry(event.stream_id.category()).or_default().push(place);
    }
    let mut drawn: Vec<Result<String, String>> = vec![Err("the reducer gave no answer".to_owned()); events.len()];
    for (category, places) in places_of {
        let asked = places.iter().map(|place| &events[*place].1);
        let asked: Vec<_> = asked.map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
        match host.events_json(category, &asked).await {
            Ok(answers) => places.into_iter().zip(answers).for_each(|(place, answer)| drawn[place] = answer),
            Err(CommandError::Store(error)) => return Err(error),
            Err(error) => places.into_iter().for_each(|place| drawn[place] = Err(error.to_string())),
        }
    }
    Ok(events.into_iter().zip(drawn).map(|((cursor, event), drawn)| RecordedEvent::new(cursor, event, drawn)).collect())
}

impl RecordedEvent {
    fn new(cursor: Option<Cursor>, event: Event, drawn: Result<String, String>) -> Self {
        let has_data = has_data(&event);
        let Event { stream_id, version, event_type, data, metadata, created_at, erased } = event;
        let drawn = drawn.and_then(|json| {
            RawValue::from_string(json).map_err(|error| format!("the reducer's answer is not JSON: {error}"))
        });
        let data = match drawn {
            _ if !has_data => Data::NONE,
            Ok(json) => Data { data: Some(json), error: None, base64: None },
            Err(error) => Data { data: None, error: Some(error), base64: Some(STANDARD.encode(&data)) },
        };
        Self {
            cursor: cursor.map(|cursor| cursor.to_string()),
            stream_id,
            version,
            event_type,
            data,
            metadata,
            created_at,
            erased,
        }
    }
}

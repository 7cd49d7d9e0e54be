//! Recorded events as JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::STREAM_CLOSED;
use crate::event_store::{Cursor, EventStoreError};
use crate::reducer::UpcastEvent;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    upcast: Option<Upcast>,
    /// Why nobody can tell what the event is applied as.
    #[serde(skip_serializing_if = "Option::is_none")]
    upcast_error: Option<String>,
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

    fn of(drawn: Result<String, String>, bytes: &[u8]) -> Self {
        match drawn.and_then(raw) {
            Ok(json) => Self { data: Some(json), ..Self::NONE },
            Err(error) => Self { error: Some(error), base64: Some(STANDARD.encode(bytes)), ..Self::NONE },
        }
    }
}

/// The event as its reducer applies it.
#[derive(Serialize)]
struct Upcast {
    event_type: String,
    data: Box<RawValue>,
}

impl Upcast {
    fn of(UpcastEvent { event_type, json }: UpcastEvent) -> Result<Self, String> {
        Ok(Self { event_type, data: raw(json)? })
    }
}

/// Whether there is data that a reducer could draw. No reducer knows the event that closes a stream.
fn has_data(event: &Event) -> bool {
    !event.erased && event.event_type != STREAM_CLOSED
}

/// How events are drawn.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As they were recorded.
    Recorded,
    /// So, and beside it as their reducers apply them where that is something else.
    Upcast,
}

impl Form {
    pub(super) fn of_query(upcast: bool) -> Self {
        if upcast { Self::Upcast } else { Self::Recorded }
    }
}

/// What a reducer says of one event.
struct Drawn {
    recorded: Result<String, String>,
    upcast: Option<Result<UpcastEvent, String>>,
}

/// Draws events by the reducers that are active for their categories. One that cannot be drawn keeps its bytes: the record is
/// readable without its reducer.
///
/// # Errors
/// [`EventStoreError`] when a reducer could not be fetched from the store.
pub(super) async fn draw(
    host: &Host,
    events: Vec<(Option<Cursor>, Event)>,
    form: Form,
) -> Result<Vec<RecordedEvent>, EventStoreError> {
    let mut places_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, (_, event)) in events.iter().enumerate().filter(|(_, (_, event))| has_data(event)) {
        places_of.entry(event.stream_id.category()).or_default().push(place);
    }
    let mut drawn: Vec<Option<Drawn>> = events.iter().map(|_| None).collect();
    for (category, places) in places_of {
        let asked = places.iter().map(|place| &events[*place].1);
        let asked: Vec<_> = asked.map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
        let recorded = each(host.events_json(category, &asked).await, asked.len())?;
        let upcast: Vec<_> = match form {
            Form::Recorded => asked.iter().map(|_| None).collect(),
            Form::Upcast => {
                each(host.events_upcast(category, &asked).await, asked.len())?.into_iter().map(Some).collect()
            }
        };
        for ((place, recorded), upcast) in places.into_iter().zip(recorded).zip(upcast) {
            drawn[place] = Some(Drawn { recorded, upcast });
        }
    }
    Ok(events.into_iter().zip(drawn).map(|((cursor, event), drawn)| RecordedEvent::new(cursor, event, drawn)).collect())
}

/// An answer for each of `count` events, whatever became of their page: what fails all of it is the answer about each.
fn each<T>(
    answers: Result<Vec<Result<T, String>>, CommandError>,
    count: usize,
) -> Result<Vec<Result<T, String>>, EventStoreError> {
    let (mut answers, missing) = match answers {
        Ok(answers) => (answers, "the reducer gave no answer".to_owned()),
        Err(CommandError::Store(error)) => return Err(error),
        Err(error) => (Vec::new(), error.to_string()),
    };
    answers.resize_with(count, || Err(missing.clone()));
    Ok(answers)
}

impl RecordedEvent {
    /// An event, and what was drawn of it: nothing where it says nothing.
    fn new(cursor: Option<Cursor>, event: Event, drawn: Option<Drawn>) -> Self {
        let Event { stream_id, version, event_type, data, metadata, created_at, erased } = event;
        let (data, upcast) = match drawn {
            None => (Data::NONE, Ok(None)),
            Some(Drawn { recorded, upcast }) => {
                let differs = |now: &UpcastEvent| now.event_type != event_type || Ok(&now.json) != recorded.as_ref();
                let upcast = upcast.transpose().map(|upcast| upcast.filter(differs));
                (Data::of(recorded, &data), upcast.and_then(|upcast| upcast.map(Upcast::of).transpose()))
            }
        };
        let (upcast, upcast_error) = upcast.map_or_else(|error| (None, Some(error)), |upcast| (upcast, None));
        Self {
            cursor: cursor.map(|cursor| cursor.to_string()),
            stream_id,
            version,
            event_type,
            data,
            upcast,
            upcast_error,
            metadata,
            created_at,
            erased,
        }
    }
}

fn raw(json: String) -> Result<Box<RawValue>, String> {
    RawValue::from_string(json).map_err(|error| format!("the reducer's answer is not JSON: {error}"))
}

//! `GET /streams/{id}` and `GET /streams/{id}/events`, in either direction

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::problem::Problem;
use super::recorded::{Form, RecordedEvent, draw};
use super::request::{PathOf, QueryOf, page_len};
use super::{Api, kinds};
use crate::reducer::ReducerFault;
use crate::runtime::{DecidedBy, ReadError, ReducerFailure, StateView};
use crate::swap::SwapError;
use crate::{Event, PageLimit, StreamId, Version};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    at: Option<u64>,
    /// Another component than who decides.
    reducer: Option<String>,
}

/// A stream's state.
#[derive(Serialize)]
pub(super) struct StreamState {
    stream_id: StreamId,
    version: Version,
    state: Box<RawValue>,
    reducer: DecidedBy,
}

/// Folds a stream up to its head, or to the version asked for.
pub(super) async fn state(
    State(api): State<Api>,
    PathOf(id): PathOf<String>,
    QueryOf(At { at, reducer }): QueryOf<At>,
) -> Result<Json<StreamState>, Problem> {
    let stream_id = StreamId::new(&id)?;
    let digest = match &reducer {
        Some(digest) => Some(api.host.find_reducer(stream_id.category(), digest).await?.digest),
        None => None,
    };
    let view = api.host.state_under(&stream_id, at.map(Version::new), digest).await;
    let StateView { version, json, reducer } = view.map_err(|error| match error {
        SwapError::Read(ReadError::BeyondHead { head: Version::EMPTY, .. }) => {
            SwapError::Read(ReadError::UnknownStream(stream_id.clone()))
        }
        error => error,
    })?;
    let state = RawValue::from_string(json).map_err(|error| ReducerFailure {
        fault: ReducerFault::BrokenAnswer { call: "state-json", reason: format!("it is not JSON: {error}") },
        reducer: reducer.clone(),
        stream_id: Some(stream_id.clone()),
        version: Some(version),
        command: None,
    })?;
    Ok(Json(StreamState { stream_id, version, state, reducer }))
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    #[default]
    Forward,
    Backward,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    direction: Direction,
    from: Option<u64>,
    before: Option<u64>,
    limit: Option<usize>,
    #[serde(default)]
    upcast: bool,
}

/// Some of a stream's events.
#[derive(Serialize)]
pub(super) struct StreamEvents {
    stream_id: StreamId,
    events: Vec<RecordedEvent>,
    /// The version to ask with next, as `from` or `before`; none at the stream's end in that direction.
    next: Option<Version>,
}

/// Reads a page of a stream.
pub(super) async fn events(
    State(api): State<Api>,
    PathOf(id): PathOf<String>,
    QueryOf(Page { direction, from, before, limit, upcast }): QueryOf<Page>,
) -> Result<Json<StreamEvents>, Problem> {
    let stream_id = StreamId::new(&id)?;
    let limit = page_len(limit, api.host.limits().events_per_page_max)?;
    let invalid = |detail: &str| Err(Problem::new(&kinds::INVALID_QUERY, detail));
    let (events, next) = match (direction, from, before) {
        (Direction::Forward, _, Some(_)) => return invalid("before goes with direction=backward: write from instead"),
        (Direction::Backward, Some(_), _) => return invalid("from goes with direction=forward: write before instead"),
        (Direction::Forward, Some(0), _) => return invalid("versions begin at 1, so from is at least 1"),
        (Direction::Backward, _, Some(0)) => return invalid("versions begin at 1, so before is at least 1"),
        (Direction::Forward, from, _) => forward(&api, &stream_id, Version::new(from.unwrap_or(1) - 1), limit).await?,
        (Direction::Backward, _, before) => {
            backward(&api, &stream_id, before.map_or(Version::MAX, Version::new), limit).await?
        }
    };
    if events.is_empty() {
        must_exist(&api, &stream_id).await?;
    }
    let events = events.into_iter().map(|event| (None, event)).collect();
    let events = draw(&api.host, events, Form::of_query(upcast)).await?;
    Ok(Json(StreamEvents { stream_id, events, next }))
}

async fn forward(
    api: &Api,
    stream_id: &StreamId,
    after: Version,
    limit: usize,
) -> Result<(Vec<Event>, Option<Version>), Problem> {
    // One more than is wanted tells whether there is a next page.
    let page = PageLimit { events_max: limit + 1, ..api.host.limits().page() };
    let mut events = api.host.store().read_stream(stream_id, after, page).await?;
    let next = match (events.get(limit), events.last()) {
        (Some(event), _) => Some(event.version),
        (None, Some(last)) if may_end_by_bytes(&events, page) => {
            let behind = api.host.store().read_stream(stream_id, last.version, 1.into()).await?;
            behind.first().map(|event| event.version)
        }
        (None, _) => None,
    };
    events.truncate(limit);
    Ok((events, next))
}

/// Whether a page that has fewer events than were asked for may have ended with its bytes: an erased event's are not known here.
fn may_end_by_bytes(events: &[Event], page: PageLimit) -> bool {
    let bytes = events.iter().map(|event| event.data.len()).sum();
    page.is_reached(events.len(), bytes) || events.iter().any(|event| event.erased)
}

async fn backward(
    api: &Api,
    stream_id: &StreamId,
    before: Version,
    limit: usize,
) -> Result<(Vec<Event>, Option<Version>), Problem> {
    let page = PageLimit { events_max: limit, ..api.host.limits().page() };
    let events = api.host.store().read_stream_backwards(stream_id, before, page).await?;
    // A stream has no holes, so there is more before every version but the first.
    let next = events.last().map(|event| event.version).filter(|version| *version > Version::new(1));
    Ok((events, next))
}

/// Refuses a stream without events as unknown.
pub(super) async fn must_exist(api: &Api, stream_id: &StreamId) -> Result<(), Problem> {
    let first = api.host.store().read_stream(stream_id, Version::EMPTY, 1.into()).await?;
    if first.is_empty() {
        return Err(ReadError::UnknownStream(stream_id.clone()).into());
    }
    Ok(())
}

/// Paths where the stream id should be and is not.
pub(super) async fn without_id() -> Problem {
    crate::stream::StreamIdError::Empty.into()
}

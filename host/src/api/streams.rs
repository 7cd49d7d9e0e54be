//! `GET /streams/{id}` and `GET /streams/{id}/events`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::problem::Problem;
use super::recorded::{RecordedEvent, draw};
use super::request::{PathOf, QueryOf, page_len};
use super::{Api, kinds};
use crate::reducer::ReducerFault;
use crate::runtime::{DecidedBy, ReadError, StateView};
use crate::{StreamId, Version};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    at: Option<u64>,
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
    QueryOf(At { at }): QueryOf<At>,
) -> Result<Json<StreamState>, Problem> {
    let stream_id = StreamId::new(&id)?;
    let StateView { version, json, reducer } =
        api.host.state(&stream_id, at.map(Version::new)).await.map_err(|error| match error {
            ReadError::BeyondHead { head: Version::EMPTY, .. } => ReadError::UnknownStream(stream_id.clone()),
            error => error,
        })?;
    let state = RawValue::from_string(json).map_err(|error| ReducerFault::BrokenAnswer {
        call: "state-json",
        reason: format!("it is not JSON: {error}"),
    })?;
    Ok(Json(StreamState { stream_id, version, state, reducer }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    from: Option<u64>,
    limit: Option<usize>,
}

/// Some of a stream's events.
#[derive(Serialize)]
pub(super) struct StreamEvents {
    stream_id: StreamId,
    events: Vec<RecordedEvent>,
    /// The version to ask from next; none at the stream's head.
    next: Option<Version>,
}

/// Reads a page of a stream.
pub(super) async fn events(
    State(api): State<Api>,
    PathOf(id): PathOf<String>,
    QueryOf(Page { from, limit }): QueryOf<Page>,
) -> Result<Json<StreamEvents>, Problem> {
    let stream_id = StreamId::new(&id)?;
    let from = from.unwrap_or(1);
    let limit = page_len(limit, api.host.limits().events_per_page_max)?;
    let after = from.checked_sub(1).map(Version::new);
    let after =
        after.ok_or_else(|| Problem::new(&kinds::INVALID_QUERY, "versions begin at 1, so from is at least 1"))?;
    // One more than is wanted tells whether there is a next page.
    let mut events = api.host.store().read_stream(&stream_id, after, (limit + 1).into()).await?;
    if events.is_empty() {
        let first = api.host.store().read_stream(&stream_id, Version::EMPTY, 1.into()).await?;
        if first.is_empty() {
            return Err(ReadError::UnknownStream(stream_id).into());
        }
    }
    let next = events.get(limit).map(|event| event.version);
    events.truncate(limit);
    let events = draw(&api.host, events.into_iter().map(|event| (None, event)).collect()).await?;
    Ok(Json(StreamEvents { stream_id, events, next }))
}

/// Paths where the stream id should be and is not.
pub(super) async fn without_id() -> Problem {
    crate::stream::StreamIdError::Empty.into()
}

//! `POST /streams/{id}/close`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::request::{PathOf, media_type, read_body};
use super::streams::must_exist;
use super::{Api, kinds};
use crate::event_store::EventStoreError;
use crate::{StreamId, Version};

/// What the body may be: far more than it needs.
const BODY_BYTES_MAX: usize = 1 << 10;

/// How a stream is to be closed. No body at all stands for `{}`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Closing {
    erase: bool,
}

/// A stream that is closed now.
#[derive(Serialize)]
pub(super) struct Closed {
    stream_id: StreamId,
    /// The closing event included.
    version: Version,
    /// Whether this request erased it.
    erased: bool,
}

/// Closes a stream, and erases it where that is asked for.
pub(super) async fn close(
    State(api): State<Api>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Closed>, Problem> {
    let stream_id = StreamId::new(&id)?;
    let Closing { erase } = closing(&headers, body).await?;
    let version = match api.host.close_stream(&stream_id, erase).await {
        Ok(version) => version,
        Err(error @ EventStoreError::NotErasable { .. }) => {
            must_exist(&api, &stream_id).await?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Json(Closed { stream_id, version, erased: erase }))
}

async fn closing(headers: &HeaderMap, body: Body) -> Result<Closing, Problem> {
    match media_type(headers)?.as_deref() {
        None | Some("application/json") => {}
        Some(_) => {
            let detail = "a stream is closed with a JSON object: send Content-Type: application/json";
            return Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail));
        }
    }
    let body = read_body(headers, body, BODY_BYTES_MAX).await?;
    if body.is_empty() {
        return Ok(Closing::default());
    }
    serde_json::from_slice(&body).map_err(|error| {
        let kind = if error.is_data() { &kinds::INVALID_BODY } else { &kinds::MALFORMED_JSON };
        Problem::new(kind, format!("write {{\"erase\": true}}, {{\"erase\": false}} or nothing: {error}"))
    })
}

//! Reads the parts of a request, each failure as a problem.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use super::kinds;
use super::problem::Problem;

/// How long a body may take to come in.
const BODY_READ_MAX: Duration = Duration::from_secs(30);
/// What a JSON document of an operator may be: far more than any needs.
const JSON_BYTES_MAX: usize = 8 << 10;
/// How much, and for how long, is still taken of a body that was refused.
const LINGER_BYTES_MAX: usize = 64 << 20;
const LINGER_MAX: Duration = Duration::from_secs(2);

/// The path's parameters, percent-decoded.
pub(super) struct PathOf<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(path)| Self(path)).map_err(|error| Problem::new(&kinds::INVALID_PATH, error.body_text()))
    }
}

/// The query's parameters.
pub(super) struct QueryOf<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(|error| Problem::new(&kinds::INVALID_QUERY, error.body_text()))
    }
}

/// How many events a page is to have: 100, or what was asked for where that is allowed.
pub(super) fn page_len(asked: Option<usize>, most: usize) -> Result<usize, Problem> {
    match asked {
        None => Ok(most.min(100)),
        Some(asked) if (1..=most).contains(&asked) => Ok(asked),
        Some(asked) => Err(Problem::new(&kinds::INVALID_QUERY, format!("limit is 1 to {most}, and not {asked}"))),
    }
}

/// A header's text, none if it is not there.
pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let refuse = |why: &str| Problem::new(&kinds::INVALID_HEADER, format!("the header {name} {why}"));
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse("is there twice: send it once"));
    }
    value.to_str().map(Some).map_err(|_| refuse("has characters beyond printable ASCII"))
}

/// The body's media type without parameters, in lower case; none if there is no `Content-Type`.
pub(super) fn media_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let text = header_text(headers, &header::CONTENT_TYPE)?;
    Ok(text.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()))
}

/// Reads a body of at most `bytes_max` bytes. A larger one is refused as soon as that is known: by its announced length before a
/// byte of it was read.
pub(super) async fn read_body(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let announced = body.size_hint().lower();
    let mut frames = body.into_data_stream();
    if announced > bytes_max as u64 {
        linger(headers, frames);
        return Err(too_large(bytes_max));
    }
    match tokio::time::timeout(BODY_READ_MAX, read_frames(&mut frames, bytes_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(problem)) => {
            if problem.kind == &kinds::TOO_LARGE {
                linger(headers, frames);
            }
            Err(problem)
        }
        Err(_) => {
            let seconds = BODY_READ_MAX.as_secs();
            Err(Problem::new(
                &kinds::BODY_TIMEOUT,
                format!("the body was not here after {seconds} seconds: send it again"),
            ))
        }
    }
}

/// A JSON document; none where there is no body. `mend` says what it should have been.
pub(super) async fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    mend: &str,
) -> Result<Option<T>, Problem> {
    if media_type(headers)?.is_some_and(|media_type| media_type != "application/json") {
        let detail = "this takes a JSON object: send Content-Type: application/json";
        return Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let body = read_body(headers, body, JSON_BYTES_MAX).await?;
    if body.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&body).map(Some).map_err(|error| {
        let kind = if error.is_data() { &kinds::INVALID_BODY } else { &kinds::MALFORMED_JSON };
        Problem::new(kind, format!("{mend}: {error}"))
    })
}

async fn read_frames(frames: &mut BodyDataStream, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut read = Vec::new();
    while let Some(frame) = frames.next().await {
        let frame =
            frame.map_err(|error| Problem::new(&kinds::INVALID_BODY, format!("the body broke off: {error}")))?;
        if read.len() + frame.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        read.extend_from_slice(&frame);
    }
    Ok(read.into())
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(&kinds::TOO_LARGE, format!("the body has more than the {bytes_max} bytes that are allowed"))
        .with("bytes_max", bytes_max)
}

/// Takes some more of a refused body, and drops it. A sender that is still writing when its connection closes is reset, and
/// loses the answer that says why.
fn linger(headers: &HeaderMap, mut frames: BodyDataStream) {
    // Who waits for `100 Continue` has sent nothing, and must not be told to begin.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    tokio::spawn(async move {
        let mut left = LINGER_BYTES_MAX;
        let discard = async {
            while let Some(Ok(frame)) = frames.next().await
                && left > frame.len()
            {
                left -= frame.len();
            }
        };
        // Whatever came of it, the answer is on its way.
        drop(tokio::time::timeout(LINGER_MAX, discard).await);
    });
}

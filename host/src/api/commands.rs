//! `POST /streams/{id}/commands/{name}`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use super::metadata::command_metadata;
use super::problem::Problem;
use super::request::{PathOf, QueryOf, header_text, media_type, read_body};
use super::time_travel::{DryQuery, dry_run};
use super::{Api, kinds};
use crate::runtime::{AppendedEvent, DecidedBy};
use crate::stream::ExpectedVersionError;
use crate::{Command, CommandReply, CommandRequest, ExpectedVersion, Payload, StreamId, Version};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const EXPECTED_VERSION: HeaderName = HeaderName::from_static("expected-version");
/// Longest command name and command id, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What a command led to.
#[derive(Serialize)]
pub(super) struct Sent {
    stream_id: StreamId,
    version: Version,
    events: Vec<SentEvent>,
    reducer: DecidedBy,
}

#[derive(Serialize)]
struct SentEvent {
    version: Version,
    event_type: String,
    data: Option<Box<RawValue>>,
}

/// Sends a command, and answers once its outcome is durable; with `dry_run=true`, decides it and does nothing of it.
pub(super) async fn send(
    State(api): State<Api>,
    PathOf((id, name)): PathOf<(String, String)>,
    QueryOf(dry): QueryOf<DryQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let stream_id = StreamId::new(&id)?;
    check_name(&name)?;
    dry.check()?;
    let command_id = command_id(&headers)?;
    let expected = expected_version(&headers)?;
    let metadata = command_metadata(&headers)?;
    let encoding = Encoding::of(&headers)?;
    let body = read_body(&headers, body, api.host.limits().command_bytes_max).await?;
    let command = Command { name, payload: encoding.payload(body.into())? };
    if dry.dry_run {
        return Ok(Json(dry_run(&api, stream_id, command, command_id, dry).await?).into_response());
    }
    let stream = stream_id.clone();
    let request = CommandRequest { stream_id: stream, command, expected, command_id, metadata, events_as_json: true };
    let CommandReply { version, events, reducer } = api.host.send(request).await?;
    let events = events.into_iter().map(SentEvent::from).collect();
    Ok(Json(Sent { stream_id, version, events, reducer }).into_response())
}

impl From<AppendedEvent> for SentEvent {
    fn from(event: AppendedEvent) -> Self {
        let AppendedEvent { version, event_type, json } = event;
        // The event is recorded by now, so a reducer that draws it badly does not make a failure of it.
        let data = json.and_then(|json| RawValue::from_string(json).ok());
        Self { version, event_type, data }
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let detail = format!("a command's name has 1 to {NAME_BYTES_MAX} bytes and no control characters");
        return Err(Problem::new(&kinds::INVALID_COMMAND_NAME, detail));
    }
    Ok(())
}

fn command_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    match header_text(headers, &IDEMPOTENCY_KEY)? {
        Some(id) if id.is_empty() || id.len() > NAME_BYTES_MAX => {
            let detail =
                format!("the header {IDEMPOTENCY_KEY} has 1 to {NAME_BYTES_MAX} bytes, this one has {}", id.len());
            Err(Problem::new(&kinds::INVALID_HEADER, detail))
        }
        Some(id) if id.chars().any(char::is_control) => {
            let detail = format!("the header {IDEMPOTENCY_KEY} holds no control characters, tabs included");
            Err(Problem::new(&kinds::INVALID_HEADER, detail))
        }
        id => Ok(id.map(str::to_owned)),
    }
}

fn expected_version(headers: &HeaderMap) -> Result<ExpectedVersion, Problem> {
    let Some(text) = header_text(headers, &EXPECTED_VERSION)? else { return Ok(ExpectedVersion::Any) };
    text.parse().map_err(|error: ExpectedVersionError| {
        Problem::new(&kinds::INVALID_HEADER, format!("the header {EXPECTED_VERSION} cannot be read: {error}"))
    })
}

/// How a command's arguments are written.
#[derive(Clone, Copy)]
enum Encoding {
    Json,
    Binary,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        match media_type(headers)?.as_deref() {
            None | Some("application/json") => Ok(Self::Json),
            Some(json) if json.starts_with("application/") && json.ends_with("+json") => Ok(Self::Json),
            Some("application/octet-stream") => Ok(Self::Binary),
            Some(_) => Err(Problem::new(
                &kinds::UNSUPPORTED_MEDIA_TYPE,
                "a command's arguments are JSON, or bytes in the reducer's own encoding: send Content-Type: \
                 application/json or application/octet-stream",
            )),
        }
    }

    /// The arguments, byte for byte as they were sent: a retry is known by them. No body at all stands for `{}`.
    fn payload(self, body: Vec<u8>) -> Result<Payload, Problem> {
        let malformed = |reason: String| {
            Problem::new(&kinds::MALFORMED_JSON, format!("the command's arguments are not JSON: {reason}"))
        };
        match self {
            Self::Binary => Ok(Payload::Binary(body)),
            Self::Json if body.is_empty() => Ok(Payload::Json("{}".to_owned())),
            Self::Json => {
                let text = String::from_utf8(body).map_err(|error| malformed(error.utf8_error().to_string()))?;
                serde_json::from_str::<&RawValue>(&text).map_err(|error| malformed(error.to_string()))?;
                Ok(Payload::Json(text))
            }
        }
    }
}

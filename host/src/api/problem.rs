//! Failures as RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::kinds::Kind;

/// Seconds after which a sender may try again what is worth a retry.
const RETRY_AFTER_S: &str = "1";

/// Why a request was not answered as it was meant, ready to be sent.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) kind: &'static Kind,
    pub(super) detail: String,
    members: Map<String, Value>,
}

/// What the log is told of a problem. It travels beside the response.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    pub(super) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), members: Map::new() }
    }

    /// Adds a member of its own to the document, for programs.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind: &Kind { status, code, title }, detail, members } = self;
        let document = Document {
            r#type: format!("urn:foldhost:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: &detail,
            code,
            members: &members,
        };
        // Text and JSON values under text keys always serialize.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response.extensions_mut().insert(Told { code, detail });
        response
    }
}

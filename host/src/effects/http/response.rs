//! An answer as a stream is told of it: bounded, and without secrets.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use foldhost_sdk::{HttpResponse, ResponseBody};
use reqwest::header::{self, HeaderMap};
use reqwest::{Response, StatusCode};

use super::HttpTerms;
use super::failure::{of_transport, too_large};
use crate::effects::{EffectError, Secrets};

/// Bytes of an answer's headers, names and values together.
const HEADERS_BYTES_MAX: usize = 65_536;
/// The longest pause that a target may ask for: a server that is mistaken does not put an effect off for years.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Refuses the statuses after which another attempt may go better.
pub(super) fn settled(status: StatusCode, headers: &HeaderMap, origin: &str) -> Result<(), EffectError> {
    let is_transient = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
    if !is_transient {
        return Ok(());
    }
    let status = status.as_u16();
    let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, Utc::now()));
    let message = format!("{origin} answered with status {status}");
    Err(EffectError::Transient { code: format!("http-{status}").into(), message, retry_after })
}

/// Seconds, or a date; none where it is neither.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let after = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are more than enough.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = DateTime::parse_from_rfc2822(text).ok()?;
        (date.to_utc() - now).to_std().unwrap_or(Duration::ZERO)
    };
    Some(after.min(RETRY_AFTER_MAX))
}

/// Reads an answer to its end, or to its limit.
pub(super) async fn read(
    mut response: Response,
    origin: &str,
    terms: &HttpTerms,
    secrets: &Secrets,
) -> Result<HttpResponse, EffectError> {
    let headers = read_headers(response.headers(), origin, secrets)?;
    let bytes_max = terms.response_bytes_max;
    if response.content_length().is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(origin, "bytes"));
    }
    let failed = |error: reqwest::Error| of_transport(&error, origin, terms.connect_max);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if chunk.len() > bytes_max - body.len() {
            return Err(too_large(origin, "bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let body = secrets.redact(body);
    // The name of a secret may be longer than its value.
    if body.len() > bytes_max {
        return Err(too_large(origin, "bytes"));
    }
    let body = match String::from_utf8(body) {
        Ok(text) => ResponseBody::Text(text),
        Err(error) => ResponseBody::Base64(STANDARD.encode(error.as_bytes())),
    };
    Ok(HttpResponse { status: response.status().as_u16(), headers, body })
}

fn read_headers(headers: &HeaderMap, origin: &str, secrets: &Secrets) -> Result<Vec<(String, String)>, EffectError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADERS_BYTES_MAX {
        return Err(too_large(origin, "bytes of headers"));
    }
    // It was asked for without one. In compressed bytes no secret would be found.
    let is_plain = |encoding: &header::HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        let message = format!("{origin} answered in an encoding that it was not asked for");
        return Err(EffectError::permanent("response-encoded", message));
    }
    let shown = headers.iter().map(|(name, value)| {
        let value = secrets.redact(value.as_bytes().to_vec());
        (name.as_str().to_owned(), String::from_utf8_lossy(&value).into_owned())
    });
    Ok(shown.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pause_is_read_from_seconds_and_from_a_date_and_is_an_hour_at_the_most() {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("3601", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Tue, 24 Nov 2026 10:00:30 GMT", Some(30)),
            ("Tue, 24 Nov 2026 09:00:00 GMT", Some(0)),
            ("Thu, 31 Dec 2099 23:59:59 GMT", Some(3_600)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text:?}");
        }
    }
}

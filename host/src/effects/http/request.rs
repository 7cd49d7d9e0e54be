//! A request as it is sent: checked, with its secrets, and led on by redirects.

use foldhost_sdk::HttpRequest;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use crate::effects::{EffectError, Secrets};
use crate::event::TraceParent;
use crate::reducer::EffectRules;

/// Bytes of a URL, of all headers together, and headers.
const URL_BYTES_MAX: usize = 8_192;
const HEADERS_BYTES_MAX: usize = 65_536;
const HEADERS_MAX: usize = 100;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Headers that are the connection's, and not the request's: two readings of where a request ends make two requests of one
/// (request smuggling), and a name other than the URL's would be another origin behind the same address. The encoding is the
/// host's too: in a compressed answer it would find no secret.
const RESERVED: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("keep-alive"),
];

/// What is sent next.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the rules let the URL's name resolve to an address that is not public.
    pub(super) private: bool,
    /// Headers that are for the first origin only.
    confidential: Vec<HeaderName>,
}

impl Outgoing {
    /// A guest's request, checked.
    ///
    /// # Errors
    /// [`EffectError::Permanent`] says what is wrong with it. Nothing was sent.
    pub(super) fn new(
        request: &HttpRequest,
        rules: &EffectRules,
        secrets: &Secrets,
        idempotency_key: &str,
        traceparent: Option<&TraceParent>,
    ) -> Result<Self, EffectError> {
        if request.url.len() > URL_BYTES_MAX {
            return Err(invalid("invalid-url", format!("the URL has more than {URL_BYTES_MAX} bytes")));
        }
        let url = Url::parse(&request.url);
        let url = url.map_err(|error| invalid("invalid-url", format!("the effect's URL is none: {error}")))?;
        let private = admitted(&url, rules)?;
        let method = method(&request.method)?;
        let mut confidential = vec![header::AUTHORIZATION, header::COOKIE];
        let mut headers = headers(request, secrets, &url, &mut confidential)?;
        set(&mut headers, IDEMPOTENCY_KEY, idempotency_key)?;
        if let Some(traceparent) = traceparent {
            set(&mut headers, TRACEPARENT, traceparent.as_str())?;
        }
        set(&mut headers, header::USER_AGENT, concat!("foldhost/", env!("CARGO_PKG_VERSION")))?;
        set(&mut headers, header::ACCEPT_ENCODING, "identity")?;
        Ok(Self { method, url, headers, body: request.body.clone(), private, confidential })
    }

    /// Scheme, host and port of where it goes: all of the URL that an error may show.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Goes on to where an answer redirects, if it does, in the way of the Fetch standard.
    ///
    /// # Errors
    /// [`EffectError::Permanent`] if the rules do not admit that place: it is checked as the first one was.
    pub(super) fn follow(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        rules: &EffectRules,
    ) -> Result<bool, EffectError> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(false);
        }
        let Some(location) = headers.get(header::LOCATION) else { return Ok(false) };
        let from = self.origin();
        let refused = |why: &str| invalid("redirect-refused", format!("{from} redirects to where it may not: {why}"));
        let url = location.to_str().ok().filter(|text| text.len() <= URL_BYTES_MAX);
        let url = url.and_then(|text| self.url.join(text).ok()).ok_or_else(|| refused("its location is no URL"))?;
        self.private = admitted(&url, rules).map_err(|error| refused(&error.to_failure().message))?;
        if url.origin() != self.url.origin() {
            for name in self.confidential.drain(..) {
                self.headers.remove(name);
            }
        }
        self.url = url;
        let is_post = self.method == Method::POST;
        let is_read = matches!(self.method, Method::GET | Method::HEAD);
        if (status == StatusCode::SEE_OTHER && !is_read) || (matches!(status.as_u16(), 301 | 302) && is_post) {
            self.method = Method::GET;
            self.body.clear();
            let content =
                [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION];
            for name in content {
                self.headers.remove(name);
            }
        }
        Ok(true)
    }
}

fn invalid(code: &'static str, message: impl Into<String>) -> EffectError {
    EffectError::permanent(code, message)
}

/// Whether the URL may be asked, and if so, whether its name may resolve to an address that is not public.
///
/// An address in place of a name meets no resolver: it is the origin itself, and so admitted only where it was written out.
fn admitted(url: &Url, rules: &EffectRules) -> Result<bool, EffectError> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid("invalid-url", "the URL of a request begins with https:// or http:// and names a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message =
            "the URL has a name or a password before its host: write an authorization header, with ${secret:NAME}";
        return Err(invalid("invalid-url", message));
    }
    let Some(origin) = rules.admits(url) else {
        let origin = url.origin().ascii_serialization();
        let message = format!("the reducer's activation does not allow {origin}: activate it with --allow {origin}");
        return Err(invalid("origin-not-allowed", message));
    };
    Ok(origin.is_private())
}

fn method(text: &str) -> Result<Method, EffectError> {
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| text.len() <= 32);
    let method = method.ok_or_else(|| invalid("invalid-method", "the method is none: write one as in POST"))?;
    // CONNECT asks for a tunnel, and TRACE for the request with its secrets.
    if matches!(method.as_str().to_ascii_uppercase().as_str(), "CONNECT" | "TRACE" | "TRACK") {
        return Err(invalid("invalid-method", format!("requests with {method} are not sent")));
    }
    Ok(method)
}

/// The guest's headers, with secrets in their values; the names of those that hold one are added to `confidential`.
fn headers(
    request: &HttpRequest,
    secrets: &Secrets,
    url: &Url,
    confidential: &mut Vec<HeaderName>,
) -> Result<HeaderMap, EffectError> {
    if request.headers.len() > HEADERS_MAX {
        return Err(invalid("invalid-header", format!("more than {HEADERS_MAX} headers")));
    }
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 4);
    let mut bytes = 0;
    for (name, value) in &request.headers {
        let shown: String = name.chars().take(64).collect();
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| invalid("invalid-header", format!("{shown:?} is no name of a header")))?;
        if RESERVED.contains(&name) || name.as_str().starts_with("proxy-") {
            return Err(invalid("forbidden-header", format!("the header {name} is the host's to write: leave it out")));
        }
        let filled = secrets.fill(value, url)?;
        let text = filled.as_ref().map_or(value.as_str(), |filled| filled.as_str());
        bytes += name.as_str().len() + text.len();
        if bytes > HEADERS_BYTES_MAX {
            return Err(invalid("invalid-header", format!("the headers have more than {HEADERS_BYTES_MAX} bytes")));
        }
        let value = HeaderValue::from_str(text);
        let mut value = value.map_err(|_| {
            invalid("invalid-header", format!("the value of the header {name} is none: printable ASCII in one line"))
        })?;
        if filled.is_some() {
            value.set_sensitive(true);
            confidential.push(name.clone());
        }
        headers.append(name, value);
    }
    Ok(headers)
}

/// Sets a header, unless the guest did.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), EffectError> {
    let value = HeaderValue::from_str(value);
    let value = value.map_err(|_| invalid("invalid-header", format!("the value of the header {name} is none")))?;
    headers.entry(name).or_insert(value);
    Ok(())
}

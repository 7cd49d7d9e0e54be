//! A host over HTTP.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value;

use super::error::CliError;
use super::problem::Problem;

/// How long the host may take to take a connection, and to answer. A component of 32 MiB compiles in seconds.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// Where the host is.
#[derive(clap::Args)]
pub(crate) struct HostArgs {
    /// The host to talk to
    #[arg(long, value_name = "URL", env = "FOLDHOST_URL", hide_env_values = true, default_value = "http://127.0.0.1:7070", value_parser = base_url)]
    url: Url,
}

fn base_url(text: &str) -> Result<Url, String> {
    let mend = "write it as in http://127.0.0.1:7070";
    let url = Url::parse(text).map_err(|error| format!("{error}: {mend}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("it is no address of a host: {mend}"));
    }
    Ok(url)
}

/// A connection to one host.
pub(crate) struct HostClient {
    http: Client,
    base: Url,
}

impl HostClient {
    pub(crate) fn new(args: HostArgs) -> Result<Self, CliError> {
        let base = args.url;
        let mut http = Client::builder().connect_timeout(CONNECT_MAX).user_agent("foldhost");
        if is_loopback(&base) {
            // A proxy of the environment could not reach it, and would answer for it.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| request_failed(&base, &error))?;
        Ok(Self { http, base })
    }

    /// The address of a resource; each segment is percent-encoded, whatever it holds.
    pub(crate) fn resource<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        // Only addresses without a host refuse segments, and `base_url` lets none through.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.http.get(url)
    }

    pub(crate) fn post(&self, url: Url) -> RequestBuilder {
        self.http.post(url)
    }

    pub(crate) fn delete(&self, url: Url) -> RequestBuilder {
        self.http.delete(url)
    }

    /// Sends a request whose answer says no more than that it was done.
    pub(crate) async fn done(&self, request: RequestBuilder) -> Result<(), CliError> {
        self.response(request.timeout(ANSWER_MAX)).await.map(drop)
    }

    /// Sends a request and reads the JSON document that answers it.
    pub(crate) async fn json(&self, request: RequestBuilder) -> Result<Value, CliError> {
        let response = self.response(request.timeout(ANSWER_MAX)).await?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| request_failed(&self.base, &error))?;
        serde_json::from_slice(&body).map_err(|_| CliError::NotAHost { url: shown(&self.base), status })
    }

    /// Sends a request; anything but success is an error, as the host tells it.
    pub(crate) async fn response(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                CliError::HostUnreachable { url: shown(&self.base) }
            } else {
                request_failed(&self.base, &error)
            }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|error| request_failed(&self.base, &error))?;
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => CliError::Problem(problem),
            Err(_) => CliError::NotAHost { url: shown(&self.base), status: status.as_u16() },
        })
    }
}

/// The address with these words in its query.
pub(crate) fn with_words(mut url: Url, words: &[(&str, String)]) -> Url {
    // Without a pair it would leave a bare question mark behind.
    if !words.is_empty() {
        url.query_pairs_mut().extend_pairs(words);
    }
    url
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// The causes in one line: the outermost only says that there is one. The address is told apart, without a password.
fn request_failed(base: &Url, error: &reqwest::Error) -> CliError {
    let mut reason = if error.is_timeout() { "it took too long".to_owned() } else { String::new() };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let separator = if reason.is_empty() { "" } else { ": " };
        reason.push_str(&format!("{separator}{error}"));
        cause = error.source();
    }
    if reason.is_empty() {
        reason = "the answer broke off".to_owned();
    }
    CliError::RequestFailed { url: shown(base), reason }
}

/// The address as it may be shown.
fn shown(base: &Url) -> String {
    let mut url = base.clone();
    if url.password().is_some() && url.set_password(None).is_err() {
        return "the given URL".to_owned();
    }
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn client(url: &str) -> HostClient {
        drop(rustls::crypto::ring::default_provider().install_default());
        HostClient::new(HostArgs { url: base_url(url).unwrap() }).unwrap()
    }

    #[test]
    fn a_stream_id_is_one_segment_of_the_path_whatever_it_holds() {
        let client = client("http://127.0.0.1:7070");
        let url = client.resource(["streams", "order-a/b?c#d e%2f\u{e9}", "events"]);
        assert_eq!(url.as_str(), "http://127.0.0.1:7070/streams/order-a%2Fb%3Fc%23d%20e%252f%C3%A9/events");
    }

    #[test]
    fn a_host_may_stand_below_a_path() {
        for base in ["http://proxy.test/foldhost", "http://proxy.test/foldhost/"] {
            assert_eq!(client(base).resource(["reducers"]).as_str(), "http://proxy.test/foldhost/reducers");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let url = base_url("http://me:secret@127.0.0.1:7070/").unwrap();
        assert_eq!(shown(&url), "http://me@127.0.0.1:7070");
        assert!(is_loopback(&url) && !is_loopback(&base_url("http://example.test").unwrap()));
        assert!(base_url("ftp://127.0.0.1").is_err() && base_url("127.0.0.1:7070").is_err());
    }
}

//! Effects that are HTTP requests.
//!
//! A guest names where to go, and the rules of its activation say whether it may. What it must not reach is checked where the
//! connection is made, in `resolver.rs`.

mod address;
mod failure;
mod request;
mod resolver;
mod response;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use foldhost_sdk::{EffectOutcome, FlatEffectKind, HttpRequest, HttpResponse};
use reqwest::{Client, Url, redirect, retry};

use self::request::Outgoing;
use self::resolver::Resolver;
use super::{EffectContext, EffectError, EffectRunner, KindTerms, Secrets};
use crate::event::TraceParent;
use crate::reducer::EffectRules;

/// How HTTP requests are tried, and what an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTerms {
    /// How they are tried.
    pub terms: KindTerms,
    /// How long a connection may take: to resolve the name, to connect, and to agree on TLS. Default 10 seconds.
    pub connect_max: Duration,
    /// Bytes of an answer's body; a larger one is not read further, and the effect has failed. Default 1 MiB.
    pub response_bytes_max: usize,
    /// Redirects that one request follows. Default 5.
    pub redirects_max: u32,
}

impl Default for HttpTerms {
    fn default() -> Self {
        Self {
            terms: KindTerms::default(),
            connect_max: Duration::from_secs(10),
            response_bytes_max: 1_048_576,
            redirects_max: 5,
        }
    }
}

/// Sends HTTP requests: the kind `http`.
///
/// Its targets are origins. No proxy of the environment is used, since a proxy would resolve names for the host; there are no
/// cookies, and no compressed answers.
pub struct HttpRunner {
    terms: HttpTerms,
    secrets: Arc<Secrets>,
    /// For names that have to resolve to public addresses.
    public: Client,
    /// For names that may resolve to any. A client of its own, since a client keeps connections by their origin: one that was
    /// made to a private address for a reducer that may must not serve another that may not.
    private: Client,
}

/// A runner that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("HTTP requests cannot be sent: {0}")]
pub struct HttpRunnerError(String);

impl HttpRunner {
    /// A runner with these secrets. The machine's root certificates are read now.
    ///
    /// # Errors
    /// [`HttpRunnerError`] if there is no TLS to be had.
    pub fn new(terms: HttpTerms, secrets: Arc<Secrets>) -> Result<Self, HttpRunnerError> {
        let tls = tls::config().map_err(|error| HttpRunnerError(error.to_string()))?;
        let client = |resolver: Resolver| {
            let client = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(resolver)
                .no_proxy()
                .redirect(redirect::Policy::none())
                // Whether to try again is the outbox's matter, which counts attempts.
                .retry(retry::never())
                .referer(false)
                .connect_timeout(terms.connect_max)
                .pool_idle_timeout(Duration::from_secs(30))
                .pool_max_idle_per_host(terms.terms.concurrency_max)
                .build();
            client.map_err(|error| HttpRunnerError(error.to_string()))
        };
        Ok(Self { public: client(Resolver::Public)?, private: client(Resolver::Any)?, terms, secrets })
    }

    /// Sends a request under an activation's rules, and reads the answer: any status but those after which another attempt may go
    /// better, which are errors. Redirects are followed. The time that it takes is the caller's to bound, by dropping the future.
    ///
    /// # Errors
    /// [`EffectError::Permanent`] for what is refused before it is sent, on its way or as an answer; [`EffectError::Transient`] for
    /// what the network and the server do.
    pub async fn send(
        &self,
        request: &HttpRequest,
        rules: &EffectRules,
        idempotency_key: &str,
        traceparent: Option<&TraceParent>,
    ) -> Result<HttpResponse, EffectError> {
        let mut outgoing = Outgoing::new(request, rules, &self.secrets, idempotency_key, traceparent)?;
        for _ in 0..=self.terms.redirects_max {
            let origin = outgoing.origin();
            let client = if outgoing.private { &self.private } else { &self.public };
            let sent = client
                .request(outgoing.method.clone(), outgoing.url.clone())
                .headers(outgoing.headers.clone())
                .body(outgoing.body.clone())
                .send();
            let failed = |error: reqwest::Error| failure::of_transport(&error, &origin, self.terms.connect_max);
            let response = sent.await.map_err(failed)?;
            response::settled(response.status(), response.headers(), &origin)?;
            if !outgoing.follow(response.status(), response.headers(), rules)? {
                return response::read(response, &origin, &self.terms, &self.secrets).await;
            }
        }
        let message = format!("more than {} redirects, the last of {}", self.terms.redirects_max, outgoing.origin());
        Err(EffectError::permanent("too-many-redirects", message))
    }
}

#[async_trait]
impl EffectRunner for HttpRunner {
    fn kind(&self) -> &str {
        "http"
    }

    fn terms(&self) -> KindTerms {
        self.terms.terms
    }

    /// The URL's origin; `invalid` for a URL that has none.
    fn target(&self, effect: &FlatEffectKind) -> String {
        let FlatEffectKind::Http(request) = effect else { return "invalid".to_owned() };
        let url = Url::parse(&request.url).ok().filter(|url| url.origin().is_tuple());
        url.map_or_else(|| "invalid".to_owned(), |url| url.origin().ascii_serialization())
    }

    async fn run(&self, effect: &FlatEffectKind, context: &EffectContext) -> Result<EffectOutcome, EffectError> {
        let FlatEffectKind::Http(request) = effect else {
            return Err(EffectError::permanent("invalid-arguments", "the effect is of another kind"));
        };
        let sent = self.send(request, &context.rules, &context.effect_id, context.traceparent.as_ref());
        sent.await.map(EffectOutcome::Http)
    }
}

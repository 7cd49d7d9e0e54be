//! HTTP effects over real sockets on loopback, allowed there by their written-out address.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "effects_http/answers.rs"]
mod answers;
#[path = "effects_http/faults.rs"]
mod faults;
#[path = "effects_http/redirects.rs"]
mod redirects;
#[path = "effects_http/refusals.rs"]
mod refusals;
#[path = "effects_http/secrets.rs"]
mod secrets;
#[path = "effects_http/server.rs"]
mod server;
#[path = "effects_http/tls.rs"]
mod tls;

use std::sync::Arc;
use std::time::Duration;

use foldhost::effects::http::{HttpRunner, HttpTerms};
use foldhost::effects::{EffectError, Secrets};
use foldhost::reducer::{AllowedOrigin, EffectRules};
use foldhost_sdk::{HttpRequest, HttpResponse, ResponseBody};

fn runner(terms: HttpTerms) -> HttpRunner {
    HttpRunner::new(terms, Arc::default()).unwrap()
}

fn runner_with_secrets(toml: &str) -> HttpRunner {
    HttpRunner::new(HttpTerms::default(), Arc::new(Secrets::parse(toml).unwrap())).unwrap()
}

fn rules(origins: &[&str]) -> EffectRules {
    EffectRules { origins: origins.iter().map(|origin| origin.parse().unwrap()).collect(), ..EffectRules::default() }
}

/// Rules under which a name may resolve to any address.
fn private_rules(origin: &str) -> EffectRules {
    let origin: AllowedOrigin = origin.parse().unwrap();
    EffectRules { origins: vec![origin.private()], ..EffectRules::default() }
}

/// Sends under the id `effect-1`. What hangs fails the test, after longer than anything here takes.
async fn send(runner: &HttpRunner, request: &HttpRequest, rules: &EffectRules) -> Result<HttpResponse, EffectError> {
    let sent = runner.send(request, rules, "effect-1", None);
    tokio::time::timeout(Duration::from_secs(60), sent).await.expect("an answer or an error")
}

/// The error of a request that is to fail, as `permanent CODE` or `transient CODE`.
async fn fails(runner: &HttpRunner, request: &HttpRequest, rules: &EffectRules) -> (String, EffectError) {
    let error = send(runner, request, rules).await.expect_err("a failure");
    let kind = match &error {
        EffectError::Transient { code, .. } => format!("transient {code}"),
        EffectError::Permanent { code, .. } => format!("permanent {code}"),
        EffectError::NotNow(_) => "not now".to_owned(),
    };
    (kind, error)
}

fn text(response: &HttpResponse) -> &str {
    match &response.body {
        ResponseBody::Text(text) => text,
        ResponseBody::Base64(_) => panic!("no text: {response:?}"),
    }
}

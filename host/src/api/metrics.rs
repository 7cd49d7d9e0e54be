//! `GET /metrics`

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;

use super::problem::Problem;
use super::{Api, SUBSCRIBERS_MAX, kinds};

/// Text exposition format of Prometheus.
const CONTENT_TYPE: (HeaderName, &str) = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");

/// Renders what was counted, in the text format of Prometheus. The host counts with the facade of the crate `metrics`; which
/// recorder listens is its embedder's choice, and so is how it is read.
///
/// ```
/// # use foldhost::api::MetricsText;
/// let text = MetricsText::new(|| "foldhost_entities 3\n".to_owned());
/// ```
#[derive(Clone)]
pub struct MetricsText(Arc<dyn Fn() -> String + Send + Sync>);

impl MetricsText {
    /// Takes what renders the recorder's state.
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }
}

impl fmt::Debug for MetricsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsText").finish_non_exhaustive()
    }
}

/// Shows what the host counted and measured so far, and how much it holds now.
pub(super) async fn show(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    let Some(MetricsText(render)) = &api.metrics else {
        return Err(Problem::new(&kinds::NOT_FOUND, "there is nothing at /metrics: this host shows no metrics"));
    };
    api.host.gauge().await;
    let subscribers = SUBSCRIBERS_MAX - api.subscribers.available_permits();
    metrics::gauge!("foldhost_subscribers").set(subscribers as f64);
    Ok(([CONTENT_TYPE], render()))
}

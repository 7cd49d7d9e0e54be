//! The recorder behind `GET /metrics` of `foldhost serve`.

use std::time::Duration;

use foldhost::api::MetricsText;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::error::CliError;

/// Upper bounds of the buckets of all times, in seconds: from below a commit on a fast disk to what a client waits for at most.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often the samples are put into their buckets. Between two times each takes its own memory, whether anybody reads or not.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Records the process's metrics from now on.
pub(crate) fn record() -> Result<MetricsText, CliError> {
    let failed = |error: metrics_exporter_prometheus::BuildError| CliError::Metrics(error.to_string());
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS).map_err(failed)?;
    let handle = builder.install_recorder().map_err(failed)?;
    foldhost::runtime::describe_metrics();
    let kept_up = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            kept_up.run_upkeep();
        }
    });
    Ok(MetricsText::new(move || handle.render()))
}

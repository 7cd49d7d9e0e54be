//! Sending a statement again: where it did nothing, or where a second time does no harm.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};

use crate::event_store::EventStoreError;

/// How long a statement is sent again for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub(super) retry_max: Duration,
}

impl Retry {
    /// For what may be done twice: a read, or a write that recognises what it wrote before. Sent again after a lost connection, and
    /// after the database gave it up for another's sake.
    pub(super) async fn run<T, F: Future<Output = Result<T, EventStoreError>>>(
        self,
        operation: impl FnMut() -> F,
    ) -> Result<T, EventStoreError> {
        let again =
            |error: &EventStoreError| matches!(error, EventStoreError::Unavailable(_) | EventStoreError::Contended(_));
        self.run_when(operation, again).await
    }

    /// For what must not be done twice: sent again only when the database said that it did nothing.
    pub(super) async fn run_refused<T, F: Future<Output = Result<T, EventStoreError>>>(
        self,
        operation: impl FnMut() -> F,
    ) -> Result<T, EventStoreError> {
        self.run_when(operation, |error| matches!(error, EventStoreError::Contended(_))).await
    }

    async fn run_when<T, F: Future<Output = Result<T, EventStoreError>>>(
        self,
        operation: impl FnMut() -> F,
        again: impl Fn(&EventStoreError) -> bool,
    ) -> Result<T, EventStoreError> {
        // Looked at as well as counted: an attempt may itself wait long for a connection.
        let started = Instant::now();
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(1))
            .with_factor(2.0)
            .with_jitter()
            .without_max_times();
        operation
            .retry(pauses)
            .when(|error| again(error) && started.elapsed() < self.retry_max)
            .notify(|error, pause| tracing::warn!(%error, ?pause, "the database is asked again"))
            .await
    }
}

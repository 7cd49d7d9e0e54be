//! Sending a statement again: where it did nothing, or where a second time does no harm.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};

use super::PoolConfig;
use crate::event_store::EventStoreError;

/// What the server is allowed beyond its own limit, so that its word comes first. After that the network is taken for dead.
pub(super) const BEYOND_STATEMENT_MAX: Duration = Duration::from_secs(5);

/// How long a statement is sent again for, and how long one attempt may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    retry_max: Duration,
    attempt_max: Duration,
}

impl Retry {
    pub(super) fn of(config: &PoolConfig) -> Self {
        let attempt_max = config.acquire_max + config.statement_max + BEYOND_STATEMENT_MAX;
        Self { retry_max: config.retry_max, attempt_max }
    }

    /// For what may be done twice, and given up anywhere: a read, or a write that changes nothing the second time. Sent again after
    /// a lost connection, and after the database gave it up for another's sake.
    pub(super) async fn run<T, F: Future<Output = Result<T, EventStoreError>>>(
        self,
        mut operation: impl FnMut() -> F,
    ) -> Result<T, EventStoreError> {
        // A network that swallows the answer resets nothing: without this a read waited for as long as TCP does.
        let bounded = || {
            let attempt = tokio::time::timeout(self.attempt_max, operation());
            async move { attempt.await.unwrap_or_else(|_| Err(unanswered())) }
        };
        self.run_append(bounded, || true).await
    }

    /// For what must not be done twice: sent again only when the database said that it did nothing.
    pub(super) async fn run_refused<T, F: Future<Output = Result<T, EventStoreError>>>(
        self,
        operation: impl FnMut() -> F,
    ) -> Result<T, EventStoreError> {
        self.run_append(operation, || false).await
    }

    /// For appends. Sent again where the database said that it did nothing; after a lost connection only while `may_repeat` says
    /// that an append is known again, or was never sent. An attempt sees to its own end: to drop one in the middle of its commit
    /// would forget that it may be durable.
    pub(super) async fn run_append<T, F: Future<Output = Result<T, EventStoreError>>>(
        self,
        operation: impl FnMut() -> F,
        may_repeat: impl Fn() -> bool,
    ) -> Result<T, EventStoreError> {
        let again = |error: &EventStoreError| match error {
            EventStoreError::Contended(_) => true,
            EventStoreError::Unavailable(_) => may_repeat(),
            _ => false,
        };
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

/// When nothing came back, neither a result nor an error.
pub(super) fn unanswered() -> EventStoreError {
    EventStoreError::Unavailable("the database did not answer in time".into())
}

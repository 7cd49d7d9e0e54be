//! The pool: how many connections, and how long anything may take.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool, Postgres, Transaction};

use super::error::database_error;
use crate::event_store::EventStoreError;

/// How the host connects to its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Connections that load and read, at most. Default 12.
    pub connections_max: u32,
    /// Connections that append, at most. Default 4, the most that a host has in flight by default: no read ever keeps one waiting.
    pub append_connections_max: u32,
    /// How long a caller waits for a connection. Default 10 seconds.
    pub acquire_max: Duration,
    /// How long one statement may run, as the server measures it. Default 30 seconds.
    pub statement_max: Duration,
    /// How long a statement is sent again after a lost connection, or after the database gave it up for another's sake; only where
    /// a second time does no harm. Default 10 seconds: a server that restarts is back by then.
    pub retry_max: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            connections_max: 12,
            append_connections_max: 4,
            acquire_max: Duration::from_secs(10),
            statement_max: Duration::from_secs(30),
            retry_max: Duration::from_secs(10),
        }
    }
}

/// How long a transaction may wait for what its host says next; then the server ends it, and the connection. A host that froze in an
/// activation, as one on a paused virtual machine does, kept every host from appending to the category until TCP gave it up.
/// Between the statements of a transaction a host does nothing that takes longer than milliseconds, but that it prepares its streams for a
/// swap, for less than a second.
const IDLE_IN_TRANSACTION_MAX: Duration = Duration::from_secs(10);
/// How long an idle connection is taken to live on.
const IDLE_TRUSTED_MAX: Duration = Duration::from_secs(1);

/// The pool that reads and the pool that appends.
pub(super) async fn open(url: &str, config: &PoolConfig) -> Result<(PgPool, PgPool), EventStoreError> {
    // sqlx's own message would repeat the URL, and with it the password.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        EventStoreError::Unavailable(
            "the database URL cannot be read: write postgres://USER:PASSWORD@HOST:5432/NAME".into(),
        )
    })?;
    let options = options
        .application_name("foldhost")
        .options([
            ("statement_timeout", config.statement_max.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MAX.as_millis().to_string()),
            // An append is durable when it is answered, whatever the server's default says.
            ("synchronous_commit", "on".into()),
            // What each statement is written for: under a stricter level, a lost race would be an error of the whole statement.
            ("default_transaction_isolation", "read committed".into()),
            // A plan that was made while a table had fifty rows is kept until the table is analyzed. Every read here has an
            // index, and reading a table from end to end is never the better way for long.
            ("enable_seqscan", "off".into()),
            // Nor is collecting all rows of a category and sorting them, page after page.
            ("enable_bitmapscan", "off".into()),
            // No statement here runs as long as compiling one takes: the lanes of the outbox took 450 ms instead of 1.
            ("jit", "off".into()),
        ])
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2))
        .log_statements(tracing::log::LevelFilter::Trace);
    // The pool tries again until its time is over, and then only says that it is. One connection by hand says why.
    let first = tokio::time::timeout(config.acquire_max, options.connect()).await;
    let first = first.map_err(|_| EventStoreError::Unavailable("the database does not answer".into()))?;
    first.map_err(database_error)?.close().await.map_err(database_error)?;
    let pool = |connections_max| {
        PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(config.acquire_max)
            // A connection that was idle for long is asked whether it lives. Asking every time was a round trip a statement.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > IDLE_TRUSTED_MAX {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
    };
    // The append has one plan whatever it appends: planning a small one anew took three times as long as running it
    // (0.51 ms instead of 0.16 for one event). Reads keep the planner's choice, since their LIMIT matters to it.
    let append_options = options.clone().options([("plan_cache_mode", "force_generic_plan")]);
    let reads = pool(config.connections_max).connect_lazy_with(options);
    Ok((reads, pool(config.append_connections_max).connect_lazy_with(append_options)))
}

/// Begins a transaction, in a task of its own: whoever waits for it may be dropped. sqlx 0.9 sends no ROLLBACK for a BEGIN whose
/// answer nobody waited for, and the connection went back to the pool with its transaction open; what was written on it
/// afterwards was acknowledged and never committed.
pub(super) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, EventStoreError> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin().await }).await;
    begun.map_err(|_| EventStoreError::Unavailable("the host is shutting down".into()))?.map_err(database_error)
}

pub(super) async fn ping(pool: &PgPool) -> Result<(), EventStoreError> {
    sqlx::query("SELECT 1").execute(pool).await.map(drop).map_err(database_error)
}

//! The pool: how many connections, and how long anything may take.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

use super::error::database_error;
use crate::event_store::EventStoreError;

/// How the host connects to its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Connections at most. Default 16: four append, the others load and read.
    pub connections_max: u32,
    /// How long a caller waits for a connection. Default 10 seconds.
    pub acquire_max: Duration,
    /// How long one statement may run, as the server measures it. Default 30 seconds.
    pub statement_max: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            connections_max: 16,
            acquire_max: Duration::from_secs(10),
            statement_max: Duration::from_secs(30),
        }
    }
}

pub(super) async fn open(url: &str, config: &PoolConfig) -> Result<PgPool, EventStoreError> {
    // sqlx's own message would repeat the URL, and with it the password.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        EventStoreError::Unavailable("the database URL cannot be read: write postgres://USER:PASSWORD@HOST:5432/NAME".into())
    })?;
    let options = options
        .application_name("foldhost")
        .options([
            ("statement_timeout", config.statement_max.as_millis().to_string()),
            // An append is durable when it is answered, whatever the server's default says.
            ("synchronous_commit", "on".into()),
        ])
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2))
        .log_statements(tracing::log::LevelFilter::Trace);
    PgPoolOptions::new()
        .max_connections(config.connections_max)
        .acquire_timeout(config.acquire_max)
        .connect_with(options)
        .await
        .map_err(database_error)
}

pub(super) async fn ping(pool: &PgPool) -> Result<(), EventStoreError> {
    sqlx::query("SELECT 1").execute(pool).await.map(drop).map_err(database_error)
}

//! One database a test, on a server that all tests of the binary share.
//!
//! `FOLDHOST_TEST_POSTGRES` says which server: `local`, the default, is a private one of the binary's own, and `docker` a
//! container of the image `postgres` with the tag in `FOLDHOST_TEST_POSTGRES_TAG`, by default `17`.

mod container;
mod leftovers;
mod local;
mod servers;
mod template;

use std::sync::Arc;

use foldhost::embedded_postgres::Durability;
use foldhost::{PoolConfig, PostgresEventStore};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

pub(crate) use leftovers::is_older;
pub(crate) use local::tests_dir;
use servers::Server;

/// What tests ask of a server beside what a host does: when each transaction was committed, to see what a swap comes between. Not of the
/// servers of benches, whose figures are those of a server as it is installed.
pub(crate) const SETTINGS: [(&str, &str); 1] = [("track_commit_timestamp", "on")];

/// A migrated database that no other test uses.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where it is.
    pub url: String,
    /// A store over it.
    pub store: Arc<PostgresEventStore>,
}

impl TestDatabase {
    /// A connection beside the store's, for what a store does not do.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    pub(crate) async fn open(url: String, config: &PoolConfig) -> Self {
        let store = PostgresEventStore::connect(&url, config).await.unwrap();
        Self { url, store: Arc::new(store) }
    }
}

/// A new database with the schema in it, on a server that does not sync: fast, and as good as durable for a test.
pub async fn database() -> TestDatabase {
    create(servers::running(Durability::OffForTests), &PoolConfig::default()).await
}

/// A new database on a server that syncs every commit, for benches.
pub async fn durable_database(connections_max: u32) -> TestDatabase {
    create(servers::running(Durability::Full), &PoolConfig { connections_max, ..PoolConfig::default() }).await
}

async fn create(server: &Server, config: &PoolConfig) -> TestDatabase {
    let name = new_name();
    let mut maintenance = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let create = format!("CREATE DATABASE {name} TEMPLATE {}", template::name());
    maintenance.execute(AssertSqlSafe(create)).await.unwrap();
    maintenance.close().await.unwrap();
    TestDatabase::open(server.url(&name), config).await
}

/// A name that says when it was made: [`leftovers`] reads it.
pub(crate) fn new_name() -> String {
    format!("test_{}", uuid::Uuid::now_v7().simple())
}

#[cfg(test)]
mod tests;

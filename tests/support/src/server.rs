//! A server of one test's own, to be stopped, killed and started again while the test's store is at work.

mod processes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use foldhost::PoolConfig;
use foldhost::embedded_postgres::{Durability, EmbeddedPostgres, EmbeddedPostgresConfig, ServerAddress};

use crate::database::{SETTINGS, TestDatabase, is_older, new_name, tests_dir};

/// A directory of this age belongs to a test that was killed.
const AGE_MAX: Duration = Duration::from_secs(60 * 60);

/// A private server that one test has for itself. It and its data go when the value is dropped.
///
/// The server always listens on the same socket: a store that is open when the server goes away finds it again, under the
/// same URL, after [`restart`](Self::restart).
///
/// ```no_run
/// # use foldhost::{PoolConfig, embedded_postgres::Durability};
/// # use foldhost_test_support::OwnServer;
/// # async fn run() {
/// let mut server = OwnServer::start(Durability::Full).await;
/// let database = server.database(&PoolConfig::default()).await;
/// server.kill().await;
/// // Appends to database.store fail.
/// server.restart().await;
/// // They go through again, and everything that was acknowledged is there.
/// # drop(database);
/// # }
/// ```
#[derive(Debug)]
pub struct OwnServer {
    config: EmbeddedPostgresConfig,
    address: ServerAddress,
    /// `None` while it is stopped or killed.
    running: Option<EmbeddedPostgres>,
}

impl OwnServer {
    /// Starts a new server on an empty directory. One that is not durable survives a [`kill`](Self::kill) as well: what
    /// was written stays in the system's cache.
    pub async fn start(durability: Durability) -> Self {
        remove_left_behind(&tests_dir());
        let data_dir = tests_dir().join(format!("own-{}", uuid::Uuid::now_v7().simple()));
        let settings = SETTINGS.map(|(name, value)| (name.into(), value.into())).into();
        let config = EmbeddedPostgresConfig { durability, settings, ..EmbeddedPostgresConfig::new(data_dir) };
        let running = EmbeddedPostgres::start(config.clone()).await.unwrap();
        Self { config, address: running.address().clone(), running: Some(running) }
    }

    /// The URL of a database on this server, for its superuser. It stays the same, also while the server is down.
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Where it listens. Its pid is another one after each start.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// A new database with the schema in it.
    pub async fn database(&self, config: &PoolConfig) -> TestDatabase {
        let name = new_name();
        self.address.ensure_database(&name).await.unwrap();
        let database = TestDatabase::open(self.url(&name), config).await;
        database.store.migrate().await.unwrap();
        database
    }

    /// Shuts the server down and waits for its end: open transactions are rolled back, and their clients are told.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await.unwrap();
        }
    }

    /// Ends the server as a crash does: every process of it at once, without a word to anyone. Waits for the end.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            processes::kill_tree(running.pid());
            running.exited().await;
        }
    }

    /// Starts the server again on its data and its socket. One that runs is shut down first.
    pub async fn restart(&mut self) {
        self.stop().await;
        let running = EmbeddedPostgres::start(self.config.clone()).await.unwrap();
        assert_eq!(running.url("postgres"), self.url("postgres"), "the stores of the test must find it again");
        self.address = running.address().clone();
        self.running = Some(running);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            processes::kill_tree(running.pid());
            let ended = running.exited();
            // On a thread of its own: the test's runtime, on whose thread this may be, cannot be blocked on from within.
            let waited = std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ended);
            });
            waited.join().unwrap();
        }
        let removed = fs::remove_dir_all(&self.config.data_dir);
        // A second panic would end the whole test binary, and hide the first.
        assert!(removed.is_ok() || std::thread::panicking(), "{}: {removed:?}", self.config.data_dir.display());
    }
}

/// Removes what tests left that were killed themselves. Another one may be removing the same.
fn remove_left_behind(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let is_left_behind = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("own-").is_some_and(|uuid| is_older(uuid, AGE_MAX))
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_left_behind) {
        drop(fs::remove_dir_all(path));
    }
}

#[cfg(test)]
mod tests;

//! Which database a command works on, and how it gets there.

use std::path::{Path, PathBuf};

use foldhost::embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresConfig};
use foldhost::event_store::sealing::Encryption;
use foldhost::{PoolConfig, PostgresEventStore};

use super::error::CliError;

/// The database's name on an embedded server.
const DATABASE: &str = "foldhost";
const DATA_DIR: &str = "./foldhost-data";
/// Connections that an embedded server keeps for others than the host: psql, a backup, `foldhost replay`.
const CONNECTIONS_FOR_OTHERS: u16 = 50;

/// A database server of one's own, or the embedded one.
#[derive(clap::Args)]
pub(crate) struct DatabaseArgs {
    /// Use this PostgreSQL database, as in postgres://USER:PASSWORD@HOST:5432/NAME [env: DATABASE_URL]
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    database_url: Option<String>,
    /// Without a URL: the directory of a private PostgreSQL server, started for as long as it is needed
    /// [env: FOLDHOST_DATA_DIR] [default: ./foldhost-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What the flags and the environment come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DatabaseChoice {
    Url { url: String, named_by: &'static str },
    DataDir(PathBuf),
}

impl DatabaseArgs {
    pub(crate) fn choose(self) -> DatabaseChoice {
        self.choose_with(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// A flag wins over the environment, so that `--data-dir` works in a shell that has DATABASE_URL.
    fn choose_with(self, env: impl Fn(&str) -> Option<String>) -> DatabaseChoice {
        if let Some(url) = self.database_url {
            return DatabaseChoice::Url { url, named_by: "--database-url" };
        }
        if let Some(data_dir) = self.data_dir {
            return DatabaseChoice::DataDir(data_dir);
        }
        if let Some(url) = env("DATABASE_URL") {
            return DatabaseChoice::Url { url, named_by: "DATABASE_URL" };
        }
        DatabaseChoice::DataDir(env("FOLDHOST_DATA_DIR").unwrap_or_else(|| DATA_DIR.to_owned()).into())
    }
}

/// A store, and the server below it where this process runs it.
pub(crate) struct Database {
    pub(crate) store: PostgresEventStore,
    pub(crate) embedded: Option<EmbeddedPostgres>,
}

impl Database {
    /// For the host: an embedded server is started and owned.
    pub(crate) async fn open(choice: &DatabaseChoice, pool: &PoolConfig) -> Result<Self, CliError> {
        match choice {
            DatabaseChoice::Url { url, named_by } => {
                // sqlx reads any scheme as its own, and would look for the server for ten seconds.
                if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
                    return Err(CliError::NotPostgres { named_by });
                }
                let store = PostgresEventStore::connect(url, pool).await;
                let store = store.map_err(|source| CliError::DatabaseUrl { source, named_by })?;
                Ok(Self { store, embedded: None })
            }
            DatabaseChoice::DataDir(data_dir) => Self::start(data_dir, pool).await,
        }
    }

    /// For a command beside a host: the server of a data directory is used where one runs, and else started for the while.
    pub(crate) async fn open_beside(choice: &DatabaseChoice, pool: &PoolConfig) -> Result<Self, CliError> {
        if let DatabaseChoice::DataDir(data_dir) = choice
            && let Some(address) = EmbeddedPostgres::attach(data_dir).await?
        {
            address.ensure_database(DATABASE).await?;
            let store = PostgresEventStore::connect(&address.url(DATABASE), pool).await?;
            return Ok(Self { store, embedded: None });
        }
        Self::open(choice, pool).await
    }

    async fn start(data_dir: &Path, pool: &PoolConfig) -> Result<Self, CliError> {
        let config = EmbeddedPostgresConfig::new(data_dir);
        let wanted = u16::try_from(pool.connections_max).unwrap_or(u16::MAX).saturating_add(CONNECTIONS_FOR_OTHERS);
        let connections_max = config.connections_max.max(wanted);
        let embedded = EmbeddedPostgres::start(EmbeddedPostgresConfig { connections_max, ..config }).await?;
        tracing::info!(version = embedded.version(), data_dir = %data_dir.display(), "embedded PostgreSQL runs");
        embedded.ensure_database(DATABASE).await?;
        let store = PostgresEventStore::connect(&embedded.url(DATABASE), pool).await?;
        Ok(Self { store, embedded: Some(embedded) })
    }

    /// Has the store encrypt and decrypt, where there are keys for it.
    pub(crate) fn encrypted(mut self, encryption: Option<Encryption>) -> Self {
        if let Some(encryption) = encryption {
            self.store = self.store.with_encryption(encryption);
        }
        self
    }

    /// Closes the connections, and then ends the server if it is ours.
    pub(crate) async fn close(self) -> Result<(), CliError> {
        self.store.close().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(url: Option<&str>, dir: Option<&str>, env: &[(&str, &str)]) -> DatabaseChoice {
        let args = DatabaseArgs { database_url: url.map(Into::into), data_dir: dir.map(Into::into) };
        args.choose_with(|name| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn url(url: &str, named_by: &'static str) -> DatabaseChoice {
        DatabaseChoice::Url { url: url.into(), named_by }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_a_url_over_a_directory() {
        let env = [("DATABASE_URL", "e"), ("FOLDHOST_DATA_DIR", "d")];
        assert_eq!(choose(Some("f"), None, &env), url("f", "--database-url"));
        assert_eq!(choose(None, Some("dir"), &env), DatabaseChoice::DataDir("dir".into()));
        assert_eq!(choose(None, None, &env), url("e", "DATABASE_URL"));
        assert_eq!(choose(None, None, &env[1..]), DatabaseChoice::DataDir("d".into()));
        assert_eq!(choose(None, None, &[]), DatabaseChoice::DataDir(DATA_DIR.into()));
    }
}

//! A private PostgreSQL server that lives and dies with the host.
//!
//! Without a database URL the host starts a server of its own, over the newest installation on the machine, in its data
//! directory and on a Unix socket:
//!
//! ```text
//! DATA_DIR/
//!   foldhost.data   says that the directory is ours
//!   foldhost.lock   held by the host that uses the directory; names its pid
//!   pg/             the database cluster (PGDATA)
//!   run/            the socket; below /tmp instead when this path is too long for one
//!   postgres.log    what the server says
//! ```
//!
//! The server listens on no TCP port. Its socket directory admits only the user that it runs as, and root; whoever gets
//! there is trusted. As root, which PostgreSQL refuses, it runs as the owner of the database, or as `postgres`, or as
//! `nobody`.
//!
//! ```no_run
//! # use foldhost::embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresConfig, EmbeddedPostgresError};
//! # async fn run() -> Result<(), EmbeddedPostgresError> {
//! let postgres = EmbeddedPostgres::start(EmbeddedPostgresConfig::new("/var/lib/foldhost")).await?;
//! postgres.ensure_database("foldhost").await?;
//! println!("psql '{}'", postgres.url("foldhost"));
//! postgres.stop().await
//! # }
//! ```

mod address;
mod cluster;
mod data_dir;
mod error;
mod installation;
mod launch;
mod postmaster;
mod process;
mod server_user;
mod socket_dir;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub use self::address::ServerAddress;
pub use self::data_dir::is_data_dir;
pub use self::error::EmbeddedPostgresError;
pub use self::installation::ServerSearch;

use self::data_dir::{DataDir, POLL_INTERVAL};
use self::postmaster::{PidFile, Status};
use self::process::ServerProcess;

/// Whether a commit is on the disk when it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// `fsync` and `synchronous_commit` are on, whatever `postgresql.conf` says.
    #[default]
    Full,
    /// Nothing is synced: fast, and safe from a crash of the server, but a crash of the machine destroys the data. For
    /// tests only.
    OffForTests,
}

/// How to run the embedded server.
#[derive(Debug, Clone)]
pub struct EmbeddedPostgresConfig {
    /// The directory of the database, created where it is missing. One that holds something else is refused.
    pub data_dir: PathBuf,
    /// Whether commits are synced to the disk. Default: [`Durability::Full`].
    pub durability: Durability,
    /// How long a start may take, with the wait for a predecessor that is ending and the recovery from a crash.
    /// Default: 30 s, since on a busy machine a start of 60 ms has taken that long.
    pub start_timeout: Duration,
    /// PostgreSQL's `max_connections`. Default: 200.
    pub connections_max: u16,
    /// The directory of PostgreSQL's programs. When set, nothing is searched.
    pub bin_dir: Option<PathBuf>,
    /// Where to look for PostgreSQL otherwise. Default: [`ServerSearch::from_env`].
    pub search: ServerSearch,
    /// Further settings of `postgresql.conf`, name and value. They win over all but the ones that decide where the
    /// server listens and logs.
    pub settings: Vec<(String, String)>,
}

impl EmbeddedPostgresConfig {
    /// A durable server in this directory, everything else at its default.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durability: Durability::Full,
            start_timeout: Duration::from_secs(30),
            connections_max: 200,
            bin_dir: None,
            search: ServerSearch::from_env(),
            settings: Vec::new(),
        }
    }
}

/// A running server that this process owns.
///
/// Dropping the value tells the server to shut down and does not wait for it; [`stop`](Self::stop) waits. On Linux the
/// server also ends when this process does, even by kill -9; elsewhere the next start on the directory ends it. The
/// directory stays locked until the server has ended.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    process: ServerProcess,
    address: ServerAddress,
    bin_dir: PathBuf,
    version: String,
    log_file: PathBuf,
}

impl EmbeddedPostgres {
    /// Starts the server, makes its database cluster where there is none, and returns when it accepts connections.
    ///
    /// A host that is still ending, or was killed just now, is waited for. A server that a killed host left running on
    /// the directory is shut down and replaced.
    ///
    /// # Errors
    ///
    /// One of [`EmbeddedPostgresError`], whose messages say what to do. No server is left running.
    pub async fn start(config: EmbeddedPostgresConfig) -> Result<Self, EmbeddedPostgresError> {
        launch::launch(config).await
    }

    /// The server that runs in a data directory, usually another process's; `None` when there is none.
    ///
    /// Nothing is started, locked or changed. A server that is starting is waited for, up to 30 s.
    ///
    /// # Errors
    ///
    /// [`EmbeddedPostgresError::NotOurs`] or [`NotADirectory`](EmbeddedPostgresError::NotADirectory) for a path that is no
    /// data directory, and [`Io`](EmbeddedPostgresError::Io) when it may not be read.
    pub async fn attach(data_dir: impl AsRef<Path>) -> Result<Option<ServerAddress>, EmbeddedPostgresError> {
        let Some(dir) = DataDir::existing(data_dir.as_ref())? else { return Ok(None) };
        let pgdata = dir.pgdata();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let file = PidFile::read(&pgdata)
                .map_err(|source| EmbeddedPostgresError::io("read", &postmaster::path_in(&pgdata), source))?;
            let Some(file) = file.filter(|file| postmaster::serves(file.pid, &pgdata)) else { return Ok(None) };
            match file.status {
                Status::Ready => return Ok(Some(ServerAddress::new(file.socket_dir, file.port, file.pid))),
                Status::Starting if Instant::now() < deadline => sleep(POLL_INTERVAL).await,
                Status::Starting | Status::Stopping => return Ok(None),
            }
        }
    }

    /// Shuts the server down and waits for its end. Open transactions are rolled back. Stopping twice is no error.
    ///
    /// A fast shutdown (SIGINT) has 15 s, then follow an immediate one (SIGQUIT) and SIGKILL.
    ///
    /// # Errors
    ///
    /// [`EmbeddedPostgresError::NotStopped`] when the server survives all of them.
    pub async fn stop(&self) -> Result<(), EmbeddedPostgresError> {
        self.process.stop().await
    }

    /// Waits for the server's end. A host that serves without its database must stop serving: look whether the end was
    /// [`requested`](ServerExit::requested). The future may outlive the server's value.
    pub fn exited(&self) -> impl Future<Output = ServerExit> + Send + use<> {
        let (ended, log_file) = (self.process.ended(), self.log_file.clone());
        async move {
            let (status, requested) = ended.await;
            ServerExit { status, requested, log_file }
        }
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where the server listens, as a value that outlives the borrow.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// The directory that holds the server's Unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.address.socket_dir()
    }

    /// The role to connect as, a superuser.
    pub fn user(&self) -> &str {
        self.address.user()
    }

    /// The number in the socket's file name. The server opens no TCP port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a database on this server; see [`ServerAddress::url`].
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Creates the database unless it is there; see [`ServerAddress::ensure_database`].
    ///
    /// # Errors
    ///
    /// [`EmbeddedPostgresError::Database`] when the server cannot be asked or refuses.
    pub async fn ensure_database(&self, name: &str) -> Result<(), EmbeddedPostgresError> {
        self.address.ensure_database(name).await
    }

    /// The directory of the programs in use, where `psql` and `pg_dump` of the same version usually are too.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// PostgreSQL's version, as in `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The server's log.
    pub fn log_file(&self) -> &Path {
        &self.log_file
    }
}

/// The end of an embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerExit {
    /// How it ended, where the system tells.
    pub status: Option<ExitStatus>,
    /// Whether this process asked for it.
    pub requested: bool,
    /// Where the server's last words are.
    pub log_file: PathBuf,
}

impl fmt::Display for ServerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
        if self.requested {
            return write!(f, "the embedded PostgreSQL server was stopped ({status})");
        }
        write!(
            f,
            "the embedded PostgreSQL server ended by itself ({status}): see {}, then start again",
            self.log_file.display()
        )
    }
}

/// The end of a program's output as one line.
fn last_lines(text: &str) -> String {
    const LINES_MAX: usize = 4;
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.split_off(lines.len().saturating_sub(LINES_MAX));
    if last.is_empty() { "it said nothing".to_owned() } else { last.join(" | ") }
}

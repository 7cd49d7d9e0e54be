//! What can go wrong, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::installation::OLDEST_MAJOR;

/// Why the embedded server could not be started, reached or stopped. Every message is one line and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedPostgresError {
    /// No installation was found in any of the places that are searched.
    #[error(
        "no PostgreSQL server found: install one (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install \
         postgresql-server; macOS: brew install postgresql@17), name its programs' directory in PG_BIN_DIR, or use a \
         database that already runs with --database-url or DATABASE_URL"
    )]
    NoServer,

    /// The directory that the caller or `PG_BIN_DIR` named holds no server that runs.
    #[error("no PostgreSQL server in {}: {reason}; name the directory that holds postgres and initdb", bin_dir.display())]
    NoServerIn {
        /// The directory that was named.
        bin_dir: PathBuf,
        /// What is missing there.
        reason: String,
    },

    /// The newest installation is older than the event store needs.
    #[error(
        "PostgreSQL {version} in {} is too old: install version {OLDEST_MAJOR} or newer, or pass --database-url or \
         DATABASE_URL", bin_dir.display()
    )]
    ServerTooOld {
        /// Where the server was found.
        bin_dir: PathBuf,
        /// Its version, as it names it.
        version: String,
    },

    /// The data was written by another major version than any installed one.
    #[error(
        "the data in {} was written by PostgreSQL {data_major}, but only {found} is installed: install PostgreSQL \
         {data_major}, or dump the data with it and restore them into a new --data-dir", data_dir.display()
    )]
    VersionMismatch {
        /// The data directory.
        data_dir: PathBuf,
        /// The major version in its `PG_VERSION`.
        data_major: u32,
        /// The versions that were found, separated by commas.
        found: String,
    },

    /// A live host holds the data directory.
    #[error(
        "another foldhost ({}) already runs on {}: stop it, or give this one a --data-dir of its own",
        pid.map_or_else(|| "its pid is not known".to_owned(), |pid| format!("pid {pid}")), data_dir.display()
    )]
    AlreadyRunning {
        /// The data directory.
        data_dir: PathBuf,
        /// The process that holds it, where its lock file tells.
        pid: Option<u32>,
    },

    /// The directory holds files, and none that marks it as a Foldhost data directory.
    #[error(
        "{} is not empty and is not a Foldhost data directory: choose an empty or a new one with --data-dir",
        data_dir.display()
    )]
    NotOurs {
        /// The directory that was given.
        data_dir: PathBuf,
    },

    /// The path names something else than a directory.
    #[error("{} is not a directory: choose another --data-dir", data_dir.display())]
    NotADirectory {
        /// The path that was given.
        data_dir: PathBuf,
    },

    /// The database in the directory belongs to another user.
    #[error("the database in {} belongs to {owner}: run as that user, or choose another --data-dir", data_dir.display())]
    OwnedByAnother {
        /// The data directory.
        data_dir: PathBuf,
        /// The owner's name, or its number.
        owner: String,
    },

    /// PostgreSQL does not run as root, and the user it would run as cannot reach the data directory.
    #[error(
        "PostgreSQL refuses to run as root and user {user} may not enter {}: choose a --data-dir elsewhere, for example \
         /var/lib/foldhost, or run chmod o+x {}", closed.display(), closed.display()
    )]
    ClosedToServerUser {
        /// The first directory on the way that the user may not enter.
        closed: PathBuf,
        /// The user that the server would run as.
        user: String,
    },

    /// Root, with no other user to run the server as.
    #[error(
        "PostgreSQL refuses to run as root and there is no user postgres or nobody: add one (useradd --system postgres), \
         or run foldhost as an ordinary user"
    )]
    NoServerUser,

    /// The socket directory exists and belongs to someone else, or is open to others.
    #[error("the socket directory {} is not a private directory of {user}: remove it, or choose another --data-dir", dir.display())]
    SocketDirNotOurs {
        /// The directory.
        dir: PathBuf,
        /// The user that it should belong to.
        user: String,
    },

    /// A file operation failed.
    #[error("cannot {action} {}: {source}; {}", path.display(), mend(source))]
    Io {
        /// What was tried, as in `write`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A program could not be executed.
    #[error("cannot run {}: {source}; check that it is an executable of this machine", program.display())]
    CannotRun {
        /// The program.
        program: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// `initdb` ended with an error; nothing is left behind.
    #[error("initdb could not make a database ({status}): {output}; mend the cause and start again")]
    InitdbFailed {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        output: String,
    },

    /// The server ended before it accepted a connection.
    #[error("PostgreSQL ended while starting ({status}): {log_end}; the whole log is {}", log_file.display())]
    ExitedWhileStarting {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log_end: String,
        /// Where the log is.
        log_file: PathBuf,
    },

    /// The server did not accept connections in time. It has been told to end.
    #[error(
        "PostgreSQL was not ready after {} s ({log_end}): start again, with a longer start timeout if it recovers from a \
         crash; the whole log is {}", after.as_secs(), log_file.display()
    )]
    StartTimeout {
        /// The time allowed.
        after: Duration,
        /// The last lines of its log.
        log_end: String,
        /// Where the log is.
        log_file: PathBuf,
    },

    /// A server, ours or a killed host's, outlived SIGINT, SIGQUIT and SIGKILL, or may not be signalled.
    #[error("the PostgreSQL server with pid {pid} does not stop: end it with kill -INT {pid} as its owner or as root")]
    NotStopped {
        /// The server's process.
        pid: u32,
    },

    /// A database could not be looked up or created.
    #[error("cannot create database {name}: {source}; the server's log tells more")]
    Database {
        /// The database.
        name: String,
        /// What the server or the connection said.
        source: sqlx::Error,
    },

    /// The runtime shut down while the server was being started.
    #[error("the start of PostgreSQL was interrupted by a shutdown: start again")]
    Interrupted,
}

impl EmbeddedPostgresError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// What to do about a failed file operation.
fn mend(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a --data-dir that this user may write to, or run as its owner"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space there",
        _ => "check the data directory, or choose another with --data-dir",
    }
}

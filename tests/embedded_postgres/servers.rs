//! Servers and orphans for the tests to work on.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use foldhost::embedded_postgres::{Durability, EmbeddedPostgres, EmbeddedPostgresConfig, EmbeddedPostgresError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// A directory that other users may enter, as the server's user must when the tests run as root.
pub(crate) fn open_dir() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

pub(crate) fn config(data_dir: impl Into<PathBuf>) -> EmbeddedPostgresConfig {
    EmbeddedPostgresConfig { durability: Durability::OffForTests, ..EmbeddedPostgresConfig::new(data_dir) }
}

pub(crate) async fn start(data_dir: &Path) -> EmbeddedPostgres {
    EmbeddedPostgres::start(config(data_dir)).await.unwrap()
}

pub(crate) async fn refusal(config: EmbeddedPostgresConfig) -> EmbeddedPostgresError {
    let error = EmbeddedPostgres::start(config).await.unwrap_err();
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    error
}

pub(crate) async fn connect(postgres: &EmbeddedPostgres) -> PgConnection {
    PgConnection::connect(&postgres.url("postgres")).await.unwrap()
}

pub(crate) async fn setting(connection: &mut PgConnection, name: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(connection).await.unwrap()
}

pub(crate) async fn write_a_row(postgres: &EmbeddedPostgres) {
    let mut connection = connect(postgres).await;
    sqlx::query("CREATE TABLE kept AS SELECT 42 AS answer").execute(&mut connection).await.unwrap();
}

pub(crate) async fn assert_row_is_kept(postgres: &EmbeddedPostgres) {
    let mut connection = connect(postgres).await;
    let answer: i32 = sqlx::query_scalar("SELECT answer FROM kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(answer, 42);
}

/// Looks at a condition again and again: nothing tells about the end of another process's child.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} has not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

/// A command that runs as the owner of a path.
pub(crate) fn as_owner_of(path: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    if Uid::effective().is_root() {
        let owner = fs::metadata(path).unwrap();
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Makes a database, and runs a server on it that no host knows of: what a killed host leaves behind.
pub(crate) async fn orphan(data_dir: &Path) -> Child {
    let postgres = start(data_dir).await;
    write_a_row(&postgres).await;
    postgres.stop().await.unwrap();
    // As `ps` shows it, where that is how a server is recognised.
    let pgdata = data_dir.join("pg").canonicalize().unwrap();
    let mut command = as_owner_of(&pgdata, postgres.bin_dir().join("postgres"));
    command.arg("-D").arg(&pgdata).args(["-c", "listen_addresses=", "-k"]).arg(postgres.socket_dir());
    let child = command.spawn().unwrap();
    let pid_file = pgdata.join("postmaster.pid");
    until("the orphan", || fs::read_to_string(&pid_file).is_ok_and(|text| text.contains("ready"))).await;
    child
}

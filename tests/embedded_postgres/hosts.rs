//! Hosts in processes of their own: other users, and kill -9.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use foldhost::embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresError};
use nix::unistd::{Uid, User};
use tempfile::TempDir;

use crate::servers::{as_owner_of, assert_row_is_kept, config, open_dir, refusal, start, until, write_a_row};

/// A host in a process of its own: this test binary, told to run one test alone.
struct Host {
    process: Child,
    stdin: Option<ChildStdin>,
    /// Kept open: the host fails when it cannot say its last words.
    _stdout: BufReader<ChildStdout>,
    /// The server's pid, or why it did not start.
    outcome: Result<u32, String>,
}

impl Host {
    /// `home` belongs to the user that the host runs as.
    fn start(home: &Path, data_dir: &Path) -> Self {
        // A checkout below root's home directory is closed to that user. A copy made by this process would be open for
        // writing in what other tests fork at this moment, and could not be executed ("Text file busy").
        let program = home.join("host");
        let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
        assert!(copied.success());
        let mut command = as_owner_of(home, &program);
        command
            .args(["--exact", "--nocapture", "hosts::a_host_starts_its_server_writes_and_stops_it"])
            .env("HOST_DATA_DIR", data_dir);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut said = stdout.by_ref().lines().map(Result::unwrap).filter_map(|line| {
            let failed = line.strip_prefix("failed ").map(|error| Err(error.to_owned()));
            line.strip_prefix("server ").map(|pid| Ok(pid.parse().unwrap())).or(failed)
        });
        let outcome = said.next().expect("the host says how its start went");
        Self { stdin: process.stdin.take(), _stdout: stdout, process, outcome }
    }
}

/// A test by itself, and the host of the tests below, which run it in a process of its own and name a data directory. That
/// one says how its start went, and stops when its standard input ends.
#[tokio::test]
async fn a_host_starts_its_server_writes_and_stops_it() {
    let told = std::env::var_os("HOST_DATA_DIR").map(PathBuf::from);
    let own = open_dir();
    match EmbeddedPostgres::start(config(told.clone().unwrap_or_else(|| own.path().join("data")))).await {
        Ok(postgres) => {
            write_a_row(&postgres).await;
            println!("\nserver {}", postgres.pid());
            if told.is_some() {
                std::io::stdin().read_line(&mut String::new()).unwrap();
            }
            postgres.stop().await.unwrap();
        }
        Err(error) if told.is_some() => println!("\nfailed {error}"),
        Err(error) => panic!("{error}"),
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_ends_with_its_host_even_by_kill_9() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let mut host = Host::start(dir.path(), &data_dir);
    host.outcome.clone().unwrap();
    host.process.kill().unwrap();
    host.process.wait().unwrap();
    // A clean shutdown removes the file as its last act.
    until("the server's end", || !data_dir.join("pg/postmaster.pid").exists()).await;
}

#[tokio::test]
async fn a_start_right_after_a_kill_9_of_the_host_finds_the_data() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let mut host = Host::start(dir.path(), &data_dir);
    let error = refusal(config(&data_dir)).await;
    let holder = host.process.id();
    assert!(matches!(error, EmbeddedPostgresError::AlreadyRunning { pid: Some(pid), .. } if pid == holder), "{error}");
    host.process.kill().unwrap();
    let postgres = start(&data_dir).await;
    assert_ne!(Ok(postgres.pid()), host.outcome);
    assert_row_is_kept(&postgres).await;
    postgres.stop().await.unwrap();
    host.process.wait().unwrap();
}

/// A directory of somebody who is not root.
fn ordinary_users_dir() -> TempDir {
    let dir = open_dir();
    if Uid::effective().is_root() {
        let nobody = User::from_name("nobody").unwrap().unwrap();
        chown(dir.path(), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    }
    dir
}

#[tokio::test]
async fn an_ordinary_user_runs_the_server_as_itself() {
    let dir = ordinary_users_dir();
    let data_dir = dir.path().join("data");
    let mut host = Host::start(dir.path(), &data_dir);
    assert!(host.outcome.is_ok(), "{:?}", host.outcome);
    let owner = |path: &Path| fs::metadata(path).unwrap().uid();
    assert_eq!(owner(&data_dir.join("pg")), owner(dir.path()));
    drop(host.stdin.take());
    assert!(host.process.wait().unwrap().success());
    // Whoever starts it next, root too, serves it as its owner.
    let postgres = start(&data_dir).await;
    assert_row_is_kept(&postgres).await;
    postgres.stop().await.unwrap();
    assert_eq!(owner(&data_dir.join("pg")), owner(dir.path()));
}

#[tokio::test]
async fn a_directory_that_may_not_be_written_is_refused_in_one_line() {
    let dir = ordinary_users_dir();
    let closed = open_dir();
    fs::set_permissions(closed.path(), Permissions::from_mode(0o555)).unwrap();
    let mut host = Host::start(dir.path(), closed.path());
    let error = host.outcome.clone().unwrap_err();
    assert!(error.contains("Permission denied") && error.contains("choose a --data-dir"), "{error}");
    assert!(host.process.wait().unwrap().success());
}

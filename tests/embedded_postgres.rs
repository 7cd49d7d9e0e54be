//! The embedded server, with real servers: each test in a directory of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "embedded_postgres/hosts.rs"]
mod hosts;
#[path = "embedded_postgres/servers.rs"]
mod servers;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use foldhost::embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresConfig, EmbeddedPostgresError, ServerSearch};
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use sqlx::{Connection, PgConnection};

use crate::servers::{
    as_owner_of, assert_row_is_kept, config, connect, open_dir, orphan, refusal, setting, signal, start, until,
    write_a_row,
};

#[tokio::test]
async fn a_new_server_is_durable_private_and_sorts_by_bytes() {
    let dir = open_dir();
    let postgres = EmbeddedPostgres::start(EmbeddedPostgresConfig::new(dir.path())).await.unwrap();
    let mut connection = connect(&postgres).await;
    let expected = [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("max_connections", "200"),
    ];
    for (name, value) in expected {
        assert_eq!(setting(&mut connection, name).await, value, "{name}");
    }
    let sorted: bool = sqlx::query_scalar("SELECT 'Z' < 'a' AND 'z' < 'ä'").fetch_one(&mut connection).await.unwrap();
    assert!(sorted);
    assert_eq!(fs::metadata(postgres.socket_dir()).unwrap().mode() & 0o777, 0o700);
    drop(connection);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_restart_keeps_the_data() {
    let dir = open_dir();
    let postgres = start(dir.path()).await;
    write_a_row(&postgres).await;
    postgres.stop().await.unwrap();
    postgres.stop().await.unwrap();
    let postgres = start(dir.path()).await;
    assert_row_is_kept(&postgres).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_that_many_want_at_once_is_created_once() {
    let dir = open_dir();
    let postgres = start(dir.path()).await;
    let created = futures::future::join_all((0..8).map(|_| postgres.ensure_database("my \"db\""))).await;
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    PgConnection::connect(&postgres.url("my \"db\"")).await.unwrap().close().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_is_refused_and_names_the_pid() {
    let dir = open_dir();
    let postgres = start(dir.path()).await;
    let error = refusal(config(dir.path())).await;
    assert!(matches!(error, EmbeddedPostgresError::AlreadyRunning { pid: Some(pid), .. } if pid == std::process::id()));
    connect(&postgres).await.close().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_waits_for_the_server_that_was_dropped_just_now() {
    let dir = open_dir();
    let postgres = start(dir.path()).await;
    write_a_row(&postgres).await;
    drop(postgres);
    let postgres = start(dir.path()).await;
    assert_row_is_kept(&postgres).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn an_orphan_is_stopped_and_replaced() {
    let dir = open_dir();
    let mut orphan = orphan(dir.path()).await;
    let postgres = start(dir.path()).await;
    assert_ne!(postgres.pid(), orphan.id());
    assert!(orphan.try_wait().unwrap().is_some_and(|status| status.success()), "a fast shutdown ends with success");
    assert_row_is_kept(&postgres).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_dead_orphan_that_nobody_has_collected_is_no_obstacle() {
    let dir = open_dir();
    let mut orphan = orphan(dir.path()).await;
    orphan.kill().unwrap();
    let postgres = start(dir.path()).await;
    assert_row_is_kept(&postgres).await;
    postgres.stop().await.unwrap();
    orphan.wait().unwrap();
}

#[tokio::test]
async fn a_program_that_has_got_the_pid_of_a_dead_server_is_no_obstacle_and_is_left_alone() {
    let dir = open_dir();
    let mut orphan = orphan(dir.path()).await;
    orphan.kill().unwrap();
    orphan.wait().unwrap();
    let pgdata = dir.path().join("pg");
    let mut other = as_owner_of(&pgdata, "sleep").arg("1000").spawn().unwrap();
    let pid_file = pgdata.join("postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", other.id())).unwrap();
    let postgres = start(dir.path()).await;
    assert_row_is_kept(&postgres).await;
    assert!(other.try_wait().unwrap().is_none(), "the other program must go on");
    postgres.stop().await.unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_the_next_waits_for_its_last_backend() {
    let dir = open_dir();
    let postgres = start(dir.path()).await;
    write_a_row(&postgres).await;
    let mut busy = connect(&postgres).await;
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut busy).await.unwrap();
    signal(backend.cast_unsigned(), Signal::SIGSTOP);
    signal(postgres.pid(), Signal::SIGKILL);
    let exit = postgres.exited().await;
    assert!(!exit.requested && exit.to_string().contains("ended by itself"), "{exit}");
    let is_met = || fs::read_to_string(postgres.log_file()).unwrap().contains("pre-existing shared memory block");
    let (again, ()) = tokio::join!(start(dir.path()), async {
        until("the backend that is still there", is_met).await;
        signal(backend.cast_unsigned(), Signal::SIGCONT);
    });
    assert_row_is_kept(&again).await;
    again.stop().await.unwrap();
    assert!(again.exited().await.requested);
}

#[tokio::test]
async fn a_directory_that_holds_something_else_is_refused_and_left_alone() {
    let dir = open_dir();
    fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let error = refusal(config(dir.path())).await;
    assert!(matches!(error, EmbeddedPostgresError::NotOurs { .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let error = refusal(config(dir.path().join("thesis.txt"))).await;
    assert!(matches!(error, EmbeddedPostgresError::NotADirectory { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_with_another_program_s_file_under_our_marker_s_name_is_refused() {
    let home = open_dir();
    fs::write(home.path().join("foldhost.data"), "somebody else's").unwrap();
    let error = refusal(config(home.path())).await;
    assert!(matches!(error, EmbeddedPostgresError::NotOurs { .. }), "{error}");
}

#[tokio::test]
async fn a_private_directory_with_an_odd_name_serves() {
    let dir = open_dir();
    let private = dir.path().join("a \"b\", c=d%20");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    let postgres = start(&private).await;
    connect(&postgres).await.close().await.unwrap();
    postgres.stop().await.unwrap();
    assert_eq!(fs::metadata(&private).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_directory_below_one_that_only_root_enters_is_refused_and_the_closed_one_is_named() {
    if !Uid::effective().is_root() {
        return; // Only root runs the server as somebody else.
    }
    let dir = open_dir();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let error = refusal(config(closed.join("way/data"))).await;
    let is_named =
        matches!(&error, EmbeddedPostgresError::ClosedToServerUser { closed: named, .. } if *named == closed);
    assert!(is_named, "{error}");
    assert!(!closed.join("way").exists());
}

#[tokio::test]
async fn a_long_path_has_its_socket_in_a_short_private_directory() {
    let dir = open_dir();
    let long = dir.path().join("d".repeat(150));
    let postgres = start(&long).await;
    let socket_dir = postgres.socket_dir().to_owned();
    assert!(socket_dir.starts_with("/tmp") && socket_dir.as_os_str().len() < 60, "{}", socket_dir.display());
    connect(&postgres).await.close().await.unwrap();
    postgres.stop().await.unwrap();
    until("the end of the socket directory", || !socket_dir.exists()).await;
    // Somebody else was quicker to make it, open to all.
    fs::create_dir(&socket_dir).unwrap();
    fs::set_permissions(&socket_dir, Permissions::from_mode(0o777)).unwrap();
    let error = refusal(config(&long)).await;
    fs::remove_dir(&socket_dir).unwrap();
    assert!(matches!(error, EmbeddedPostgresError::SocketDirNotOurs { .. }), "{error}");
}

#[tokio::test]
async fn what_a_killed_initdb_left_is_removed() {
    let dir = open_dir();
    start(dir.path()).await.stop().await.unwrap();
    let half_made = dir.path().join("pg.initdb-4711-0");
    fs::rename(dir.path().join("pg"), &half_made).unwrap();
    let postgres = start(dir.path()).await;
    assert!(!half_made.exists());
    connect(&postgres).await.close().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn without_an_installation_the_packages_are_named() {
    let dir = open_dir();
    let search =
        ServerSearch { pg_bin_dir: None, well_known: vec![], path: Some(dir.path().join("bogus").into_os_string()) };
    let error = refusal(EmbeddedPostgresConfig { search, ..config(dir.path()) }).await.to_string();
    for words in ["apt-get install postgresql", "dnf install postgresql-server", "brew install", "DATABASE_URL"] {
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_ends_while_starting_is_quoted() {
    let dir = open_dir();
    let settings = vec![("shared_buffers".to_owned(), "nonsense".to_owned())];
    let error = refusal(EmbeddedPostgresConfig { settings, ..config(dir.path()) }).await;
    assert!(matches!(&error, EmbeddedPostgresError::ExitedWhileStarting { .. }), "{error}");
    assert!(error.to_string().contains("shared_buffers"), "{error}");
    start(dir.path()).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_ready_in_time_is_not_left_running() {
    let dir = open_dir();
    start(dir.path()).await.stop().await.unwrap();
    let error = refusal(EmbeddedPostgresConfig { start_timeout: Duration::ZERO, ..config(dir.path()) }).await;
    assert!(matches!(error, EmbeddedPostgresError::StartTimeout { .. }), "{error}");
    assert!(!dir.path().join("pg/postmaster.pid").exists());
}

#[tokio::test]
async fn attach_finds_a_running_server_and_changes_nothing() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    assert_eq!(EmbeddedPostgres::attach(&data_dir).await.unwrap(), None);
    assert!(!data_dir.exists());
    let postgres = start(&data_dir).await;
    let found = EmbeddedPostgres::attach(&data_dir).await.unwrap().unwrap();
    assert_eq!(&found, postgres.address());
    postgres.stop().await.unwrap();
    assert_eq!(EmbeddedPostgres::attach(&data_dir).await.unwrap(), None);
    let error = EmbeddedPostgres::attach("/usr").await.unwrap_err();
    assert!(matches!(error, EmbeddedPostgresError::NotOurs { .. }), "{error}");
}

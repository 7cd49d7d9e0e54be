//! `foldhost serve`, and what may happen to it.

use std::fs;
use std::net::TcpListener;

use foldhost::embedded_postgres::EmbeddedPostgres;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Serving, component_file, foldhost, open_dir, run};

#[test]
fn a_port_in_use_is_told_at_once_and_nothing_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let line = run(["serve", "--listen", &address, "--data-dir", data_dir.to_str().unwrap()]).failure(1);
    assert!(line.contains(&address) && line.contains("--listen"), "{line}");
    assert!(!data_dir.exists());
}

#[test]
fn an_address_of_another_machine_is_refused() {
    // Set aside for documentation (RFC 5737), so no machine has it.
    let line = run(["serve", "--listen", "192.0.2.1:7070", "--data-dir", "/nonexistent"]).failure(1);
    assert!(line.contains("cannot listen on 192.0.2.1:7070"), "{line}");
}

#[test]
fn a_directory_that_holds_something_else_is_refused_and_left_alone() {
    let dir = open_dir();
    fs::write(dir.path().join("letters.txt"), "dear").unwrap();
    let data_dir = dir.path().to_str().unwrap();
    for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["replay"]] {
        let outcome = foldhost(args.iter().copied()).args(["--data-dir", data_dir]).output().unwrap();
        let stderr = String::from_utf8(outcome.stderr).unwrap();
        assert_eq!(outcome.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains("is not a Foldhost data directory: choose"), "{args:?}: {stderr}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn without_migrations_a_new_database_is_refused_with_the_command_to_run() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let data_dir = data_dir.to_str().unwrap();
    let mut serve = foldhost(["serve", "--listen", "127.0.0.1:0", "--no-migrate", "--data-dir", data_dir]);
    let refused = serve.env("RUST_LOG", "off").output().unwrap();
    let line = crate::program::Outcome::from(refused).failure(1);
    assert!(line.contains("run `foldhost migrate`"), "{line}");
    let migrated = run(["migrate", "--data-dir", data_dir, "--json"]).json();
    assert!(migrated["applied"].as_u64().unwrap() > 0, "{migrated}");
}

#[test]
fn a_host_whose_database_dies_says_so_and_ends_with_status_1() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let host = Serving::start(&data_dir);
    let pid_file = fs::read_to_string(data_dir.join("pg/postmaster.pid")).unwrap();
    let pid: i32 = pid_file.lines().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let log = data_dir.with_extension("log");
    assert_eq!(host.end().0, Some(1));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("error: the embedded PostgreSQL server ended by itself"), "{log}");
}

#[test]
fn a_host_keeps_to_the_limits_of_its_file_for_one_reducer_and_for_all() {
    let dir = open_dir();
    let limits = dir.path().join("limits.toml");
    fs::write(&limits, "command_bytes_max = 100\n[reducers.hostile]\nevents_per_decision_max = 2\n").unwrap();
    let host = Serving::start_with(&dir.path().join("data"), ["--limits", limits.to_str().unwrap()]);
    for name in ["hostile", "counter"] {
        host.run(["deploy", &component_file(name, dir.path())]).success();
    }
    host.run(["send", "hostile-1", "ManyEvents", r#"{"count":2}"#]).success();
    let line = host.run(["send", "hostile-1", "ManyEvents", r#"{"count":3}"#]).failure(1);
    assert!(line.contains("3 events, and 2 are allowed (events_per_decision_max)"), "{line}");
    let long = format!(r#"{{"by":1{}}}"#, " ".repeat(100));
    let line = host.run(["send", "counter-1", "Increment", &long]).failure(1);
    assert!(line.contains("the 100 bytes that are allowed"), "{line}");
}

#[test]
fn a_host_that_others_can_reach_warns_of_it() {
    let dir = open_dir();
    let mut serve = foldhost(["serve", "--listen", "0.0.0.0:0", "--database-url", "postgres:///x?host=/nonexistent"]);
    let ended = serve.current_dir(dir.path()).output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(stderr.contains("it has no authentication"), "{stderr}");
}

#[test]
fn what_is_no_component_is_refused_and_the_host_serves_on() {
    let dir = open_dir();
    let host = Serving::start(&dir.path().join("data"));
    let text = dir.path().join("text.wasm");
    fs::write(&text, "not wasm").unwrap();
    let line = host.run(["deploy", text.to_str().unwrap()]).failure(1);
    assert!(line.contains("foldhost build"), "{line}");
    fs::write(&text, b"\0asm\x01\0\0\0").unwrap();
    let line = host.run(["deploy", text.to_str().unwrap()]).failure(1);
    assert!(line.contains("core module"), "{line}");
    let counter = component_file("counter", dir.path());
    assert_eq!(host.run(["deploy", &counter, "--json"]).json()["name"], "counter");
    let line = host.run(["send", "counter-1", "Fly"]).failure(1);
    assert!(line.contains("has no command Fly; it has Increment"), "{line}");
    let line = host.run(["state", "counter-none"]).failure(1);
    assert!(line.contains("stream counter-none has no events"), "{line}");
    assert!(!host.log().contains("panicked"));
    host.signal(Signal::SIGINT);
    assert_eq!(host.end().0, Some(0));
}

#[tokio::test]
async fn two_hosts_share_a_database_by_its_url() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let first = Serving::start(&data_dir);
    let counter = component_file("counter", dir.path());
    first.run(["deploy", &counter]).success();
    first.run(["send", "counter-1", "Increment", r#"{"by":2}"#]).success();

    let server = EmbeddedPostgres::attach(&data_dir).await.unwrap().unwrap();
    let mut serve = foldhost(["serve", "--listen", "127.0.0.1:0", "--no-migrate", "--log-format", "json"]);
    serve.env("DATABASE_URL", server.url("foldhost")).env("XDG_CACHE_HOME", dir.path().join("caches"));
    let second = Serving::spawn(serve, dir.path().join("second.log"));
    second.run(["send", "counter-1", "Increment", r#"{"by":3}"#, "--expected", "1"]).success();
    let states = [&first, &second].map(|host| host.run(["state", "counter-1", "--json"]).json());
    assert_eq!((&states[0]["version"], &states[0]), (&2.into(), &states[1]));
    assert!(dir.path().join("caches/foldhost").is_dir());
    for line in second.log().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].is_string(), "{line}");
    }
}

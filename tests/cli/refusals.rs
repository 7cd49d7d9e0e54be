//! What goes wrong before there is a host or a database to talk to.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::program::{Outcome, component_file, foldhost, open_dir, run};

/// An address that nothing listens on: it was free a moment ago.
fn closed_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_host_that_does_not_answer_is_told_with_what_to_do() {
    let url = format!("http://me:secret@{}", closed_address());
    for args in [&["reducers"][..], &["state", "order-1"], &["events", "--follow"], &["send", "order-1", "PlaceOrder"]]
    {
        let line = Outcome::from(foldhost(args.iter().copied()).args(["--url", &url]).output().unwrap()).failure(1);
        assert!(line.contains("start one with `foldhost serve`, or pass --url"), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

#[test]
fn features_of_what_is_built_already_are_refused_before_anything_is_sent() {
    let dir = open_dir();
    let file = dir.path().join("order.wasm");
    fs::write(&file, b"no component").unwrap();
    let url = format!("http://{}", closed_address());
    let line = run(["deploy", file.to_str().unwrap(), "--features", "a,b", "--url", &url]).failure(2);
    assert!(line.contains("order.wasm is no crate: --features goes with the directory of one"), "{line}");
}

#[test]
fn a_database_that_is_down_is_told_without_its_password() {
    let url = format!("postgres://me:secret@{}/orders", closed_address());
    for args in [&["migrate"][..], &["replay"]] {
        let line = Outcome::from(foldhost(args.iter().copied()).env("DATABASE_URL", &url).output().unwrap()).failure(1);
        assert!(line.contains("the database is unavailable") && line.contains("DATABASE_URL has to name"), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

#[test]
fn a_database_url_that_cannot_be_read_is_told_without_repeating_it() {
    for url in ["mysql://me:secret@localhost/orders", "postgres://me:secret@localhost:port/orders", "secret"] {
        let line = run(["migrate", "--database-url", url]).failure(1);
        assert!(line.contains("postgres://USER:PASSWORD@HOST:5432/NAME"), "{url}: {line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

#[test]
fn a_replay_of_a_directory_that_is_not_there_or_empty_makes_no_database() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let line = run(["replay", "--data-dir", data_dir.to_str().unwrap()]).failure(1);
    assert!(line.contains("there is no database in"), "{line}");
    assert!(!data_dir.exists());
    let line = run(["replay", "--data-dir", dir.path().to_str().unwrap()]).failure(1);
    assert!(line.contains("there is no database in"), "{line}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_limit_that_is_none_is_told_with_its_file_and_line_before_anything_starts() {
    let dir = open_dir();
    let limits = dir.path().join("limits.toml");
    let limits = limits.to_str().unwrap();
    for (text, told) in [
        ("entities_max = 7\nmailbox = 1\n", ", line 2: unknown field `mailbox`"),
        ("entities_max = \"many\"\n", ", line 1: invalid type"),
        ("[effects]\nlease_seconds = 0\n", ": effects.lease_seconds is 0, and it has to be"),
        ("[effects.kinds.http]\nattempts_max = 0\n", ": effects.kinds.http.attempts_max is 0, and it has to be"),
        ("[reducers.order]\nfuel_per_call_max = 7\n", ": reducers.order.fuel_per_call_max is 7, and it has to be"),
    ] {
        fs::write(limits, text).unwrap();
        for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["replay"], &["test", "/"], &["build", "/"]] {
            let outcome = foldhost(args.iter().copied()).args(["--limits", limits]).current_dir(&dir).output().unwrap();
            let line = Outcome::from(outcome).failure(1);
            assert!(line.contains(limits) && line.contains(told), "{args:?}: {line}");
        }
    }
}

#[test]
fn secrets_that_others_can_read_are_refused_before_anything_starts() {
    let dir = open_dir();
    let secrets = dir.path().join("secrets.toml");
    fs::write(&secrets, "[pay]\nvalue = 'hunter2-hunter2'\norigins = ['https://pay.example']\n").unwrap();
    let secrets = secrets.to_str().unwrap();
    fs::set_permissions(secrets, Permissions::from_mode(0o644)).unwrap();
    let mut serve = foldhost(["serve", "--listen", "127.0.0.1:0", "--secrets", secrets]);
    let line = Outcome::from(serve.current_dir(&dir).output().unwrap()).failure(1);
    assert!(line.contains(&format!("chmod 600 {secrets}")) && !line.contains("hunter2"), "{line}");
    assert!(!dir.path().join("foldhost-data").exists());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for args in [
        &["deploy", "/nonexistent/order.wasm"][..],
        &["replay", "--component", "/nonexistent/order.wasm"],
        &["send", "order-1", "PlaceOrder", "@/nonexistent/order.json"],
    ] {
        let line = run(args.iter().copied()).failure(1);
        assert!(line.contains("cannot read /nonexistent/order."), "{line}");
    }
}

#[test]
fn a_component_is_built_and_described() {
    let dir = open_dir();
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/counter");
    let out = dir.path().join("counter.wasm");
    let built = foldhost(["build", guest.to_str().unwrap(), "--json", "--out", out.to_str().unwrap()]);
    let built = Outcome::from({ built }.output().unwrap()).json();
    assert_eq!((&built["name"], &built["path"]), (&"counter".into(), &out.to_str().unwrap().into()));
    // Whoever builds it, and however: the digest is the one that a host knows it by.
    assert_eq!(fs::read(&out).unwrap(), fs::read(component_file("counter", dir.path())).unwrap());
    let told = run(["build", guest.to_str().unwrap(), "--out", out.to_str().unwrap()]).stdout;
    assert!(told.contains(built["digest"].as_str().unwrap()) && told.contains("Increment"), "{told}");
}

#[test]
fn a_toolchain_without_the_target_is_told_the_command_that_adds_it() {
    let dir = open_dir();
    let rustc = dir.path().join("rustc");
    fs::write(&rustc, "#!/bin/sh\ncase \"$*\" in *target-libdir*) echo /nonexistent;; *) exec rustc \"$@\";; esac\n")
        .unwrap();
    fs::set_permissions(&rustc, Permissions::from_mode(0o755)).unwrap();
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/counter");
    let mut build = foldhost(["build", guest.to_str().unwrap()]);
    let line = Outcome::from(build.env("RUSTC", &rustc).output().unwrap()).failure(1);
    assert!(line.contains("run `rustup target add wasm32-unknown-unknown`"), "{line}");
}

#[test]
fn a_directory_that_is_no_crate_is_refused() {
    let dir = open_dir();
    for command in ["build", "deploy"] {
        let line = run([command, dir.path().to_str().unwrap()]).failure(1);
        assert!(line.contains("is not a crate: name the directory that holds the reducer's Cargo.toml"), "{line}");
    }
}

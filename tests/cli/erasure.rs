//! Keys, encrypted categories, and streams that are closed and erased.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::program::{Outcome, Serving, component_file, foldhost, open_dir, run};

/// A file with one new key that only its owner reads, and the key's line.
fn key_file(dir: &Path) -> (PathBuf, String) {
    let (path, line) = (dir.join("keys"), run(["keys", "generate"]).success());
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
    (path, line)
}

#[test]
fn every_key_is_another_and_one_line_with_its_id() {
    let lines = [run(["keys", "generate"]), run(["keys", "generate"])].map(Outcome::success);
    assert_ne!(lines[0], lines[1]);
    for line in lines {
        let (key, id) = line.strip_suffix('\n').unwrap().split_once(" # ").unwrap();
        assert_eq!((key.len(), id.len()), (44, 16), "{line}");
    }
}

#[test]
fn an_encrypted_stream_needs_its_keys_and_is_erased_for_good() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let (keys, line) = key_file(dir.path());
    let keys = keys.to_str().unwrap();
    let (key, id) = line.trim_end().split_once(" # ").unwrap();
    let counter = component_file("counter", dir.path());

    // A snapshot each event: it is encrypted as the events are.
    let flags = ["--encryption-keys", keys, "--encrypt", "counter", "--snapshot", "counter=1"];
    let host = Serving::start_with(&data_dir, flags);
    assert!(host.log().contains(id) && host.log().contains("counter"), "{}", host.log());
    host.run(["deploy", &counter]).success();
    for _ in 0..3 {
        host.run(["send", "counter-1", "Increment", r#"{"by":2}"#]).success();
    }
    let dir_flag = ["--data-dir", data_dir.to_str().unwrap()];
    let replayed = run(["replay", "counter-1", "--json", "--encryption-keys", keys].into_iter().chain(dir_flag)).json();
    assert_eq!(replayed["state"]["value"], 6);
    let line = run(["replay", "counter-1"].into_iter().chain(dir_flag)).failure(1);
    assert!(line.contains("--encryption-keys"), "{line}");
    host.signal(Signal::SIGTERM);
    assert_eq!(host.end().0, Some(0));

    // Without the keys no host starts, and without the category it says what that means.
    let mut serve = foldhost(["serve", "--listen", "127.0.0.1:0"]);
    let refused: Outcome = serve.args(dir_flag).env("RUST_LOG", "error").output().unwrap().into();
    let line = refused.failure(2);
    assert!(line.contains("encrypted streams (counter): pass --encryption-keys"), "{line}");
    let host = Serving::start_with(&data_dir, ["--encryption-keys", keys]);
    assert!(host.log().contains("will be plain: pass --encrypt"), "{}", host.log());
    host.signal(Signal::SIGTERM);
    assert_eq!(host.end().0, Some(0));

    let mut serve = foldhost(["serve", "--listen", "127.0.0.1:0", "--encrypt", "counter"]);
    serve.args(dir_flag).env("FOLDHOST_ENCRYPTION_KEYS_FILE", keys);
    let host = Serving::spawn(serve, data_dir.with_extension("log"));
    assert_eq!(host.run(["state", "counter-1", "--json"]).json()["state"]["value"], 6);

    let line = host.run(["close", "counter-1", "--erase"]).failure(2);
    assert!(line.contains("pass --yes"), "{line}");
    assert_eq!(host.run(["state", "counter-1", "--json"]).json()["version"], 3);
    let erased = host.run(["close", "counter-1", "--erase", "--yes"]).success();
    assert_eq!(erased, "counter-1 is closed at version 4, and its data is erased\n");
    assert!(host.run(["state", "counter-1"]).failure(1).contains("was erased"));
    assert!(host.run(["send", "counter-1", "Reset"]).failure(1).contains("was erased"));
    let events = host.run(["events", "counter-1"]).success();
    assert_eq!(events.lines().filter(|line| line.ends_with("Incremented.v1  (erased)")).count(), 3, "{events}");
    assert!(events.trim_end().ends_with("  $stream-closed"), "{events}");
    let events = host.run(["events", "--category", "counter", "--json"]).success();
    let first: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    assert_eq!((&first["erased"], &first["data"]), (&Value::Bool(true), &Value::Null));
    assert!(!host.log().contains(key), "the log shows a key");
}

#[test]
fn a_stream_is_closed_without_keys_and_stays_readable() {
    let dir = open_dir();
    let host = Serving::start(&dir.path().join("data"));
    host.run(["deploy", &component_file("counter", dir.path())]).success();
    host.run(["send", "counter-1", "Increment", r#"{"by":2}"#]).success();
    let line = host.run(["close", "counter-1", "--erase", "--yes"]).failure(1);
    assert!(line.contains("close it without erasing"), "{line}");
    let closed = host.run(["close", "counter-1"]).success();
    assert_eq!(closed, "counter-1 is closed at version 2, and its data stays readable\n");
    assert_eq!(host.run(["close", "counter-1", "--json"]).json()["erased"], false);
    assert_eq!(host.run(["state", "counter-1", "--json"]).json()["state"]["value"], 2);
    let line = host.run(["send", "counter-1", "Reset"]).failure(1);
    assert!(line.contains("was closed at version 2"), "{line}");
    let line = host.run(["close", "counter-2"]).failure(1);
    assert!(line.contains("has no events"), "{line}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_command_to_run() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let (keys, line) = key_file(dir.path());
    for mode in [0o644, 0o640, 0o602] {
        fs::set_permissions(&keys, Permissions::from_mode(mode)).unwrap();
        for command in ["serve", "replay"] {
            let mut program = foldhost([command, "--encryption-keys", keys.to_str().unwrap(), "--data-dir"]);
            let told = Outcome::from(program.arg(&data_dir).env("RUST_LOG", "off").output().unwrap()).failure(1);
            assert!(told.contains(&format!("chmod 600 {}", keys.display())), "{told}");
            assert!(!told.contains(&line[..20]), "{told}");
        }
    }
    assert!(!data_dir.exists());
}

#[test]
fn a_key_file_that_cannot_be_read_is_told_without_its_text() {
    let dir = open_dir();
    let (keys, line) = key_file(dir.path());
    for (text, told) in [
        ("", "no master key"),
        ("c2VjcmV0", "line 1 has 6 bytes"),
        ("# mine\nnot a key!", "line 2"),
        (&format!("{line}{line}"), "repeats the key"),
    ] {
        fs::write(&keys, text).unwrap();
        let mut serve = foldhost(["serve", "--encryption-keys", keys.to_str().unwrap(), "--encrypt", "counter"]);
        let refused = serve.current_dir(dir.path()).env("RUST_LOG", "off").output().unwrap();
        let refused = Outcome::from(refused).failure(1);
        assert!(refused.contains(told) && refused.contains(keys.to_str().unwrap()), "{refused}");
        assert!(!refused.contains("c2Vj") && !refused.contains(&line[..20]), "{refused}");
    }
    fs::write(&keys, &line).unwrap();
    let serve = ["serve", "--encryption-keys", keys.to_str().unwrap(), "--encrypt", "counter-1"];
    assert!(run(serve).failure(2).contains("no categories to encrypt"));
    let missing = ["serve", "--encryption-keys", "/nonexistent/keys", "--listen", "127.0.0.1:0"];
    assert!(run(missing).failure(1).contains("cannot read /nonexistent/keys"));
}

//! What the sender and the operator are told when a guest fails, or has something to say.

use std::path::Path;

use serde_json::Value;

use crate::program::{Serving, component_file, open_dir};

/// A host that decides with `hostile`, its log as JSON.
fn hostile_host(dir: &Path) -> Serving {
    let host = Serving::start_with(&dir.join("data"), ["--log-format", "json"]);
    host.run(["deploy", &component_file("hostile", dir)]).success();
    host
}

/// The lines of the host's log that say this.
fn lines(host: &Serving, message: &str) -> Vec<Value> {
    let lines: Vec<Value> = host.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().filter(|line| line["message"] == message).collect()
}

#[test]
fn a_panic_comes_out_with_its_words_and_line_the_command_the_stream_and_the_version() {
    let dir = open_dir();
    let host = hostile_host(dir.path());
    for _ in 0..2 {
        host.run(["send", "hostile-1", "Ok"]).success();
    }
    let source = include_str!("../../guests/hostile/src/acts.rs");
    let line = 1 + source.lines().position(|line| line.contains(r#"panic!("as commanded"#)).unwrap();
    let panic = format!("src/acts.rs:{line}:");

    let told = host.run(["send", "hostile-1", "Panic"]).failure(1);
    for part in [
        "panicked at",
        &panic,
        "as commanded, after 2 events",
        "Panic on hostile-1 at version 2",
        "hostile generation 1",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let failed = lines(&host, "request failed");
    let [failed] = failed.as_slice() else { panic!("{failed:?}") };
    let detail = failed["detail"].as_str().unwrap();
    assert!(told.contains(detail), "the operator reads what the sender was told: {detail}");
    host.run(["send", "hostile-1", "Ok"]).success();
}

#[test]
fn an_event_that_cannot_be_folded_is_named_with_the_command_that_asked_for_the_stream() {
    let dir = open_dir();
    let host = hostile_host(dir.path());
    host.run(["send", "hostile-1", "Ok"]).success();
    // Folded when it is decided, so that it is never recorded.
    let told = host.run(["send", "hostile-1", "PoisonApply"]).failure(1);
    for part in ["this event cannot be applied", "in apply", "PoisonApply on hostile-1 at version 1"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn a_reducer_s_log_lines_stand_in_the_host_s_log_with_their_stream() {
    let dir = open_dir();
    let host = hostile_host(dir.path());
    let misdeed = r#"{"misdeed":"decide many-log-lines"}"#;
    host.run(["send", "hostile-talkative", "Misbehave", misdeed]).success();
    let said = lines(&host, "reducer");
    assert_eq!(said.len(), 101, "a hundred, and one that says how many were left out");
    assert!(said.iter().all(|line| line["stream_id"] == "hostile-talkative"), "{:?}", said[0]);
    assert!(said[100]["text"].as_str().unwrap().contains("99900"), "{:?}", said[100]);
}

//! What a run says of itself: to people, to programs and to CI.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::place::{Place, ended};

const PASSING: &str = "\
scenarios:
  - { name: it counts, when: { Increment: { by: 2 } }, then: { events: [Incremented.v1: { by: 2 }] } }
  - { name: it resets, given: [Incremented.v1: { by: 2 }], when: Reset, then: { events: [Reset.v1] } }
";

#[test]
fn a_state_that_differs_is_shown_with_what_the_command_came_to() {
    let place = Place::with(
        "scenarios:\n- { name: a, given: [Incremented.v1: { by: 2 }], when: { Increment: { by: 0 } }, then: { state_contains: { value: 3 } } }\n",
    );
    let ended = ended(place.foldhost("counter", &["--runs", "0"]));
    let shown = "        it came to the rejection `nothing-to-add`: ";
    assert_eq!(ended.stdout.matches(shown).count(), 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("          state.value\n            expected  3\n"), "{}", ended.stdout);
    // Once, however many keys differ.
    place.write(
        "scenarios/all.yaml",
        "scenarios:\n- { name: a, when: { Increment: { by: 2 } }, then: { events: [], state: { value: 3 }, log: [info: a] } }\n",
    );
    let ended = crate::place::ended(place.foldhost("counter", &["--runs", "0"]));
    assert_eq!(ended.stdout.matches("it came to the event Incremented.v1").count(), 1, "{}", ended.stdout);
}

#[test]
fn a_command_that_cannot_be_read_is_not_said_to_be_blessed() {
    let place = Place::with("scenarios:\n- { name: a, when: { Increment: { bye: 2 } } }\n");
    let ended = ended(place.foldhost("counter", &["--bless", "--runs", "0"]));
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("nothing is expected: write `then`; it came to a command"), "{}", ended.stdout);
    assert!(ended.stdout.contains("left     ") && !ended.stdout.contains("pass --bless"), "{}", ended.stdout);
}

#[test]
fn a_junit_report_is_written_where_no_directory_is_yet() {
    let place = Place::with(PASSING);
    let path = place.path("reports/deep/report.xml");
    let ended = ended(place.foldhost("counter", &["--junit", path.to_str().unwrap()]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(fs::read_to_string(path).unwrap().contains("it counts"));
}

#[test]
fn a_junit_report_that_cannot_be_written_takes_nothing_from_the_other() {
    let place = Place::with(PASSING);
    let path = place.write("file", "").join("report.xml");
    let ended = ended(place.foldhost("counter", &["--junit", path.to_str().unwrap()]));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("counter: 2 passed, 0 failed"), "{}", ended.stdout);
    assert!(ended.stderr.starts_with("error: cannot write ") && ended.stderr.lines().count() == 1, "{}", ended.stderr);
}

#[test]
fn a_run_that_comes_to_nothing_leaves_no_report_of_a_former_one() {
    let place = Place::with("scenarios: 1\n");
    let path = place.write("report.xml", "of yesterday");
    let ended = ended(place.foldhost("counter", &["--junit", path.to_str().unwrap()]));
    assert_eq!(ended.code, Some(1));
    assert!(!path.exists());
}

#[test]
fn a_junit_report_is_xml_whatever_a_name_holds() {
    let place = Place::with(
        &PASSING.replace("it counts", "\"it \\uFFFE\\uFFFFcounts to \\U0001F600\"").replace("by: 2 }] }", "by: 3 }] }"),
    );
    let path = place.path("report.xml");
    let ended = ended(place.foldhost("counter", &["--runs", "0", "--junit", path.to_str().unwrap()]));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("it counts to \u{1F600}"), "{text}");
    // The production `Char` of XML 1.0.
    let is_char = |c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    assert!(text.chars().all(is_char), "{text:?}");
}

#[test]
fn a_path_that_is_no_utf_8_is_drawn_as_well_as_can_be() {
    let place = Place::with(PASSING);
    let scenarios = place.path("").join(OsStr::from_bytes(b"sc\xffn"));
    fs::rename(place.path("scenarios"), &scenarios).unwrap();
    for args in [&["--json"][..], &["--json", "--bless"]] {
        fs::write(scenarios.join("all.yaml"), PASSING.replace("by: 2 }] }", "by: 3 }] }")).unwrap();
        let mut command = place.foldhost("counter", args);
        let ended = ended(command.args(["--runs", "0", "--scenarios"]).arg(&scenarios));
        assert!(ended.code.is_some_and(|code| code < 2), "{:?}: {}", ended.code, ended.stderr);
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(document["scenarios"][0]["file"].as_str().unwrap().ends_with("sc\u{FFFD}n/all.yaml"), "{document}");
    }
}

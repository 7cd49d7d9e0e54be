//! `foldhost test`, as a user and as CI run it.

use std::fs;

use serde_json::Value;

use crate::place::{Ended, Place, ended, foldhost, guest};

const PASSING: &str = "\
scenarios:
  - { name: it counts, when: { Increment: { by: 2 } }, then: { events: [Incremented.v1: { by: 2 }] } }
  - { name: it resets, given: [Incremented.v1: { by: 2 }], when: Reset, then: { events: [Reset.v1] } }
";

fn failing() -> String {
    PASSING.replace(
        "[Incremented.v1: { by: 2 }] } }\n  - { name: it resets",
        "[Incremented.v1: { by: 3 }] } }\n  - { name: it resets",
    )
}

fn test(text: &str, args: &[&str]) -> (Place, Ended) {
    let place = Place::with(text);
    let ended = ended(place.foldhost("counter", args));
    (place, ended)
}

#[test]
fn a_suite_that_passes_says_so_on_stdout_and_ends_with_status_0() {
    let (_, Ended { code, stdout, stderr }) = test(PASSING, &["--seed", "7"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("ok    it counts") && stdout.contains(" fuel\n"), "{stdout}");
    assert!(
        stdout.contains("counter: 2 passed, 0 failed; 9 of 9 checks hold; seed 7 for 100 random sequences"),
        "{stdout}"
    );
    assert!(!stdout.contains('\x1b'), "colours are for terminals");
}

#[test]
fn a_wrong_event_shows_its_file_its_line_and_its_field_and_ends_with_status_1() {
    let (place, Ended { code, stdout, stderr }) = test(&failing(), &[]);
    assert_eq!((code, stderr.as_str()), (Some(1), "error: 1 of 2 scenarios failed: see above\n"), "{stdout}");
    let shown = "          events[0].Incremented.v1.by\n            expected  3\n            came      2\n";
    assert!(stdout.contains(shown), "{stdout}");
    assert!(stdout.contains(&format!("{}:2  when Increment", place.path("scenarios/all.yaml").display())), "{stdout}");
    let quiet = ended(place.foldhost("counter", &["--quiet"]));
    assert!(quiet.stdout.contains("FAIL  it counts") && !quiet.stdout.contains("it resets"), "{}", quiet.stdout);
}

#[test]
fn a_mistake_in_a_file_is_one_line_and_several_are_a_line_each() {
    let (_, one) = test("scenarios: 1\n", &[]);
    assert_eq!((one.code, one.stdout.as_str(), one.stderr.lines().count()), (Some(1), "", 1), "{}", one.stderr);
    assert!(one.stderr.contains("all.yaml:1:12: `scenarios` is a list"), "{}", one.stderr);
    let (_, several) = test("scenarios: [{ nam: a }, { name: b, wen: c }]\n", &[]);
    assert!(
        several.stderr.contains("unknown key `nam`") && several.stderr.contains("unknown key `wen`"),
        "{}",
        several.stderr
    );
    assert!(several.stderr.ends_with("mistakes: see above\n"), "{}", several.stderr);
}

#[test]
fn what_is_not_there_is_told() {
    let place = Place::with(PASSING);
    fs::remove_file(place.path("scenarios/all.yaml")).unwrap();
    let none = ended(place.foldhost("counter", &[]));
    assert!(none.code == Some(1) && none.stderr.contains("there are no scenarios in"), "{}", none.stderr);
    let (_, filtered) = test(PASSING, &["--filter", "flies"]);
    assert!(filtered.stderr.contains("no scenario has `flies` in its name: there are 2"), "{}", filtered.stderr);
    let mut missing = foldhost();
    missing.args(["test", "/nonexistent/order.wasm"]);
    assert!(ended(missing).stderr.contains("cannot read /nonexistent/order.wasm"));
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_status_2() {
    for args in [
        &["--watch", "--bless"][..],
        &["--watch", "--json"],
        &["--runs", "many"],
        &["--seed", "-1"],
        &["--quiet", "--json"],
    ] {
        let (_, ended) = test(PASSING, args);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_filter_leaves_out_the_others() {
    let (_, ended) = test(&failing(), &["--filter", "resets"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("1 passed, 0 failed, 1 left out"), "{}", ended.stdout);
}

#[test]
fn the_json_document_is_the_same_for_the_same_seed() {
    let documents = [(); 2].map(|()| {
        let (place, ended) = test(&failing(), &["--json", "--seed", "5"]);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let text = ended.stdout.replace(place.path("").to_str().unwrap(), "");
        let mut document: Value = serde_json::from_str(&text).unwrap();
        document["elapsed_ms"].take();
        document["scenarios"].as_array_mut().unwrap().iter_mut().for_each(|one| drop(one["elapsed_ms"].take()));
        document
    });
    assert_eq!(documents[0], documents[1]);
    let document = &documents[0];
    assert_eq!(
        (&document["passed"], &document["seed"], &document["random_sequences"]),
        (&false.into(), &5.into(), &100.into())
    );
    let step = &document["scenarios"][0]["steps"][0];
    assert!(step["fuel"].as_u64().unwrap() > 0, "{step}");
    assert_eq!(step["came"]["outcome"], serde_json::json!({"events": [{"Incremented.v1": {"by": 2}}]}));
    let field = serde_json::json!({"path": "events[0].Incremented.v1.by", "expected": 3, "came": 2});
    assert_eq!(step["failures"], serde_json::json!([{"kind": "differs", "key": "events", "fields": [field]}]));
    assert_eq!(document["checks"].as_array().unwrap().len(), 9);
}

#[test]
fn the_junit_report_holds_every_scenario_and_check() {
    let place = Place::with(&failing());
    let path = place.path("report.xml");
    let ended = ended(place.foldhost("counter", &["--junit", path.to_str().unwrap()]));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = quick_junit::Report::deserialize_from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((report.tests, report.failures), (11, 1));
    let [scenarios, checks] = report.test_suites.as_slice() else { panic!("{report:#?}") };
    let names: Vec<_> = scenarios.test_cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!((names, checks.test_cases.len()), (vec!["it counts", "it resets"], 9));
    let quick_junit::TestCaseStatus::NonSuccess { description: Some(told), .. } = &scenarios.test_cases[0].status
    else {
        panic!("{scenarios:#?}")
    };
    assert!(told.as_str().contains("events[0].Incremented.v1.by: 3 was expected, 2 came"), "{told:?}");
}

#[test]
fn a_blessed_suite_passes_and_says_what_was_written() {
    let place = Place::with(&failing());
    let blessed = ended(place.foldhost("counter", &["--bless"]));
    assert_eq!(blessed.code, Some(0), "{}{}", blessed.stdout, blessed.stderr);
    assert!(
        blessed.stdout.contains(":2  it counts: events") && blessed.stdout.contains("golden: an entry for Reset.v1"),
        "{}",
        blessed.stdout
    );
    let written = failing().replace("[Incremented.v1: { by: 3 }]", "[{ Incremented.v1: { by: 2 } }]");
    assert_eq!(place.read("scenarios/all.yaml"), written);
    let again = ended(place.foldhost("counter", &["--bless"]));
    assert!(again.code == Some(0) && !again.stdout.contains("blessed"), "{}", again.stdout);
}

#[test]
fn a_bless_that_is_refused_shows_what_has_to_be_mended() {
    let place = Place::with("scenarios:\n- { name: a, when: CountInStatic, then: { events: [] } }\n");
    let refused = ended(place.foldhost("hostile", &["--bless", "--runs", "0"]));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.starts_with("error: nothing was blessed"), "{}", refused.stderr);
    assert!(refused.stdout.contains("FAIL  the same run twice"), "{}", refused.stdout);
}

#[test]
fn a_crate_is_built_and_its_golden_files_are_read() {
    let mut command = foldhost();
    command.arg("test").arg(guest("counter")).args(["--seed", "1"]);
    let ended = ended(command);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("golden files mean what they meant") && !ended.stdout.contains("left out"),
        "{}",
        ended.stdout
    );
}

#[test]
fn what_a_reducer_says_does_not_reach_the_terminal_raw() {
    let place =
        Place::with("scenarios:\n- { name: a, when: { Record: { misdeed: \"\\e[2J\" } }, then: { events: [] } }\n");
    let ended = ended(place.foldhost("hostile", &["--runs", "0"]));
    assert_eq!(ended.code, Some(1));
    assert!(!ended.stdout.contains('\x1b') && ended.stdout.contains("no-such-misdeed"), "{}", ended.stdout);
}

//! Blessing: what came is written into the file, and nothing else in it changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use foldhost::Reducer;
use foldhost::suite::{BlessError, Blessing, RunOptions, bless, run};
use foldhost_test_support::component_reducer;

use crate::place::Place;

fn blessed(place: &Place, reducer: &dyn Reducer) -> Result<Blessing, BlessError> {
    let suite = place.suite().unwrap();
    let report = run(reducer, &suite, &RunOptions { sequences: 5, ..RunOptions::default() }).unwrap();
    bless(reducer, &suite, &report)
}

/// The file after a bless, which a further bless leaves as it is.
fn bless_counter(text: &str) -> String {
    let place = Place::with(text);
    let counter = component_reducer("counter");
    let blessing = blessed(&place, &counter).unwrap();
    assert_eq!(blessing.left, [], "{text}");
    let after = place.read("scenarios/all.yaml");
    assert_eq!(blessing.written.is_empty(), after == text, "{blessing:?}");
    let again = blessed(&place, &counter).unwrap();
    assert_eq!(again.written, [], "{after}");
    let report = place.run(&counter);
    assert_eq!(report.failed(), 0, "{after}\n{report:#?}");
    after
}

#[test]
fn only_the_keys_that_differ_are_written_and_comments_stay() {
    let text = "\
# Counters, ä and all.
reducer:   counter      # odd spacing
scenarios:
  # The first.
  - name: it counts   # so it does
    given:
      - Incremented.v1: {by:   40}
    when:
      Increment: { by: 2 }
    then:             # what has to come
      # The event.
      events:
        - Incremented.v1: { by: 3 }   # wrong
      # The state.
      state:   {value: 42}   # right
    # Behind it.

  - name: it passes
    when: Reset
    then: { events: [ ] }   # as it was
";
    let after = bless_counter(text);
    assert_eq!(after, text.replace("- Incremented.v1: { by: 3 }", "- Incremented.v1: { by: 2 }"));
}

#[test]
fn a_then_that_is_not_there_is_written_where_it_belongs() {
    let after = bless_counter(
        "scenarios:\n  - name: a\n    when:\n      Increment: { by: 2 }   # two\n  - name: b\n    when: Reset\n    then:\n  - {name: c, when: {Increment: {by: 0}}}\n",
    );
    assert_eq!(
        after,
        "scenarios:\n  - name: a\n    when:\n      Increment: { by: 2 }   # two\n    then:\n      events:\n        - Incremented.v1: { by: 2 }\n  - name: b\n    when: Reset\n    then:\n      events: []\n  - {name: c, when: {Increment: {by: 0}}, then: { rejected: nothing-to-add }}\n"
    );
}

#[test]
fn another_kind_of_outcome_takes_the_place_of_the_old_one() {
    let text = "\
scenarios:
  - name: a
    when: { Increment: { by: 0 } }
    then:
      events:
        - Incremented.v1:
            by: 0
      state: { value: 7 }
      # Enough for everybody.
      fuel_max: 1000000
  - name: b
    steps:
      - when: { Increment: { by: 2 } }
        then: { rejected: nothing-to-add, state_contains: { value: 1 } }
      - when: { Increment: { by: 3 } }
        then: {}
";
    let after = bless_counter(text);
    assert_eq!(
        after,
        "\
scenarios:
  - name: a
    when: { Increment: { by: 0 } }
    then:
      rejected: nothing-to-add
      state: { value: 0 }
      # Enough for everybody.
      fuel_max: 1000000
  - name: b
    steps:
      - when: { Increment: { by: 2 } }
        then: { events: [{ Incremented.v1: { by: 2 } }], state_contains: { value: 2 } }
      - when: { Increment: { by: 3 } }
        then:
          events:
            - Incremented.v1: { by: 3 }
"
    );
}

#[test]
fn a_then_that_stands_elsewhere_too_is_left_to_its_author() {
    let text = "\
scenarios:
  - { name: a, when: { Increment: { by: 2 } }, then: &two { events: [Incremented.v1: { by: 2 }] } }
  - { name: b, when: { Increment: { by: 3 } }, then: *two }
";
    let place = Place::with(text);
    let blessing = blessed(&place, &component_reducer("counter")).unwrap();
    assert_eq!(blessing.written, []);
    let [left] = blessing.left.as_slice() else { panic!("{blessing:#?}") };
    assert!(left.to_string().contains("all.yaml:3:") && left.message.contains("by hand"), "{left}");
    assert_eq!(place.read("scenarios/all.yaml"), text);
    // Nor is one that others are named after: they would change with it.
    let text = text.replace("by: 2 }] }", "by: 9 }] }").replace("by: 3", "by: 9");
    let place = Place::with(&text);
    let blessing = blessed(&place, &component_reducer("counter")).unwrap();
    assert_eq!((blessing.written.len(), blessing.left.len()), (0, 1), "{blessing:#?}");
    assert_eq!(place.read("scenarios/all.yaml"), text);
}

#[test]
fn a_broken_law_is_never_accepted_and_nothing_is_written() {
    let text = "\
scenarios:
  - { name: a, when: CountInStatic, then: { events: [] } }
  - { name: b, when: Ok, then: { events: [] } }
";
    let place = Place::with(text);
    let refused = blessed(&place, &component_reducer("hostile")).unwrap_err();
    assert!(matches!(refused, BlessError::Refused { .. }), "{refused:?}");
    assert!(refused.to_string().contains("mend the reducer first"), "{refused}");
    assert_eq!(place.read("scenarios/all.yaml"), text);
    assert!(!place.path("golden").exists());
}

#[test]
fn a_fault_and_an_overspent_budget_are_mended_and_not_blessed() {
    let text = "\
scenarios:
  - { name: a, when: Panic, then: { events: [] } }
  - { name: b, when: Ok, then: { events: [Fine.v1], fuel_max: 1 } }
";
    let place = Place::with(text);
    // The budget is told by the run, and the fault; neither is an outcome to be written.
    let blessing = blessed(&place, &component_reducer("hostile")).unwrap();
    assert_eq!((blessing.written, blessing.left), (Vec::new(), Vec::new()));
    assert_eq!(place.read("scenarios/all.yaml"), text);
    assert_eq!(place.run(&component_reducer("hostile")).failed(), 2);
}

#[test]
fn a_command_that_cannot_be_read_is_not_blessed() {
    let text = "\
scenarios:
  - { name: nothing yet, when: { Increment: { bye: 2 } } }
  - { name: an event, when: { Increment: { bye: 2 } }, then: { events: [Incremented.v1], state: { value: 2 } } }
  - { name: as it says, when: { Increment: { bye: 2 } }, then: { malformed: true, state: { value: 2 } } }
";
    let place = Place::with(text);
    let blessing = blessed(&place, &component_reducer("counter")).unwrap();
    let left: Vec<_> = blessing.left.iter().map(ToString::to_string).collect();
    assert_eq!(left.len(), 2, "{left:#?}");
    for (left, line) in left.iter().zip(["all.yaml:2:", "all.yaml:3:"]) {
        assert!(left.contains(line) && left.contains("unknown field `bye`"), "{left}");
        assert!(left.contains("write `malformed: true` by hand"), "{left}");
    }
    // What stands there already is an outcome like others.
    let after = text.replace("malformed: true, state: { value: 2 }", "malformed: true, state: { value: 0 }");
    assert_eq!(place.read("scenarios/all.yaml"), after);
}

const WRONG: &str = "scenarios:\n- { name: a, when: { Increment: { by: 2 } }, then: { events: [] } }\n";

#[test]
fn what_stands_in_the_way_is_seen_before_anything_is_written() {
    let counter = component_reducer("counter");
    let place = Place::with(WRONG);
    place.write("golden", "a file");
    assert!(matches!(blessed(&place, &counter), Err(BlessError::Golden(_))));
    assert_eq!(place.read("scenarios/all.yaml"), WRONG);

    let place = Place::with(WRONG);
    place.write("scenarios/b.yaml", WRONG.replace("name: a", "name: b"));
    let suite = place.suite().unwrap();
    let report = run(&counter, &suite, &RunOptions { sequences: 0, ..RunOptions::default() }).unwrap();
    place.write("scenarios/b.yaml", "scenarios: []\n");
    assert!(matches!(bless(&counter, &suite, &report), Err(BlessError::Changed(_))));
    assert_eq!(place.read("scenarios/all.yaml"), WRONG);
}

#[test]
fn what_was_written_before_a_write_failed_is_told() {
    let place = Place::with(WRONG);
    // It reads as golden files that are not there yet, and no directory can be made in its place.
    std::os::unix::fs::symlink("nowhere", place.path("golden")).unwrap();
    let failed = blessed(&place, &component_reducer("counter")).unwrap_err();
    let BlessError::Partly { blessing, source } = &failed else { panic!("{failed:?}") };
    assert!(matches!(**source, BlessError::Golden(_)), "{source:?}");
    assert_eq!(blessing.written.iter().map(|then| then.scenario.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(blessing.golden.is_unchanged(), "{blessing:?}");
    assert!(place.read("scenarios/all.yaml").contains("by: 2 } }]"));
    let told = failed.to_string();
    assert!(told.contains("cannot write") && told.contains("1 scenario was blessed before"), "{told}");
}

#[test]
fn golden_files_are_made_and_a_further_bless_changes_nothing() {
    let place = Place::with(
        "scenarios:\n- { name: a, given: [Incremented.v1: { by: 2 }], when: Reset, then: { events: [Reset.v1] } }\n",
    );
    let counter = component_reducer("counter");
    let golden = blessed(&place, &counter).unwrap().golden;
    // The second is made up: the largest number of eight bytes.
    assert_eq!(golden.entries_added, ["Incremented.v1", "Incremented.v1", "Reset.v1"]);
    assert_eq!(golden.snapshots_added, 1);
    let written = ["golden/events.json", "golden/state.json"].map(|name| place.read(name));
    assert!(blessed(&place, &counter).unwrap().golden.is_unchanged());
    assert_eq!(["golden/events.json", "golden/state.json"].map(|name| place.read(name)), written);
    let options = RunOptions { sequences: 0, golden_required: true, ..RunOptions::default() };
    assert!(run(&counter, &place.suite().unwrap(), &options).unwrap().passed());
}

#[test]
fn a_state_that_changed_under_its_schema_is_never_accepted() {
    let place = Place::with("scenarios:\n- { name: a, when: { Increment: { by: 2 } }, then: { events: [] } }\n");
    let counter = component_reducer("counter");
    blessed(&place, &counter).unwrap();
    // As if the counter had counted otherwise when the snapshot was taken.
    let state = place.read("golden/state.json").replace("\"value\": 2", "\"value\": 3");
    place.write("golden/state.json", &state);
    place.write(
        "scenarios/all.yaml",
        "scenarios:\n- { name: a, when: { Increment: { by: 2 } }, then: { events: [] } }\n",
    );
    let report = place.run(&counter);
    let findings = &report.checks.last().unwrap().findings;
    assert!(findings.iter().any(|finding| finding.text.contains("Rename STATE_SCHEMA")), "{findings:#?}");
    assert!(matches!(blessed(&place, &counter), Err(BlessError::Refused { .. })));
    assert_eq!(place.read("golden/state.json"), state);
    assert!(place.read("scenarios/all.yaml").contains("events: []"));
}

#[test]
fn a_file_that_changed_meanwhile_is_left_alone_and_permissions_stay() {
    let place = Place::with("scenarios:\n- { name: a, when: { Increment: { by: 2 } }, then: { events: [] } }\n");
    let path = place.path("scenarios/all.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let counter = component_reducer("counter");
    let suite = place.suite().unwrap();
    let report = run(&counter, &suite, &RunOptions { sequences: 0, ..RunOptions::default() }).unwrap();
    let edited = format!("{}# a new idea\n", place.read("scenarios/all.yaml"));
    place.write("scenarios/all.yaml", &edited);
    assert!(matches!(bless(&counter, &suite, &report), Err(BlessError::Changed(_))));
    assert_eq!(place.read("scenarios/all.yaml"), edited);
    blessed(&place, &counter).unwrap();
    assert!(place.read("scenarios/all.yaml").ends_with("# a new idea\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(place.path("scenarios")).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_filter_leaves_the_snapshots_of_another_state_schema_to_a_bless_of_all() {
    let scenario = |name: &str, by: u32| format!("- {{ name: {name}, when: {{ Increment: {{ by: {by} }} }} }}\n");
    let place =
        Place::with(&format!("scenarios:\n{}{}{}", scenario("one", 1), scenario("two", 2), scenario("three", 3)));
    let counter = component_reducer("counter");
    assert_eq!(blessed(&place, &counter).unwrap().golden.snapshots_added, 3);
    // As if the counter's state had had another name until today.
    let former = place.read("golden/state.json").replace("counter.v1", "counter.v0");
    place.write("golden/state.json", &former);

    let suite = place.suite().unwrap();
    let options = RunOptions { sequences: 0, filter: Some("one".into()), ..RunOptions::default() };
    let report = run(&counter, &suite, &options).unwrap();
    assert_eq!(bless(&counter, &suite, &report).unwrap().golden.snapshots_added, 0);
    assert_eq!(place.read("golden/state.json"), former);
    let findings = &run(&counter, &suite, &options).unwrap().checks.last().unwrap().findings.clone();
    assert!(findings.iter().any(|finding| finding.text.contains("without a filter")), "{findings:#?}");
    assert_eq!(blessed(&place, &counter).unwrap().golden.snapshots_added, 3);
}

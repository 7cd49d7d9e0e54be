//! Random sequences: the same for the same seed, and told so that they can be sent again.

use foldhost::suite::{CheckReport, Report, RunOptions, run};
use foldhost_test_support::component_reducer;

use crate::place::Place;

/// A scenario each of whose commands goes through; sent twice, one of them does not come out the same.
const HOSTILE: &str = "
scenarios:
  - { name: fine, when: Ok, then: { events: [Fine.v1] } }
  - { name: huge, when: { HugeEvent: { bytes: 3 } }, then: { events: [Huge.v1] } }
  - { name: counting, when: CountInStatic, then: { events: [Fine.v1] } }
";

fn sent(text: &str, reducer: &str, seed: u64, sequences: usize) -> Report {
    let options = RunOptions { seed, sequences, ..RunOptions::default() };
    run(&component_reducer(reducer), &Place::with(text).suite().unwrap(), &options).unwrap()
}

fn snapshots(report: &Report) -> &CheckReport {
    report.checks.iter().find(|check| check.check.id() == "snapshots").unwrap()
}

#[test]
fn a_seed_finds_the_same_again_and_tells_the_fewest_commands() {
    // No scenario alone shows it: the static counts from the second decision on.
    let [first, again] = [(); 2].map(|()| sent(HOSTILE, "hostile", 17, 30));
    assert_eq!(snapshots(&first).findings, snapshots(&again).findings);
    let [finding] = snapshots(&first).findings.as_slice() else { panic!("{first:#?}") };
    assert!(finding.of.starts_with("random sequence ") && finding.of.contains(" of seed 17"), "{finding:?}");
    // A seed, `steps:`, and two commands: with one less the law holds.
    assert_eq!(finding.commands.len(), 4, "{finding:#?}");
    let other = sent(HOSTILE, "hostile", 18, 30);
    assert_ne!(snapshots(&other).findings, snapshots(&first).findings);
}

#[test]
fn what_is_told_is_a_scenario_that_shows_it() {
    let report = sent(HOSTILE, "hostile", 17, 30);
    let steps = snapshots(&report).findings[0].commands.join("\n    ");
    let text = format!("scenarios:\n  - name: as told\n    {steps}\n");
    let alone = sent(&text, "hostile", 1, 0);
    assert!(!snapshots(&alone).passed(), "{text}");
}

#[test]
fn commands_that_are_expected_to_fail_are_not_sent_at_random() {
    let text = "
scenarios:
  - { name: fine, when: Ok, then: { events: [Fine.v1] } }
  - { name: it panics, when: Panic, then: { fault: '' } }
";
    let report = sent(text, "hostile", 1, 50);
    let failing = report.checks.iter().find(|check| check.check.id() == "commands-do-not-fail").unwrap();
    assert!(failing.passed(), "{failing:#?}");
}

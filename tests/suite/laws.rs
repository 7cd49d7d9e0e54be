//! A reducer that breaks a law is named with the law, whatever its scenarios expect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhost::reducer::{Context, DecideError, Decision, Descriptor, ReducerDigest, ReducerFault, UpcastEvent};
use foldhost::suite::{Report, RunOptions, run};
use foldhost::{Aggregate, Command, NativeReducer, PackedEvents, Reducer, SerializedEvent, StreamId};
use foldhost_test_support::component_reducer;

use crate::place::Place;

/// What a counter does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vice {
    None,
    FuelGoesUp,
    LosesTheSevenths,
    ForgetsInSnapshots,
    CountsDecisions,
    DrawsNoJson,
    WritesOtherBytes,
    DrawsNoEvents,
    FailsAtTheThird,
    WritesWhatIsOnlyRead,
}

/// A counter with a vice.
struct Bent {
    counter: NativeReducer<counter::Counter>,
    descriptor: Descriptor,
    vice: Vice,
    calls: Arc<AtomicU64>,
}

struct BentAggregate {
    counter: Box<dyn Aggregate>,
    vice: Vice,
    calls: Arc<AtomicU64>,
    decisions: u64,
    applied: usize,
}

impl Bent {
    fn with(vice: Vice) -> Self {
        let counter = NativeReducer::<counter::Counter>::new();
        let mut descriptor = counter.descriptor().clone();
        if vice == Vice::WritesWhatIsOnlyRead {
            descriptor.writes.retain(|event_type| event_type != "Incremented.v1");
        }
        Self { counter, descriptor, vice, calls: Arc::default() }
    }

    fn bend(&self, counter: Box<dyn Aggregate>) -> Box<dyn Aggregate> {
        Box::new(BentAggregate { counter, vice: self.vice, calls: Arc::clone(&self.calls), decisions: 0, applied: 0 })
    }
}

impl Reducer for Bent {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        self.counter.digest()
    }

    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        Ok(self.bend(self.counter.create(stream_id)?))
    }

    fn restore(&self, stream_id: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        if self.vice == Vice::ForgetsInSnapshots {
            return self.create(stream_id);
        }
        Ok(self.bend(self.counter.restore(stream_id, snapshot)?))
    }

    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        if self.vice == Vice::DrawsNoEvents {
            return Ok(events.iter().map(|_| Err("out of ink".to_owned())).collect());
        }
        self.counter.events_json(events)
    }

    fn events_upcast(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<UpcastEvent, String>>, ReducerFault> {
        self.counter.events_upcast(events)
    }

    fn event_from_json(&self, event_type: &str, json: &str) -> Result<Result<Vec<u8>, String>, ReducerFault> {
        let written = self.counter.event_from_json(event_type, json)?;
        // Another number as often as it is asked: so what is written never is what was recorded.
        let other = || format!(r#"{{"by": {}}}"#, 100 + self.calls.fetch_add(1, Ordering::Relaxed));
        match self.vice {
            Vice::WritesOtherBytes if event_type == "Incremented.v1" => {
                self.counter.event_from_json(event_type, &other())
            }
            _ => Ok(written),
        }
    }
}

impl Aggregate for BentAggregate {
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault> {
        if self.vice == Vice::LosesTheSevenths && events.len() == 7 {
            return Ok(());
        }
        self.applied += events.len();
        self.counter.apply(events)
    }

    fn decide(&mut self, command: &Command, context: &Context) -> Result<Decision, DecideError> {
        self.decisions += 1;
        if self.vice == Vice::FailsAtTheThird && self.applied == 2 {
            return Err(DecideError::Fault(ReducerFault::Trap { call: "decide", reason: "the third".into() }));
        }
        self.counter.decide(command, context)
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        let mut snapshot = self.counter.snapshot()?;
        if self.vice == Vice::CountsDecisions {
            snapshot.extend(self.decisions.to_le_bytes());
        }
        Ok(snapshot)
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        if self.vice == Vice::DrawsNoJson { Ok("{value".to_owned()) } else { self.counter.state_json() }
    }

    fn events_json(&mut self, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        self.counter.events_json(events)
    }

    fn memory_bytes(&self) -> usize {
        0
    }

    fn fuel_spent(&self) -> Option<u64> {
        Some(if self.vice == Vice::FuelGoesUp { self.calls.fetch_add(1, Ordering::Relaxed) } else { 1 })
    }
}

fn broken(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|check| !check.passed()).map(|check| check.check.id()).collect()
}

/// A history of 10 events, so that a page of 7 is one of several, and a reset, so that every event type is there.
const COUNTS: &str = "
scenarios:
  - name: it counts to ten
    given: [Incremented.v1: { by: 1 }, Incremented.v1: { by: 1 }, Incremented.v1: { by: 1 }, Incremented.v1: { by: 1 },
            Incremented.v1: { by: 1 }, Incremented.v1: { by: 1 }, Incremented.v1: { by: 1 }, Incremented.v1: { by: 1 }]
    steps:
      - { when: { Increment: { by: 1 } }, then: { events: [Incremented.v1] } }
      - { when: { Increment: { by: 1 } }, then: { events: [Incremented.v1] } }
  - name: it resets
    given: [Incremented.v1: { by: 1 }]
    when: Reset
    then: { events: [Reset.v1] }
";

#[test]
fn each_vice_is_named_by_the_check_that_it_breaks() {
    for (vice, ids) in [
        (Vice::None, &[][..]),
        (Vice::FuelGoesUp, &["same-run-twice"]),
        (Vice::LosesTheSevenths, &["pages", "snapshots"]),
        (Vice::ForgetsInSnapshots, &["snapshots"]),
        (Vice::DrawsNoJson, &["state-is-json"]),
        (Vice::WritesOtherBytes, &["events-read-back"]),
        (Vice::DrawsNoEvents, &["events-read-back"]),
    ] {
        let report = Place::with(COUNTS).run(&Bent::with(vice));
        assert_eq!(broken(&report), ids, "{vice:?}: {:#?}", report.checks);
        assert_eq!(report.passed(), vice == Vice::None, "{vice:?}");
    }
}

#[test]
fn a_budget_is_not_compared_with_fuel_that_varies() {
    let text = COUNTS.replace(
        "when: Reset\n    then: { events: [Reset.v1] }",
        "when: Reset\n    then: { events: [Reset.v1], fuel_max: 9 }",
    );
    assert_ne!(text, COUNTS);
    let report = Place::with(&text).run(&Bent::with(Vice::FuelGoesUp));
    assert_eq!(broken(&report), ["same-run-twice"], "{:#?}", report.checks);
    // The check says all there is to say: something does count the fuel.
    assert_eq!(report.failed(), 0, "{:#?}", report.scenarios);
}

#[test]
fn a_state_that_counts_its_decisions_is_caught() {
    let report = Place::with(COUNTS).run(&Bent::with(Vice::CountsDecisions));
    assert!(broken(&report).contains(&"decide-changes-nothing"), "{:#?}", report.checks);
}

#[test]
fn a_command_that_fails_after_others_is_found_at_random() {
    let place =
        Place::with("scenarios:\n- { name: a, when: { Increment: { by: 1 } }, then: { events: [Incremented.v1] } }\n");
    let options = RunOptions { seed: 5, sequences: 20, ..RunOptions::default() };
    let report = run(&Bent::with(Vice::FailsAtTheThird), &place.suite().unwrap(), &options).unwrap();
    assert!(report.scenarios[0].passed(), "no scenario shows it");
    let failing = report.checks.iter().find(|check| check.check.id() == "commands-do-not-fail").unwrap();
    let [finding] = failing.findings.as_slice() else { panic!("{failing:#?}") };
    assert!(finding.text.contains("the third"), "{finding:?}");
    // A seed, `steps:`, and the three commands that it takes.
    assert_eq!(finding.commands.len(), 5, "{finding:#?}");
}

#[test]
fn state_in_a_static_of_a_component_is_caught() {
    let place = Place::with("scenarios:\n- { name: a, when: CountInStatic, then: { events: [Fine.v1] } }\n");
    let report = place.run(&component_reducer("hostile"));
    assert!(report.scenarios[0].passed(), "{:#?}", report.scenarios);
    assert!(broken(&report).contains(&"same-run-twice"), "{:#?}", report.checks);
}

#[test]
fn an_event_that_cannot_be_applied_is_caught() {
    let place = Place::with("scenarios:\n- { name: a, when: PoisonApply, then: { events: [PoisonApply.v1] } }\n");
    let report = place.run(&component_reducer("hostile"));
    assert!(broken(&report).contains(&"emitted-events-apply"), "{:#?}", report.checks);
    assert!(report.scenarios[0].broken.is_some());
}

#[test]
fn an_event_that_is_only_read_is_not_emitted() {
    let report = Place::with(COUNTS).run(&Bent::with(Vice::WritesWhatIsOnlyRead));
    assert_eq!(broken(&report), ["emitted-events-apply"], "{:#?}", report.checks);
    let reason = report.scenarios[0].broken.as_deref().unwrap();
    assert!(reason.contains("Incremented.v1 is none of Reset.v1"), "{reason}");
}

#[test]
fn an_event_type_without_an_example_is_named() {
    let place =
        Place::with("scenarios:\n- { name: a, when: { Increment: { by: 1 } }, then: { events: [Incremented.v1] } }\n");
    let report = place.run(&component_reducer("counter"));
    let read_back = report.checks.iter().find(|check| check.check.id() == "events-read-back").unwrap();
    assert_eq!(read_back.findings.len(), 1);
    assert_eq!(read_back.findings[0].of, "Reset.v1");
}

#[test]
fn events_that_are_only_read_are_read_back_too() {
    let place = Place::with("scenarios:\n- { name: a, when: Ok, then: { events: [Fine.v1] } }\n");
    let old = r#""Old.v1": [{"bytes": "", "recorded": {}, "upcast": {"event_type": "Old.v1", "json": {}}}]"#;
    let measured = r#""Measured.v1": [{"bytes": "1e", "recorded": {"centimetres": 30},
        "upcast": {"event_type": "Measured.v2", "json": {"millimetres": 300}}}]"#;
    place.write("golden/events.json", format!("{{{old}, {measured}}}"));
    let report = place.run(&component_reducer("hostile"));
    let read_back = report.checks.iter().find(|check| check.check.id() == "events-read-back").unwrap();
    let unread: Vec<_> = read_back.findings.iter().map(|finding| finding.of.as_str()).collect();
    for event_type in ["Old.v1", "Measured.v1"] {
        assert!(!unread.contains(&event_type), "{:#?}", read_back.findings);
    }
    // Nobody wrote an example of it.
    assert!(unread.contains(&"Huge.v1"), "{unread:?}");
}

#[test]
fn golden_files_are_needed_where_they_have_to_be() {
    let place = Place::with(COUNTS);
    let options = RunOptions { sequences: 0, golden_required: true, ..RunOptions::default() };
    let report = run(&component_reducer("counter"), &place.suite().unwrap(), &options).unwrap();
    assert_eq!(broken(&report), ["golden-files"]);
    let golden = report.checks.last().unwrap();
    assert!(golden.findings.iter().all(|finding| finding.blessable), "{golden:#?}");
    assert!(place.run(&component_reducer("counter")).passed());
}

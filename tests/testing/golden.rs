//! The guests' golden files, read by their components.

use std::path::{Path, PathBuf};

use counter::{Counter, CounterEvent};
use foldhost::NativeReducer;
use foldhost::testing::encode;
use foldhost::testing::golden::{Finding, Folded, Golden, RecordedEvent, Subject};
use order::Order;

use super::both;

fn golden_of(guest: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests").join(guest).join("golden")
}

#[test]
fn components_read_what_their_guests_recorded() {
    for (guest, reducers) in [("order", both::<Order>("order")), ("counter", both::<Counter>("counter"))] {
        let golden = Golden::read(&golden_of(guest)).unwrap();
        assert!(!golden.events.is_empty() && golden.state.is_some(), "{guest}");
        for reducer in reducers {
            assert_eq!(golden.check(&*reducer), [], "{guest}");
        }
    }
}

#[test]
fn a_component_and_its_native_reducer_bless_the_same_files() {
    let history = [2, 300, u64::MAX - 302].map(|by| RecordedEvent::from(encode(&CounterEvent::Incremented { by })));
    let blessed = both::<Counter>("counter").map(|reducer| {
        let mut golden = Golden::default();
        golden.bless(&*reducer, &[history.to_vec()]);
        golden
    });
    assert_eq!(blessed[0], blessed[1]);
    assert_eq!(blessed[0].state.as_ref().unwrap().snapshots[0].state, serde_json::json!({"value": u64::MAX}));
}

#[test]
fn what_a_bless_makes_up_is_the_same_by_a_component_and_holds_for_both() {
    // Small numbers and no reason: what the fields hold beside these, only the component can be asked.
    let placed = Golden::read(&golden_of("order")).unwrap().events["OrderPlaced.v1"][0].bytes.clone();
    let cancelled = encode(&order::OrderEvent::OrderCancelled { reason: None, cancelled_at_ms: 1 });
    let history = [RecordedEvent { event_type: "OrderPlaced.v1".into(), bytes: placed }, cancelled.into()];
    let blessed = both::<Order>("order").map(|reducer| {
        let mut golden = Golden::default();
        golden.bless(&*reducer, &[history.to_vec()]);
        let findings = golden.check(&*reducer);
        assert!(
            findings.iter().all(|finding| matches!(finding, Finding::EventTypeWithoutEntry { .. })),
            "{findings:?}"
        );
        golden
    });
    assert_eq!(blessed[0], blessed[1]);
    let recorded: Vec<_> = blessed[0].events["OrderCancelled.v1"].iter().map(|entry| &entry.recorded).collect();
    let made_up = serde_json::json!({"reason": "text 0", "cancelled_at_ms": 0x0123_4567_89aa_i64});
    assert!(recorded.len() > 1 && recorded.contains(&&made_up), "{recorded:?}");
}

#[test]
fn another_reducers_files_are_findings_and_no_fault() {
    let golden = Golden::read(&golden_of("order")).unwrap();
    for reducer in both::<Counter>("counter") {
        let findings = golden.check(&*reducer);
        let lacking = Finding::EventTypeWithoutEntry { event_type: "Reset.v1".into() };
        let unknown = Finding::EventTypeNotRead { event_type: "OrderPlaced.v1".into() };
        let renamed = Finding::StateSchemaRenamed { recorded: "order.v2".into(), now: "counter.v1".into() };
        assert!([lacking, unknown, renamed].iter().all(|finding| findings.contains(finding)), "{findings:?}");
    }
}

#[test]
fn what_a_reducer_refuses_comes_back_as_a_sentence() {
    for reducer in both::<Counter>("counter") {
        let reducer = &*reducer;
        for refused in [
            Subject::event_json(reducer, "Gone.v1", b"").unwrap_err(),
            Subject::event_upcast(reducer, "Gone.v1", b"").unwrap_err().to_string(),
            Subject::event_from_json(reducer, "Gone.v1", "{}").unwrap_err(),
        ] {
            assert!(refused.contains("the event type `Gone.v1` is unknown"), "{refused}");
        }
        assert!(reducer.restored_json(&[1, 2, 3]).unwrap_err().contains("not a state of schema `counter.v1`"));
        let gone = RecordedEvent { event_type: "Gone.v1".into(), bytes: vec![] };
        assert!(reducer.fold(&[gone]).unwrap_err().contains("cannot apply event 1"));
        let empty = Folded { snapshot: vec![0], state_json: r#"{"value":0}"#.into() };
        assert_eq!(reducer.fold(&[]), Ok(empty));
    }
    let counter: &dyn foldhost::Reducer = &NativeReducer::<Counter>::new();
    assert_eq!(Subject::descriptor(counter).writes, ["Incremented.v1", "Reset.v1"]);
}

//! Guests as components: the same rules as natively, behind the gate, inside their bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::{Duration, Instant};

use foldhost::guest::GateError;
use foldhost::reducer::{Context, DecideError, Decision, ReducerFault};
use foldhost::{
    Aggregate, Command, ComponentReducer, GuestEngine, Limits, NativeReducer, PackedEvents, Payload, Reducer, StreamId,
    Version,
};
use foldhost_test_support::orders::{history, pages};
use foldhost_test_support::{component, component_reducer};

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn context(id: &str, version: u64) -> Context {
    Context {
        stream_id: id.into(),
        version,
        command_id: format!("c-{version}"),
        now_ms: 1_767_225_600_000 + version as i64,
        seed: 42,
    }
}

/// One aggregate with its version: decides, and applies what was decided.
struct Run {
    aggregate: Box<dyn Aggregate>,
    version: u64,
}

impl Run {
    fn of(reducer: &dyn Reducer) -> Self {
        Self { aggregate: reducer.create(&stream("order-1")).unwrap(), version: 0 }
    }

    fn send(&mut self, name: &str, payload: &str) -> Result<Decision, DecideError> {
        let decision = self.aggregate.decide(&Command::json(name, payload), &context("order-1", self.version))?;
        if !decision.events.is_empty() {
            let packed = PackedEvents::of(Version::new(self.version + 1), &decision.events).unwrap();
            self.aggregate.apply(packed).unwrap();
            self.version += decision.events.len() as u64;
        }
        Ok(decision)
    }
}

const PLACE: (&str, &str) = (
    "PlaceOrder",
    r#"{"customer_id":"c-1","items":[{"sku":"A","quantity":2,"unit_price":1000},{"sku":"B","quantity":1,"unit_price":500}]}"#,
);
const ADD: (&str, &str) = ("AddItem", r#"{"item":{"sku":"A","quantity":1,"unit_price":1000}}"#);
const SHIP: (&str, &str) = ("ShipOrder", r#"{"tracking":"1Z999"}"#);
const CANCEL: (&str, &str) = ("CancelOrder", r#"{"reason":"changed my mind"}"#);

/// Commands, and what the last one comes to: event types, or the code of the rejection.
type Case<'a> = (&'a [(&'a str, &'a str)], Result<&'a [&'a str], &'a str>);

const CASES: &[Case<'static>] = &[
    (&[PLACE], Ok(&["OrderPlaced.v1"])),
    (&[PLACE, ADD], Ok(&["ItemAdded.v1"])),
    (&[PLACE, SHIP], Ok(&["OrderShipped.v1"])),
    (&[PLACE, CANCEL], Ok(&["OrderCancelled.v1"])),
    (&[PLACE, PLACE], Err("already-placed")),
    (&[SHIP], Err("not-placed")),
    (&[CANCEL], Err("not-placed")),
    (&[ADD], Err("not-placed")),
    (&[PLACE, SHIP, SHIP], Err("already-shipped")),
    (&[PLACE, SHIP, CANCEL], Err("already-shipped")),
    (&[PLACE, SHIP, ADD], Err("already-shipped")),
    (&[PLACE, CANCEL, SHIP], Err("already-cancelled")),
    (&[PLACE, CANCEL, CANCEL], Err("already-cancelled")),
    (&[("PlaceOrder", r#"{"customer_id":"c-1","items":[]}"#)], Err("empty-order")),
    (
        &[("PlaceOrder", r#"{"customer_id":"","items":[{"sku":"A","quantity":1,"unit_price":1}]}"#)],
        Err("missing-customer"),
    ),
    (&[("PlaceOrder", r#"{"customer_id":"c","items":[{"sku":"","quantity":1,"unit_price":1}]}"#)], Err("missing-sku")),
    (
        &[("PlaceOrder", r#"{"customer_id":"c","items":[{"sku":"A","quantity":0,"unit_price":1}]}"#)],
        Err("invalid-quantity"),
    ),
    (
        &[("PlaceOrder", r#"{"customer_id":"c","items":[{"sku":"A","quantity":1,"unit_price":-1}]}"#)],
        Err("invalid-price"),
    ),
    (
        &[("PlaceOrder", r#"{"customer_id":"c","items":[{"sku":"A","quantity":2,"unit_price":9223372036854775807}]}"#)],
        Err("total-overflow"),
    ),
    (&[PLACE, ("AddItem", r#"{"item":{"sku":"A","quantity":1,"unit_price":999}}"#)], Err("price-changed")),
    (&[PLACE, ("ShipOrder", r#"{"tracking":""}"#)], Err("missing-tracking")),
];

#[test]
fn an_order_s_rules_are_the_same_natively_and_through_the_component() {
    let (native, guest) = (NativeReducer::<order::Order>::new(), component_reducer("order"));
    assert_eq!(native.descriptor(), guest.descriptor());
    for (commands, expected) in CASES {
        let (mut natively, mut through) = (Run::of(&native), Run::of(&guest));
        let mut last = None;
        for (name, payload) in *commands {
            let decided = natively.send(name, payload);
            assert_eq!(decided, through.send(name, payload), "{commands:?}");
            last = Some(decided);
        }
        match (last.unwrap(), expected) {
            (Ok(decision), Ok(types)) => {
                assert_eq!(decision.events.iter().map(|event| event.event_type.as_str()).collect::<Vec<_>>(), *types);
                for event in &decision.events {
                    assert_eq!(natively.aggregate.event_json(event), through.aggregate.event_json(event));
                }
            }
            (Err(DecideError::Rejected(rejection)), Err(code)) => assert_eq!(rejection.code, *code),
            (last, expected) => panic!("{commands:?} came to {last:?}, and {expected:?} was expected"),
        }
        assert_eq!(natively.aggregate.state_json(), through.aggregate.state_json());
        assert_eq!(natively.aggregate.snapshot(), through.aggregate.snapshot());
    }
}

#[test]
fn a_command_that_cannot_be_read_is_malformed_and_the_instance_goes_on() {
    let guest = component_reducer("order");
    let mut run = Run::of(&guest);
    for (name, payload) in [
        ("PlaceOrder", "{"),
        ("PlaceOrder", "{}"),
        ("PlaceOrder", "[1]"),
        ("Dance", "{}"),
        ("ShipOrder", r#"{"tracking":"1","by":"air"}"#),
    ] {
        assert!(matches!(run.send(name, payload), Err(DecideError::Malformed(_))), "{name} {payload}");
    }
    let garbage = Command { name: "PlaceOrder".into(), payload: Payload::Binary(vec![255; 7]) };
    assert!(matches!(run.aggregate.decide(&garbage, &context("order-1", 0)), Err(DecideError::Malformed(_))));
    assert!(run.send(PLACE.0, PLACE.1).is_ok());
}

#[test]
fn a_history_folds_to_the_same_state_in_pages_of_any_size_and_from_any_snapshot() {
    let (native, guest) = (NativeReducer::<order::Order>::new(), component_reducer("order"));
    let history = history(2_000);
    let fold = |mut aggregate: Box<dyn Aggregate>, pages: Vec<PackedEvents>| {
        pages.into_iter().for_each(|page| aggregate.apply(page).unwrap());
        aggregate
    };
    let mut whole = fold(native.create(&stream("order-1")).unwrap(), pages(&history, 1_000));
    let (state, snapshot) = (whole.state_json().unwrap(), whole.snapshot().unwrap());
    for page_len in [1, 7, 256, 1_000, 2_000] {
        let mut folded = fold(guest.create(&stream("order-1")).unwrap(), pages(&history, page_len));
        assert_eq!(folded.state_json().unwrap(), state, "pages of {page_len}");
        assert_eq!(folded.snapshot().unwrap(), snapshot, "pages of {page_len}");
    }
    for at in [1, 100, 1_999, 2_000] {
        let mut begun = fold(guest.create(&stream("order-1")).unwrap(), pages(&history[..at], 1_000));
        let restored = guest.restore(&stream("order-1"), &begun.snapshot().unwrap()).unwrap();
        let tail = match &history[at..] {
            [] => Vec::new(),
            rest => vec![PackedEvents::of(Version::new(at as u64 + 1), rest).unwrap()],
        };
        assert_eq!(fold(restored, tail).state_json().unwrap(), state, "snapshot at {at}");
    }
}

#[test]
fn a_recorded_event_that_cannot_be_read_names_its_version() {
    let guest = component_reducer("order");
    let mut events = history(5);
    events[3].data = vec![255; 3];
    let mut aggregate = guest.create(&stream("order-1")).unwrap();
    let fault = aggregate.apply(PackedEvents::of(Version::new(1), &events).unwrap()).unwrap_err();
    assert!(matches!(fault, ReducerFault::Apply { version: 4, .. }), "{fault}");
    assert!(matches!(guest.restore(&stream("order-1"), &[255; 9]), Err(ReducerFault::Snapshot(_))));
    let answers = guest.events_json(&[
        ("OrderPlaced.v1", &[255]),
        ("OrderShipped.v1", &history(1)[0].data[..0]),
        ("Nothing.v1", &[]),
    ]);
    assert!(answers.unwrap().iter().all(Result::is_err));
}

/// What each of the hostile guest's misdeeds comes to.
#[test]
fn every_misdeed_is_a_typed_fault_and_the_neighbour_goes_on() {
    let guest = component_reducer("hostile");
    let mut neighbour = guest.create(&stream("hostile-neighbour")).unwrap();
    let is_trap = |fault: &ReducerFault| matches!(fault, ReducerFault::Trap { .. });
    let is_broken = |fault: &ReducerFault| matches!(fault, ReducerFault::BrokenAnswer { .. });
    let is_memory = |fault: &ReducerFault| matches!(fault, ReducerFault::MemoryExhausted { .. });
    type Check<'a> = &'a dyn Fn(&ReducerFault) -> bool;
    let misdeeds: &[(&str, &str, Check<'_>)] = &[
        ("Spin", "{}", &|fault| matches!(fault, ReducerFault::FuelExhausted { .. })),
        ("Panic", "{}", &is_trap),
        ("GrowMemory", "{}", &is_memory),
        ("Recurse", "{}", &is_trap),
        ("HugeEvent", r#"{"bytes":2000000}"#, &is_broken),
        // Whichever bound it meets first: its own memory, or what an answer may make the host allocate.
        ("HugeEvent", r#"{"bytes":30000000}"#, &|fault| is_broken(fault) || is_memory(fault)),
        ("ManyEvents", r#"{"count":1001}"#, &is_broken),
        ("LieAboutType", "{}", &is_broken),
        ("PoisonType", "{}", &is_broken),
    ];
    for (name, payload, check) in misdeeds {
        let mut aggregate = guest.create(&stream("hostile-1")).unwrap();
        let begun = Instant::now();
        let fault = match aggregate.decide(&Command::json(*name, *payload), &context("hostile-1", 0)) {
            Err(DecideError::Fault(fault)) => fault,
            other => panic!("{name} came to {other:?}"),
        };
        assert!(check(&fault), "{name} came to {fault:?}");
        assert!(!fault.to_string().contains('\n'), "{fault}");
        // About a tenth of a second by itself; the bound is for a machine that has much else to do.
        assert!(begun.elapsed() < Duration::from_secs(5), "{name} took {:?}", begun.elapsed());
        let decided = neighbour.decide(&Command::json("Ok", "{}"), &context("hostile-neighbour", 0)).unwrap();
        assert_eq!(decided.events.len(), 1);
    }
}

fn refusal(engine: &GuestEngine, bytes: &[u8]) -> String {
    let GateError { offences } = ComponentReducer::load(engine, bytes).unwrap_err();
    offences.join("\n")
}

#[test]
fn the_gate_names_what_is_wrong_and_the_mend() {
    let engine = GuestEngine::new(&Limits::default()).unwrap();
    assert!(refusal(&engine, b"").contains("foldhost build"));
    assert!(refusal(&engine, b"#!/bin/sh").contains("no WebAssembly component"));
    assert!(refusal(&engine, b"\0asm\x01\0\0\0").contains("core module"));
    assert!(refusal(&engine, b"\0asm\x0d\0\x01\0 and then nonsense").contains("no valid component"));
    let empty = wat::parse_str("(component)").unwrap();
    assert!(refusal(&engine, &empty).contains("exports nothing and not foldhost:reducer/reducer@1.0.0"));
    let importing = wat::parse_str(
        r#"(component
            (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))
            (import "leak" (func (param "secret" string))))"#,
    )
    .unwrap();
    let offences = refusal(&engine, &importing);
    for name in ["wasi:clocks/wall-clock@0.2.0 (now)", "imports leak", "exports nothing"] {
        assert!(offences.contains(name), "{offences}");
    }
    let other_world = wat::parse_str(
        r#"(component
            (component $c)
            (instance $i (instantiate $c))
            (export "foldhost:reducer/reducer@2.0.0" (instance $i)))"#,
    )
    .unwrap();
    assert!(refusal(&engine, &other_world).contains("exports foldhost:reducer/reducer@2.0.0 and not"));
    let hollow = wat::parse_str(
        r#"(component
            (component $c)
            (instance $i (instantiate $c))
            (export "foldhost:reducer/reducer@1.0.0" (instance $i)))"#,
    )
    .unwrap();
    assert!(refusal(&engine, &hollow).contains("does not fit the contract"));
    let small = GuestEngine::new(&Limits { component_bytes_max: 1_000, ..Limits::default() }).unwrap();
    assert!(refusal(&small, &component("order")).contains("component_bytes_max"));
}

#[test]
fn compiled_code_is_kept_and_compiled_anew_when_it_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("code");
    let engine = || GuestEngine::new(&Limits::default()).unwrap().with_cache(&cache).unwrap();
    let bytes = component("counter");
    let digest = ComponentReducer::load(&engine(), &bytes).unwrap().digest();
    let kept: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].file_name().unwrap().to_string_lossy().starts_with(&digest.to_string()));
    let whole = std::fs::read(&kept[0]).unwrap();
    std::fs::write(&kept[0], &whole[..whole.len() / 2]).unwrap();
    let again = ComponentReducer::load(&engine(), &bytes).unwrap();
    assert!(again.create(&stream("counter-1")).is_ok());
    assert_eq!(std::fs::read(&kept[0]).unwrap().len(), whole.len(), "and kept again");
}

#[test]
fn a_directory_for_compiled_code_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = GuestEngine::new(&Limits::default()).unwrap().with_cache(directory.path()).unwrap_err();
    assert!(error.to_string().contains("nobody else may write"), "{error}");
}

//! An order's rules, natively and through the component.

use super::*;

pub(crate) const PLACE: (&str, &str) = (
    "PlaceOrder",
    r#"{"customer_id":"c-1","items":[{"sku":"A","quantity":2,"unit_price":1000},{"sku":"B","quantity":1,"unit_price":500}]}"#,
);
pub(crate) const ADD: (&str, &str) = ("AddItem", r#"{"item":{"sku":"A","quantity":1,"unit_price":1000}}"#);
pub(crate) const SHIP: (&str, &str) = ("ShipOrder", r#"{"tracking":"1Z999"}"#);
pub(crate) const CANCEL: (&str, &str) = ("CancelOrder", r#"{"reason":"changed my mind"}"#);

/// Commands, and what the last one comes to: event types, or the code of the rejection.
pub(crate) type Case<'a> = (&'a [(&'a str, &'a str)], Result<&'a [&'a str], &'a str>);

pub(crate) const CASES: &[Case<'static>] = &[
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
    let guest = component_reducer("order");
    assert_eq!(NativeReducer::<order::Order>::new().descriptor(), guest.descriptor());
    decides_as_natively(&guest);
}

/// Holds a component of the order guest to the cases, and to what they come to natively.
pub(crate) fn decides_as_natively(guest: &ComponentReducer) {
    let native = NativeReducer::<order::Order>::new();
    for (commands, expected) in CASES {
        let (mut natively, mut through) = (Run::of(&native), Run::of(guest));
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
                    assert_eq!(natively.aggregate.events_json(&[event]), through.aggregate.events_json(&[event]));
                }
            }
            (Err(DecideError::Rejected(rejection)), Err(code)) => assert_eq!(rejection.code, *code),
            (last, expected) => panic!("{commands:?} came to {last:?}, and {expected:?} was expected"),
        }
        assert_comes_to(&mut *through.aggregate, guest, &mut *natively.aggregate, &native, &format!("{commands:?}"));
    }
}

/// Holds the state of a component's aggregate to the native one. A component that was built before the state got its present
/// schema has the fields of its own, and no snapshot in common.
fn assert_comes_to(
    through: &mut dyn Aggregate,
    guest: &dyn Reducer,
    natively: &mut dyn Aggregate,
    native: &dyn Reducer,
    of: &str,
) {
    let (state, expected) = (through.state_json().unwrap(), natively.state_json().unwrap());
    if guest.descriptor().state_schema == native.descriptor().state_schema {
        assert_eq!(state, expected, "{of}");
        assert_eq!(through.snapshot(), natively.snapshot(), "{of}");
        return;
    }
    let [state, mut expected] = [state, expected].map(|json| serde_json::from_str::<serde_json::Value>(&json).unwrap());
    let known = state.as_object().unwrap();
    assert!(!known.is_empty(), "{of}");
    expected.as_object_mut().unwrap().retain(|field, _| known.contains_key(field));
    assert_eq!(state, expected, "{of}");
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
    folds_as_natively(&component_reducer("order"));
}

/// Holds a component of the order guest to the state and the snapshot that its history comes to natively.
pub(crate) fn folds_as_natively(guest: &ComponentReducer) {
    let native = NativeReducer::<order::Order>::new();
    let history = history(2_000);
    let fold = |mut aggregate: Box<dyn Aggregate>, pages: Vec<PackedEvents>| {
        pages.into_iter().for_each(|page| aggregate.apply(page).unwrap());
        aggregate
    };
    let mut whole = fold(native.create(&stream("order-1")).unwrap(), pages(&history, 1_000));
    for page_len in [1, 7, 256, 1_000, 2_000] {
        let mut folded = fold(guest.create(&stream("order-1")).unwrap(), pages(&history, page_len));
        assert_comes_to(&mut *folded, guest, &mut *whole, &native, &format!("pages of {page_len}"));
    }
    for at in [1, 100, 1_999, 2_000] {
        let mut begun = fold(guest.create(&stream("order-1")).unwrap(), pages(&history[..at], 1_000));
        let restored = guest.restore(&stream("order-1"), &begun.snapshot().unwrap()).unwrap();
        let tail = match &history[at..] {
            [] => Vec::new(),
            rest => vec![PackedEvents::of(Version::new(at as u64 + 1), rest).unwrap()],
        };
        let mut folded = fold(restored, tail);
        assert_comes_to(&mut *folded, guest, &mut *whole, &native, &format!("snapshot at {at}"));
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

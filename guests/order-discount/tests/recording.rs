//! What is recorded of an order with a discount, and what was recorded before there were any.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use foldhost_sdk::Event as _;
use foldhost_sdk::testing::golden::{self, Finding, Golden, Native, Subject as _};
use order_discount::{GRANTS, Order, OrderEvent};
use serde_json::json;

const OF_ORDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../order");
const OWN: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn recorded_orders_are_read_as_they_always_were() {
    golden::check::<Order>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

/// Both releases read the same. They differ in what they write, and in that alone.
#[test]
fn event_types_are_those_of_the_order_before_and_one_more() {
    let mut types = OrderEvent::EVENT_TYPES.to_vec();
    types.retain(|event_type| *event_type != "OrderPlaced.v2");
    assert_eq!(types, order::OrderEvent::EVENT_TYPES);
    assert_eq!(types.len() + 1, OrderEvent::EVENT_TYPES.len());
    let unwritten = if GRANTS { "OrderPlaced.v1" } else { "OrderPlaced.v2" };
    let unwritten: Vec<_> = OrderEvent::EVENT_TYPES.iter().filter(|it| **it == unwritten).collect();
    let read_only = OrderEvent::EVENT_TYPES.iter().filter(|it| !OrderEvent::WRITES.contains(it));
    assert_eq!(read_only.collect::<Vec<_>>(), unwritten);
}

#[test]
fn what_the_order_before_recorded_is_read_as_it_was_then() {
    let golden = Golden::read(format!("{OF_ORDER}/golden").as_ref()).unwrap();
    let findings = golden.check(&Native::<Order>::new());
    assert_eq!(
        findings,
        [
            Finding::EventTypeWithoutEntry { event_type: "OrderPlaced.v2".into() },
            Finding::StateSchemaRenamed { recorded: "order.v2".into(), now: "order.v3".into() },
        ]
    );
    let snapshots = golden.state.unwrap().snapshots;
    assert!(snapshots.len() > 2);
    for snapshot in snapshots {
        let folded = Native::<Order>::new().fold(&snapshot.events).unwrap();
        let mut before = snapshot.state;
        before["discount"] = json!(0);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&folded.state_json).unwrap(), before);
    }
}

/// The files that are its own were copied: what is not about discounts is changed there and here.
#[test]
fn its_own_files_lack_no_line_of_those_that_they_are_made_of_but_what_a_discount_changes() {
    let changed = [
        ("event.rs", &["/// The order exists; all that is needed to rebuild it is here."][..]),
        (
            "placing.rs",
            &[
                "let (items, total) = rules::check_placing(state, &customer_id, items)?;",
                "let placed = Decision::event(OrderEvent::OrderPlaced { order_id, customer_id, items, total, placed_at_ms });",
            ],
        ),
        ("state.rs", &["/// The sum of all lines.", "*self = Self {", "payment: None,", "};"]),
    ];
    for (file, changed) in changed {
        let read = |dir| std::fs::read_to_string(format!("{dir}/src/{file}")).unwrap();
        let (before, now) = (read(OF_ORDER), read(OWN));
        let lost: Vec<_> = before.lines().filter(|line| !now.lines().any(|it| it.trim() == line.trim())).collect();
        let lost: Vec<_> = lost.iter().map(|line| line.trim()).collect();
        assert_eq!(lost, changed, "guests/order/src/{file}");
    }
}

//! What is recorded of an order, and read again years later.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use foldhost_sdk::prelude::*;
use foldhost_sdk::testing::golden;
use foldhost_sdk::{Fold, Payload};
use order::{LineItem, Money, Order, OrderEvent};

#[test]
fn recorded_orders_are_read_as_they_always_were() {
    golden::check::<Order>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

#[test]
fn event_types_are_those_that_recorded_orders_have() {
    let types = ["OrderPlaced.v1", "ItemAdded.v1", "PaymentRequested.v1", "OrderPaid.v1"];
    assert_eq!(OrderEvent::EVENT_TYPES, [&types[..], &["OrderCancelled.v1", "OrderShipped.v1"]].concat());
}

#[test]
fn the_bytes_of_an_event_are_those_that_recorded_orders_have() {
    let shipped = OrderEvent::OrderShipped { tracking: "1Z".into(), shipped_at_ms: 100 };
    assert_eq!(shipped.to_bytes().unwrap(), [2, b'1', b'Z', 200]);
    let item = LineItem { sku: "cup".into(), quantity: 1, unit_price: Money::from_cents(3) };
    let added = OrderEvent::ItemAdded { item, total: Money::from_cents(3), added_at_ms: 4 };
    assert_eq!(added.to_bytes().unwrap(), [3, b'c', b'u', b'p', 1, 6, 6, 8]);
}

#[test]
fn a_command_as_json_becomes_an_encoded_event() {
    let fold = Fold::<Order>::new("order-7f3c");
    let json = r#"{"customer_id": "c-1", "items": [{"sku": "cup", "quantity": 2, "unit_price": 250}]}"#;
    let context = Context::for_test("order-7f3c").at_ms(1_700_000_000_000);
    let decision = fold.decide("PlaceOrder", Payload::Json(json), &context).unwrap();
    let [event] = decision.events.as_slice() else { panic!("expected one event, got {:?}", decision.events) };
    assert_eq!(event.event_type, "OrderPlaced.v1");
    assert_eq!(
        foldhost_sdk::event_json::<Order>(event.event_type, &event.data).unwrap(),
        r#"{"order_id":"7f3c","customer_id":"c-1","items":[{"sku":"cup","quantity":2,"unit_price":250}],"total":500,"placed_at_ms":1700000000000}"#
    );
}

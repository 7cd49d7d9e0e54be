//! The order's rules, natively: no component, no host, no store.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use foldhost_sdk::prelude::*;
use foldhost_sdk::{Fold, Payload};
use order::{
    CustomerId, LINES_MAX, LineItem, Money, Order, OrderCommand, OrderEvent, OrderId, OrderState, OrderStatus,
    QUANTITY_MAX,
};

const NOW_MS: i64 = 1_700_000_000_000;

fn item(sku: &str, quantity: u32, cents: i64) -> LineItem {
    LineItem { sku: sku.into(), quantity, unit_price: Money::from_cents(cents) }
}

fn place(items: Vec<LineItem>) -> OrderCommand {
    OrderCommand::PlaceOrder { customer_id: CustomerId("c-1".into()), items }
}

fn add(item: LineItem) -> OrderCommand {
    OrderCommand::AddItem { item }
}

fn cancel() -> OrderCommand {
    OrderCommand::CancelOrder { reason: Some("changed my mind".into()) }
}

fn ship() -> OrderCommand {
    OrderCommand::ShipOrder { tracking: "1Z999".into() }
}

/// Decides and applies command after command; all of them must be allowed.
fn order_after(commands: impl IntoIterator<Item = OrderCommand>) -> OrderState {
    events_of(commands).into_iter().fold(OrderState::default(), folded)
}

fn events_of(commands: impl IntoIterator<Item = OrderCommand>) -> Vec<OrderEvent> {
    let mut state = OrderState::default();
    let mut recorded = Vec::new();
    for command in commands {
        let events = decide(&state, command).unwrap();
        state = events.iter().cloned().fold(state, folded);
        recorded.extend(events);
    }
    recorded
}

fn folded(mut state: OrderState, event: OrderEvent) -> OrderState {
    Order::apply(&mut state, event);
    state
}

fn decide(state: &OrderState, command: OrderCommand) -> Result<Vec<OrderEvent>, Rejection> {
    Order::decide(state, command, &Context::for_test("order-7f3c").at_ms(NOW_MS)).map(Decision::into_events)
}

#[track_caller]
fn assert_rejected(state: &OrderState, command: OrderCommand, code: &str) {
    let rejection = decide(state, command).expect_err("the command was allowed");
    assert_eq!(rejection.code, code, "{}", rejection.message);
}

fn placed() -> OrderState {
    order_after([place(vec![item("cup", 2, 250)])])
}

fn cancelled() -> OrderState {
    order_after([place(vec![item("cup", 2, 250)]), cancel()])
}

fn shipped() -> OrderState {
    order_after([place(vec![item("cup", 2, 250)]), ship()])
}

// What is allowed.

#[test]
fn placing_records_all_that_the_order_is() {
    let events = decide(&OrderState::default(), place(vec![item("cup", 2, 250), item("pot", 1, 1_999)])).unwrap();
    assert_eq!(
        events,
        [OrderEvent::OrderPlaced {
            order_id: OrderId("7f3c".into()),
            customer_id: CustomerId("c-1".into()),
            items: vec![item("cup", 2, 250), item("pot", 1, 1_999)],
            total: Money::from_cents(2_499),
            placed_at_ms: NOW_MS,
        }]
    );
}

#[test]
fn a_placed_order_is_rebuilt_from_its_event_alone() {
    assert_eq!(
        placed(),
        OrderState {
            order_id: Some(OrderId("7f3c".into())),
            customer_id: Some(CustomerId("c-1".into())),
            items: vec![item("cup", 2, 250)],
            status: OrderStatus::Placed,
            total: Money::from_cents(500),
        }
    );
}

#[test]
fn items_of_one_sku_are_placed_as_one_line() {
    let state = order_after([place(vec![item("cup", 2, 250), item("pot", 1, 900), item("cup", 3, 250)])]);
    assert_eq!(state.items, [item("cup", 5, 250), item("pot", 1, 900)]);
    assert_eq!(state.total, Money::from_cents(2_150));
}

#[test]
fn an_added_item_is_recorded_with_the_new_total_and_the_time() {
    let events = decide(&placed(), add(item("pot", 1, 1_999))).unwrap();
    let total = Money::from_cents(2_499);
    assert_eq!(events, [OrderEvent::ItemAdded { item: item("pot", 1, 1_999), total, added_at_ms: NOW_MS }]);
}

#[test]
fn an_added_item_becomes_a_line_and_one_of_a_known_sku_grows_its_line() {
    let state = order_after([place(vec![item("cup", 2, 250)]), add(item("pot", 1, 1_999)), add(item("cup", 4, 250))]);
    assert_eq!(state.items, [item("cup", 6, 250), item("pot", 1, 1_999)]);
    assert_eq!(state.total, Money::from_cents(3_499));
    assert_eq!(state.status, OrderStatus::Placed);
}

#[test]
fn a_gift_costs_nothing() {
    let state = order_after([place(vec![item("cup", 1, 250), item("sticker", 1, 0)])]);
    assert_eq!(state.total, Money::from_cents(250));
}

#[test]
fn shipping_records_the_tracking_number_and_the_time() {
    let events = decide(&placed(), ship()).unwrap();
    assert_eq!(events, [OrderEvent::OrderShipped { tracking: "1Z999".into(), shipped_at_ms: NOW_MS }]);
    assert_eq!(shipped(), OrderState { status: OrderStatus::Shipped, ..placed() });
}

#[test]
fn cancelling_records_the_reason_if_there_is_one_and_the_time() {
    let events = decide(&placed(), cancel()).unwrap();
    let reason = Some("changed my mind".into());
    assert_eq!(events, [OrderEvent::OrderCancelled { reason, cancelled_at_ms: NOW_MS }]);
    let events = decide(&placed(), OrderCommand::CancelOrder { reason: None }).unwrap();
    assert_eq!(events, [OrderEvent::OrderCancelled { reason: None, cancelled_at_ms: NOW_MS }]);
    assert_eq!(cancelled(), OrderState { status: OrderStatus::Cancelled, ..placed() });
}

// What the status forbids.

#[test]
fn an_order_is_placed_only_once() {
    assert_rejected(&placed(), place(vec![item("cup", 1, 250)]), "already-placed");
    assert_rejected(&cancelled(), place(vec![item("cup", 1, 250)]), "already-cancelled");
    assert_rejected(&shipped(), place(vec![item("cup", 1, 250)]), "already-shipped");
}

#[test]
fn an_order_that_was_never_placed_can_only_be_placed() {
    for command in [add(item("cup", 1, 250)), cancel(), ship()] {
        assert_rejected(&OrderState::default(), command, "not-placed");
    }
}

#[test]
fn nothing_follows_a_cancellation() {
    for command in [add(item("cup", 1, 250)), cancel(), ship()] {
        assert_rejected(&cancelled(), command, "already-cancelled");
    }
}

#[test]
fn nothing_follows_the_shipping() {
    for command in [add(item("cup", 1, 250)), cancel(), ship()] {
        assert_rejected(&shipped(), command, "already-shipped");
    }
}

// What the command's own content forbids, when placing and when adding.

#[track_caller]
fn assert_item_rejected(bad: &LineItem, code: &str) {
    assert_rejected(&OrderState::default(), place(vec![item("pen", 1, 100), bad.clone()]), code);
    assert_rejected(&placed(), add(bad.clone()), code);
}

#[test]
fn an_order_without_items_is_rejected() {
    assert_rejected(&OrderState::default(), place(vec![]), "empty-order");
}

#[test]
fn an_order_without_a_customer_is_rejected() {
    let command = OrderCommand::PlaceOrder { customer_id: CustomerId(" ".into()), items: vec![item("cup", 1, 250)] };
    assert_rejected(&OrderState::default(), command, "missing-customer");
}

#[test]
fn an_item_without_a_sku_is_rejected() {
    assert_item_rejected(&item("\t", 1, 250), "missing-sku");
}

#[test]
fn a_quantity_of_zero_is_rejected() {
    assert_item_rejected(&item("pot", 0, 250), "invalid-quantity");
}

#[test]
fn a_quantity_beyond_the_largest_is_rejected() {
    assert_item_rejected(&item("pot", QUANTITY_MAX + 1, 250), "invalid-quantity");
    assert_item_rejected(&item("pot", u32::MAX, 250), "invalid-quantity");
    assert_eq!(order_after([place(vec![item("pot", QUANTITY_MAX, 1)])]).items[0].quantity, QUANTITY_MAX);
}

#[test]
fn quantities_that_only_add_up_beyond_the_largest_are_rejected() {
    assert_rejected(&placed(), add(item("cup", QUANTITY_MAX - 1, 250)), "invalid-quantity");
    assert_rejected(&placed(), add(item("cup", u32::MAX, 250)), "invalid-quantity");
    let twice = vec![item("cup", QUANTITY_MAX, 1), item("cup", 1, 1)];
    assert_rejected(&OrderState::default(), place(twice), "invalid-quantity");
}

#[test]
fn a_negative_price_is_rejected() {
    assert_item_rejected(&item("pot", 1, -1), "invalid-price");
}

#[test]
fn one_sku_cannot_have_two_prices() {
    assert_rejected(&placed(), add(item("cup", 1, 251)), "price-changed");
    let twice = vec![item("cup", 1, 250), item("cup", 1, 249)];
    assert_rejected(&OrderState::default(), place(twice), "price-changed");
}

#[test]
fn a_price_times_its_quantity_beyond_64_bits_is_rejected() {
    assert_item_rejected(&item("yacht", 2, i64::MAX), "total-overflow");
}

#[test]
fn a_total_beyond_64_bits_is_rejected() {
    assert_item_rejected(&item("yacht", 1, i64::MAX), "total-overflow");
    let largest = order_after([place(vec![item("yacht", 1, i64::MAX)])]);
    assert_eq!(largest.total, Money::from_cents(i64::MAX));
}

#[test]
fn an_order_with_more_lines_than_allowed_is_rejected() {
    let lines = |count: usize| (0..count).map(|number| item(&format!("sku-{number}"), 1, 1)).collect::<Vec<_>>();
    assert_rejected(&OrderState::default(), place(lines(LINES_MAX + 1)), "too-many-items");
    let full = order_after([place(lines(LINES_MAX))]);
    assert_rejected(&full, add(item("one-more", 1, 1)), "too-many-items");
    assert!(decide(&full, add(item("sku-0", 1, 1))).is_ok(), "a line that exists may grow");
}

#[test]
fn a_shipment_without_a_tracking_number_is_rejected() {
    assert_rejected(&placed(), OrderCommand::ShipOrder { tracking: "  ".into() }, "missing-tracking");
}

// Recording and reading again.

/// Events as a page in columns, as a host reads them from the store.
fn apply_page(fold: &mut Fold<Order>, first_version: u64, events: &[OrderEvent]) {
    let types: Vec<String> = OrderEvent::EVENT_TYPES.iter().map(|&name| name.to_owned()).collect();
    let (mut index, mut ends, mut data) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        index.push(u16::try_from(types.iter().position(|name| name == event.event_type()).unwrap()).unwrap());
        data.extend(event.to_bytes().unwrap());
        ends.push(u32::try_from(data.len()).unwrap());
    }
    fold.apply_packed(first_version, &types, &index, &ends, &data).unwrap();
}

fn a_whole_life() -> Vec<OrderEvent> {
    events_of([place(vec![item("cup", 2, 250)]), add(item("pot", 1, 1_999)), add(item("cup", 1, 250)), ship()])
}

#[test]
fn the_state_is_the_same_after_recording_and_reading_the_events() {
    let events = a_whole_life();
    let mut fold = Fold::<Order>::new("order-7f3c");
    apply_page(&mut fold, 1, &events);
    assert_eq!(*fold.state(), events.into_iter().fold(OrderState::default(), folded));
    assert_eq!(fold.state().status, OrderStatus::Shipped);
}

#[test]
fn a_snapshot_and_the_events_after_it_give_the_same_state_as_all_events() {
    let events = a_whole_life();
    let mut whole = Fold::<Order>::new("order-7f3c");
    apply_page(&mut whole, 1, &events);
    for split in 0..=events.len() {
        let (before, after) = events.split_at(split);
        let mut early = Fold::<Order>::new("order-7f3c");
        apply_page(&mut early, 1, before);
        let mut late = Fold::<Order>::restore("order-7f3c", &early.snapshot()).unwrap();
        apply_page(&mut late, split as u64 + 1, after);
        assert_eq!(late.state(), whole.state(), "snapshot at version {split}");
        assert_eq!(late.state_json(), whole.state_json());
    }
}

#[test]
fn event_types_are_those_that_recorded_orders_have() {
    assert_eq!(OrderEvent::EVENT_TYPES, ["OrderPlaced.v1", "ItemAdded.v1", "OrderCancelled.v1", "OrderShipped.v1"]);
}

#[test]
fn the_bytes_of_an_event_are_those_that_recorded_orders_have() {
    let shipped = OrderEvent::OrderShipped { tracking: "1Z".into(), shipped_at_ms: 100 };
    assert_eq!(shipped.to_bytes().unwrap(), [2, b'1', b'Z', 200]);
    let added = OrderEvent::ItemAdded { item: item("cup", 1, 3), total: Money::from_cents(3), added_at_ms: 4 };
    assert_eq!(added.to_bytes().unwrap(), [3, b'c', b'u', b'p', 1, 6, 6, 8]);
}

#[test]
fn a_command_as_json_becomes_an_encoded_event() {
    let fold = Fold::<Order>::new("order-7f3c");
    let json = r#"{"customer_id": "c-1", "items": [{"sku": "cup", "quantity": 2, "unit_price": 250}]}"#;
    let context = Context::for_test("order-7f3c").at_ms(NOW_MS);
    let decision = fold.decide("PlaceOrder", Payload::Json(json), &context).unwrap();
    let [event] = decision.events.as_slice() else { panic!("expected one event, got {:?}", decision.events) };
    assert_eq!(event.event_type, "OrderPlaced.v1");
    assert_eq!(
        foldhost_sdk::event_json::<Order>(event.event_type, &event.data).unwrap(),
        r#"{"order_id":"7f3c","customer_id":"c-1","items":[{"sku":"cup","quantity":2,"unit_price":250}],"total":500,"placed_at_ms":1700000000000}"#
    );
}

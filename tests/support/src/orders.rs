//! Histories of orders, encoded as the order guest records them.

use foldhost::{PackedEvents, SerializedEvent, Version};
use foldhost_sdk::Event as _;
use order::{CustomerId, LineItem, Money, OrderEvent, OrderId};

/// When the first order of a history was placed: 2026-01-01T00:00:00Z.
const PLACED_AT_MS: i64 = 1_767_225_600_000;

fn line(number: usize) -> LineItem {
    LineItem { sku: format!("SKU-{:05}", number * 7_919 % 100_000), quantity: 1, unit_price: Money::from_cents(1_999) }
}

/// The history of one order with `count` events, encoded: see [`order_events`].
pub fn history(count: usize) -> Vec<SerializedEvent> {
    order_events(count).iter().map(serialize).collect()
}

/// The history of one order with `count` events: it is placed with three lines, and then items are added, of 20 kinds.
pub fn order_events(count: usize) -> Vec<OrderEvent> {
    let placed = OrderEvent::OrderPlaced {
        order_id: OrderId("7f3c".into()),
        customer_id: CustomerId("customer-1042".into()),
        items: (0..3).map(line).collect(),
        total: Money::from_cents(3 * 1_999),
        placed_at_ms: PLACED_AT_MS,
    };
    let added = (1..count).map(|number| OrderEvent::ItemAdded {
        item: line(number % 20),
        total: Money::from_cents((3 + number as i64) * 1_999),
        added_at_ms: PLACED_AT_MS + number as i64 * 1_000,
    });
    std::iter::once(placed).chain(added).take(count).collect()
}

/// The history of one order that ends with `lines` lines, all different.
pub fn distinct_history(lines: usize) -> Vec<SerializedEvent> {
    let placed = OrderEvent::OrderPlaced {
        order_id: OrderId("7f3c".into()),
        customer_id: CustomerId("customer-1042".into()),
        items: (0..lines).map(line).collect(),
        total: Money::from_cents(lines as i64 * 1_999),
        placed_at_ms: PLACED_AT_MS,
    };
    vec![serialize(&placed)]
}

/// One event, encoded.
pub fn serialize(event: &OrderEvent) -> SerializedEvent {
    SerializedEvent { event_type: event.event_type().to_owned(), data: event.to_bytes().unwrap() }
}

/// A history in pages of `page_len` events.
pub fn pages(events: &[SerializedEvent], page_len: usize) -> Vec<PackedEvents> {
    let firsts = (1_u64..).step_by(page_len);
    events
        .chunks(page_len)
        .zip(firsts)
        .map(|(page, first)| PackedEvents::of(Version::new(first), page).unwrap())
        .collect()
}

/// Arguments of a `PlaceOrder` with one line.
pub fn place_order() -> String {
    r#"{"customer_id":"customer-1","items":[{"sku":"SKU-1","quantity":2,"unit_price":1999}]}"#.into()
}

/// Arguments of an `AddItem`.
pub fn add_item() -> String {
    r#"{"item":{"sku":"SKU-2","quantity":1,"unit_price":500}}"#.into()
}

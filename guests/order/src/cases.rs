//! The rules as a table: `tests/rules.rs` runs it natively, and the host's tests through the component.

mod payments;

use foldhost_sdk::testing::{Case, case};

use crate::rules::{LINES_MAX, QUANTITY_MAX};
use crate::{CustomerId, LineItem, Money, Order, OrderCommand, OrderEvent, OrderId, OrderState, OrderStatus};

/// When the commands of the table come.
const NOW_MS: i64 = 1_700_000_000_000;

/// One case for each rule, and for each thing that is allowed.
pub fn cases() -> Vec<Case<Order>> {
    let tables = [allowed(), forbidden_by_the_status(), forbidden_by_the_content(), forbidden_in_items(), bounds()];
    tables.into_iter().flatten().chain(payments::cases()).collect()
}

fn allowed() -> Vec<Case<Order>> {
    let place_two = place([item("cup", 2, 250), item("pot", 1, 1_999)]);
    vec![
        case("placing records all that the order is")
            .stream("order-7f3c")
            .at(NOW_MS)
            .when(place_two)
            .then_events([OrderEvent::OrderPlaced {
                order_id: OrderId("7f3c".into()),
                customer_id: CustomerId("c-1".into()),
                items: vec![item("cup", 2, 250), item("pot", 1, 1_999)],
                total: cents(2_499),
                placed_at_ms: NOW_MS,
            }])
            .then_effects([])
            .then_log([]),
        case("an order is rebuilt from its events alone").when(place([item("cup", 2, 250)])).then_state(state(
            OrderStatus::Placed,
            [item("cup", 2, 250)],
            500,
        )),
        case("items of one sku are placed as one line")
            .when(place([item("cup", 2, 250), item("pot", 1, 900), item("cup", 3, 250)]))
            .then_state(state(OrderStatus::Placed, [item("cup", 5, 250), item("pot", 1, 900)], 2_150)),
        case("a gift costs nothing").when(place([item("cup", 1, 250), item("sticker", 1, 0)])).then_state(state(
            OrderStatus::Placed,
            [item("cup", 1, 250), item("sticker", 1, 0)],
            250,
        )),
        case("an added item is recorded with the new total and the time, and becomes a line")
            .given([placed()])
            .at(NOW_MS)
            .when(add(item("pot", 1, 1_999)))
            .then_events([OrderEvent::ItemAdded {
                item: item("pot", 1, 1_999),
                total: cents(2_499),
                added_at_ms: NOW_MS,
            }])
            .then_state(state(OrderStatus::Placed, [item("cup", 2, 250), item("pot", 1, 1_999)], 2_499)),
        case("an added item of a known sku grows its line")
            .given([placed()])
            .when(add(item("cup", 4, 250)))
            .then_state(state(OrderStatus::Placed, [item("cup", 6, 250)], 1_500)),
        case("shipping records the tracking number and the time")
            .given([placed()])
            .at(NOW_MS)
            .when(ship())
            .then_events([OrderEvent::OrderShipped { tracking: "1Z999".into(), shipped_at_ms: NOW_MS }])
            .then_state(state(OrderStatus::Shipped, [item("cup", 2, 250)], 500)),
        case("cancelling records the reason and the time")
            .given([placed()])
            .at(NOW_MS)
            .when(cancel())
            .then_events([cancelled(NOW_MS)])
            .then_state(state(OrderStatus::Cancelled, [item("cup", 2, 250)], 500)),
        case("an order is cancelled without a reason")
            .given([placed()])
            .at(NOW_MS)
            .when(OrderCommand::CancelOrder { reason: None })
            .then_events([OrderEvent::OrderCancelled { reason: None, cancelled_at_ms: NOW_MS }]),
    ]
}

/// Every command in every status that forbids it.
fn forbidden_by_the_status() -> Vec<Case<Order>> {
    let is_cancelled = || vec![placed(), cancelled(0)];
    let is_shipped = || vec![placed(), shipped()];
    let again =
        |name: &str, life, code: &str| case(name).given(life).when(place([item("cup", 1, 250)])).then_rejected(code);
    let mut cases = vec![
        again("an order is placed only once", vec![placed()], "already-placed"),
        again("a cancelled order is not placed again", is_cancelled(), "already-cancelled"),
        again("a shipped order is not placed again", is_shipped(), "already-shipped"),
    ];
    let left = |status| state(status, [item("cup", 2, 250)], 500);
    let lives = [
        ("an order that was never placed", vec![], "not-placed", OrderState::default()),
        ("a cancelled order", is_cancelled(), "already-cancelled", left(OrderStatus::Cancelled)),
        ("a shipped order", is_shipped(), "already-shipped", left(OrderStatus::Shipped)),
    ];
    for (who, life, code, left) in lives {
        for (what, command) in
            [("takes no item", add(item("cup", 1, 250))), ("is not cancelled", cancel()), ("is not shipped", ship())]
        {
            let refused = case(format!("{who} {what}")).given(life.clone()).when(command);
            cases.push(refused.then_rejected(code).then_state(left.clone()));
        }
    }
    cases
}

/// What is wrong with one item is wrong when it is placed and when it is added.
fn forbidden_in_items() -> Vec<Case<Order>> {
    let bad = [
        ("an item without a sku", item("\t", 1, 250), "missing-sku"),
        ("a quantity of zero", item("pot", 0, 250), "invalid-quantity"),
        ("a quantity beyond the largest", item("pot", QUANTITY_MAX + 1, 250), "invalid-quantity"),
        ("the largest quantity of 32 bits", item("pot", u32::MAX, 250), "invalid-quantity"),
        ("a negative price", item("pot", 1, -1), "invalid-price"),
        ("a price times its quantity beyond 64 bits", item("yacht", 2, i64::MAX), "total-overflow"),
        ("a total beyond 64 bits", item("yacht", 1, i64::MAX), "total-overflow"),
    ];
    let both = bad.into_iter().flat_map(|(what, bad, code)| {
        let placing = case(format!("{what} is not placed")).when(place([item("pen", 1, 100), bad.clone()]));
        let adding = case(format!("{what} is not added")).given([placed()]).when(add(bad));
        [placing.then_rejected(code), adding.then_rejected(code)]
    });
    both.collect()
}

fn forbidden_by_the_content() -> Vec<Case<Order>> {
    vec![
        case("an order without items is rejected").when(place([])).then_rejected("empty-order"),
        case("an order without a customer is rejected")
            .when(OrderCommand::PlaceOrder {
                customer_id: CustomerId(" ".into()),
                items: vec![item("cup", 1, 250)],
                payment: None,
            })
            .then_rejected("missing-customer"),
        case("one sku is not placed for two prices")
            .when(place([item("cup", 1, 250), item("cup", 1, 249)]))
            .then_rejected("price-changed"),
        case("a sku of the order is not added for another price")
            .given([placed()])
            .when(add(item("cup", 1, 251)))
            .then_rejected("price-changed"),
        case("a shipment without a tracking number is rejected")
            .given([placed()])
            .when(OrderCommand::ShipOrder { tracking: "  ".into() })
            .then_rejected("missing-tracking"),
    ]
}

/// The largest that is allowed, and one more.
fn bounds() -> Vec<Case<Order>> {
    let lines = |count: usize| (0..count).map(|number| item(&format!("sku-{number}"), 1, 1));
    let full = || place(lines(LINES_MAX));
    vec![
        case("the largest quantity is placed").when(place([item("pot", QUANTITY_MAX, 1)])).then_state(state(
            OrderStatus::Placed,
            [item("pot", QUANTITY_MAX, 1)],
            i64::from(QUANTITY_MAX),
        )),
        case("quantities that only add up beyond the largest are not placed")
            .when(place([item("cup", QUANTITY_MAX, 1), item("cup", 1, 1)]))
            .then_rejected("invalid-quantity"),
        case("a quantity that only adds up beyond the largest is not added")
            .given([placed()])
            .when(add(item("cup", QUANTITY_MAX - 1, 250)))
            .then_rejected("invalid-quantity"),
        case("a quantity that adds up beyond 32 bits is not added")
            .given([placed()])
            .when(add(item("cup", u32::MAX, 250)))
            .then_rejected("invalid-quantity"),
        case("the largest total is placed").when(place([item("yacht", 1, i64::MAX)])).then_state(state(
            OrderStatus::Placed,
            [item("yacht", 1, i64::MAX)],
            i64::MAX,
        )),
        case("an order has as many lines as allowed").when(full()).then_state(state(
            OrderStatus::Placed,
            lines(LINES_MAX),
            i64::try_from(LINES_MAX).unwrap_or(i64::MAX),
        )),
        case("an order with one line more is not placed")
            .when(place(lines(LINES_MAX + 1)))
            .then_rejected("too-many-items"),
        case("a full order takes no further line")
            .given_commands([full()])
            .when(add(item("one-more", 1, 1)))
            .then_rejected("too-many-items"),
        case("a line of a full order grows")
            .given_commands([full()])
            .at(NOW_MS)
            .when(add(item("sku-0", 1, 1)))
            .then_events([OrderEvent::ItemAdded { item: item("sku-0", 1, 1), total: cents(101), added_at_ms: NOW_MS }]),
    ]
}

fn item(sku: &str, quantity: u32, unit_price: i64) -> LineItem {
    LineItem { sku: sku.into(), quantity, unit_price: cents(unit_price) }
}

fn cents(cents: i64) -> Money {
    Money::from_cents(cents)
}

fn place(items: impl IntoIterator<Item = LineItem>) -> OrderCommand {
    let items = items.into_iter().collect();
    OrderCommand::PlaceOrder { customer_id: CustomerId("c-1".into()), items, payment: None }
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

/// Two cups for 500.
fn placed() -> OrderEvent {
    OrderEvent::OrderPlaced {
        order_id: OrderId("1".into()),
        customer_id: CustomerId("c-1".into()),
        items: vec![item("cup", 2, 250)],
        total: cents(500),
        placed_at_ms: 0,
    }
}

fn cancelled(cancelled_at_ms: i64) -> OrderEvent {
    OrderEvent::OrderCancelled { reason: Some("changed my mind".into()), cancelled_at_ms }
}

fn shipped() -> OrderEvent {
    OrderEvent::OrderShipped { tracking: "1Z999".into(), shipped_at_ms: 0 }
}

/// The order `1` of the customer `c-1`.
fn state(status: OrderStatus, items: impl IntoIterator<Item = LineItem>, total: i64) -> OrderState {
    OrderState {
        order_id: Some(OrderId("1".into())),
        customer_id: Some(CustomerId("c-1".into())),
        items: items.into_iter().collect(),
        status,
        total: cents(total),
        payment: None,
    }
}

//! What a discount changes, as a table: `tests/rules.rs` runs it natively, and the host's tests through the components of both
//! releases. All other rules are in the table of `guests/order`.

use foldhost_sdk::testing::{Case, case};
use foldhost_sdk::{Effect, HttpRequest};

use crate::{
    CustomerId, DISCOUNT_FROM, LineItem, Money, Order, OrderCommand, OrderEvent, OrderId, OrderState, OrderStatus,
    PaymentTerms,
};

/// When the commands of the table come.
const NOW_MS: i64 = 1_700_000_000_000;

/// The cases of a release that grants discounts, or of the one that only reads of them. Which of the two is linked in makes no
/// difference: so one table can be held against either component.
pub fn cases(grants: bool) -> Vec<Case<Order>> {
    let of_the_release = if grants { granted() } else { not_granted() };
    recorded().into_iter().chain(of_the_release).collect()
}

/// Of discounts that were granted, whoever granted them.
fn recorded() -> Vec<Case<Order>> {
    vec![
        case("an order that was placed before there were discounts has none")
            .given([placed_before(item(1, 250))])
            .when(ship())
            .then_state(OrderState { status: OrderStatus::Shipped, ..state(item(1, 250), 250, 0) }),
        case("a discount is kept when the order is shipped")
            .given([placed(item(1, 10_000), 9_000, 1_000)])
            .when(ship())
            .then_state(OrderState { status: OrderStatus::Shipped, ..state(item(1, 10_000), 9_000, 1_000) }),
        case("what is added to an order with a discount costs what it costs")
            .given([placed(item(1, 10_000), 9_000, 1_000)])
            .at(NOW_MS)
            .when(OrderCommand::AddItem { item: item(1, 10_000) })
            .then_events([OrderEvent::ItemAdded { item: item(1, 10_000), total: cents(19_000), added_at_ms: NOW_MS }])
            .then_state(state(item(2, 10_000), 19_000, 1_000)),
        case("an order with a discount is placed only once")
            .given([placed(item(1, 10_000), 9_000, 1_000)])
            .when(place(item(1, 10_000)))
            .then_rejected("already-placed")
            .then_state(state(item(1, 10_000), 9_000, 1_000)),
    ]
}

fn granted() -> Vec<Case<Order>> {
    let mut cases = vec![
        case("an order of 100.00 is recorded with a tenth off")
            .at(0)
            .when(place(item(4, 2_500)))
            .then_events([placed(item(4, 2_500), 9_000, 1_000)])
            .then_state(state(item(4, 2_500), 9_000, 1_000)),
        case("an order is asked to pay what is left of it")
            .at(0)
            .when(OrderCommand::PlaceOrder {
                customer_id: CustomerId("c-1".into()),
                items: vec![item(1, 20_000)],
                payment: Some(PaymentTerms { service: "https://pay.example".into(), within_ms: 1 }),
            })
            .then_events([
                placed(item(1, 20_000), 18_000, 2_000),
                OrderEvent::PaymentRequested {
                    service: "https://pay.example".into(),
                    amount: cents(18_000),
                    due_at_ms: 1,
                },
            ])
            .then_effects([
                Effect::http(
                    HttpRequest::post("https://pay.example/payments")
                        .header("content-type", "application/json")
                        .body(r#"{"order_id":"1","customer_id":"c-1","amount_cents":18000}"#),
                )
                .reply_to("PaymentAnswered"),
                Effect::delay(1).reply_to("ExpirePayment"),
            ]),
        case("an order that grows beyond 100.00 later gets none")
            .given([placed(item(1, 9_999), 9_999, 0)])
            .when(OrderCommand::AddItem { item: item(1, 9_999) })
            .then_state(state(item(2, 9_999), 19_998, 0)),
    ];
    let from = DISCOUNT_FROM.cents();
    for (what, sum, discount) in [
        ("an order of one cent less gets none", from - 1, 0),
        ("an order for nothing gets none", 0, 0),
        ("fractions of a cent are not taken off", from + 9, 1_000),
        ("the tenth cent takes one off", from + 10, 1_001),
        ("the largest order gets its tenth", i64::MAX, i64::MAX / 10),
    ] {
        let left = state(item(1, sum), sum - discount, discount);
        cases.push(case(what).when(place(item(1, sum))).then_state(left));
    }
    cases
}

fn not_granted() -> Vec<Case<Order>> {
    vec![
        case("an order of 100.00 is recorded as before")
            .at(0)
            .when(place(item(4, 2_500)))
            .then_events([placed_before(item(4, 2_500))])
            .then_state(state(item(4, 2_500), 10_000, 0)),
    ]
}

fn item(quantity: u32, unit_price: i64) -> LineItem {
    LineItem { sku: "cup".into(), quantity, unit_price: cents(unit_price) }
}

fn cents(cents: i64) -> Money {
    Money::from_cents(cents)
}

fn place(item: LineItem) -> OrderCommand {
    OrderCommand::PlaceOrder { customer_id: CustomerId("c-1".into()), items: vec![item], payment: None }
}

fn ship() -> OrderCommand {
    OrderCommand::ShipOrder { tracking: "1Z999".into() }
}

/// As it is recorded with a discount.
fn placed(item: LineItem, total: i64, discount: i64) -> OrderEvent {
    OrderEvent::OrderPlacedV2 {
        order_id: OrderId("1".into()),
        customer_id: CustomerId("c-1".into()),
        items: vec![item],
        total: cents(total),
        discount: cents(discount),
        placed_at_ms: 0,
    }
}

/// As it was recorded before there were discounts.
fn placed_before(item: LineItem) -> OrderEvent {
    let total = Money::from_cents(item.unit_price.cents() * i64::from(item.quantity));
    OrderEvent::OrderPlaced {
        order_id: OrderId("1".into()),
        customer_id: CustomerId("c-1".into()),
        items: vec![item],
        total,
        placed_at_ms: 0,
    }
}

/// A placed order of the customer `c-1` with one line.
fn state(item: LineItem, total: i64, discount: i64) -> OrderState {
    OrderState {
        order_id: Some(OrderId("1".into())),
        customer_id: Some(CustomerId("c-1".into())),
        items: vec![item],
        status: OrderStatus::Placed,
        total: cents(total),
        discount: cents(discount),
        payment: None,
    }
}

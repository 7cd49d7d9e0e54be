//! Commands by chance: sensible ones often enough to get an order far, and others.

use foldhost_sdk::testing::proptest::{History, histories};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::{CustomerId, LineItem, Money, Order, OrderCommand, QUANTITY_MAX};

/// What each article costs. Few articles at fixed prices, so that items often fall onto a line that is there.
const ARTICLES: [(&str, i64); 5] = [("cup", 250), ("pot", 1_999), ("pen", 100), ("sticker", 0), ("piano", 1_250_000)];

/// Orders that up to 40 commands lead to.
pub fn orders() -> impl Strategy<Value = History<Order>> {
    histories(commands(), 0..40)
}

/// Any command: of twenty, 18 begin an order or let it grow, and two end it.
pub fn commands() -> impl Strategy<Value = OrderCommand> {
    let place = (customers(), vec(items(), 0..6));
    prop_oneof![
        6 => place.prop_map(|(customer_id, items)| OrderCommand::PlaceOrder { customer_id, items }),
        12 => items().prop_map(|item| OrderCommand::AddItem { item }),
        1 => option::of("[a-z ]{0,20}").prop_map(|reason| OrderCommand::CancelOrder { reason }),
        1 => "[ A-Z0-9]{0,12}".prop_map(|tracking| OrderCommand::ShipOrder { tracking }),
    ]
}

/// A customer; one of twenty has no name.
pub fn customers() -> impl Strategy<Value = CustomerId> {
    prop_oneof![19 => "c-[0-9]{1,4}", 1 => Just(" ".to_owned())].prop_map(CustomerId)
}

/// An item; nine of ten are an article at its price, in a quantity that an order takes.
pub fn items() -> impl Strategy<Value = LineItem> {
    let article = (0..ARTICLES.len(), 1..1_000_u32);
    prop_oneof![
        9 => article.prop_map(|(article, quantity)| {
            let (sku, unit_price) = ARTICLES[article];
            LineItem { sku: sku.to_owned(), quantity, unit_price: Money::from_cents(unit_price) }
        }),
        1 => odd_items(),
    ]
}

/// Items at the edges: no sku, no quantity or too large a one, prices that are negative or overflow.
pub fn odd_items() -> impl Strategy<Value = LineItem> {
    let sku = prop_oneof![Just(String::new()), Just("cup".to_owned()), "[a-z]{1,3}"];
    let quantity = prop_oneof![Just(0), Just(QUANTITY_MAX), Just(QUANTITY_MAX + 1), any::<u32>()];
    let unit_price = prop_oneof![Just(-1), Just(i64::MAX), Just(i64::MIN), any::<i64>(), 0..1_000_i64];
    (sku, quantity, unit_price).prop_map(|(sku, quantity, unit_price)| LineItem {
        sku,
        quantity,
        unit_price: Money::from_cents(unit_price),
    })
}

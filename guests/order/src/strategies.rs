//! Commands by chance: sensible ones often enough to get an order far, and others.

use foldhost_sdk::testing::proptest::{History, histories};
use foldhost_sdk::{EffectFailure, EffectOutcome, HttpResponse, ResponseBody};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::{CustomerId, LineItem, Money, Order, OrderCommand, PaymentTerms, QUANTITY_MAX, WITHIN_MS_MAX};

/// What each article costs. Few articles at fixed prices, so that items often fall onto a line that is there.
const ARTICLES: [(&str, i64); 5] = [("cup", 250), ("pot", 1_999), ("pen", 100), ("sticker", 0), ("piano", 1_250_000)];

/// Orders that up to 40 commands lead to.
pub fn orders() -> impl Strategy<Value = History<Order>> {
    histories(commands(), 0..40)
}

/// Any command: of 23, 18 begin an order or let it grow, three bring it on with its payment, and two end it.
pub fn commands() -> impl Strategy<Value = OrderCommand> {
    let place = (customers(), vec(items(), 0..6), option::weighted(0.3, terms()));
    prop_oneof![
        6 => place.prop_map(|(customer_id, items, payment)| OrderCommand::PlaceOrder { customer_id, items, payment }),
        12 => items().prop_map(|item| OrderCommand::AddItem { item }),
        1 => option::of("[a-z ]{0,20}").prop_map(|reason| OrderCommand::CancelOrder { reason }),
        1 => "[ A-Z0-9]{0,12}".prop_map(|tracking| OrderCommand::ShipOrder { tracking }),
        2 => outcomes().prop_map(|outcome| OrderCommand::PaymentAnswered { outcome }),
        1 => Just(OrderCommand::ExpirePayment),
    ]
}

/// Terms of payment; two of twelve are none that an order takes.
pub fn terms() -> impl Strategy<Value = PaymentTerms> {
    let sensible = 1..=WITHIN_MS_MAX;
    prop_oneof![
        10 => sensible.prop_map(|within_ms| ("https://pay.example", within_ms)),
        1 => Just(("https://pay.example", WITHIN_MS_MAX + 1)),
        1 => Just(("pay.example", 1_000)),
    ]
    .prop_map(|(service, within_ms)| PaymentTerms { service: service.to_owned(), within_ms })
}

/// What a payment service answers: mostly a receipt, sometimes a no, something else, or nothing at all.
pub fn outcomes() -> impl Strategy<Value = EffectOutcome> {
    let answer = |status, body: &str| {
        EffectOutcome::Http(HttpResponse { status, headers: Vec::new(), body: ResponseBody::Text(body.to_owned()) })
    };
    let failed = EffectFailure { code: "timeout".to_owned(), message: "no answer within 10 s".to_owned() };
    prop_oneof![
        6 => "pay-[0-9]{1,4}".prop_map(move |id| answer(201, &format!(r#"{{"payment_id":"{id}"}}"#))),
        1 => Just(answer(402, "card declined")),
        1 => Just(answer(200, "<html>")),
        1 => Just(EffectOutcome::Failed(failed)),
        1 => Just(EffectOutcome::Done),
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

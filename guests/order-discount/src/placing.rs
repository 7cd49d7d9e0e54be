//! How an order begins.

use foldhost_sdk::prelude::*;

use crate::discount::{self, GRANTS, Price};
use crate::event::OrderEvent;
use crate::parts::{CustomerId, LineItem, OrderId};
use crate::payment::{self, PaymentTerms};
use crate::rules;
use crate::state::OrderState;

pub(crate) fn place(
    state: &OrderState,
    customer_id: CustomerId,
    items: Vec<LineItem>,
    payment: Option<PaymentTerms>,
    context: &Context,
) -> Result<Decision<OrderEvent>, Rejection> {
    let (items, sum) = rules::check_placing(state, &customer_id, items)?;
    let Price { total, discount } = discount::price(sum);
    let order_id = OrderId(context.stream_key().to_owned());
    let requested =
        payment.map(|terms| payment::request(&order_id, &customer_id, total, terms, context)).transpose()?;
    let placed_at_ms = context.now_ms;
    let placed = Decision::event(if GRANTS {
        OrderEvent::OrderPlacedV2 { order_id, customer_id, items, total, discount, placed_at_ms }
    } else {
        OrderEvent::OrderPlaced { order_id, customer_id, items, total, placed_at_ms }
    });
    Ok(match requested {
        Some(requested) => placed.and(requested.event).with_effect(requested.ask).with_effect(requested.timer),
        None => placed,
    })
}

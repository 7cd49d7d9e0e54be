//! What is allowed. Each rule has a rejection code of its own, which senders may depend on.

use foldhost_sdk::prelude::*;

use crate::command::OrderCommand;
use crate::event::OrderEvent;
use crate::money::Money;
use crate::parts::{CustomerId, LineItem, OrderStatus, merge};
use crate::payment;
use crate::placing;
use crate::state::OrderState;

/// Most lines that an order may have.
pub const LINES_MAX: usize = 100;

/// Most pieces that a line may come to, all additions included.
pub const QUANTITY_MAX: u32 = 1_000_000;

pub(crate) fn decide(
    state: &OrderState,
    command: OrderCommand,
    context: &Context,
) -> Result<Decision<OrderEvent>, Rejection> {
    match command {
        OrderCommand::PlaceOrder { customer_id, items, payment } => {
            placing::place(state, customer_id, items, payment, context)
        }
        OrderCommand::AddItem { item } => add(state, item, context),
        OrderCommand::CancelOrder { reason } => cancel(state, reason, context),
        OrderCommand::ShipOrder { tracking } => ship(state, tracking, context),
        OrderCommand::PaymentAnswered { outcome } => Ok(payment::answered(state, &outcome, context)),
        OrderCommand::ExpirePayment => Ok(payment::expired(state, context)),
    }
}

/// Whether an order may be placed: its lines, and what they come to.
pub(crate) fn check_placing(
    state: &OrderState,
    customer_id: &CustomerId,
    items: Vec<LineItem>,
) -> Result<(Vec<LineItem>, Money), Rejection> {
    match state.status {
        OrderStatus::Draft => {}
        OrderStatus::Placed | OrderStatus::AwaitingPayment | OrderStatus::Paid => {
            return Err(Rejection::new("already-placed", "the order has already been placed"));
        }
        OrderStatus::Cancelled => return Err(already_cancelled()),
        OrderStatus::Shipped => return Err(already_shipped()),
    }
    if customer_id.0.trim().is_empty() {
        return Err(Rejection::new("missing-customer", "an order needs a customer id"));
    }
    if items.is_empty() {
        return Err(Rejection::new("empty-order", "an order needs at least one item"));
    }
    let mut lines = Vec::with_capacity(items.len().min(LINES_MAX));
    for item in items {
        check_item(&lines, &item)?;
        merge(&mut lines, item);
    }
    let sum = lines.iter().try_fold(Money::ZERO, plus_item)?;
    Ok((lines, sum))
}

fn add(state: &OrderState, item: LineItem, context: &Context) -> Result<Decision<OrderEvent>, Rejection> {
    check_open(state)?;
    check_unasked(state)?;
    check_item(&state.items, &item)?;
    let total = plus_item(state.total, &item)?;
    Ok(Decision::event(OrderEvent::ItemAdded { item, total, added_at_ms: context.now_ms }))
}

fn cancel(state: &OrderState, reason: Option<String>, context: &Context) -> Result<Decision<OrderEvent>, Rejection> {
    check_open(state)?;
    Ok(payment::cancel(state, reason, context))
}

fn ship(state: &OrderState, tracking: String, context: &Context) -> Result<Decision<OrderEvent>, Rejection> {
    check_open(state)?;
    if state.status == OrderStatus::AwaitingPayment {
        return Err(Rejection::new("not-paid", "the order has not been paid yet"));
    }
    if tracking.trim().is_empty() {
        return Err(Rejection::new("missing-tracking", "a shipment needs its carrier's tracking number"));
    }
    Ok(Decision::event(OrderEvent::OrderShipped { tracking, shipped_at_ms: context.now_ms }))
}

/// An order can change only between placing and shipping or cancelling.
fn check_open(state: &OrderState) -> Result<(), Rejection> {
    match state.status {
        OrderStatus::Placed | OrderStatus::AwaitingPayment | OrderStatus::Paid => Ok(()),
        OrderStatus::Draft => Err(Rejection::new("not-placed", "the order has not been placed yet")),
        OrderStatus::Cancelled => Err(already_cancelled()),
        OrderStatus::Shipped => Err(already_shipped()),
    }
}

/// What a customer is asked to pay is what the order comes to: it grows no more.
fn check_unasked(state: &OrderState) -> Result<(), Rejection> {
    match state.payment {
        None => Ok(()),
        Some(_) => Err(Rejection::new("payment-requested", "the order's payment has already been asked for")),
    }
}

/// Whether an item may join these lines.
fn check_item(lines: &[LineItem], item: &LineItem) -> Result<(), Rejection> {
    if item.sku.trim().is_empty() {
        return Err(Rejection::new("missing-sku", "an item needs a sku"));
    }
    if item.unit_price < Money::ZERO {
        let message = format!("`{}` costs {} cents; a price cannot be negative", item.sku, item.unit_price.cents());
        return Err(Rejection::new("invalid-price", message));
    }
    let line = lines.iter().find(|line| line.sku == item.sku);
    if line.is_none() && lines.len() == LINES_MAX {
        return Err(Rejection::new("too-many-items", format!("an order has at most {LINES_MAX} lines")));
    }
    if let Some(line) = line.filter(|line| line.unit_price != item.unit_price) {
        let (old, new) = (line.unit_price.cents(), item.unit_price.cents());
        let message = format!("`{}` is in the order for {old} cents and cannot be added for {new}", item.sku);
        return Err(Rejection::new("price-changed", message));
    }
    let quantity = line.map_or(0, |line| line.quantity).checked_add(item.quantity);
    if item.quantity == 0 || quantity.is_none_or(|quantity| quantity > QUANTITY_MAX) {
        let message = format!("the quantity of `{}` must come to between 1 and {QUANTITY_MAX}", item.sku);
        return Err(Rejection::new("invalid-quantity", message));
    }
    Ok(())
}

fn plus_item(total: Money, item: &LineItem) -> Result<Money, Rejection> {
    item.unit_price
        .checked_mul(item.quantity)
        .and_then(|price| total.checked_add(price))
        .ok_or_else(|| Rejection::new("total-overflow", "the order's total is beyond what an amount can hold"))
}

fn already_shipped() -> Rejection {
    Rejection::new("already-shipped", "the order has already been shipped")
}

fn already_cancelled() -> Rejection {
    Rejection::new("already-cancelled", "the order has already been cancelled")
}

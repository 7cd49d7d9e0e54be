//! What the events of an order add up to.

use foldhost_sdk::prelude::*;

use crate::event::OrderEvent;
use crate::money::Money;
use crate::payment::Payment;

/// The order's own id: the part of its stream id after `order-`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderId(pub String);

/// Who ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerId(pub String);

/// So many of one article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineItem {
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// The price of one, in cents.
    pub unit_price: Money,
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Nothing has been ordered yet.
    #[default]
    Draft,
    /// Ordered; items can still be added.
    Placed,
    /// Ordered, and waiting for the payment service.
    AwaitingPayment,
    /// Ordered and paid.
    Paid,
    /// Called off. Nothing can follow.
    Cancelled,
    /// On its way. Nothing can follow.
    Shipped,
}

/// One order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// Known from the moment the order is placed.
    pub order_id: Option<OrderId>,
    /// Known from the moment the order is placed.
    pub customer_id: Option<CustomerId>,
    /// One line for each sku, in the order in which they were added.
    pub items: Vec<LineItem>,
    /// How far it has come.
    pub status: OrderStatus,
    /// The sum of all lines.
    pub total: Money,
    /// Known from the moment it is asked for; none of an order that is not paid this way.
    pub payment: Option<Payment>,
}

impl OrderState {
    /// Folds one event. The totals come from the events: the rules added them up once, with overflow checked.
    pub(crate) fn apply(&mut self, event: OrderEvent) {
        match event {
            OrderEvent::OrderPlaced { order_id, customer_id, items, total, placed_at_ms: _ } => {
                *self = Self {
                    order_id: Some(order_id),
                    customer_id: Some(customer_id),
                    items,
                    status: OrderStatus::Placed,
                    total,
                    payment: None,
                };
            }
            OrderEvent::PaymentRequested { service, amount: _, due_at_ms } => {
                self.payment = Some(Payment { service, due_at_ms, payment_id: None });
                self.status = OrderStatus::AwaitingPayment;
            }
            OrderEvent::OrderPaid { payment_id, paid_at_ms: _ } => {
                if let Some(payment) = &mut self.payment {
                    payment.payment_id = Some(payment_id);
                }
                self.status = OrderStatus::Paid;
            }
            OrderEvent::ItemAdded { item, total, added_at_ms: _ } => {
                merge(&mut self.items, item);
                self.total = total;
            }
            OrderEvent::OrderCancelled { .. } => self.status = OrderStatus::Cancelled,
            OrderEvent::OrderShipped { .. } => self.status = OrderStatus::Shipped,
        }
    }
}

/// Adds an item to its sku's line, or as a new line. The rules bound a line's quantity far below where it saturates.
pub(crate) fn merge(lines: &mut Vec<LineItem>, item: LineItem) {
    match lines.iter_mut().find(|line| line.sku == item.sku) {
        Some(line) => line.quantity = line.quantity.saturating_add(item.quantity),
        None => lines.push(item),
    }
}

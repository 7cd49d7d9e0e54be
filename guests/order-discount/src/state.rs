//! What the events of an order add up to.

use foldhost_sdk::prelude::*;

use crate::event::OrderEvent;
use crate::money::Money;
use crate::parts::{CustomerId, LineItem, OrderId, OrderStatus, merge};
use crate::payment::Payment;

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
    /// The sum of all lines, without the discount.
    pub total: Money,
    /// What was taken off when it was placed.
    pub discount: Money,
    /// Known from the moment it is asked for; none of an order that is not paid this way.
    pub payment: Option<Payment>,
}

impl OrderState {
    fn placed(order_id: OrderId, customer_id: CustomerId, items: Vec<LineItem>, total: Money) -> Self {
        Self {
            order_id: Some(order_id),
            customer_id: Some(customer_id),
            items,
            status: OrderStatus::Placed,
            total,
            ..Self::default()
        }
    }

    /// Folds one event. The totals come from the events: the rules added them up once, with overflow checked.
    pub(crate) fn apply(&mut self, event: OrderEvent) {
        match event {
            OrderEvent::OrderPlaced { order_id, customer_id, items, total, placed_at_ms: _ } => {
                *self = Self::placed(order_id, customer_id, items, total);
            }
            OrderEvent::OrderPlacedV2 { order_id, customer_id, items, total, discount, placed_at_ms: _ } => {
                *self = Self { discount, ..Self::placed(order_id, customer_id, items, total) };
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

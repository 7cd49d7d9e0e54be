//! What is recorded about an order.

use foldhost_sdk::prelude::*;

use crate::money::Money;
use crate::parts::{CustomerId, LineItem, OrderId};

/// Something that happened to an order. Times are milliseconds since 1970-01-01T00:00:00Z, from the deciding context.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum OrderEvent {
    /// The order exists; all that is needed to rebuild it is here. The first release writes it, and the second only reads it:
    /// there is a newer version then.
    OrderPlaced {
        /// From the stream id.
        order_id: OrderId,
        /// Who ordered.
        customer_id: CustomerId,
        /// One line for each sku.
        items: Vec<LineItem>,
        /// The sum of all lines.
        total: Money,
        /// When.
        placed_at_ms: i64,
    },
    /// The same, with a discount.
    #[event(name = "OrderPlaced", version = 2)]
    #[cfg_attr(not(feature = "grant"), event(read_only))]
    OrderPlacedV2 {
        /// From the stream id.
        order_id: OrderId,
        /// Who ordered.
        customer_id: CustomerId,
        /// One line for each sku.
        items: Vec<LineItem>,
        /// What is left of the sum of all lines.
        total: Money,
        /// What was taken off it.
        discount: Money,
        /// When.
        placed_at_ms: i64,
    },
    /// An item was added.
    ItemAdded {
        /// What was added, not what its line came to.
        item: LineItem,
        /// The order's new total.
        total: Money,
        /// When.
        added_at_ms: i64,
    },
    /// The payment service was asked for the money.
    PaymentRequested {
        /// The service's URL.
        service: String,
        /// How much.
        amount: Money,
        /// When the order is cancelled if it is not paid.
        due_at_ms: i64,
    },
    /// The money is there.
    OrderPaid {
        /// The payment service's own id for it.
        payment_id: String,
        /// When.
        paid_at_ms: i64,
    },
    /// The order was called off.
    OrderCancelled {
        /// Why: what the customer said, if anything, or what went wrong with the payment.
        reason: Option<String>,
        /// When.
        cancelled_at_ms: i64,
    },
    /// The order is on its way.
    OrderShipped {
        /// The carrier's tracking number.
        tracking: String,
        /// When.
        shipped_at_ms: i64,
    },
}

//! What is recorded about an order.

use foldhost_sdk::prelude::*;

use crate::money::Money;
use crate::state::{CustomerId, LineItem, OrderId};

/// Something that happened to an order. Times are milliseconds since 1970-01-01T00:00:00Z, from the deciding context.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum OrderEvent {
    /// The order exists; all that is needed to rebuild it is here.
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
    /// An item was added.
    ItemAdded {
        /// What was added, not what its line came to.
        item: LineItem,
        /// The order's new total.
        total: Money,
        /// When.
        added_at_ms: i64,
    },
    /// The order was called off.
    OrderCancelled {
        /// Why, if the customer said.
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

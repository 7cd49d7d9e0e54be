//! What an order can be asked to do.

use foldhost_sdk::prelude::*;

use crate::state::{CustomerId, LineItem};

/// A command for one order.
#[derive(Debug, Clone, PartialEq, Eq, Command)]
pub enum OrderCommand {
    /// Order these items.
    PlaceOrder {
        /// Who orders.
        customer_id: CustomerId,
        /// At least one. Items of the same sku become one line.
        items: Vec<LineItem>,
    },
    /// Add an item to a placed order.
    AddItem {
        /// If the sku is already in the order, its line grows.
        item: LineItem,
    },
    /// Call a placed order off.
    CancelOrder {
        /// Why, if the customer said.
        reason: Option<String>,
    },
    /// Send a placed order off.
    ShipOrder {
        /// The carrier's tracking number.
        tracking: String,
    },
}

//! What an order is made of.

use foldhost_sdk::prelude::*;

use crate::money::Money;

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

/// Adds an item to its sku's line, or as a new line. The rules bound a line's quantity far below where it saturates.
pub(crate) fn merge(lines: &mut Vec<LineItem>, item: LineItem) {
    match lines.iter_mut().find(|line| line.sku == item.sku) {
        Some(line) => line.quantity = line.quantity.saturating_add(item.quantity),
        None => lines.push(item),
    }
}

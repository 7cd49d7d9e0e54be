//! What an order can be asked to do.

use foldhost_sdk::prelude::*;

use crate::parts::{CustomerId, LineItem};
use crate::payment::PaymentTerms;

/// A command for one order.
#[derive(Debug, Clone, PartialEq, Eq, Command)]
pub enum OrderCommand {
    /// Order these items.
    PlaceOrder {
        /// Who orders.
        customer_id: CustomerId,
        /// At least one. Items of the same sku become one line.
        items: Vec<LineItem>,
        /// Whom to ask for the money, if it is paid before it is shipped.
        payment: Option<PaymentTerms>,
    },
    /// Add an item to a placed order.
    AddItem {
        /// If the sku is already in the order, its line grows.
        item: LineItem,
    },
    /// Call a placed order off. What was paid is given back.
    CancelOrder {
        /// Why, if the customer said.
        reason: Option<String>,
    },
    /// Send a placed order off.
    ShipOrder {
        /// The carrier's tracking number.
        tracking: String,
    },
    /// What came of asking for the payment: the reply of an effect.
    ///
    /// A command like any other, so whoever may send commands can send it, and call an order paid. Where not every sender is
    /// trusted, leave it and `ExpirePayment` out of what they may send.
    PaymentAnswered {
        /// As the payment service answered, or why it did not.
        outcome: EffectOutcome,
    },
    /// The time to pay is over: the reply of a timer.
    ExpirePayment,
}

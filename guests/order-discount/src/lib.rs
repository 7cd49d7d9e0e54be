//! The order with discounts: the two releases that follow `guests/order`, whose streams they go on with.
//!
//! The first reads `OrderPlaced.v2`, which holds a discount, shows it in the state, and goes on writing `OrderPlaced.v1`. The
//! second, with the feature `grant`, grants discounts and writes `OrderPlaced.v2`. In between, whoever decides can read what
//! the other writes: so the second may be a canary of the first, and be rolled back to it.
//!
//! Read `discount.rs` for the rule. `event.rs`, `placing.rs` and `state.rs` are those of `guests/order` with what a discount
//! changes in them; all other files are the very same. It is a package of its own, and no feature of that one, since cargo builds a
//! package with all features that anybody asks for: every test of this repository would run with discounts.

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
mod cases;
#[path = "../../order/src/command.rs"]
mod command;
mod discount;
mod event;
#[path = "../../order/src/money.rs"]
mod money;
#[path = "../../order/src/parts.rs"]
mod parts;
#[path = "../../order/src/payment.rs"]
mod payment;
mod placing;
#[path = "../../order/src/rules.rs"]
mod rules;
mod state;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#[path = "../../order/src/strategies.rs"]
pub mod strategies;

use foldhost_sdk::prelude::*;

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub use cases::cases;
pub use command::OrderCommand;
pub use discount::{DISCOUNT_FROM, DISCOUNT_PERCENT, GRANTS};
pub use event::OrderEvent;
pub use money::Money;
pub use parts::{CustomerId, LineItem, OrderId, OrderStatus};
pub use payment::{Payment, PaymentTerms, SERVICE_BYTES_MAX, WITHIN_MS_MAX};
pub use rules::{LINES_MAX, QUANTITY_MAX};
pub use state::OrderState;

/// The reducer for streams such as `order-7f3c`. It has the name of the one before, and so takes its place.
pub struct Order;

impl Reducer for Order {
    const NAME: &'static str = "order";
    const STATE_SCHEMA: &'static str = "order.v3";
    type State = OrderState;
    type Command = OrderCommand;
    type Event = OrderEvent;

    fn decide(state: &OrderState, command: OrderCommand, context: &Context) -> Result<Decision<OrderEvent>, Rejection> {
        rules::decide(state, command, context)
    }

    fn apply(state: &mut OrderState, event: OrderEvent) {
        state.apply(event);
    }
}

foldhost_sdk::export!(Order);

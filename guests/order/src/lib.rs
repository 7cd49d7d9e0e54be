//! An order, from placing to shipping: the reducer that the tests, the benches and the examples run.
//!
//! Read `command.rs` for what can be asked, `rules.rs` for what is allowed, `event.rs` for what is recorded and `state.rs`
//! for what it adds up to. `payment.rs` is how an order is paid: two effects, and what comes back. With the feature `testing`,
//! `cases.rs` is the table of its rules, which runs natively and through the component, and `strategies.rs` draws commands by
//! chance.
//!
//! `guests/order-discount` has the two releases that follow this one. They change `event.rs`, `placing.rs` and `state.rs`, and
//! take the other files from here.

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
mod cases;
mod command;
mod event;
mod money;
mod parts;
mod payment;
mod placing;
mod rules;
mod state;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod strategies;

use foldhost_sdk::prelude::*;

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub use cases::cases;
pub use command::OrderCommand;
pub use event::OrderEvent;
pub use money::Money;
pub use parts::{CustomerId, LineItem, OrderId, OrderStatus};
pub use payment::{Payment, PaymentTerms, SERVICE_BYTES_MAX, WITHIN_MS_MAX};
pub use rules::{LINES_MAX, QUANTITY_MAX};
pub use state::OrderState;

/// The reducer for streams such as `order-7f3c`.
pub struct Order;

impl Reducer for Order {
    const NAME: &'static str = "order";
    const STATE_SCHEMA: &'static str = "order.v2";
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

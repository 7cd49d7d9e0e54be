//! The life of a few orders on an embedded host: placed, shipped, cancelled, refused, retried, paid, and the same after a
//! restart. `main.rs` chooses the store; the README beside it explains what happens.
//!
//! - `story.rs`, `paying.rs`: what happens, top to bottom
//! - [`Orders`]: orders by their types
//! - [`payments`]: the payment service, which is also a program of its own
//! - [`Mail`]: a kind of effect of one's own

mod mail;
mod orders;
mod paying;
pub mod payments;
mod story;

pub use mail::{Letter, Mail};
pub use orders::Orders;
pub use story::{Story, tell};

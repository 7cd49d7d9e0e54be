//! The life of a few orders on an embedded host: placed, shipped, cancelled, refused, retried, and the same after a
//! restart. `main.rs` chooses the store; the README beside it explains what happens.

mod orders;
mod story;

pub use orders::Orders;
pub use story::{Story, tell};

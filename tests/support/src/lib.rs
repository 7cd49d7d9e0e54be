//! What the tests and benches share: a database of their own each, a server of one's own to cut off, the guests as
//! components, and streams of events.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails here, with the reason")]

mod components;
mod database;
pub mod orders;
mod ratio;
mod server;
mod swaps;

pub use components::{component, component_reducer, component_with};
pub use database::{TestDatabase, database, durable_database};
pub use ratio::{Ratio, ratio};
pub use server::OwnServer;
pub use swaps::{in_other_bytes, swap_to};

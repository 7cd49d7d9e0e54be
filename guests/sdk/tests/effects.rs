//! Effects: put together, as a list, and what comes back.
#![allow(clippy::unwrap_used)]

#[path = "effects/laws.rs"]
mod laws;
#[path = "effects/lists.rs"]
mod lists;
#[path = "effects/outcomes.rs"]
mod outcomes;
#[path = "effects/requests.rs"]
mod requests;
#[path = "effects/trees.rs"]
mod trees;

//! The HTTP API, as a client meets it: over a real socket, each test with a host and a port of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "http_api/asking.rs"]
mod asking;
#[path = "http_api/closing.rs"]
mod closing;
#[path = "http_api/commands.rs"]
mod commands;
#[path = "http_api/effects.rs"]
mod effects;
#[path = "http_api/faults.rs"]
mod faults;
#[path = "http_api/filters.rs"]
mod filters;
#[path = "http_api/log.rs"]
mod log;
#[path = "http_api/metadata.rs"]
mod metadata;
#[path = "http_api/metrics.rs"]
mod metrics;
#[path = "http_api/reads.rs"]
mod reads;
#[path = "http_api/reducers.rs"]
mod reducers;
#[path = "http_api/refusals.rs"]
mod refusals;
#[path = "http_api/server.rs"]
mod server;
#[path = "http_api/shutdown.rs"]
mod shutdown;
#[path = "http_api/store.rs"]
mod store;
#[path = "http_api/subscriptions.rs"]
mod subscriptions;
#[path = "http_api/swaps.rs"]
mod swaps;
#[path = "http_api/upcast.rs"]
mod upcast;

//! Foldhost runs event-sourced business logic as sandboxed WebAssembly components over PostgreSQL.
//!
//! A command goes this way, and the modules stand in its order:
//!
//! `receive -> load (snapshot + tail) -> apply -> decide -> append -> apply -> reply -> effects`
//!
//! | module | what it does |
//! |---|---|
//! | [`stream`], [`event`] | which stream, how far, and what is recorded |
//! | [`api`] | receives over HTTP |
//! | [`runtime`] | the flow itself, in `execute.rs`; entities, committer, snapshots; the [`Host`] |
//! | [`effects`] | claims what decisions asked for, runs it, and tells the streams |
//! | [`swap`] | deploys, verifies over the recorded history, activates, rolls back |
//! | [`reducer`] | the contract as the host sees it: one trait for components and native logic |
//! | [`guest`] | components in their sandbox; all of wasmtime |
//! | [`event_store`] | the log, in Postgres or in memory; all of the SQL |
//! | [`limits`] | every bound that an embedder may set |
//! | [`embedded_postgres`] | a private server for whoever has none |
//! | [`scaffold`] | a reducer's crate to begin with |
//! | [`build`] | from a crate to a component |
//! | [`suite`] | scenario files run against a component, with the laws that every reducer keeps |
//! | [`testing`] | scenarios, events, histories and a faulty store, for tests of reducers and of programs over a store |
//!
//! An embedder starts with [`Host::builder`].

pub mod api;
pub mod build;
pub mod effects;
pub mod embedded_postgres;
pub mod event;
pub mod event_store;
pub mod guest;
pub mod limits;
pub mod reducer;
pub mod runtime;
pub mod scaffold;
pub mod stream;
pub mod suite;
pub mod swap;
pub mod testing;

pub use event::{Event, EventMetadata, PackedEvents, SerializedEvent, TraceParent};
pub use event_store::{
    EventStore, EventStoreError, InMemoryEventStore, LogFilter, PageLimit, PoolConfig, PostgresEventStore,
    ReducerStore, SnapshotConfig, Store, Subscription, SubscriptionConfig, SubscriptionError, SubscriptionStore,
    VerificationStore,
};
pub use guest::{ComponentReducer, GuestEngine};
pub use limits::{EffectLimits, KindOverrides, Limits, LimitsError, ReducerLimits, ReducerOverrides};
pub use reducer::{Aggregate, Command, NativeReducer, Payload, Reducer};
pub use runtime::{CommandError, CommandMetadata, CommandReply, CommandRequest, Host, HostBuilder, ReadError};
pub use stream::{ExpectedVersion, StreamId, Version};

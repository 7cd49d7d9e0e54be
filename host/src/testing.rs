//! What tests of reducers and of programs over a store need: scenarios, events, histories, and a store that fails on demand.
//!
//! | | |
//! |---|---|
//! | [`scenario`], [`command`], [`encode_command`] | given these events, when this command comes, then that |
//! | [`assert_case`], [`match_case`] | a table of the SDK's own cases, on the component |
//! | [`Then`], [`Outcome`], [`Law`] | what a scenario can come to, and what every reducer has to keep |
//! | [`event`], [`events`], [`encode`], [`history`] | events to begin with |
//! | [`StreamFixture`], [`store_with`] | a store that has a past |
//! | [`assert_events_match`], [`match_events`] | recorded events beside the expected ones |
//! | [`golden`] | recorded bytes, kept in files, and what they have to mean |
//! | [`FaultyStore`] | a store that fails, or loses an acknowledgement, when the test says so |
//!
//! A scenario takes any [`Reducer`](crate::Reducer): the same table of cases runs natively and through a component.
//!
//! ```
//! use foldhost::NativeReducer;
//! use foldhost::testing::{command, scenario};
//! use serde_json::json;
//!
//! let counter = NativeReducer::<counter::Counter>::new();
//! scenario(&counter)
//!     .given_commands([command("Increment", json!({"by": 2}))])
//!     .when(command("Increment", json!({"by": 40})))
//!     .then_events([("Incremented.v1", json!({"by": 40}))])
//!     .then_state(json!({"value": 42}));
//! ```
//!
//! Functions that begin with `assert` or `then` panic, with the test's line and a diff. Below each stands one that answers with
//! a [`Mismatch`] instead: [`match_events`], [`Scenario::run`], [`Outcome::check`].

mod case;
mod effects;
mod event_builder;
mod expected;
mod faulty_store;
mod fixture;
pub mod golden;
pub(crate) mod laws;
pub(crate) mod mismatch;
mod outcome;
mod recorded;
mod scenario;

pub use case::{assert_case, match_case};
pub use effects::effect_json;
pub use event_builder::{EventBuilder, command, encode, encode_command, event, events};
pub use expected::{ExpectedEvent, Then};
pub use faulty_store::{FaultyStore, StoreCall};
pub use fixture::{NOW_MS, StreamFixture, history, store_with, stream};
pub use laws::Law;
pub use mismatch::Mismatch;
pub use outcome::Outcome;
pub use recorded::{assert_events_match, match_events};
pub use scenario::{Scenario, scenario};

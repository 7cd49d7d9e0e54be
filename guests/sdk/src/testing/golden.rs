//! Golden files: bytes that were recorded once, and what they have to mean for good.
//!
//! A store keeps an event for years, in the bytes of the day on which it was recorded. Whether today's code still reads them is
//! not seen by a test that encodes and decodes with today's code alone: a field added, a type widened, two fields swapped, and it
//! still passes. So each reducer's crate keeps two files under `golden/`, and its tests read them:
//!
//! - `events.json`: for each event type, recorded bytes, their fields, and what the reducer makes of them;
//! - `state.json`: snapshots under the present state schema, the events that they were taken of, and the state.
//!
//! ```no_run
//! # use foldhost_sdk::prelude::*;
//! # struct Order;
//! # #[derive(Command)] enum OrderCommand { Ship }
//! # #[derive(Event)] enum OrderEvent { Shipped }
//! # impl Reducer for Order {
//! #     const NAME: &'static str = "order";
//! #     const STATE_SCHEMA: &'static str = "order.v1";
//! #     type State = u32;
//! #     type Command = OrderCommand;
//! #     type Event = OrderEvent;
//! #     fn decide(_: &u32, _: OrderCommand, _: &Context) -> Result<Decision<OrderEvent>, Rejection> { Ok(Decision::none()) }
//! #     fn apply(_: &mut u32, _: OrderEvent) {}
//! # }
//! // In a test of the reducer's crate:
//! foldhost_sdk::testing::golden::check::<Order>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
//! ```
//!
//! `foldhost test --bless` writes the files, and so does [`bless`]. Both add entries, of the streams that they are given and of
//! values that are made up, and never change one: an entry stands for events that stores out there hold. There are two exceptions, and both follow a name that the author changed on purpose.
//! What an entry is upcast to is replaced when a newer version of its event came; its bytes and its fields are not. And
//! `state.json` is replaced when the state schema has another name, since no host restores an older snapshot then.
//!
//! The checks ask a [`Subject`]: a reducer that is linked into the test ([`Native`]), or a component by way of the host.

mod bless;
mod check;
mod examples;
mod features;
mod files;
mod finding;
mod native;
mod snapshots;
mod variations;

use std::path::Path;

pub use bless::Blessed;
pub use files::{
    EVENTS_FILE, FILE_BYTES_MAX, Golden, GoldenError, GoldenEvent, GoldenSnapshot, GoldenState, GoldenUpcast,
    RecordedEvent, STATE_FILE,
};
pub use finding::Finding;
pub use native::Native;
pub use snapshots::SNAPSHOTS_MAX;

use crate::{Descriptor, Reducer, UpcastEvent};

/// A reducer, as far as golden files ask it. Each error is a sentence.
pub trait Subject {
    /// What the reducer says of itself.
    fn descriptor(&self) -> Descriptor;

    /// A recorded event as JSON, in the version in which it was recorded.
    fn event_json(&self, event_type: &str, data: &[u8]) -> Result<String, String>;

    /// A recorded event as the reducer applies it.
    fn event_upcast(&self, event_type: &str, data: &[u8]) -> Result<UpcastEvent, String>;

    /// The bytes of an event that is written as JSON.
    fn event_from_json(&self, event_type: &str, json: &str) -> Result<Vec<u8>, String>;

    /// The state that a snapshot holds, as JSON.
    fn restored_json(&self, snapshot: &[u8]) -> Result<String, String>;

    /// The state of a stream with these events.
    fn fold(&self, events: &[RecordedEvent]) -> Result<Folded, String>;
}

/// What events fold to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The snapshot's bytes.
    pub snapshot: Vec<u8>,
    /// The state as JSON.
    pub state_json: String,
}

/// Reads the golden files in `dir` and checks `R` against them.
///
/// # Panics
/// With all findings, when there are any, and when a file cannot be read.
#[track_caller]
pub fn check<R: Reducer>(dir: impl AsRef<Path>) {
    let dir = dir.as_ref();
    let golden = match Golden::read(dir) {
        Ok(golden) => golden,
        Err(error) => panic!("{error}"),
    };
    let findings = golden.check(&Native::<R>::new());
    if !findings.is_empty() {
        let lines: Vec<_> = findings.iter().map(|finding| format!("\n- {finding}")).collect();
        panic!("{} is not what {} makes of it:{}", dir.display(), R::NAME, lines.concat());
    }
}

/// Adds to the golden files in `dir` what they lack, from the streams of `histories`: as `foldhost test --bless` does from those
/// of its scenarios.
///
/// # Errors
/// [`GoldenError`] when a file cannot be read or written.
pub fn bless<R: Reducer>(
    dir: impl AsRef<Path>,
    histories: impl IntoIterator<Item = Vec<R::Event>>,
) -> Result<Blessed, GoldenError> {
    let mut golden = Golden::read(dir.as_ref())?;
    let histories = histories.into_iter().map(|events| events.iter().map(RecordedEvent::of).collect());
    let histories =
        histories.collect::<Result<Vec<_>, _>>().map_err(|error| GoldenError::Unencodable(error.to_string()))?;
    let blessed = golden.bless(&Native::<R>::new(), &histories);
    golden.write(dir.as_ref())?;
    Ok(blessed)
}

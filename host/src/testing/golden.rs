//! The golden files of a guest, read by the reducer that will be deployed.
//!
//! [`foldhost_sdk::testing::golden`] says what they are. There a native reducer is asked; here it is any [`Reducer`]:
//!
//! ```
//! use foldhost::NativeReducer;
//! use foldhost::testing::golden::Golden;
//!
//! let counter: &dyn foldhost::Reducer = &NativeReducer::<counter::Counter>::new();
//! let golden = Golden::read("../guests/counter/golden".as_ref())?;
//! assert_eq!(golden.check(counter), []);
//! # Ok::<(), foldhost::testing::golden::GoldenError>(())
//! ```
//!
//! A component of contract 1.0.0 knows neither `event-upcast` nor `event-from-json`: every entry is a finding that says to build
//! it anew.

pub use foldhost_sdk::testing::golden::{
    Blessed, EVENTS_FILE, FILE_BYTES_MAX, Finding, Folded, Golden, GoldenError, GoldenEvent, GoldenSnapshot,
    GoldenState, GoldenUpcast, RecordedEvent, SNAPSHOTS_MAX, STATE_FILE, Subject,
};

use super::laws::{PAGE_EVENTS, apply};
use crate::reducer::{Descriptor, ReducerFault, UpcastEvent};
use crate::{Aggregate, Reducer, SerializedEvent, StreamId};

impl From<RecordedEvent> for SerializedEvent {
    fn from(RecordedEvent { event_type, bytes }: RecordedEvent) -> Self {
        Self { event_type, data: bytes }
    }
}

impl From<SerializedEvent> for RecordedEvent {
    fn from(SerializedEvent { event_type, data }: SerializedEvent) -> Self {
        Self { event_type, bytes: data }
    }
}

impl Subject for dyn Reducer + '_ {
    fn descriptor(&self) -> Descriptor {
        Reducer::descriptor(self).clone()
    }

    fn event_json(&self, event_type: &str, data: &[u8]) -> Result<String, String> {
        only(self.events_json(&[(event_type, data)]))
    }

    fn event_upcast(&self, event_type: &str, data: &[u8]) -> Result<UpcastEvent, String> {
        only(self.events_upcast(&[(event_type, data)]))
    }

    fn event_from_json(&self, event_type: &str, json: &str) -> Result<Vec<u8>, String> {
        Reducer::event_from_json(self, event_type, json).map_err(said)?
    }

    fn restored_json(&self, snapshot: &[u8]) -> Result<String, String> {
        let mut aggregate = self.restore(&stream_of(self)?, snapshot).map_err(said)?;
        aggregate.state_json().map_err(said)
    }

    fn fold(&self, events: &[RecordedEvent]) -> Result<Folded, String> {
        let events: Vec<_> = events.iter().cloned().map(SerializedEvent::from).collect();
        let mut aggregate = self.create(&stream_of(self)?).map_err(said)?;
        apply(aggregate.as_mut(), 0, &events, PAGE_EVENTS)?;
        folded(aggregate.as_mut()).map_err(said)
    }
}

/// The answer about the one event that was asked about.
fn only<T>(answers: Result<Vec<Result<T, String>>, ReducerFault>) -> Result<T, String> {
    answers.map_err(said)?.pop().unwrap_or_else(|| Err("the reducer gave no answer".to_owned()))
}

fn folded(aggregate: &mut dyn Aggregate) -> Result<Folded, ReducerFault> {
    Ok(Folded { snapshot: aggregate.snapshot()?, state_json: aggregate.state_json()? })
}

fn stream_of(reducer: &dyn Reducer) -> Result<StreamId, String> {
    let stream_id = format!("{}-1", Reducer::descriptor(reducer).name);
    StreamId::new(&stream_id).map_err(|error| error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(fault: ReducerFault) -> String {
    fault.to_string()
}

//! Guests as components: the same rules as natively, behind the gate, inside their bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "components/cache.rs"]
mod cache;
#[path = "components/compiling.rs"]
mod compiling;
#[path = "components/contract.rs"]
mod contract;
#[path = "components/debug_info.rs"]
mod debug_info;
#[path = "components/faults.rs"]
mod faults;
#[path = "components/fuel.rs"]
mod fuel;
#[path = "components/gate.rs"]
mod gate;
#[path = "components/instances.rs"]
mod instances;
#[path = "components/limits.rs"]
mod limits;
#[path = "components/parts.rs"]
mod parts;
#[path = "components/rules.rs"]
mod rules;
#[path = "components/wit.rs"]
mod wit;

use foldhost::reducer::{Context, DecideError, Decision, ReducerFault, UpcastEvent};
use foldhost::{
    Aggregate, Command, ComponentReducer, GuestEngine, Limits, NativeReducer, PackedEvents, Payload, Reducer, StreamId,
    Version,
};
use foldhost_test_support::orders::{history, pages};
use foldhost_test_support::{component, component_reducer};

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn context(id: &str, version: u64) -> Context {
    Context {
        stream_id: id.into(),
        version,
        command_id: format!("c-{version}"),
        now_ms: 1_767_225_600_000 + version as i64,
        seed: 42,
    }
}

/// One aggregate with its version: decides, and applies what was decided.
struct Run {
    aggregate: Box<dyn Aggregate>,
    version: u64,
}

impl Run {
    fn of(reducer: &dyn Reducer) -> Self {
        Self { aggregate: reducer.create(&stream("order-1")).unwrap(), version: 0 }
    }

    fn send(&mut self, name: &str, payload: &str) -> Result<Decision, DecideError> {
        let decision = self.aggregate.decide(&Command::json(name, payload), &context("order-1", self.version))?;
        if !decision.events.is_empty() {
            let packed = PackedEvents::of(Version::new(self.version + 1), &decision.events).unwrap();
            self.aggregate.apply(packed).unwrap();
            self.version += decision.events.len() as u64;
        }
        Ok(decision)
    }
}

fn engine(limits: &Limits) -> GuestEngine {
    GuestEngine::new(limits).unwrap()
}

fn decide(aggregate: &mut dyn Aggregate, name: &str, payload: &str) -> Result<Decision, DecideError> {
    aggregate.decide(&Command::json(name, payload), &context("order-1", 0))
}

/// The fault that a command of the hostile guest comes to.
#[track_caller]
fn fault(reducer: &dyn Reducer, name: &str, payload: &str) -> ReducerFault {
    let mut aggregate = reducer.create(&stream("hostile-1")).unwrap();
    match decide(&mut *aggregate, name, payload) {
        Err(DecideError::Fault(fault)) => fault,
        other => panic!("{name} came to {other:?}"),
    }
}

//! A reducer that is linked into the host: the same trait, no sandbox. For embedders who trust their own code, for fast
//! tests, and as the measure of what the sandbox costs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use foldhost_sdk as fold;
use foldhost_sdk::Fold;

use super::{
    Aggregate, Command, Context, DecideError, Decision, Descriptor, Payload, Reducer, ReducerDigest, ReducerFault,
    UpcastEvent,
};
use crate::{PackedEvents, SerializedEvent, StreamId};

/// Runs `R` natively.
///
/// Its digest stands for its name, schema and SDK, not for its code: of that, the host's own build is the record.
pub struct NativeReducer<R> {
    descriptor: Descriptor,
    digest: ReducerDigest,
    reducer: std::marker::PhantomData<fn() -> R>,
}

impl<R: foldhost_sdk::Reducer> NativeReducer<R> {
    /// The reducer `R`.
    #[must_use]
    pub fn new() -> Self {
        let descriptor = fold::descriptor::<R>();
        let Descriptor { name, state_schema, sdk_version, .. } = &descriptor;
        let digest = ReducerDigest::of(format!("native {name} {state_schema} {sdk_version}").as_bytes());
        Self { descriptor, digest, reducer: std::marker::PhantomData }
    }
}

impl<R: foldhost_sdk::Reducer> Default for NativeReducer<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> std::fmt::Debug for NativeReducer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NativeReducer").field(&self.descriptor.name).finish()
    }
}

impl<R: foldhost_sdk::Reducer<State: Send>> Reducer for NativeReducer<R> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        self.digest
    }

    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        Ok(Box::new(NativeAggregate(Fold::<R>::new(stream_id.as_str()))))
    }

    fn restore(&self, stream_id: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        let fold = Fold::<R>::restore(stream_id.as_str(), snapshot).map_err(ReducerFault::Snapshot)?;
        Ok(Box::new(NativeAggregate(fold)))
    }

    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        guarded("event-json", || {
            events.iter().map(|(event_type, data)| fold::event_json::<R>(event_type, data)).collect()
        })
    }

    fn events_upcast(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<UpcastEvent, String>>, ReducerFault> {
        guarded("event-upcast", || {
            events.iter().map(|(event_type, data)| fold::event_upcast::<R>(event_type, data)).collect()
        })
    }

    fn event_from_json(&self, event_type: &str, json: &str) -> Result<Result<Vec<u8>, String>, ReducerFault> {
        guarded("event-from-json", || fold::event_from_json::<R>(event_type, json))
    }
}

struct NativeAggregate<R: foldhost_sdk::Reducer>(Fold<R>);

/// Runs a reducer's code. A panic there is a trap, as it would be in a component, and not the end of the stream's entity.
fn guarded<T>(call: &'static str, run: impl FnOnce() -> T) -> Result<T, ReducerFault> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        ReducerFault::Trap { call, reason: text.unwrap_or("it panicked").to_owned() }
    })
}

impl<R: foldhost_sdk::Reducer<State: Send>> Aggregate for NativeAggregate<R> {
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault> {
        let PackedEvents { first_version, event_types, type_index, ends, data } = &events;
        guarded("apply", || self.0.apply_packed(*first_version, event_types, type_index, ends, data))?
            .map_err(|error| ReducerFault::Apply { version: error.version, message: error.message })
    }

    fn decide(&mut self, command: &Command, context: &Context) -> Result<Decision, DecideError> {
        let payload = match &command.payload {
            Payload::Json(text) => fold::Payload::Json(text),
            Payload::Binary(bytes) => fold::Payload::Binary(bytes),
        };
        let decided = guarded("decide", || self.0.decide(&command.name, payload, context))?;
        let decision = decided.map_err(|error| match error {
            fold::DecideError::Rejected(rejection) => DecideError::Rejected(rejection),
            fold::DecideError::Malformed(error) => DecideError::Malformed(error.to_string()),
            fold::DecideError::Faulty(error) => {
                DecideError::Fault(ReducerFault::BrokenAnswer { call: "decide", reason: error.to_string() })
            }
        })?;
        let effects = foldhost_sdk::unflatten(decision.effects).map_err(|error| {
            DecideError::Fault(ReducerFault::BrokenAnswer { call: "decide", reason: error.to_string() })
        })?;
        let events = decision.events.into_iter();
        Ok(Decision {
            events: events.map(|e| SerializedEvent { event_type: e.event_type.to_owned(), data: e.data }).collect(),
            effects,
            log: decision.log.into_iter().map(|line| (level(line.level), line.message)).collect(),
        })
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        guarded("snapshot", || self.0.snapshot())
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        guarded("state-json", || self.0.state_json())
    }

    fn events_json(&mut self, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        let draw = |event: &&SerializedEvent| fold::event_json::<R>(&event.event_type, &event.data);
        guarded("event-json", || events.iter().map(draw).collect())
    }

    fn begin_again(&mut self, stream_id: &StreamId) -> Result<(), ReducerFault> {
        self.0 = guarded("constructor", || Fold::<R>::new(stream_id.as_str()))?;
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        // What the state holds on the heap is not known.
        size_of_val(&self.0)
    }
}

fn level(level: foldhost_sdk::LogLevel) -> tracing::Level {
    match level {
        foldhost_sdk::LogLevel::Debug => tracing::Level::DEBUG,
        foldhost_sdk::LogLevel::Info => tracing::Level::INFO,
        foldhost_sdk::LogLevel::Warn => tracing::Level::WARN,
        foldhost_sdk::LogLevel::Error => tracing::Level::ERROR,
    }
}

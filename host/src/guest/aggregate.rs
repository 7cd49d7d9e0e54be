//! One stream's instance: every function of the contract, with its answer checked.

use std::sync::Arc;

use wasmtime::component::ResourceAny;

use super::bindings::contract;
use super::instance::Instance;
use crate::reducer::{
    Aggregate, Command, Context, DecideError, Decision, Descriptor, Payload, ReducerFault, Rejection,
};
use crate::{Limits, PackedEvents, SerializedEvent, StreamId};

/// Most lines, and longest line in bytes, that a decision brings for the log.
const LOG_LINES_MAX: usize = 100;
const LOG_LINE_BYTES_MAX: usize = 4 << 10;
/// Longest code and message of a rejection, in bytes.
const REJECTION_BYTES_MAX: usize = 4 << 10;

pub(super) struct ComponentAggregate {
    instance: Instance,
    handle: ResourceAny,
    events_per_decision_max: usize,
    event_bytes_max: usize,
    event_types: Arc<[String]>,
}

impl ComponentAggregate {
    pub(super) fn create(
        mut instance: Instance,
        stream_id: &StreamId,
        limits: &Limits,
        descriptor: &Descriptor,
    ) -> Result<Self, ReducerFault> {
        let handle = instance
            .call("constructor", |guest, store| guest.aggregate().call_constructor(store, stream_id.as_str()))?;
        Ok(Self::of(instance, handle, limits, descriptor))
    }

    pub(super) fn restore(
        mut instance: Instance,
        stream_id: &StreamId,
        snapshot: &[u8],
        limits: &Limits,
        descriptor: &Descriptor,
    ) -> Result<Self, ReducerFault> {
        let handle = instance
            .call("restore", |guest, store| guest.aggregate().call_restore(store, stream_id.as_str(), snapshot))?
            .map_err(ReducerFault::Snapshot)?;
        Ok(Self::of(instance, handle, limits, descriptor))
    }

    fn of(instance: Instance, handle: ResourceAny, limits: &Limits, descriptor: &Descriptor) -> Self {
        Self {
            instance,
            handle,
            events_per_decision_max: limits.events_per_decision_max,
            event_bytes_max: limits.event_bytes_max,
            event_types: descriptor.event_types.as_slice().into(),
        }
    }

    /// What the guest answered, as far as the host can stand behind it. An event type with a NUL byte would make the
    /// append fail for every stream in its statement, and one that the guest cannot read would lock its stream for good.
    fn check(&self, decision: contract::Decision) -> Result<Decision, String> {
        let (count, most) = (decision.events.len(), self.events_per_decision_max);
        if count > most {
            return Err(format!("{count} events, and {most} are allowed (events_per_decision_max)"));
        }
        for event in &decision.events {
            if !self.event_types.contains(&event.event_type) {
                return Err(format!("event type {:?} is not in its descriptor", event.event_type));
            }
            if event.data.len() > self.event_bytes_max {
                let (bytes, most) = (event.data.len(), self.event_bytes_max);
                return Err(format!("an event of {bytes} bytes, and {most} are allowed (event_bytes_max)"));
            }
        }
        let events = decision.events.into_iter();
        let log = decision.log.into_iter().take(LOG_LINES_MAX);
        Ok(Decision {
            events: events.map(|event| SerializedEvent { event_type: event.event_type, data: event.data }).collect(),
            effects: decision.effects.len(),
            log: log.map(|line| (level(line.level), shorten(line.message, LOG_LINE_BYTES_MAX))).collect(),
        })
    }
}

impl Aggregate for ComponentAggregate {
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault> {
        let batch = contract::EventBatch {
            first_version: events.first_version,
            event_types: events.event_types,
            type_index: events.type_index,
            ends: events.ends,
            data: events.data,
        };
        let handle = self.handle;
        self.instance
            .call("apply", |guest, store| guest.aggregate().call_apply(store, handle, &batch))?
            .map_err(|error| ReducerFault::Apply { version: error.version, message: error.message })
    }

    fn decide(&mut self, command: &Command, context: &Context) -> Result<Decision, DecideError> {
        let command = contract::Command {
            name: command.name.clone(),
            payload: match &command.payload {
                Payload::Json(text) => contract::Payload::Json(text.clone()),
                Payload::Binary(bytes) => contract::Payload::Binary(bytes.clone()),
            },
        };
        let context = contract::Context {
            stream_id: context.stream_id.clone(),
            version: context.version,
            command_id: context.command_id.clone(),
            now_ms: context.now_ms,
            seed: context.seed,
        };
        let handle = self.handle;
        let answer = self
            .instance
            .call("decide", |guest, store| guest.aggregate().call_decide(store, handle, &command, &context))?;
        match answer {
            Ok(decision) => self
                .check(decision)
                .map_err(|reason| DecideError::Fault(ReducerFault::BrokenAnswer { call: "decide", reason })),
            Err(contract::DecideError::Rejected(no)) => Err(DecideError::Rejected(Rejection {
                code: shorten(no.code, REJECTION_BYTES_MAX).into(),
                message: shorten(no.message, REJECTION_BYTES_MAX),
            })),
            Err(contract::DecideError::Faulty(reason)) => {
                let reason = shorten(reason, REJECTION_BYTES_MAX);
                Err(DecideError::Fault(ReducerFault::BrokenAnswer { call: "decide", reason }))
            }
            Err(contract::DecideError::Malformed(reason)) => {
                Err(DecideError::Malformed(shorten(reason, REJECTION_BYTES_MAX)))
            }
        }
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        let handle = self.handle;
        self.instance.call("snapshot", |guest, store| guest.aggregate().call_snapshot(store, handle))
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        let handle = self.handle;
        self.instance.call("state-json", |guest, store| guest.aggregate().call_state_json(store, handle))
    }

    fn event_json(&mut self, event: &SerializedEvent) -> Result<Result<String, String>, ReducerFault> {
        self.instance.call("event-json", |guest, store| guest.call_event_json(store, &event.event_type, &event.data))
    }

    fn memory_bytes(&self) -> usize {
        self.instance.store.data().memory_bytes()
    }
}

fn level(level: contract::LogLevel) -> tracing::Level {
    match level {
        contract::LogLevel::Debug => tracing::Level::DEBUG,
        contract::LogLevel::Info => tracing::Level::INFO,
        contract::LogLevel::Warn => tracing::Level::WARN,
        contract::LogLevel::Error => tracing::Level::ERROR,
    }
}

/// At most `bytes_max` bytes of a guest's text, and no NUL, which the store has no place for.
fn shorten(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

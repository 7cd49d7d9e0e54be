//! The contract's types. What the host hands over is borrowed, so that no payload is copied on its way into the guest.

use wasmtime::component::{ComponentType, Lift, Lower};

use crate::PackedEvents;

#[derive(ComponentType, Lower)]
#[component(variant)]
pub(in crate::guest) enum Payload<'a> {
    #[component(name = "json")]
    Json(&'a str),
    #[component(name = "binary")]
    Binary(&'a [u8]),
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(in crate::guest) struct WireCommand<'a> {
    pub(in crate::guest) name: &'a str,
    pub(in crate::guest) payload: Payload<'a>,
}

impl<'a> From<&'a crate::reducer::Command> for WireCommand<'a> {
    fn from(command: &'a crate::reducer::Command) -> Self {
        let payload = match &command.payload {
            crate::reducer::Payload::Json(text) => Payload::Json(text),
            crate::reducer::Payload::Binary(bytes) => Payload::Binary(bytes),
        };
        Self { name: &command.name, payload }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(in crate::guest) struct Context<'a> {
    #[component(name = "stream-id")]
    stream_id: &'a str,
    version: u64,
    #[component(name = "command-id")]
    command_id: &'a str,
    #[component(name = "now-ms")]
    now_ms: i64,
    seed: u64,
}

impl<'a> From<&'a crate::reducer::Context> for Context<'a> {
    fn from(context: &'a crate::reducer::Context) -> Self {
        let crate::reducer::Context { stream_id, version, command_id, now_ms, seed } = context;
        Self { stream_id, version: *version, command_id, now_ms: *now_ms, seed: *seed }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(in crate::guest) struct EventBatch<'a> {
    #[component(name = "first-version")]
    first_version: u64,
    #[component(name = "event-types")]
    event_types: &'a [String],
    #[component(name = "type-index")]
    type_index: &'a [u16],
    ends: &'a [u32],
    data: &'a [u8],
}

impl<'a> From<&'a PackedEvents> for EventBatch<'a> {
    fn from(events: &'a PackedEvents) -> Self {
        let PackedEvents { first_version, event_types, type_index, ends, data } = events;
        Self { first_version: *first_version, event_types, type_index, ends, data }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct ApplyError {
    pub(in crate::guest) version: u64,
    pub(in crate::guest) message: String,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct NewEvent {
    #[component(name = "event-type")]
    pub(in crate::guest) event_type: String,
    pub(in crate::guest) data: Vec<u8>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(in crate::guest) enum OwnedPayload {
    #[component(name = "json")]
    Json(String),
    #[component(name = "binary")]
    Binary(Vec<u8>),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct DispatchedCommand {
    pub(super) name: String,
    pub(super) payload: OwnedPayload,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct OutgoingRequest {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(in crate::guest) enum EventStoreOperation {
    #[component(name = "append-events")]
    AppendEvents((String, Vec<NewEvent>)),
    #[component(name = "load-events")]
    LoadEvents((String, u64)),
    #[component(name = "save-snapshot")]
    SaveSnapshot(String),
    #[component(name = "load-snapshot")]
    LoadSnapshot(String),
}

/// An effect of the kinds `K` that a version of the contract has.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct Effect<K> {
    pub(super) kind: K,
    #[component(name = "reply-to")]
    pub(super) reply_to: Option<String>,
}

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made from its number by what the derive generates")]
pub(in crate::guest) enum LogLevel {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct LogLine {
    pub(in crate::guest) level: LogLevel,
    pub(in crate::guest) message: String,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct Decision<K> {
    pub(in crate::guest) events: Vec<NewEvent>,
    pub(in crate::guest) effects: Vec<Effect<K>>,
    pub(in crate::guest) log: Vec<LogLine>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct Rejection {
    pub(in crate::guest) code: String,
    pub(in crate::guest) message: String,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(in crate::guest) enum DecideError {
    #[component(name = "rejected")]
    Rejected(Rejection),
    #[component(name = "malformed")]
    Malformed(String),
    #[component(name = "faulty")]
    Faulty(String),
}

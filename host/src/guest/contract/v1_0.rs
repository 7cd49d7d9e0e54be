//! 1.0.0: an aggregate that decides and folds, and events as JSON. Its `decide` stands in [`decide`](super::decide).

use wasmtime::component::{ComponentType, Lift, ResourceAny};

use super::types::{ApplyError, DispatchedCommand, EventBatch, EventStoreOperation, OutgoingRequest};

super::functions! {
    constructor = "[constructor]aggregate": (&'static str,) => ResourceAny;
    restore = "[static]aggregate.restore": (&'static str, &'static [u8]) => Result<ResourceAny, String>;
    apply = "[method]aggregate.apply": (ResourceAny, EventBatch<'static>) => Result<(), ApplyError>;
    snapshot = "[method]aggregate.snapshot": (ResourceAny,) => Vec<u8>;
    state_json = "[method]aggregate.state-json": (ResourceAny,) => String;
    event_json = "event-json": (&'static str, &'static [u8]) => Result<String, String>;
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Descriptor {
    name: String,
    commands: Vec<String>,
    #[component(name = "event-types")]
    event_types: Vec<String>,
    #[component(name = "state-schema")]
    state_schema: String,
    #[component(name = "sdk-version")]
    sdk_version: String,
}

impl From<Descriptor> for crate::reducer::Descriptor {
    fn from(answer: Descriptor) -> Self {
        let Descriptor { name, commands, event_types, state_schema, sdk_version } = answer;
        Self { name, commands, event_types, writes: Vec::new(), state_schema, sdk_version }
    }
}

/// What an effect does, up to 1.1.0.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(in crate::guest) enum EffectKind {
    #[component(name = "dispatch")]
    Dispatch((String, DispatchedCommand)),
    #[component(name = "http")]
    Http(OutgoingRequest),
    #[component(name = "event-store")]
    EventStore(EventStoreOperation),
    #[component(name = "delay")]
    Delay(u64),
    #[component(name = "parallel")]
    Parallel(Vec<u32>),
    #[component(name = "sequential")]
    Sequential(Vec<u32>),
}

//! 1.1.0: which events a reducer writes, and its events in their newest version and from JSON.

use wasmtime::component::{ComponentType, Lift};

super::functions! {
    event_upcast = "event-upcast": (&'static str, &'static [u8]) => Result<UpcastEvent, String>;
    event_from_json = "event-from-json": (&'static str, &'static str) => Result<Vec<u8>, String>;
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Descriptor {
    name: String,
    commands: Vec<String>,
    #[component(name = "event-types")]
    event_types: Vec<String>,
    writes: Vec<String>,
    #[component(name = "state-schema")]
    state_schema: String,
    #[component(name = "sdk-version")]
    sdk_version: String,
}

impl From<Descriptor> for crate::reducer::Descriptor {
    fn from(answer: Descriptor) -> Self {
        let Descriptor { name, commands, event_types, writes, state_schema, sdk_version } = answer;
        Self { name, commands, event_types, writes, state_schema, sdk_version }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::guest) struct UpcastEvent {
    #[component(name = "event-type")]
    pub(in crate::guest) event_type: String,
    pub(in crate::guest) json: String,
}

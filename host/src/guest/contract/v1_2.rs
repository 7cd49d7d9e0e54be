//! 1.2.0: effects of kinds that the host's embedder registered.

use wasmtime::component::{ComponentType, Lift};

use super::types::{DispatchedCommand, EventStoreOperation, OutgoingRequest, OwnedPayload};
use super::v1_0;

/// What an effect does. A variant with a further case is another type to a component, so each version has all of them.
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
    #[component(name = "custom")]
    Custom((String, OwnedPayload)),
}

impl From<v1_0::EffectKind> for EffectKind {
    fn from(kind: v1_0::EffectKind) -> Self {
        match kind {
            v1_0::EffectKind::Dispatch(dispatch) => Self::Dispatch(dispatch),
            v1_0::EffectKind::Http(request) => Self::Http(request),
            v1_0::EffectKind::EventStore(operation) => Self::EventStore(operation),
            v1_0::EffectKind::Delay(delay_ms) => Self::Delay(delay_ms),
            v1_0::EffectKind::Parallel(children) => Self::Parallel(children),
            v1_0::EffectKind::Sequential(children) => Self::Sequential(children),
        }
    }
}

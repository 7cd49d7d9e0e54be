//! A component as a reducer.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use super::GuestEngine;
use super::aggregate::{ComponentAggregate, Terms};
use super::contract::Contract;
use super::gate::{GateError, check_bytes, check_component, check_descriptor, check_size};
use super::instance::{Instance, Sandbox, describe};
use crate::reducer::{Aggregate, Descriptor, Reducer, ReducerDigest, ReducerFault, UpcastEvent};
use crate::{ReducerLimits, StreamId};

/// A reducer that runs in a sandbox, with nothing but its own memory.
pub struct ComponentReducer {
    loaded: Loaded,
    terms: Arc<Terms>,
    digest: ReducerDigest,
}

impl ComponentReducer {
    /// Checks a component, compiles it and asks it what it is. Takes up to seconds, so not for an async task.
    ///
    /// # Errors
    /// [`GateError`] names everything that is wrong with it.
    pub fn load(engine: &GuestEngine, bytes: &[u8]) -> Result<Self, GateError> {
        check_bytes(engine.limits(), bytes)?;
        let digest = ReducerDigest::of(bytes);
        let (component, compiled_now) = compile(engine, digest, bytes)?;
        let all = &engine.limits().reducer;
        let loaded = Loaded::new(engine.engine(), &component, all)?;
        let descriptor =
            describe(&loaded.pre, &loaded.contract, all).map_err(|fault| GateError::of(fault.to_string()))?;
        check_descriptor(loaded.contract.version, &descriptor)?;
        // Its name is known only now, and with it the limits that are its own.
        let limits = engine.limits().of(&descriptor.name);
        check_size(&component, &limits)?;
        let other = engine.with_stack(limits.stack_bytes_max).map_err(|error| GateError::of(error.to_string()))?;
        let loaded = match other {
            Some(other) => Loaded::new(&other, &moved(&component, &other)?, &limits)?,
            None => loaded,
        };
        // Kept only now: what the gate refuses leaves nothing behind.
        if let Some(cache) = engine.cache().filter(|_| compiled_now) {
            cache.save(digest, &component);
        }
        Ok(Self { loaded, terms: Arc::new(Terms { limits, descriptor }), digest })
    }

    /// The version of the contract that the component was built for, one of [`CONTRACT_VERSIONS`](super::CONTRACT_VERSIONS).
    #[must_use]
    pub fn contract_version(&self) -> &'static str {
        self.loaded.contract.version.as_str()
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(super) fn start(&self) -> Result<Instance, ReducerFault> {
        Instance::start(&self.loaded.pre, &self.loaded.contract, &self.terms.limits)
    }
}

/// The compiled component, and whether it was compiled just now.
fn compile(engine: &GuestEngine, digest: ReducerDigest, bytes: &[u8]) -> Result<(Component, bool), GateError> {
    if let Some(component) = engine.cache().and_then(|cache| cache.load(engine.engine(), digest)) {
        return Ok((component, false));
    }
    let component = Component::from_binary(engine.engine(), bytes)
        .map_err(|error| GateError::of(format!("it is no valid component: {}", error.root_cause())))?;
    Ok((component, true))
}

/// The same compiled code in another engine, which differs in nothing that code depends on.
fn moved(component: &Component, engine: &Engine) -> Result<Component, GateError> {
    let failed = |error: wasmtime::Error| GateError::of(format!("its code cannot be moved: {}", error.root_cause()));
    let code = component.serialize().map_err(failed)?;
    // SAFETY: these bytes came out of `serialize` a line ago.
    #[expect(unsafe_code, reason = "compiled code is trusted, and this was compiled here")]
    unsafe { Component::deserialize(engine, code) }.map_err(failed)
}

/// A component in one engine, ready to be instantiated.
struct Loaded {
    pre: InstancePre<Sandbox>,
    contract: Contract,
}

impl Loaded {
    fn new(engine: &Engine, component: &Component, limits: &ReducerLimits) -> Result<Self, GateError> {
        let contract = check_component(engine, component, limits)?;
        let pre = Linker::new(engine)
            .instantiate_pre(component)
            .map_err(|error| GateError::of(format!("it cannot be instantiated: {error:#}")))?;
        Ok(Self { pre, contract })
    }
}

impl Reducer for ComponentReducer {
    fn descriptor(&self) -> &Descriptor {
        &self.terms.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        self.digest
    }

    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        Ok(Box::new(ComponentAggregate::create(self.start()?, stream_id, &self.terms)?))
    }

    fn restore(&self, stream_id: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        Ok(Box::new(ComponentAggregate::restore(self.start()?, stream_id, snapshot, &self.terms)?))
    }

    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        self.draw("event-json", events, |exports, store, event| {
            exports.base.event_json.call(store, event).map(|(answer,)| (Some(answer),))
        })
    }

    fn events_upcast(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<UpcastEvent, String>>, ReducerFault> {
        self.draw("event-upcast", events, |exports, store, event| match &exports.added {
            Some(added) => added.event_upcast.call(store, event).map(|(answer,)| (Some(answer),)),
            None => Ok((None,)),
        })
    }

    fn event_from_json(&self, event_type: &str, json: &str) -> Result<Result<Vec<u8>, String>, ReducerFault> {
        const CALL: &str = "event-from-json";
        let mut instance = self.start()?;
        let answer = instance.call(CALL, |exports, store| match &exports.added {
            Some(added) => added.event_from_json.call(store, (event_type, json)).map(|(answer,)| (Some(answer),)),
            None => Ok((None,)),
        })?;
        let answer = answer.ok_or(ReducerFault::Unsupported { call: CALL })?;
        Ok(answer.map_err(|reason| self.terms.words(&reason)))
    }
}

impl std::fmt::Debug for ComponentReducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.terms.descriptor.name;
        f.debug_struct("ComponentReducer").field("name", name).field("digest", &self.digest).finish()
    }
}

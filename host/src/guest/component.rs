//! A component as a reducer.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use super::GuestEngine;
use super::aggregate::{ComponentAggregate, Terms};
use super::contract::Contract;
use super::gate::{Examined, GateError, check_bytes, check_component, check_descriptor, check_size, invalid, refused};
use super::instance::{Instance, Kept, Sandbox, describe};
use super::lines::LineTables;
use crate::reducer::{Aggregate, Descriptor, Reducer, ReducerDigest, ReducerFault, UpcastEvent};
use crate::{Limits, ReducerLimits, StreamId};

/// A reducer that runs in a sandbox, with nothing but its own memory.
pub struct ComponentReducer {
    loaded: Loaded,
    kept: Kept,
    terms: Arc<Terms>,
    digest: ReducerDigest,
}

impl ComponentReducer {
    /// Checks a component, compiles it and asks it what it is. Takes up to seconds, so not for an async task.
    ///
    /// # Errors
    /// [`GateError`] names everything that is wrong with it.
    pub fn load(engine: &GuestEngine, bytes: &[u8]) -> Result<Self, GateError> {
        let examined = check_bytes(engine.limits(), bytes)?;
        let kept = Kept { context_bytes: examined.context_bytes, lines: LineTables::of(bytes).map(Arc::new) };
        let digest = ReducerDigest::of(bytes);
        let (component, compiled_now) = compile(engine, digest, bytes)?;
        // Its name is not known yet, and with it the limits that are its own: the largest that any has let it come that far.
        let largest = largest(engine.limits());
        let loaded = Loaded::new(engine.engine(), &component, &examined, &largest)?;
        let descriptor = loaded.describe(&largest, &kept)?;
        check_descriptor(loaded.contract.version, &descriptor)?;
        let limits = engine.limits().of(&descriptor.name);
        check_size(&component, &limits)?;
        let other = engine.with_stack(limits.stack_bytes_max).map_err(|error| GateError::of(error.to_string()))?;
        let loaded = match other {
            Some(other) => Loaded::new(&other, &moved(&component, &other)?, &examined, &limits)?,
            None => loaded,
        };
        // Under its own limits it has to come as far: else it would be in use, and no stream of it would begin.
        if limits != largest && loaded.describe(&limits, &kept)? != descriptor {
            return Err(GateError::of("it says something else of itself each time that it is asked"));
        }
        // Kept only now: what the gate refuses leaves nothing behind.
        if let Some(cache) = engine.cache().filter(|_| compiled_now) {
            cache.save(digest, &component);
        }
        Ok(Self { loaded, kept, terms: Arc::new(Terms { limits, descriptor }), digest })
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
        Instance::start(&self.loaded.pre, &self.loaded.contract, &self.terms.limits, &self.kept)
    }
}

/// The compiled component, and whether it was compiled just now.
fn compile(engine: &GuestEngine, digest: ReducerDigest, bytes: &[u8]) -> Result<(Component, bool), GateError> {
    if let Some(component) = engine.cache().and_then(|cache| cache.load(engine.engine(), digest)) {
        return Ok((component, false));
    }
    let component = Component::from_binary(engine.engine(), bytes).map_err(|error| invalid(&error.root_cause()))?;
    Ok((component, true))
}

/// Of what takes room or time, the most that any reducer may have.
fn largest(limits: &Limits) -> ReducerLimits {
    let of = |largest: ReducerLimits, name: &String| {
        let own = limits.of(name);
        ReducerLimits {
            fuel_per_call_max: largest.fuel_per_call_max.max(own.fuel_per_call_max),
            cpu_per_call_ms_max: largest.cpu_per_call_ms_max.max(own.cpu_per_call_ms_max),
            memory_bytes_max: largest.memory_bytes_max.max(own.memory_bytes_max),
            table_elements_max: largest.table_elements_max.max(own.table_elements_max),
            handles_max: largest.handles_max.max(own.handles_max),
            answer_bytes_max: largest.answer_bytes_max.max(own.answer_bytes_max),
            ..largest
        }
    };
    limits.reducers.keys().fold(limits.reducer, of)
}

/// The same compiled code in another engine, which differs in nothing that code depends on.
fn moved(component: &Component, engine: &Engine) -> Result<Component, GateError> {
    let failed = |error: wasmtime::Error| refused("its code cannot be moved", &error.root_cause());
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
    fn new(
        engine: &Engine,
        component: &Component,
        examined: &Examined,
        limits: &ReducerLimits,
    ) -> Result<Self, GateError> {
        let contract = check_component(engine, component, examined, limits)?;
        let pre = Linker::new(engine)
            .instantiate_pre(component)
            .map_err(|error| refused("it cannot be instantiated", &format_args!("{error:#}")))?;
        Ok(Self { pre, contract })
    }

    fn describe(&self, limits: &ReducerLimits, kept: &Kept) -> Result<Descriptor, GateError> {
        describe(&self.pre, &self.contract, limits, kept).map_err(|fault| GateError::of(fault.to_string()))
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

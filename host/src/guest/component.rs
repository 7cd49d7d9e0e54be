//! A component as a reducer.

use wasmtime::component::{Component, Linker};

use super::GuestEngine;
use super::aggregate::ComponentAggregate;
use super::bindings::GuestPre;
use super::gate::{GateError, check_bytes, check_descriptor, check_world};
use super::instance::{Instance, Sandbox};
use crate::reducer::{Aggregate, Descriptor, Reducer, ReducerDigest, ReducerFault};
use crate::{Limits, StreamId};

/// A reducer that runs in a sandbox, with nothing but its own memory.
pub struct ComponentReducer {
    pre: GuestPre<Sandbox>,
    limits: Limits,
    descriptor: Descriptor,
    digest: ReducerDigest,
}

impl ComponentReducer {
    /// Checks a component, compiles it and asks it what it is. Takes up to seconds, so not for an async task.
    ///
    /// # Errors
    /// [`GateError`] names everything that is wrong with it.
    pub fn load(engine: &GuestEngine, bytes: &[u8]) -> Result<Self, GateError> {
        check_bytes(engine, bytes)?;
        let digest = ReducerDigest::of(bytes);
        let (component, compiled_now) = compile(engine, digest, bytes)?;
        check_world(engine, &component)?;
        let pre = Linker::new(&engine.engine)
            .instantiate_pre(&component)
            .and_then(GuestPre::new)
            .map_err(|error| GateError::of(format!("it does not fit the contract: {error:#}")))?;
        let descriptor = describe(&pre, &engine.limits).map_err(|fault| GateError::of(fault.to_string()))?;
        check_descriptor(&descriptor)?;
        // Kept only now: what the gate refuses leaves nothing behind.
        if let Some(cache) = engine.cache.as_ref().filter(|_| compiled_now) {
            cache.save(digest, &component);
        }
        Ok(Self { pre, limits: engine.limits.clone(), descriptor, digest })
    }
}

/// The compiled component, and whether it was compiled just now.
fn compile(engine: &GuestEngine, digest: ReducerDigest, bytes: &[u8]) -> Result<(Component, bool), GateError> {
    if let Some(component) = engine.cache.as_ref().and_then(|cache| cache.load(&engine.engine, digest)) {
        return Ok((component, false));
    }
    let component = Component::from_binary(&engine.engine, bytes)
        .map_err(|error| GateError::of(format!("it is no valid component: {}", error.root_cause())))?;
    Ok((component, true))
}

fn describe(pre: &GuestPre<Sandbox>, limits: &Limits) -> Result<Descriptor, ReducerFault> {
    let mut instance = Instance::start(pre, limits)?;
    let answer = instance.call("describe", |guest, store| guest.call_describe(store))?;
    Ok(Descriptor {
        name: answer.name,
        commands: answer.commands,
        event_types: answer.event_types,
        state_schema: answer.state_schema,
        sdk_version: answer.sdk_version,
    })
}

impl Reducer for ComponentReducer {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        self.digest
    }

    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        let instance = Instance::start(&self.pre, &self.limits)?;
        Ok(Box::new(ComponentAggregate::create(instance, stream_id, &self.limits, &self.descriptor)?))
    }

    fn restore(&self, stream_id: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        let instance = Instance::start(&self.pre, &self.limits)?;
        Ok(Box::new(ComponentAggregate::restore(instance, stream_id, snapshot, &self.limits, &self.descriptor)?))
    }

    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        let mut instance = Instance::start(&self.pre, &self.limits)?;
        let mut answers = Vec::with_capacity(events.len());
        for (event_type, data) in events {
            // One limit for the whole page: a thousand events with a limit each would be a thousand times as long.
            let answer = instance.call_on("event-json", |guest, store| guest.call_event_json(store, event_type, data));
            // An event that traps costs its own answer and an instance, and hides none of the others.
            answers.push(match answer {
                Ok(answer) => answer,
                Err(fault @ ReducerFault::FuelExhausted { .. }) => return Err(fault),
                Err(fault) => {
                    instance = Instance::start(&self.pre, &self.limits)?;
                    Err(fault.to_string())
                }
            });
        }
        Ok(answers)
    }
}

impl std::fmt::Debug for ComponentReducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentReducer").field("name", &self.descriptor.name).field("digest", &self.digest).finish()
    }
}

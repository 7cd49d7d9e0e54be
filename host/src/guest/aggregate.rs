//! One stream's instance: every function of the contract, with its answer checked.

use std::sync::Arc;

use wasmtime::component::ResourceAny;

use super::contract::{self, effect_bytes, flat_effect, level};
use super::instance::Instance;
use super::text::{one_line, shorten};
use crate::reducer::{Aggregate, Command, Context, DecideError, Decision, Descriptor, ReducerFault, Rejection};
use crate::{PackedEvents, ReducerLimits, SerializedEvent, StreamId};

/// What all aggregates of a reducer are held to.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) limits: ReducerLimits,
    pub(super) descriptor: Descriptor,
}

impl Terms {
    /// What `decide` may emit. A component of contract 1.0.0 does not tell what it writes from what it reads.
    fn writes(&self) -> &[String] {
        let Descriptor { writes, event_types, .. } = &self.descriptor;
        if writes.is_empty() { event_types } else { writes }
    }

    /// A guest's words, where a fault repeats them.
    pub(super) fn words(&self, text: &str) -> String {
        one_line(text, self.limits.rejection_bytes_max)
    }

    /// What the guest answered, as far as the host can stand behind it. An event type with a NUL byte would make the
    /// append fail for every stream in its statement, and one that the guest cannot read would lock its stream for good.
    fn check(&self, decision: contract::Decision) -> Result<Decision, String> {
        let limits = &self.limits;
        let (count, most) = (decision.events.len(), limits.events_per_decision_max);
        if count > most {
            return Err(format!("{count} events, and {most} are allowed (events_per_decision_max)"));
        }
        for event in &decision.events {
            if !self.writes().contains(&event.event_type) {
                let event_type = one_line(&event.event_type, 255);
                return Err(format!("event type {event_type:?} is none that its descriptor says it writes"));
            }
            if event.data.len() > limits.event_bytes_max {
                let (bytes, most) = (event.data.len(), limits.event_bytes_max);
                return Err(format!("an event of {bytes} bytes, and {most} are allowed (event_bytes_max)"));
            }
        }
        let (count, most) = (decision.effects.len(), limits.effects_per_decision_max);
        if count > most {
            return Err(format!("{count} effects, and {most} are allowed (effects_per_decision_max)"));
        }
        let (bytes, most) = (decision.effects.iter().map(effect_bytes).sum::<usize>(), limits.effects_bytes_max);
        if bytes > most {
            return Err(format!("effects of {bytes} bytes, and {most} are allowed (effects_bytes_max)"));
        }
        let flat = decision.effects.into_iter().map(flat_effect).collect();
        let effects = foldhost_sdk::unflatten(flat).map_err(|error| self.words(&error.to_string()))?;
        let events = decision.events.into_iter();
        Ok(Decision {
            events: events.map(|event| SerializedEvent { event_type: event.event_type, data: event.data }).collect(),
            effects,
            log: self.log(decision.log),
        })
    }

    fn log(&self, mut lines: Vec<contract::LogLine>) -> Vec<(tracing::Level, String)> {
        let left_out = lines.len().saturating_sub(self.limits.log_lines_max);
        lines.truncate(self.limits.log_lines_max);
        let line =
            |line: contract::LogLine| (level(line.level), one_line(&line.message, self.limits.log_line_bytes_max));
        let mut log: Vec<_> = lines.into_iter().map(line).collect();
        if left_out > 0 {
            log.push((tracing::Level::WARN, format!("{left_out} more lines were left out (log_lines_max)")));
        }
        log
    }

    fn refusal(&self, error: contract::DecideError) -> DecideError {
        let most = self.limits.rejection_bytes_max;
        match error {
            // Programs branch on it: half a code, or one that nobody can type, is another code.
            contract::DecideError::Rejected(no) if !is_code(&no.code) => {
                let code = one_line(&no.code, 255);
                let reason =
                    format!("the rejection's code {code:?} is none: 1 to 255 bytes without control characters");
                DecideError::Fault(ReducerFault::BrokenAnswer { call: "decide", reason })
            }
            contract::DecideError::Rejected(no) => {
                DecideError::Rejected(Rejection { code: no.code.into(), message: shorten(no.message, most) })
            }
            contract::DecideError::Faulty(reason) => {
                DecideError::Fault(ReducerFault::BrokenAnswer { call: "decide", reason: self.words(&reason) })
            }
            contract::DecideError::Malformed(reason) => DecideError::Malformed(self.words(&reason)),
        }
    }

    /// Which event cannot be applied is what an operator goes by, so one that the guest was not given is no answer.
    fn apply_error(&self, events: &PackedEvents, version: u64, message: &str) -> ReducerFault {
        let message = self.words(message);
        let (first, count) = (events.first_version, events.len() as u64);
        if version.checked_sub(first).is_some_and(|offset| offset < count) {
            return ReducerFault::Apply { version, message };
        }
        let reason = format!("it blames event {version}, and was given {count} from {first} on: {message}");
        ReducerFault::BrokenAnswer { call: "apply", reason }
    }

    /// JSON, if it is not more than people would read: it goes into documents that have to stay JSON.
    pub(super) fn json(&self, call: &'static str, text: String) -> Result<String, ReducerFault> {
        within("json_bytes_max", self.limits.json_bytes_max, call, text.len())?;
        match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(ReducerFault::BrokenAnswer { call, reason: format!("it is no JSON: {error}") }),
        }
    }
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && code.len() <= 255 && !code.chars().any(char::is_control)
}

fn within(limit: &str, most: usize, call: &'static str, bytes: usize) -> Result<(), ReducerFault> {
    if bytes <= most {
        return Ok(());
    }
    let reason = format!("{bytes} bytes, and {most} are allowed ({limit})");
    Err(ReducerFault::BrokenAnswer { call, reason })
}

pub(super) struct ComponentAggregate {
    instance: Instance,
    handle: ResourceAny,
    terms: Arc<Terms>,
}

impl ComponentAggregate {
    pub(super) fn create(
        mut instance: Instance,
        stream_id: &StreamId,
        terms: &Arc<Terms>,
    ) -> Result<Self, ReducerFault> {
        let handle = construct(&mut instance, stream_id)?;
        Ok(Self { instance, handle, terms: Arc::clone(terms) })
    }

    pub(super) fn restore(
        mut instance: Instance,
        stream_id: &StreamId,
        snapshot: &[u8],
        terms: &Arc<Terms>,
    ) -> Result<Self, ReducerFault> {
        let handle = instance
            .call("restore", |exports, store| exports.base.restore.call(store, (stream_id.as_str(), snapshot)))?
            .map_err(|reason| ReducerFault::Snapshot(terms.words(&reason)))?;
        Ok(Self { instance, handle, terms: Arc::clone(terms) })
    }
}

fn construct(instance: &mut Instance, stream_id: &StreamId) -> Result<ResourceAny, ReducerFault> {
    instance.call("constructor", |exports, store| exports.base.constructor.call(store, (stream_id.as_str(),)))
}

impl Aggregate for ComponentAggregate {
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault> {
        let batch = contract::EventBatch::from(&events);
        let handle = self.handle;
        let answer = self.instance.call("apply", |exports, store| exports.base.apply.call(store, (handle, batch)))?;
        answer.map_err(|error| self.terms.apply_error(&events, error.version, &error.message))
    }

    fn decide(&mut self, command: &Command, context: &Context) -> Result<Decision, DecideError> {
        let asked = (self.handle, command.into(), context.into());
        let answer = self.instance.call("decide", |exports, store| exports.decide.call(store, asked))?;
        let decision = answer.map_err(|error| self.terms.refusal(error))?;
        self.terms
            .check(decision)
            .map_err(|reason| DecideError::Fault(ReducerFault::BrokenAnswer { call: "decide", reason }))
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        let handle = self.handle;
        let snapshot = self.instance.call("snapshot", |exports, store| exports.base.snapshot.call(store, (handle,)))?;
        within("snapshot_bytes_max", self.terms.limits.snapshot_bytes_max, "snapshot", snapshot.len())?;
        Ok(snapshot)
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        let handle = self.handle;
        let state =
            self.instance.call("state-json", |exports, store| exports.base.state_json.call(store, (handle,)))?;
        self.terms.json("state-json", state)
    }

    fn events_json(&mut self, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        const CALL: &str = "event-json";
        let mut left = self.terms.limits.json_bytes_max;
        self.instance.refill()?;
        let mut draw = |event: &&SerializedEvent| {
            if left == 0 {
                // Asked for nothing more: a thousand events of the largest size are no work for a guest, and gigabytes here.
                return Ok(Err("the events before it are too much JSON for one answer".to_owned()));
            }
            let asked = (event.event_type.as_str(), event.data.as_slice());
            let answer = self.instance.call_on(CALL, |exports, store| exports.base.event_json.call(store, asked))?;
            Ok(answer.map_err(|reason| self.terms.words(&reason)).and_then(|json| {
                left = left.saturating_sub(json.len());
                self.terms.json(CALL, json).map_err(|fault| fault.to_string())
            }))
        };
        events.iter().map(&mut draw).collect()
    }

    fn begin_again(&mut self, stream_id: &StreamId) -> Result<(), ReducerFault> {
        let handle = self.handle;
        // The guest's own code frees what it held, under the limits of a call.
        self.instance.call("drop", |_, store| handle.resource_drop(store).map(|()| ((),)))?;
        self.handle = construct(&mut self.instance, stream_id)?;
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.instance.store.data().memory_bytes()
    }

    fn fuel_spent(&self) -> Option<u64> {
        Some(self.instance.fuel_spent())
    }
}

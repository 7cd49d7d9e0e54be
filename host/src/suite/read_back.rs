//! Whether every event type of the descriptor is read back: bytes to JSON, and back to the bytes for those that are written.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Check, CheckFinding, CheckReport};
use crate::reducer::{Descriptor, ReducerFault};
use crate::testing::golden::Golden;
use crate::{Reducer, SerializedEvent};

/// Events of one type that are tried.
const EVENTS_MAX: usize = 100;

/// Tries the events of the scenarios and of the golden files.
pub(super) fn check(reducer: &dyn Reducer, histories: &[Vec<SerializedEvent>], golden: Option<&Golden>) -> CheckReport {
    let descriptor = reducer.descriptor();
    let mut known: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
    let entries = golden.into_iter().flat_map(|golden| &golden.events);
    let recorded = entries.flat_map(|(name, entries)| entries.iter().map(move |entry| (name, &entry.bytes)));
    let lived = histories.iter().flatten().map(|event| (&event.event_type, &event.data));
    for (event_type, bytes) in recorded.chain(lived) {
        let of_type = known.entry(event_type).or_default();
        if of_type.len() < EVENTS_MAX {
            of_type.insert(bytes);
        }
    }
    let (mut findings, mut note) = (Vec::new(), None);
    for event_type in &descriptor.event_types {
        let found = match known.get(event_type.as_str()) {
            Some(events) => events.iter().find_map(|data| read_back(reducer, descriptor, event_type, data, &mut note)),
            None => Some(
                "no scenario gives or emits one, and no golden file holds one: write a scenario with it".to_owned(),
            ),
        };
        findings.extend(found.map(|text| CheckFinding {
            of: event_type.clone(),
            text,
            commands: Vec::new(),
            blessable: false,
        }));
    }
    let events: usize = known.values().map(BTreeSet::len).sum();
    let tried = format!("{} event types, {events} events", descriptor.event_types.len());
    CheckReport { check: Check::EventsAreReadBack, tried, findings, more: 0, note }
}

/// What is wrong with one event.
fn read_back(
    reducer: &dyn Reducer,
    descriptor: &Descriptor,
    event_type: &str,
    data: &[u8],
    note: &mut Option<String>,
) -> Option<String> {
    let json = match reducer.events_json(&[(event_type, data)]).map(|mut answers| answers.pop()) {
        Ok(Some(Ok(json))) => json,
        Ok(Some(Err(reason))) => return Some(format!("it is not drawn as JSON: {reason}")),
        Ok(None) => return Some("the reducer gave no answer".to_owned()),
        Err(fault) => return Some(fault.to_string()),
    };
    match reducer.events_upcast(&[(event_type, data)]).map(|mut answers| answers.pop()) {
        // Not only those that are written: the newest version of an event may be there to be read alone.
        Ok(Some(Ok(now))) if descriptor.event_types.contains(&now.event_type) => {}
        Ok(Some(Ok(now))) => {
            let known = descriptor.event_types.join(", ");
            return Some(format!("it is brought to {}, which is none of {known}", now.event_type));
        }
        Ok(Some(Err(reason))) => return Some(format!("it is not brought to the newest version: {reason}")),
        Ok(None) => return Some("the reducer gave no answer".to_owned()),
        Err(ReducerFault::Unsupported { .. }) => {
            *note = Some("drawn as JSON only: the component is of contract 1.0.0 and cannot write events".to_owned());
            return None;
        }
        Err(fault) => return Some(fault.to_string()),
    }
    if !descriptor.writes.iter().any(|written| written == event_type) {
        return None;
    }
    match reducer.event_from_json(event_type, &json) {
        Ok(Ok(bytes)) if bytes == data => None,
        Ok(Ok(_)) => Some(format!("its JSON comes back as other bytes: {json}")),
        Ok(Err(reason)) => Some(format!("its JSON is not read: {reason}, in: {json}")),
        Err(fault) => Some(fault.to_string()),
    }
}

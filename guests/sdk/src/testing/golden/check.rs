//! What golden files and a reducer agree on.

use serde_json::{Value, json};

use super::{Finding, Golden, GoldenEvent, GoldenSnapshot, GoldenState, GoldenUpcast, Subject};
use crate::Descriptor;
use crate::testing::{Difference, exact_value, first_difference};

impl Golden {
    /// Everything in which the reducer departs from the files; empty where it does not. The findings come in the order of the
    /// files.
    pub fn check(&self, subject: &(impl Subject + ?Sized)) -> Vec<Finding> {
        let descriptor = subject.descriptor();
        let mut findings = Vec::new();
        let lacks_entry = |event_type: &&String| self.events.get(*event_type).is_none_or(Vec::is_empty);
        for event_type in descriptor.event_types.iter().filter(lacks_entry) {
            findings.push(Finding::EventTypeWithoutEntry { event_type: event_type.clone() });
        }
        for (event_type, entries) in &self.events {
            if !descriptor.event_types.contains(event_type) {
                findings.push(Finding::EventTypeNotRead { event_type: event_type.clone() });
                continue;
            }
            for (entry, golden) in entries.iter().enumerate() {
                findings.extend(check_event(subject, &descriptor, event_type, entry, golden));
            }
        }
        findings.extend(self.check_state(subject, &descriptor));
        findings
    }

    fn check_state(&self, subject: &(impl Subject + ?Sized), descriptor: &Descriptor) -> Vec<Finding> {
        let Some(GoldenState { state_schema, snapshots }) = &self.state else { return vec![Finding::SnapshotsMissing] };
        if *state_schema != descriptor.state_schema {
            let (recorded, now) = (state_schema.clone(), descriptor.state_schema.clone());
            return vec![Finding::StateSchemaRenamed { recorded, now }];
        }
        if snapshots.is_empty() {
            return vec![Finding::SnapshotsMissing];
        }
        let checked = snapshots.iter().enumerate();
        checked.flat_map(|(place, golden)| check_snapshot(subject, state_schema, place, golden)).collect()
    }
}

/// What is wrong with one entry. The first step that fails hides the later ones: they would fail for the same reason.
pub(super) fn check_event(
    subject: &(impl Subject + ?Sized),
    descriptor: &Descriptor,
    event_type: &str,
    entry: usize,
    golden: &GoldenEvent,
) -> Option<Finding> {
    let owned = || event_type.to_owned();
    let recorded = match drawn(subject.event_json(event_type, &golden.bytes)) {
        Ok(recorded) => recorded,
        Err(message) => return Some(Finding::EventNotRead { event_type: owned(), entry, message }),
    };
    if let Some(difference) = first_difference(&golden.recorded, &recorded) {
        return Some(Finding::RecordedDiffers { event_type: owned(), entry, difference });
    }
    let upcast = match upcast(subject, event_type, &golden.bytes) {
        Ok(upcast) => upcast,
        Err(message) => return Some(Finding::NotUpcast { event_type: owned(), entry, message }),
    };
    if let Some(difference) = upcast_difference(&golden.upcast, &upcast) {
        return Some(if is_newer(descriptor, &golden.upcast, &upcast) {
            let (recorded, now) = (golden.upcast.event_type.clone(), upcast.event_type);
            Finding::NewerVersion { event_type: owned(), entry, recorded, now }
        } else {
            Finding::UpcastDiffers { event_type: owned(), entry, difference }
        });
    }
    if !descriptor.writes.iter().any(|written| written == event_type) {
        return None;
    }
    match subject.event_from_json(event_type, &golden.recorded.to_string()) {
        Err(message) => Some(Finding::NotWritten { event_type: owned(), entry, message }),
        Ok(now) if now != golden.bytes => {
            Some(Finding::BytesDiffer { event_type: owned(), entry, recorded: golden.bytes.clone(), now })
        }
        Ok(_) => None,
    }
}

/// Whether an entry was upcast to a version that is no longer the newest: the one difference that an author intends.
pub(super) fn is_newer(descriptor: &Descriptor, golden: &GoldenUpcast, now: &GoldenUpcast) -> bool {
    golden.event_type != now.event_type && !descriptor.writes.contains(&golden.event_type)
}

pub(super) fn upcast(
    subject: &(impl Subject + ?Sized),
    event_type: &str,
    bytes: &[u8],
) -> Result<GoldenUpcast, String> {
    let upcast = subject.event_upcast(event_type, bytes)?;
    Ok(GoldenUpcast { json: drawn(Ok(upcast.json))?, event_type: upcast.event_type })
}

fn upcast_difference(golden: &GoldenUpcast, now: &GoldenUpcast) -> Option<Difference> {
    let whole = |upcast: &GoldenUpcast| json!({ "event_type": upcast.event_type, "json": upcast.json });
    first_difference(&whole(golden), &whole(now))
}

pub(super) fn check_snapshot(
    subject: &(impl Subject + ?Sized),
    state_schema: &str,
    snapshot: usize,
    golden: &GoldenSnapshot,
) -> Vec<Finding> {
    let schema = || state_schema.to_owned();
    let mut findings = Vec::new();
    match drawn(subject.restored_json(&golden.bytes)) {
        Err(message) => findings.push(Finding::SnapshotNotRead { snapshot, state_schema: schema(), message }),
        Ok(restored) => findings.extend(
            first_difference(&golden.state, &restored).map(|difference| Finding::SnapshotStateDiffers {
                snapshot,
                state_schema: schema(),
                difference,
            }),
        ),
    }
    let folded = subject.fold(&golden.events);
    match folded.and_then(|folded| Ok((drawn(Ok(folded.state_json))?, folded.snapshot))) {
        Err(message) => findings.push(Finding::EventsNotFolded { snapshot, message }),
        Ok((state, now)) => match first_difference(&golden.state, &state) {
            Some(difference) => {
                findings.push(Finding::FoldDiffers { snapshot, state_schema: schema(), difference });
            }
            None if now != golden.bytes => {
                let recorded = golden.bytes.clone();
                findings.push(Finding::SnapshotBytesDiffer { snapshot, state_schema: schema(), recorded, now });
            }
            None => {}
        },
    }
    findings
}

/// The JSON that a reducer drew.
pub(super) fn drawn(json: Result<String, String>) -> Result<Value, String> {
    exact_value(&json?).map_err(|error| format!("it is drawn as what is no JSON: {error}"))
}

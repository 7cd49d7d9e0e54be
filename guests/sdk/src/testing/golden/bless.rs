//! Adding to golden files.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check::{check_event, drawn, is_newer, upcast};
use super::{FILE_BYTES_MAX, Finding, Golden, GoldenEvent, GoldenSnapshot, GoldenState, RecordedEvent, Subject};
use crate::Descriptor;

/// Most snapshots that a bless puts into `state.json`.
pub const SNAPSHOTS_MAX: usize = 32;

/// Most entries of one event type that a bless goes up to.
const ENTRIES_MAX: usize = 16;

/// Longest stream that a bless puts into `state.json`, in bytes of its events and its snapshot: so that `SNAPSHOTS_MAX` of them,
/// hexadecimal and with the state drawn, stay far below what a file may have.
const SNAPSHOT_BYTES_MAX: usize = FILE_BYTES_MAX / SNAPSHOTS_MAX / 8;

/// What a bless changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Blessed {
    /// The event type of each entry that was added.
    pub entries_added: Vec<String>,
    /// The event type of each entry that is now upcast to a newer version.
    pub upcasts_replaced: Vec<String>,
    /// The snapshots that were written, where `state.json` was made or replaced.
    pub snapshots_added: usize,
    /// The events that got no entry, since one would fail from its first day on.
    pub refused: Vec<Finding>,
}

impl Blessed {
    /// Whether the files are as they were.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.entries_added.is_empty() && self.upcasts_replaced.is_empty() && self.snapshots_added == 0
    }
}

impl Golden {
    /// Adds what is missing, from whole streams: each from its first event, in any version that the reducer reads.
    ///
    /// An event type gets an entry for each shape that its JSON has in the streams: an option with a value and one without, say.
    /// No entry is removed or changed, but that one whose event has a newer version now is upcast to that. The snapshots are
    /// those of the streams, the first 32 that differ; they are replaced only when the state schema has another name.
    pub fn bless(&mut self, subject: &(impl Subject + ?Sized), histories: &[Vec<RecordedEvent>]) -> Blessed {
        let descriptor = subject.descriptor();
        let mut blessed = Blessed::default();
        self.bless_newer_versions(subject, &descriptor, &mut blessed);
        for event in histories.iter().flatten() {
            self.bless_event(subject, &descriptor, event, &mut blessed);
        }
        let kept = |state: &GoldenState| state.state_schema == descriptor.state_schema && !state.snapshots.is_empty();
        if !self.state.as_ref().is_some_and(kept) {
            let snapshots = snapshots_of(subject, histories);
            if !snapshots.is_empty() {
                blessed.snapshots_added = snapshots.len();
                self.state = Some(GoldenState { state_schema: descriptor.state_schema, snapshots });
            }
        }
        blessed
    }

    fn bless_newer_versions(
        &mut self,
        subject: &(impl Subject + ?Sized),
        descriptor: &Descriptor,
        blessed: &mut Blessed,
    ) {
        for (event_type, entries) in &mut self.events {
            for entry in entries {
                match upcast(subject, event_type, &entry.bytes) {
                    Ok(now) if is_newer(descriptor, &entry.upcast, &now) => {
                        entry.upcast = now;
                        blessed.upcasts_replaced.push(event_type.clone());
                    }
                    // Whatever else is wrong with it is for the check to say.
                    _ => {}
                }
            }
        }
    }

    fn bless_event(
        &mut self,
        subject: &(impl Subject + ?Sized),
        descriptor: &Descriptor,
        RecordedEvent { event_type, bytes }: &RecordedEvent,
        blessed: &mut Blessed,
    ) {
        let present = self.events.get(event_type).map_or(&[][..], Vec::as_slice);
        let entry = present.len();
        if entry >= ENTRIES_MAX || present.iter().any(|golden| golden.bytes == *bytes) {
            return;
        }
        let golden = drawn(subject.event_json(event_type, bytes)).and_then(|recorded| {
            Ok(GoldenEvent { bytes: bytes.clone(), recorded, upcast: upcast(subject, event_type, bytes)? })
        });
        let refused = match golden {
            Err(message) => Finding::EventNotRead { event_type: event_type.clone(), entry, message },
            Ok(golden) if present.iter().any(|known| shape(&known.recorded) == shape(&golden.recorded)) => return,
            Ok(golden) => match check_event(subject, descriptor, event_type, entry, &golden) {
                Some(finding) => finding,
                None => {
                    self.events.entry(event_type.clone()).or_default().push(golden);
                    blessed.entries_added.push(event_type.clone());
                    return;
                }
            },
        };
        if !blessed.refused.contains(&refused) {
            blessed.refused.push(refused);
        }
    }
}

fn snapshots_of(subject: &(impl Subject + ?Sized), histories: &[Vec<RecordedEvent>]) -> Vec<GoldenSnapshot> {
    let mut snapshots: Vec<GoldenSnapshot> = Vec::new();
    for events in histories.iter().filter(|events| !events.is_empty()) {
        // A stream that cannot be folded fails in its own scenario.
        let Ok(folded) = subject.fold(events) else { continue };
        let Ok(state) = drawn(Ok(folded.state_json)) else { continue };
        let bytes_len = events.iter().map(|event| event.bytes.len()).sum::<usize>() + folded.snapshot.len();
        let known = snapshots.iter().any(|golden| golden.bytes == folded.snapshot);
        if known || bytes_len > SNAPSHOT_BYTES_MAX {
            continue;
        }
        snapshots.push(GoldenSnapshot { events: events.clone(), bytes: folded.snapshot, state });
        if snapshots.len() == SNAPSHOTS_MAX {
            break;
        }
    }
    snapshots
}

/// The paths of a value, and of what kind each is. An option that is none has another shape than one that is not, and so has
/// another variant of an enum; another number has not.
fn shape(value: &Value) -> BTreeSet<String> {
    fn add(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(values) => {
                values.iter().for_each(|value| add(value, &format!("{path}/*"), paths));
                "array"
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| add(value, &format!("{path}/{name}"), paths));
                "object"
            }
        };
        paths.insert(format!("{path}: {kind}"));
    }
    let mut paths = BTreeSet::new();
    add(value, "", &mut paths);
    paths
}

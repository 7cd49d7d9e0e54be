//! Commands of the journal, decided anew at their recorded state and context.

use serde_json::{Value, json};

use super::report::{Example, StreamFindings};
use super::side::{Side, fault_name};
use crate::event_store::{EventStore, EventStoreError, JournaledCommand, PageLimit};
use crate::reducer::{Command, DecideError, Decision, Descriptor, Effect};
use crate::runtime::context;
use crate::{PackedEvents, SerializedEvent, StreamId};

/// Events of one command that are read again.
const EVENTS_MAX: usize = 10_000;

/// What the record says of a command.
pub(super) enum Recorded {
    Accepted(Vec<SerializedEvent>),
    Rejected(String),
}

/// What the record says of a command; `behind` is what follows the version that it was decided on.
pub(super) async fn recorded(
    store: &dyn EventStore,
    stream_id: &StreamId,
    command: &JournaledCommand,
    behind: &PackedEvents,
) -> Result<Recorded, EventStoreError> {
    if let Some(rejection) = &command.rejection {
        return Ok(Recorded::Rejected(rejection.code.to_string()));
    }
    let count = command.place.last_version.get() - command.decided_at().get();
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(EVENTS_MAX);
    let follows = behind.first_version == command.decided_at().get() + 1;
    if follows && behind.len() >= count {
        return Ok(Recorded::Accepted(events(behind, count)));
    }
    let whole = PageLimit { events_max: count.max(1), bytes_max: usize::MAX };
    let page = match count {
        0 => PackedEvents::new(),
        _ => store.load_events(stream_id, command.decided_at(), whole).await?,
    };
    Ok(Recorded::Accepted(events(&page, count)))
}

fn events(page: &PackedEvents, count: usize) -> Vec<SerializedEvent> {
    let event = |place| page.get(place);
    let found = (0..count).map_while(event);
    found.map(|(event_type, data)| SerializedEvent { event_type: event_type.to_owned(), data: data.to_vec() }).collect()
}

/// What one reducer says to a command today.
enum Today {
    Accepted(Decision),
    Rejected(String),
    /// It has no such command, or cannot read it.
    Malformed(String),
    Stopped,
}

fn decide(command: &JournaledCommand, side: &mut Side, descriptor: &Descriptor, stream_id: &StreamId) -> Option<Today> {
    let payload = command.payload.clone()?;
    if side.stopped().is_some() {
        return Some(Today::Stopped);
    }
    if !descriptor.commands.contains(&command.name) {
        return Some(Today::Malformed(format!("it has no command {:?}", command.name)));
    }
    let context = context(stream_id, command.decided_at(), &command.place.command_id, command.now_ms);
    let asked = Command { name: command.name.clone(), payload };
    let decided = side.ask(|aggregate| match aggregate.decide(&asked, &context) {
        Ok(decision) => Ok(Today::Accepted(decision)),
        Err(DecideError::Rejected(no)) => Ok(Today::Rejected(no.code.into_owned())),
        Err(DecideError::Malformed(reason)) => Ok(Today::Malformed(reason)),
        Err(DecideError::Fault(fault)) => Err(fault),
    });
    Some(decided.unwrap_or(Today::Stopped))
}

/// Decides a command anew, and says what would have been different.
pub(super) fn judge(
    command: &JournaledCommand,
    recorded: &Recorded,
    (candidate, descriptor): (&mut Side, &Descriptor),
    baseline: Option<(&mut Side, &Descriptor)>,
    stream_id: &StreamId,
    found: &mut StreamFindings,
) {
    // Erased.
    let was_sound = candidate.stopped().is_none();
    let Some(today) = decide(command, candidate, descriptor, stream_id) else { return };
    let example = |before: Value, after: Value| Example {
        stream_id: stream_id.clone(),
        version: command.decided_at(),
        baseline: Some(super::compare::shown(&before)),
        candidate: Some(super::compare::shown(&after)),
        message: Some(format!("command {}", command.place.command_id)),
    };
    let mut differs = |what: &str, before: Value, after: Value| {
        found.differences.add(&format!("command:{}:{what}", command.name), example(before, after));
    };
    match (recorded, today) {
        (_, Today::Stopped) => {
            // Told once: a fold that was stopped before is told by its own fault.
            if let Some(stopped) = candidate.stopped().filter(|_| was_sound) {
                let message = Some(format!("command {}: {}", command.name, stopped.fault));
                let example = Example { baseline: None, candidate: None, message, ..example(Value::Null, Value::Null) };
                found.failures.add(&format!("decide:{}", fault_name(&stopped.fault)), example);
            }
        }
        (Recorded::Accepted(before), Today::Rejected(code)) => {
            differs("rejected-instead-of-accepted", types(before), json!({ "rejected": code }));
        }
        (Recorded::Rejected(code), Today::Accepted(after)) => {
            differs("accepted-instead-of-rejected", json!({ "rejected": code }), types(&after.events));
        }
        (Recorded::Rejected(before), Today::Rejected(after)) if *before != after => {
            differs("other-rejection", json!({ "rejected": before }), json!({ "rejected": after }));
        }
        (Recorded::Rejected(_), Today::Rejected(_)) => {}
        (Recorded::Accepted(before), Today::Malformed(reason)) => {
            differs("malformed-instead-of-accepted", types(before), json!({ "malformed": reason }));
        }
        (Recorded::Rejected(code), Today::Malformed(reason)) => {
            differs("malformed-instead-of-rejected", json!({ "rejected": code }), json!({ "malformed": reason }));
        }
        (Recorded::Accepted(before), Today::Accepted(after)) => {
            if *before != after.events {
                differs("other-events", types(before), types(&after.events));
            }
            // The record has no effects any more once they are done: what the baseline asks for today stands for it.
            let asked = baseline.and_then(|(side, descriptor)| decide(command, side, descriptor, stream_id));
            if let Some(Today::Accepted(asked)) = asked
                && asked.effects != after.effects
            {
                differs("other-effects", effects(&asked.effects), effects(&after.effects));
            }
        }
    }
}

/// Events, for people: their types, and a digest of their data where only that tells them apart.
fn types(events: &[SerializedEvent]) -> Value {
    use sha2::Digest as _;
    let shown = |event: &SerializedEvent| {
        let digest = sha2::Sha256::digest(&event.data);
        let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{} ({} bytes, {digest})", event.event_type, event.data.len())
    };
    json!({ "events": events.iter().map(shown).collect::<Vec<_>>() })
}

fn effects(effects: &[Effect]) -> Value {
    json!({ "effects": effects.iter().map(|effect| format!("{effect:?}")).collect::<Vec<_>>() })
}

//! Commands of the journal, decided anew at their recorded state and context.

use serde_json::{Value, json};

use super::compare::shown;
use super::report::{Seen, StreamFindings};
use super::side::{Side, fault_name};
use crate::event_store::{EventStore, EventStoreError, JournaledCommand, PageLimit};
use crate::reducer::{Command, DecideError, Decision, Effect, Payload};
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
    /// It cannot be asked, or was at fault.
    Stopped,
}

fn decide(command: &JournaledCommand, payload: &Payload, side: &mut Side<'_>, stream_id: &StreamId) -> Today {
    if !side.reducer().descriptor().commands.contains(&command.name) {
        return Today::Malformed(format!("it has no command {:?}", command.name));
    }
    let context = context(stream_id, command.decided_at(), &command.place.command_id, command.now_ms);
    let asked = Command { name: command.name.clone(), payload: payload.clone() };
    match side.decide(&asked, &context) {
        Some(Ok(decision)) => Today::Accepted(decision),
        Some(Err(DecideError::Rejected(no))) => Today::Rejected(no.code.into_owned()),
        Some(Err(DecideError::Malformed(reason))) => Today::Malformed(reason),
        Some(Err(DecideError::Fault(_))) | None => Today::Stopped,
    }
}

/// Decides a command anew, and says what would have been different.
pub(super) fn judge(
    command: &JournaledCommand,
    recorded: &Recorded,
    candidate: &mut Side<'_>,
    baseline: Option<&mut Side<'_>>,
    stream_id: &StreamId,
    found: &mut StreamFindings,
) {
    // A fold that was stopped before is told by its own fault, and one that was at fault too often was told of each time.
    if candidate.stopped().is_some() || !candidate.is_asked() {
        return;
    }
    // Erased.
    let Some(payload) = &command.payload else { return };
    found.commands += 1;
    let seen = || {
        let message = Some(format!("command {}", command.place.command_id));
        Seen { message, ..Seen::at(command.decided_at()) }
    };
    let mut differs = |what: &str, before: Value, after: Value| {
        let seen = Seen { baseline: Some(shown(&before)), candidate: Some(shown(&after)), ..seen() };
        found.differ(&format!("command:{}:{what}", command.name), seen);
    };
    match (recorded, decide(command, payload, candidate, stream_id)) {
        (_, Today::Stopped) => {
            if let Some(stopped) = candidate.stopped() {
                let message = Some(format!("command {}", command.name));
                let seen = Seen { message, said: Some(stopped.fault.to_string()), ..seen() };
                found.fail(&format!("decide:{}", fault_name(&stopped.fault)), seen);
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
            if let Some(baseline) = baseline {
                judge_effects(command, payload, &after.effects, baseline, stream_id, found);
            }
        }
    }
}

/// Holds the effects that the candidate asks for against those of the baseline. The record has none any more once they are done: what the
/// baseline asks for today stands for it. One whose fold was stopped is told of for the whole stream.
fn judge_effects(
    command: &JournaledCommand,
    payload: &Payload,
    after: &[Effect],
    baseline: &mut Side<'_>,
    stream_id: &StreamId,
    found: &mut StreamFindings,
) {
    if baseline.stopped().is_some() {
        return;
    }
    let seen = Seen {
        candidate: Some(shown(&effects(after))),
        message: Some(format!("command {}", command.place.command_id)),
        ..Seen::at(command.decided_at())
    };
    match decide(command, payload, baseline, stream_id) {
        Today::Accepted(asked) if asked.effects != after => {
            let seen = Seen { baseline: Some(shown(&effects(&asked.effects))), ..seen };
            found.differ(&format!("command:{}:other-effects", command.name), seen);
        }
        // It would not do the command, and ask for nothing.
        Today::Rejected(_) | Today::Malformed(_) if !after.is_empty() => {
            let seen = Seen { baseline: Some(shown(&effects(&[]))), ..seen };
            found.differ(&format!("command:{}:other-effects", command.name), seen);
        }
        Today::Accepted(_) | Today::Rejected(_) | Today::Malformed(_) => {}
        Today::Stopped => {
            let said = baseline.stopped().map(|stopped| stopped.fault.to_string());
            found.differ(&format!("command:{}:effects-not-compared", command.name), Seen { said, ..seen });
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

//! Answers of `decide` that no host should take.

use foldhost_sdk::{Command as _, Event as _};

use super::allocator::{self, Trigger};
use super::{act_here, texts, wit};
use crate::misdeed::{Call, How, Lie, Misdeed, Place, Text};
use crate::{HostileCommand, HostileEvent};

/// The misdeed that a command orders of `decide`.
pub(super) fn ordered_by(command: &wit::Command) -> Result<Option<Misdeed>, wit::DecideError> {
    let wit::Payload::Json(json) = &command.payload else { return Ok(None) };
    let Ok(HostileCommand::Misbehave { misdeed }) = HostileCommand::from_json(&command.name, json) else {
        return Ok(None);
    };
    let misdeed = misdeed.parse::<Misdeed>().map_err(wit::DecideError::Malformed)?;
    if misdeed.call == Call::Decide { Ok(Some(misdeed)) } else { Err(wit::DecideError::Malformed("not here".into())) }
}

pub(super) fn misbehave(how: How, applied: u64) -> Result<wit::Decision, wit::DecideError> {
    match how {
        How::Act(act) => act_here(act, applied),
        How::Text(place, text) => with_text(place, text),
        How::Lie(lie) => Ok(lied(lie)),
    }
}

fn with_text(place: Place, text: Text) -> Result<wit::Decision, wit::DecideError> {
    let fine = || "fine".to_owned();
    let rejected = |code, message| Err(wit::DecideError::Rejected(wit::Rejection { code, message }));
    let text = texts::text(text);
    match place {
        Place::RejectionCode => rejected(text, fine()),
        Place::RejectionMessage => rejected(fine(), text),
        Place::Malformed | Place::Refusal => Err(wit::DecideError::Malformed(text)),
        Place::Faulty => Err(wit::DecideError::Faulty(text)),
        Place::EventType | Place::Answer => Ok(events(vec![wit::NewEvent { event_type: text, data: Vec::new() }])),
        Place::LogLine => {
            let line = wit::LogLine { level: wit::LogLevel::Error, message: text };
            Ok(wit::Decision { log: vec![line], ..events(vec![fine_event()]) })
        }
    }
}

fn lied(lie: Lie) -> wit::Decision {
    let of_type = |event_type: &str| wit::NewEvent { event_type: event_type.to_owned(), data: Vec::new() };
    match lie {
        Lie::UnknownVersion => events(vec![of_type("Fine.v99")]),
        Lie::OldVersion => events(vec![of_type(HostileEvent::Old.event_type())]),
        Lie::SharedMegabyte => {
            let shared = texts::shared(1_000, 1 << 20);
            events(shared.map(|data| wit::NewEvent { event_type: HostileEvent::HUGE.to_owned(), data }).collect())
        }
        // As many as fit into its memory: forty bytes each here, and more in the host.
        Lie::MillionEvents => {
            events((0..1_000_000).map(|_| wit::NewEvent { event_type: String::new(), data: Vec::new() }).collect())
        }
        Lie::ManyLogLines => {
            let line = || wit::LogLine { level: wit::LogLevel::Error, message: "again".to_owned() };
            wit::Decision { log: (0..100_000).map(|_| line()).collect(), ..events(vec![fine_event()]) }
        }
        Lie::EffectOfItself => effects(vec![parallel(vec![0])]),
        Lie::EffectForward => effects(vec![parallel(vec![1]), wait()]),
        Lie::EffectShared => effects(vec![wait(), parallel(vec![0]), parallel(vec![0])]),
        Lie::EffectMissing => effects(vec![parallel(vec![7])]),
        Lie::EffectsDeep => {
            effects(std::iter::once(wait()).chain((0..500).map(|child| parallel(vec![child]))).collect())
        }
        Lie::EffectsMany => effects((0..10_001).map(|_| wait()).collect()),
        Lie::EffectWide => effects(vec![wait(), parallel(vec![0; 1_000_000])]),
        Lie::FreeWithoutEnd => armed(Trigger::FreeSpins),
        Lie::AllocateWithoutEnd => armed(Trigger::AllocateSpins),
        Lie::AllocateNowhere => armed(Trigger::AllocateNowhere),
        other => panic!("there is no way to {} here", other.name()),
    }
}

/// An event of a length by which the allocator knows it again.
fn armed(trigger: Trigger) -> wit::Decision {
    let data = vec![0xA5; allocator::TRIGGER_BYTES];
    allocator::arm(trigger);
    events(vec![wit::NewEvent { event_type: HostileEvent::HUGE.to_owned(), data }])
}

fn fine_event() -> wit::NewEvent {
    wit::NewEvent { event_type: HostileEvent::FINE.to_owned(), data: Vec::new() }
}

fn events(events: Vec<wit::NewEvent>) -> wit::Decision {
    wit::Decision { events, effects: Vec::new(), log: Vec::new() }
}

fn effects(effects: Vec<wit::Effect>) -> wit::Decision {
    wit::Decision { effects, ..events(vec![fine_event()]) }
}

fn wait() -> wit::Effect {
    wit::Effect { kind: wit::EffectKind::Delay(1), reply_to: None }
}

fn parallel(children: Vec<u32>) -> wit::Effect {
    wit::Effect { kind: wit::EffectKind::Parallel(children), reply_to: None }
}

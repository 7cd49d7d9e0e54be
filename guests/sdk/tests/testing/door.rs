//! A door with an alarm: a rule, effects, a log line, and all of the context.

use foldhost_sdk::prelude::*;

pub(crate) struct Door;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DoorState {
    pub(crate) opened: u32,
    pub(crate) is_locked: bool,
}

#[derive(Debug, Clone, Command)]
pub(crate) enum DoorCommand {
    Open,
    Lock { by: String },
    Look,
    Tell,
}

#[derive(Debug, Clone, PartialEq, Event)]
pub(crate) enum DoorEvent {
    Opened { at_ms: i64 },
    Locked { by: String },
    Told { stream_id: String, version: u64, command_id: String, now_ms: i64, seed: u64 },
}

pub(crate) fn alarm() -> Effect {
    Effect::delay(60_000).reply_to("Look")
}

impl Reducer for Door {
    const NAME: &'static str = "door";
    const STATE_SCHEMA: &'static str = "door.v1";
    type State = DoorState;
    type Command = DoorCommand;
    type Event = DoorEvent;

    fn decide(state: &DoorState, command: DoorCommand, context: &Context) -> Result<Decision<DoorEvent>, Rejection> {
        match command {
            DoorCommand::Open if state.is_locked => Err(Rejection::new("locked", "the door is locked")),
            DoorCommand::Open => Ok(Decision::event(DoorEvent::Opened { at_ms: context.now_ms })),
            DoorCommand::Lock { by } => {
                Ok(Decision::event(DoorEvent::Locked { by }).with_effect(alarm()).with_log(LogLevel::Info, "locked up"))
            }
            DoorCommand::Look => Ok(Decision::none()),
            DoorCommand::Tell => {
                let Context { stream_id, version, command_id, now_ms, seed } = context.clone();
                Ok(Decision::event(DoorEvent::Told { stream_id, version, command_id, now_ms, seed }))
            }
        }
    }

    fn apply(state: &mut DoorState, event: DoorEvent) {
        match event {
            DoorEvent::Opened { .. } => state.opened += 1,
            DoorEvent::Locked { .. } => state.is_locked = true,
            DoorEvent::Told { .. } => {}
        }
    }
}

pub(crate) fn opened(at_ms: i64) -> DoorEvent {
    DoorEvent::Opened { at_ms }
}

pub(crate) fn locked() -> DoorEvent {
    DoorEvent::Locked { by: "me".into() }
}

pub(crate) fn lock() -> DoorCommand {
    DoorCommand::Lock { by: "me".into() }
}

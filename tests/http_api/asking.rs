//! A reducer that asks for the effects that it is told to ask for.

use foldhost_sdk::prelude::*;
use foldhost_sdk::{DispatchedCommand, EffectOutcome, OwnedPayload};

pub(crate) struct Clerk;

#[derive(Debug, Command)]
pub(crate) enum ClerkCommand {
    /// Send a command to another stream; nobody waits for what comes of it.
    Send { stream: String, command: String, arguments: String },
    /// The same, and hear of it.
    Ask { stream: String, command: String, arguments: String },
    /// What came of it.
    Hear { outcome: EffectOutcome },
    /// Wait for so long.
    Wait { ms: u64 },
}

#[derive(Debug, PartialEq, Event)]
pub(crate) enum ClerkEvent {
    Asked,
    Heard { failed: bool },
}

impl Reducer for Clerk {
    const NAME: &'static str = "clerk";
    const STATE_SCHEMA: &'static str = "clerk.v1";
    type State = u64;
    type Command = ClerkCommand;
    type Event = ClerkEvent;

    fn decide(_: &u64, command: ClerkCommand, _: &Context) -> Result<Decision<ClerkEvent>, Rejection> {
        let dispatch = |stream: &str, name: String, arguments: String| {
            Effect::dispatch(stream, DispatchedCommand { name, payload: OwnedPayload::Json(arguments) })
        };
        let asked = |effect| Ok(Decision::event(ClerkEvent::Asked).with_effect(effect));
        match command {
            ClerkCommand::Send { stream, command, arguments } => asked(dispatch(&stream, command, arguments)),
            ClerkCommand::Ask { stream, command, arguments } => {
                asked(dispatch(&stream, command, arguments).reply_to("Hear"))
            }
            ClerkCommand::Hear { outcome } => Ok(Decision::event(ClerkEvent::Heard { failed: outcome.is_failure() })),
            ClerkCommand::Wait { ms } => asked(Effect::delay(ms)),
        }
    }

    fn apply(state: &mut u64, _: ClerkEvent) {
        *state += 1;
    }
}

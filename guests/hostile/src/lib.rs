//! A reducer that misbehaves on command, so that tests can show what the host does about it. Not a model to copy: see
//! `counter` for that.

mod event;
mod misdeeds;

use foldhost_sdk::prelude::*;

pub use event::HostileEvent;

/// The reducer for streams such as `hostile-1`.
pub struct Hostile;

/// How many events have been applied.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostileState {
    /// So many.
    pub applied: u64,
}

/// Which misdeed to commit.
#[derive(Debug, Clone, PartialEq, Eq, Command)]
pub enum HostileCommand {
    /// None: one `Fine.v1` event.
    Ok,
    /// Never return from `decide`.
    Spin,
    /// Panic in `decide`.
    Panic,
    /// Allocate and touch memory until it is refused.
    GrowMemory,
    /// Recurse until the stack ends.
    Recurse,
    /// Emit one event of so many bytes.
    HugeEvent {
        /// Length of the event's data.
        bytes: u32,
    },
    /// Emit so many small events.
    ManyEvents {
        /// How many.
        count: u32,
    },
    /// Emit an event whose type the descriptor does not list.
    LieAboutType,
    /// Emit an event that is fine to decide on and panics when it is applied.
    PoisonApply,
    /// Emit an event whose type holds a NUL, which Postgres cannot store as text.
    PoisonType,
    /// Ask the host to wait a millisecond and to send `Ok` then.
    AskEffect,
}

impl Reducer for Hostile {
    const NAME: &'static str = "hostile";
    const STATE_SCHEMA: &'static str = "hostile.v1";
    type State = HostileState;
    type Command = HostileCommand;
    type Event = HostileEvent;

    fn decide(
        state: &HostileState,
        command: HostileCommand,
        _context: &Context,
    ) -> Result<Decision<HostileEvent>, Rejection> {
        Ok(match command {
            HostileCommand::Ok => Decision::event(HostileEvent::Fine),
            HostileCommand::Spin => misdeeds::spin(),
            HostileCommand::Panic => panic!("as commanded, after {} events", state.applied),
            HostileCommand::GrowMemory => misdeeds::grow_memory(),
            HostileCommand::Recurse => {
                misdeeds::recurse(state.applied);
                Decision::none()
            }
            HostileCommand::HugeEvent { bytes } => Decision::event(HostileEvent::Huge(vec![0xA5; bytes as usize])),
            HostileCommand::ManyEvents { count } => (0..count).map(|_| HostileEvent::Fine).collect(),
            HostileCommand::LieAboutType => Decision::event(HostileEvent::Undeclared),
            HostileCommand::PoisonApply => Decision::event(HostileEvent::PoisonApply),
            HostileCommand::PoisonType => Decision::event(HostileEvent::PoisonType),
            HostileCommand::AskEffect => {
                Decision::event(HostileEvent::Fine).with_effect(Effect::delay(1).reply_to("Ok"))
            }
        })
    }

    fn apply(state: &mut HostileState, event: HostileEvent) {
        assert!(event != HostileEvent::PoisonApply, "this event cannot be applied");
        state.applied += 1;
    }
}

foldhost_sdk::export!(Hostile);

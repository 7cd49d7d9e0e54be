//! A reducer that misbehaves on command, so that tests can show what the host does about it. Not a model to copy: see
//! `counter` for that.
//!
//! What the SDK lets a reducer do wrong, [`Hostile`] does, natively too. The rest it does as a component only: `exports` stands
//! between the SDK and the contract, and does what a [`Misdeed`] says wherever its text arrives.

mod acts;
mod effects;
mod event;
mod measured;
mod misdeed;

#[cfg(target_arch = "wasm32")]
mod exports;

use foldhost_sdk::prelude::*;

pub use event::HostileEvent;
pub use measured::{CENTIMETRES_MAX, MeasuredV1, Measurement};
pub use misdeed::{Act, Call, How, Lie, Misdeed, Place, Text};

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
    /// Emit so many events that each take most of a call's fuel to be drawn.
    ManyLingering {
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
    /// Ask the host for one effect of each kind.
    AskEveryEffect,
    /// As often as this instance was asked, this one included, write one `Fine.v1` event: what no state and no command says, and
    /// another instance does not know.
    CountInStatic,
    /// Commit a [`Misdeed`] of `decide`.
    Misbehave {
        /// Its text, as in `decide log huge`.
        misdeed: String,
    },
    /// Emit an event that orders a [`Misdeed`] of whoever reads it: of `apply` and of what draws events, and of the calls that the
    /// instance gets later.
    Record {
        /// Its text, as in `state-json trap`.
        misdeed: String,
    },
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
            HostileCommand::Spin => acts::spin(),
            HostileCommand::Panic => acts::act(Act::Panic, state.applied),
            HostileCommand::GrowMemory => acts::grow_memory(),
            HostileCommand::Recurse => acts::act(Act::Recurse, state.applied),
            HostileCommand::HugeEvent { bytes } => Decision::event(HostileEvent::Huge(vec![0xA5; bytes as usize])),
            HostileCommand::ManyEvents { count } => (0..count).map(|_| HostileEvent::Fine).collect(),
            HostileCommand::ManyLingering { count } => {
                (0..count).map(|_| HostileEvent::Ordered("event-json linger".to_owned())).collect()
            }
            HostileCommand::LieAboutType => Decision::event(HostileEvent::Undeclared),
            HostileCommand::PoisonApply => Decision::event(HostileEvent::PoisonApply),
            HostileCommand::PoisonType => Decision::event(HostileEvent::PoisonType),
            HostileCommand::AskEffect => {
                Decision::event(HostileEvent::Fine).with_effect(Effect::delay(1).reply_to("Ok"))
            }
            HostileCommand::AskEveryEffect => {
                effects::one_of_each().into_iter().fold(Decision::event(HostileEvent::Fine), Decision::with_effect)
            }
            HostileCommand::CountInStatic => (0..asked()).map(|_| HostileEvent::Fine).collect(),
            // A component never comes here: its exports do it instead.
            HostileCommand::Misbehave { misdeed } => {
                return Err(Rejection::new("not-here", format!("only a component of its own can {misdeed}")));
            }
            HostileCommand::Record { misdeed } => match misdeed.parse::<Misdeed>() {
                Ok(_) => Decision::event(HostileEvent::Ordered(misdeed)),
                Err(error) => return Err(Rejection::new("no-such-misdeed", error)),
            },
        })
    }

    fn apply(state: &mut HostileState, event: HostileEvent) {
        assert!(event != HostileEvent::PoisonApply, "this event cannot be applied");
        state.applied += 1;
    }
}

/// State that is nowhere but in this instance: the misdeed.
fn asked() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static ASKED: AtomicU64 = AtomicU64::new(0);
    ASKED.fetch_add(1, Ordering::Relaxed) + 1
}

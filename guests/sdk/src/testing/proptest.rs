//! Streams that chance built: for properties that hold on every stream that a reducer can come to.
//!
//! A strategy for commands is all that a reducer's crate writes; [`histories`] sends them to a stream, one after another. Most of
//! them should be allowed, or no stream gets far, and some should not.
//!
//! ```
//! # use foldhost_sdk::prelude::*;
//! # #[derive(Debug, Clone, Command)] enum DoorCommand { Open, Lock }
//! # #[derive(Debug, PartialEq, Event)] enum DoorEvent { Opened, Locked }
//! # #[derive(Debug, Default, PartialEq, Serialize, Deserialize)] struct DoorState { is_locked: bool }
//! # struct Door;
//! # impl Reducer for Door {
//! #     const NAME: &'static str = "door";
//! #     const STATE_SCHEMA: &'static str = "door.v1";
//! #     type State = DoorState;
//! #     type Command = DoorCommand;
//! #     type Event = DoorEvent;
//! #     fn decide(state: &DoorState, command: DoorCommand, _: &Context) -> Result<Decision<DoorEvent>, Rejection> {
//! #         match command {
//! #             _ if state.is_locked => Err(Rejection::new("locked", "the door is locked")),
//! #             DoorCommand::Open => Ok(Decision::event(DoorEvent::Opened)),
//! #             DoorCommand::Lock => Ok(Decision::event(DoorEvent::Locked)),
//! #         }
//! #     }
//! #     fn apply(state: &mut DoorState, event: DoorEvent) { state.is_locked = event == DoorEvent::Locked; }
//! # }
//! use foldhost_sdk::testing::proptest::histories;
//! use proptest::prelude::*;
//!
//! fn commands() -> impl Strategy<Value = DoorCommand> {
//!     prop_oneof![3 => Just(DoorCommand::Open), 1 => Just(DoorCommand::Lock)]
//! }
//!
//! proptest! {
//!     // #[test]
//!     fn a_locked_door_never_opens(history in histories::<Door>(commands(), 0..20)) {
//!         history.check_laws()?;
//!         for step in history.steps().iter().filter(|step| step.before().is_locked) {
//!             prop_assert!(step.decided.is_err());
//!         }
//!     }
//! }
//! # a_locked_door_never_opens();
//! ```
//!
//! A property that fails prints the shortest history that it found, and proptest keeps the seed in a file beside the test, which
//! belongs into version control: it is tried first from then on.

use std::fmt;
use std::rc::Rc;

use ::proptest::collection::{SizeRange, vec};
use ::proptest::prelude::{Strategy, any};

use super::laws::{self, Picture, check_decided, read_back};
use super::{BrokenLaw, Decided, Law, Testable};
use crate::{Command as _, Context, Decision, EncodedEvent, Fold, encoding};

/// Most time that passes between two commands, in milliseconds: a day.
const ELAPSED_MS_MAX: i64 = 86_400_000;

/// Streams that these commands lead to, so many commands long. Between two of them up to a day passes.
pub fn histories<R>(
    commands: impl Strategy<Value = R::Command>,
    len: impl Into<SizeRange>,
) -> impl Strategy<Value = History<R>>
where
    R: Testable<Command: fmt::Debug>,
{
    let steps = vec((commands, 0..=ELAPSED_MS_MAX, any::<u64>()), len);
    steps.prop_map(History::after)
}

/// A stream, with every command that it was sent.
pub struct History<R: Testable> {
    steps: Vec<Step<R>>,
    recorded: Vec<EncodedEvent>,
    fold: Fold<R>,
    /// Why it ends before its last command. Told by [`History::check_laws`]: a strategy cannot fail.
    broken: Option<BrokenLaw>,
}

/// One command of a [`History`].
pub struct Step<R: Testable> {
    /// The command.
    pub command: R::Command,
    /// In which circumstances.
    pub context: Context,
    /// What it came to.
    pub decided: Decided<R>,
    before: Rc<R::State>,
    after: Rc<R::State>,
}

impl<R: Testable> Step<R> {
    /// The state on which it was decided.
    #[must_use]
    pub fn before(&self) -> &R::State {
        &self.before
    }

    /// The state with the decision's events.
    #[must_use]
    pub fn after(&self) -> &R::State {
        &self.after
    }

    /// The events of the decision; none of a rejection.
    #[must_use]
    pub fn events(&self) -> &[R::Event] {
        self.decided.as_ref().map_or(&[], Decision::events)
    }
}

impl<R: Testable> History<R> {
    fn after(commands: Vec<(R::Command, i64, u64)>) -> Self {
        let mut context = Context::for_test(format!("{}-1", R::NAME));
        let fold = Fold::new(context.stream_id.as_str());
        let mut history = Self { steps: Vec::new(), recorded: Vec::new(), fold, broken: None };
        let mut before = Rc::new(R::State::default());
        for ((command, elapsed_ms, seed), number) in commands.into_iter().zip(1..) {
            let version = history.recorded.len() as u64;
            let (command_id, now_ms) = (format!("command-{number}"), context.now_ms + elapsed_ms);
            context = Context { version, command_id, now_ms, seed, ..context };
            match history.decide(command, &context, &before) {
                Ok(step) => {
                    before = Rc::clone(&step.after);
                    history.steps.push(step);
                }
                Err(broken) => {
                    history.broken = Some(broken);
                    break;
                }
            }
        }
        history
    }

    fn decide(&mut self, command: R::Command, context: &Context, before: &Rc<R::State>) -> Result<Step<R>, BrokenLaw> {
        let decided = R::decide(self.fold.state(), read_back::<R>(&command)?, context);
        let emitted = laws::emitted::<R>(&decided)?;
        let after = if emitted.is_empty() {
            Rc::clone(before)
        } else {
            let applied = laws::apply(&mut self.fold, context.version + 1, &emitted, usize::MAX);
            applied.map_err(|message| BrokenLaw::new(Law::ReplayIsDeterministic, message))?;
            // A state need not be `Clone`.
            let copied = encoding::decode(&self.fold.snapshot());
            Rc::new(copied.map_err(|error| BrokenLaw::new(Law::SnapshotsKeepTheState, error))?)
        };
        self.recorded.extend(emitted);
        Ok(Step { command, context: context.clone(), decided, before: Rc::clone(before), after })
    }

    /// Every command, with what it came to.
    #[must_use]
    pub fn steps(&self) -> &[Step<R>] {
        &self.steps
    }

    /// The events, the oldest first.
    pub fn events(&self) -> impl Iterator<Item = &R::Event> {
        self.steps.iter().flat_map(Step::events)
    }

    /// The events as they are recorded.
    #[must_use]
    pub fn recorded(&self) -> &[EncodedEvent] {
        &self.recorded
    }

    /// The state with all events.
    #[must_use]
    pub fn state(&self) -> &R::State {
        self.fold.state()
    }

    /// Whether the reducer keeps every [`Law`] on this stream: each decision comes out the same again; the events fold to the same
    /// state in pages of 1, 2, 7 and all; a snapshot at *every* version and the events after it give the state of all events.
    ///
    /// # Errors
    /// [`BrokenLaw`], which `?` takes to proptest.
    pub fn check_laws(&self) -> Result<(), BrokenLaw> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let (stream_id, whole) = (self.fold.stream_id(), Picture::of(&self.fold));
        let mut replayed = Fold::<R>::new(stream_id);
        for Step { command, context, decided, before, .. } in &self.steps {
            let again = R::decide(replayed.state(), read_back::<R>(command)?, context);
            check_decided::<R>(Law::DecideIsDeterministic, decided, &again)?;
            let restored = R::decide(before, read_back::<R>(command)?, context);
            check_decided::<R>(Law::SnapshotsKeepTheState, decided, &restored)?;
            let emitted = laws::emitted::<R>(decided)?;
            let applied = laws::apply(&mut replayed, context.version + 1, &emitted, usize::MAX);
            applied.map_err(|message| BrokenLaw::new(Law::ReplayIsDeterministic, message))?;
        }
        laws::check_pages::<R>(stream_id, &self.recorded, &whole, &[1, 2, 7, usize::MAX])?;
        laws::check_snapshots::<R>(stream_id, &self.recorded, &whole)
    }
}

/// A line for each command: this is what a failing property shows.
impl<R: Testable> fmt::Debug for History<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} events:", self.fold.stream_id(), self.recorded.len())?;
        for Step { command, context, decided, .. } in &self.steps {
            let arguments = command.to_json().unwrap_or_default();
            write!(f, "\n  at {} (seed {}): {} {arguments} -> ", context.now_ms, context.seed, command.name())?;
            match decided {
                Ok(decision) => write!(f, "{:?}", decision.events())?,
                Err(no) => write!(f, "rejected, {no}")?,
            }
        }
        self.broken.iter().try_for_each(|broken| write!(f, "\n  {broken}"))
    }
}

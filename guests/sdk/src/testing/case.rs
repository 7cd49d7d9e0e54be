//! A test as data: one table runs natively and through the component.

use std::fmt;
use std::panic::Location;

use super::given::{self, Given};
use super::outcome::log_lines;
use super::{Mismatch, Testable, Then};
use crate::{Context, Effect, LogLevel};

/// A test as data. In a table it runs natively ([`run`](Self::run)), and through the component that will be deployed, which is what
/// `foldhost::testing::assert_case` does.
///
/// ```
/// # use foldhost_sdk::prelude::*;
/// # #[derive(Debug, Command)] enum DoorCommand { Open }
/// # #[derive(Debug, PartialEq, Event)] enum DoorEvent { Opened, Locked }
/// # #[derive(Debug, Default, PartialEq, Serialize, Deserialize)] struct DoorState { is_locked: bool }
/// # struct Door;
/// # impl Reducer for Door {
/// #     const NAME: &'static str = "door";
/// #     const STATE_SCHEMA: &'static str = "door.v1";
/// #     type State = DoorState;
/// #     type Command = DoorCommand;
/// #     type Event = DoorEvent;
/// #     fn decide(state: &DoorState, _: DoorCommand, _: &Context) -> Result<Decision<DoorEvent>, Rejection> {
/// #         if state.is_locked { return Err(Rejection::new("locked", "the door is locked")) }
/// #         Ok(Decision::event(DoorEvent::Opened))
/// #     }
/// #     fn apply(state: &mut DoorState, event: DoorEvent) { state.is_locked = event == DoorEvent::Locked; }
/// # }
/// use foldhost_sdk::testing::{Case, case};
///
/// fn cases() -> Vec<Case<Door>> {
///     vec![
///         case("a door opens").when(DoorCommand::Open).then_events([DoorEvent::Opened]),
///         case("a locked door stays shut").given([DoorEvent::Locked]).when(DoorCommand::Open).then_rejected("locked"),
///     ]
/// }
///
/// cases().iter().for_each(Case::run);
/// ```
pub struct Case<R: Testable> {
    /// A sentence.
    pub name: String,
    /// The stream's events.
    pub given: Vec<R::Event>,
    /// The stream's id, the time, the command's id and the seed. The version is that of the stream.
    pub context: Context,
    /// The command.
    pub when: R::Command,
    /// What has to come: all of it.
    pub then: Vec<Then<R>>,
    /// The line of the table.
    pub line: &'static Location<'static>,
}

/// A [`Case`] before its command.
#[must_use = "a case is made by its command"]
pub struct CaseStart<R: Testable> {
    name: String,
    given: Given<R>,
    line: &'static Location<'static>,
}

/// A case of this name, which is a sentence, on a new stream.
#[track_caller]
pub fn case<R: Testable>(name: impl Into<String>) -> CaseStart<R> {
    CaseStart { name: name.into(), given: given::given([]), line: Location::caller() }
}

impl<R: Testable> CaseStart<R> {
    /// The stream holds these events, behind those so far.
    pub fn given(self, events: impl IntoIterator<Item = R::Event>) -> Self {
        Self { given: self.given.and(events), ..self }
    }

    /// The stream holds what these commands lead to, behind its events so far: as [`Given::commands`].
    ///
    /// # Panics
    /// When one is rejected.
    #[track_caller]
    pub fn given_commands(self, commands: impl IntoIterator<Item = R::Command>) -> Self {
        Self { given: self.given.commands(commands), ..self }
    }

    /// On this stream.
    pub fn stream(self, stream_id: impl Into<String>) -> Self {
        Self { given: self.given.stream(stream_id), ..self }
    }

    /// From here on it is this time, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn at(self, now_ms: i64) -> Self {
        Self { given: self.given.at(now_ms), ..self }
    }

    /// The command comes under this id.
    pub fn command_id(self, command_id: impl Into<String>) -> Self {
        Self { given: self.given.command_id(command_id), ..self }
    }

    /// The seed that the reducer may take its chance from.
    pub fn seed(self, seed: u64) -> Self {
        Self { given: self.given.seed(seed), ..self }
    }

    /// The command.
    pub fn when(self, command: R::Command) -> Case<R> {
        let Given { events, context } = self.given;
        Case { name: self.name, given: events, context, when: command, then: Vec::new(), line: self.line }
    }
}

impl<R: Testable> Case<R> {
    /// Decides natively, and checks what came.
    ///
    /// # Panics
    /// When something else came, with the case's name, its line in the table, and a diff. A case that expects nothing panics too.
    #[track_caller]
    pub fn run(&self) {
        if let Err(mismatch) = self.check() {
            panic!("{} ({})\n{mismatch}", self.name, self.line);
        }
    }

    /// As [`run`](Self::run), without panicking.
    ///
    /// # Errors
    /// [`Mismatch`]
    pub fn check(&self) -> Result<(), Mismatch> {
        if self.then.is_empty() {
            let (expected, actual) = ("something".to_owned(), "a case that expects nothing".to_owned());
            return Err(Mismatch::Outcome { expected, actual, difference: String::new() });
        }
        let outcome = given::run::<R>(&self.given, &self.context, &self.when)?;
        self.then.iter().try_for_each(|then| outcome.check(then))
    }

    fn and(mut self, then: Then<R>) -> Self {
        self.then.push(then);
        self
    }

    /// Just these events, in this order.
    #[must_use]
    pub fn then_events(self, events: impl IntoIterator<Item = R::Event>) -> Self {
        self.and(Then::Events(events.into_iter().collect()))
    }

    /// The command is allowed, and nothing is recorded.
    #[must_use]
    pub fn then_no_events(self) -> Self {
        self.and(Then::Events(Vec::new()))
    }

    /// The command is allowed, and nothing has to be done: no events and no effects.
    #[must_use]
    pub fn then_nothing(self) -> Self {
        self.then_no_events().then_effects([])
    }

    /// A business rule says no, with this code.
    #[must_use]
    pub fn then_rejected(self, code: impl Into<String>) -> Self {
        self.and(Then::Rejected(code.into()))
    }

    /// The state, once the events are applied, is just this.
    #[must_use]
    pub fn then_state(self, state: R::State) -> Self {
        self.and(Then::State(state))
    }

    /// Just these effects, in this order.
    #[must_use]
    pub fn then_effects(self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.and(Then::Effects(effects.into_iter().collect()))
    }

    /// Just these lines for the operator, in this order.
    #[must_use]
    pub fn then_log<'l>(self, lines: impl IntoIterator<Item = (LogLevel, &'l str)>) -> Self {
        self.and(Then::Log(log_lines(lines)))
    }
}

impl<R: Testable> fmt::Debug for Case<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut case = f.debug_struct("Case");
        case.field("name", &self.name).field("given", &self.given).field("then", &self.then).finish_non_exhaustive()
    }
}
